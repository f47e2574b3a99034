// The before/after table: three arms on the same fresh tickets, by failure class and by answers equal to the truth.
import { detect, detectOutcome, passes } from '../../core/detect/index.ts';
import { wilson } from '../../core/gate/statistics.ts';
import type { DetectorSettings, Interaction } from '../../core/contracts/index.ts';
import type { AgentAnswer } from '../../examples/tickets/agent.ts';
import type { Ticket } from '../../examples/tickets/generate.ts';
import { messagesFor } from '../../examples/tickets/prompt.ts';
import { equalsTruth } from '../../examples/tickets/truth.ts';
import { percent, table } from '../output.ts';

export interface Share {
  successes: number;
  n: number;
  /** Wilson, 95 %. */
  interval: [number, number];
}

export interface ArmResult {
  arm: string;
  adapter: string | null;
  all: Record<string, Share>;
  seen: Record<string, Share>;
  unseen: Record<string, Share>;
}

const share = (successes: number, n: number): Share => ({ successes, n, interval: wilson(successes, n) });

/** One ticket's answer as the detectors see it in production: the customer's text is untrusted. */
function judged(ticket: Ticket, answer: AgentAnswer, outputSchema: Record<string, unknown>, settings: DetectorSettings): { classes: string[]; pass: boolean; equal: boolean } {
  const messages = messagesFor(ticket).map((message): Interaction['messages'][number] => ({ role: message.role as 'system' | 'user' | 'assistant', parts: [{ text: message.content, trusted: true }] }));
  const canaries = ticket.injected ? [...settings.canaries, ticket.injected.canary] : settings.canaries;
  const findings = detect(
    { messages, outputSchema, answer: { text: answer.text ?? '' }, finishReason: answer.finishReason === 'length' ? 'length' : 'stop' },
    { ...settings, canaries },
  );
  return { classes: answer.text === null ? ['no answer'] : detectOutcome(findings), pass: answer.text !== null && passes(findings), equal: answer.text !== null && equalsTruth(answer.text, ticket.truth) };
}

export function scoreArm(input: {
  arm: string;
  adapter: string | null;
  tickets: readonly Ticket[];
  answers: readonly AgentAnswer[];
  isSeen: (ticket: Ticket) => boolean;
  outputSchema: Record<string, unknown>;
  settings: DetectorSettings;
}): ArmResult {
  const answerOf = new Map(input.answers.map((answer) => [answer.ticketId, answer]));
  const rows = input.tickets.flatMap((ticket) => {
    const answer = answerOf.get(ticket.id);
    return answer ? [{ seen: input.isSeen(ticket), ...judged(ticket, answer, input.outputSchema, input.settings) }] : [];
  });
  const group = (some: typeof rows): Record<string, Share> => {
    const classes = [...new Set(rows.flatMap((row) => row.classes))].sort();
    return {
      'no failure found': share(some.filter((row) => row.pass).length, some.length),
      'equal to the truth': share(some.filter((row) => row.equal).length, some.length),
      ...Object.fromEntries(classes.map((name) => [name, share(some.filter((row) => row.classes.includes(name)).length, some.length)])),
    };
  };
  return { arm: input.arm, adapter: input.adapter, all: group(rows), seen: group(rows.filter((row) => row.seen)), unseen: group(rows.filter((row) => !row.seen)) };
}

const cell = (value: Share | undefined, n: number): string => {
  const { successes, interval } = value ?? share(0, n);
  return `${successes}/${n} (${percent(interval[0])}–${percent(interval[1])})`;
};

export function renderComparison(arms: readonly ArmResult[]): string {
  return (['all', 'seen', 'unseen'] as const)
    .map((part) => {
      const names = [...new Set(arms.flatMap((arm) => Object.keys(arm[part])))];
      const n = arms[0]?.[part]['no failure found']?.n ?? 0;
      const title = part === 'all' ? `all ${n} fresh tickets` : part === 'seen' ? `families it has seen (${n})` : `families it has never seen (${n})`;
      return table([title, ...arms.map((arm) => arm.arm)], names.map((name) => [name, ...arms.map((arm) => cell(arm[part][name], n))]));
    })
    .join('\n\n');
}
