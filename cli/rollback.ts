// A rollback by hand: the store acts first, everything else hears of it afterwards and within a second or two.
import { setTimeout as sleep } from 'node:timers/promises';
import { RatchetError, safeMessage } from '../core/errors.ts';
import { recordRollback } from '../activities/rollback-record.ts';
import { rollbackChannel, type RollbackOutput } from '../activities/rollback.ts';
import type { ChannelEntry } from '../core/contracts/index.ts';
import { reportOf } from '../workers/drained.ts';
import { createLogger } from '../workers/log.ts';
import { resolveId, servingTarget, type Context } from './context.ts';

const TEMPORAL_TIMEOUT_MS = 1_000;
const GATEWAY_TIMEOUT_MS = 3_000;
const GATEWAY_POLL_MS = 30;

export interface RollBackRequest {
  channel: string;
  /** The start of an adapter's digest, or `base`; it must have been live in this channel. */
  to?: string;
  toGeneration?: number;
  reason: string;
  /** Touches the store and nothing else. */
  breakGlass?: boolean;
}

export interface RolledBack extends RollbackOutput {
  channel: string;
  /** Whether Temporal has it in its history, or is told by a pipeline worker when it is back. */
  recorded: 'temporal' | 'later';
  /** Gateways that were asked, and those that send requests by the new generation. */
  gateways: { asked: number; following: number };
  /** From the start of the process. */
  seconds: { toChannel: number; total: number };
}

const sinceStart = (): number => Math.round(performance.now()) / 1000;

export async function rollBack(context: Context, { channel, to, toGeneration, reason, breakGlass = false }: RollBackRequest): Promise<RolledBack> {
  const store = await context.store();
  const history = await store.channelHistory(channel);
  const current = history.at(-1);
  if (!current) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
  const generation = to === undefined ? toGeneration : await generationOf(context, history, to);
  const target = breakGlass ? null : await servingTarget(context);
  const deps = { store, clock: () => new Date(), logger: createLogger(context.config, 'cli'), target };
  const done = await rollbackChannel(deps, { schemaVersion: 1, channel, by: context.config.actor, reason, expectedGeneration: current.generation, byHand: true, ...(generation === undefined ? {} : { toGeneration: generation }) });
  const toChannel = sinceStart();
  const [recorded, gateways] = breakGlass ? ['later' as const, { asked: 0, following: 0 }] : await Promise.all([record(context, channel, done.generation), askGateways(context, channel, done.generation)]);
  if (breakGlass) context.out.note('break-glass: only the store was touched. A pipeline worker tells Temporal; gateways load what replicas lack.');
  return { ...done, channel, recorded, gateways, seconds: { toChannel, total: sinceStart() } };
}

async function generationOf(context: Context, history: readonly ChannelEntry[], to: string): Promise<number> {
  const wanted = to === 'base' ? null : (await resolveId(await context.store(), to, ['adapter'])).id;
  const entry = history.findLast(({ live }) => live === wanted);
  if (entry === undefined) throw new RatchetError('NOT_FOUND', `${to} was never live in this channel; \`ratchet channel\` lists what was`);
  return entry.generation;
}

async function record(context: Context, channel: string, generation: number): Promise<RolledBack['recorded']> {
  const store = await context.store();
  const entry = (await store.rollbacksToRecord()).find((one) => one.channel === channel && one.generation === generation);
  if (!entry) return 'temporal';
  try {
    const client = await context.temporal(TEMPORAL_TIMEOUT_MS);
    await client.withDeadline(Date.now() + TEMPORAL_TIMEOUT_MS, () => recordRollback({ store }, client, context.config.temporal.taskQueue, entry));
    return 'temporal';
  } catch (error) {
    context.out.note(`!! Temporal does not answer at ${context.config.temporal.address} (${safeMessage(error)}): rolled back all the same. The store has the record; a pipeline worker tells Temporal when it is back.`);
    return 'later';
  }
}

/** What a gateway has read of the channel is up to 50 ms old: one that is behind is asked again. */
async function askGateways({ config, out }: Context, channel: string, generation: number): Promise<RolledBack['gateways']> {
  const signal = AbortSignal.timeout(GATEWAY_TIMEOUT_MS);
  const follows = async (url: string): Promise<boolean> => {
    try {
      for (;;) {
        const report = await reportOf(url, config.adminToken, signal);
        if (typeof report === 'number') return false;
        if (report.channels?.some((entry) => entry.channel === channel && entry.generation >= generation)) return true;
        await sleep(GATEWAY_POLL_MS, undefined, { signal });
      }
    } catch {
      return false;
    }
  };
  const answers = await Promise.all(config.gatewayUrls.map(follows));
  const silent = config.gatewayUrls.filter((_url, index) => !answers[index]);
  if (silent.length > 0) out.note(`not seen to follow: ${silent.join(', ')}`);
  return { asked: answers.length, following: answers.filter(Boolean).length };
}
