// The demo's last act where the gate did not promote the tickets' adapter: an easy task under the same gate, so that the way to
// production, the trace through it and the way back can be seen all the same.
import { wilson } from '../../core/gate/statistics.ts';
import type { RunRecord } from '../../core/contracts/index.ts';
import type { AgentAnswer } from '../../examples/agent.ts';
import { runAgent } from '../../examples/echo/agent.ts';
import { generateEchoTickets, type EchoTicket } from '../../examples/echo/generate.ts';
import { answerText, equalsTruth } from '../../examples/tickets/truth.ts';
import { importTruths } from '../commands/label.ts';
import { percent } from '../output.ts';
import { gatewaySource, openCorrectionDesk } from './corrections.ts';
import { CONCURRENCY, TENANT, describeNight, night, progress, rollbackAndAsk, traceOneFailure, untilIngested, type Stage } from './story.ts';

const PREFIX = 'demo-';
const MESSAGES = 90;
const FRESH = 40;

/** The same loop in small: answers, corrections, a night, fresh messages, a trace, a rollback. */
export async function easyWorkload(stage: Stage, { approve }: { approve: boolean }): Promise<RunRecord> {
  const { context, store, loaded, note } = stage;
  const { name, channel } = loaded.workload;
  const ask = async (tickets: readonly EchoTicket[], model: string, what: string, interactionPrefix?: string): Promise<AgentAnswer[]> => {
    const answers = await runAgent({ baseURL: `${stage.gatewayUrl}/v1`, apiKey: 'none', model, tickets, concurrency: CONCURRENCY, tenant: TENANT, signal: stage.signal, onProgress: progress(stage, what), ...(interactionPrefix === undefined ? {} : { interactionPrefix }) });
    stage.signal.throwIfAborted();
    return answers;
  };

  const tickets = generateEchoTickets({ seed: 'demo', count: MESSAGES });
  const before = await store.counts(name);
  const answers = await ask(tickets, channel, 'messages answered by the base model', PREFIX);
  const desk = await openCorrectionDesk(context.config, { workload: name, channel, tenant: TENANT });
  await desk.send(tickets.map((ticket) => ({ interactionId: PREFIX + ticket.id, answer: answerText(ticket.truth) }))).finally(() => desk.close());
  await untilIngested(stage, before, { interactions: answers.filter((answer) => answer.error === undefined).length, corrections: tickets.length });
  const truths = tickets.map((ticket) => ({ interaction: { source: gatewaySource(channel), id: PREFIX + ticket.id }, truth: answerText(ticket.truth) }));
  await importTruths(context, loaded, truths, 'demo desk (truth file)');

  const run = await night(stage, { reason: 'the easy task of the demo', approve });
  await describeNight(stage, run);
  const fresh = generateEchoTickets({ seed: 'fresh', count: FRESH, startId: 5001 });
  for (const model of [`${channel}@base`, channel]) {
    const given = await ask(fresh, model, model);
    const right = given.filter((answer, index) => answer.error === undefined && equalsTruth(answer.text, fresh[index]?.truth ?? {})).length;
    const [low, high] = wilson(right, fresh.length);
    note(`  ${model}: ${right} of ${fresh.length} fresh messages answered right (${percent(low)}–${percent(high)})`);
  }
  note('\n   One failure, traced to the channel');
  await traceOneFailure(stage);
  await rollbackAndAsk(stage, (model, what) => ask(fresh.slice(0, 5), model, what));
  return run;
}
