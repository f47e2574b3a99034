// Step 9: leaves a share of sessions on the former adapter after a promotion, counts both arms, and says when the live one fails more.
import type { ChannelEntry, Digest, WatchPolicy, WatchRecord } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { coolingOffUntil, WATCH_ACTOR } from '../core/watch/cooling-off.ts';
import { WINDOWS } from '../core/watch/e-process.ts';
import { alarmInWords, judgeWatch, WATCHED_CLASSES, type ClassLook } from '../core/watch/judge.ts';
import { now, type Deps } from './deps.ts';
import { channelEntryId } from './intents.ts';
import type { Touch } from './step.ts';

const HOUR_MS = 3_600_000;
/** Answers counted in one go; the store is not held longer than for these. */
const BATCH = 1_000;

/** Names one watch in every step: a generation of a channel is watched once. */
export interface WatchRef {
  schemaVersion: 1;
  channel: string;
  generation: number;
}

export interface OpenWatchInput extends WatchRef {
  workload: string;
  policy: WatchPolicy;
  by: string;
}

export interface OpenWatchOutput {
  schemaVersion: 1;
  /** null: there is nothing to watch, and why. */
  watched: Digest | null;
  status: WatchRecord['status'];
  reason: string | null;
}

/**
 * Leaves the share on what was live before and begins to count. The same again changes nothing, nor does it bring back a holdback
 * that a person has changed or ended.
 */
export async function openWatch(deps: Pick<Deps, 'store' | 'clock' | 'logger'>, input: OpenWatchInput): Promise<OpenWatchOutput> {
  const { channel, generation, workload, policy, by } = input;
  const known = await deps.store.watch(channel, generation);
  if (known !== null && known.status !== 'open') return { schemaVersion: 1, watched: known.live, status: known.status, reason: known.reason };
  const entry = await deps.store.channel(channel);
  if (entry === null) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
  const ends = (status: WatchRecord['status'], reason: string): OpenWatchOutput => ({ schemaVersion: 1, watched: null, status, reason });
  if (entry.generation !== generation) return ends('superseded', `${channel} is at generation ${entry.generation} already`);
  const former = entry.holdback === undefined ? entry.previous : entry.holdback.digest;
  if (entry.live === former) return ends('ended', `${channel} answered by the same before: there is nothing to compare`);
  const startedAt = now(deps);
  // The count begins before the first answer is drawn.
  const record = await deps.store.openWatch({
    ...{ schemaVersion: 1, channel, generation, workload, live: entry.live, holdback: former, policy, classes: [...WATCHED_CLASSES] },
    ...{ by, startedAt, status: 'open', reason: null, endedAt: null },
  });
  if (entry.holdback === undefined) {
    const until = new Date(Date.parse(record.startedAt) + policy.hours * HOUR_MS).toISOString();
    await deps.store.setHoldback({ channel, generation, digest: former, share: policy.share, until, by, reason: 'watched after the promotion', time: startedAt });
    deps.logger.info({ channel, generation, share: policy.share, until }, 'a share of sessions stays on the former adapter');
  }
  return { schemaVersion: 1, watched: record.live, status: record.status, reason: record.reason };
}

export interface LookAtWatchOutput {
  schemaVersion: 1;
  status: WatchRecord['status'] | 'rise';
  reason: string | null;
  /** With `rise`: the generation whose adapter was held back. */
  toGeneration?: number;
}

/**
 * Counts what came since the last look and judges it. `rise`: the live arm fails more, and the workflow rolls back and then calls
 * `endWatch`; any other status than `open` is the watch's end.
 */
export async function lookAtWatch(deps: Pick<Deps, 'store' | 'clock' | 'logger'>, input: WatchRef, touch: Pick<Touch, 'report'> = { report: () => undefined }): Promise<LookAtWatchOutput> {
  const { channel, generation } = input;
  const record = await deps.store.watch(channel, generation);
  if (record === null) throw new RatchetError('NOT_FOUND', `nobody watches ${channel} at generation ${generation}`);
  if (record.status !== 'open') return { schemaVersion: 1, status: record.status, reason: record.reason };
  const end = async (status: WatchRecord['status'], reason: string): Promise<LookAtWatchOutput> => {
    const closed = await deps.store.closeWatch(channel, generation, { status, reason, endedAt: now(deps) });
    deps.logger.info({ channel, generation, status: closed.status }, 'the watch has ended');
    return { schemaVersion: 1, status: closed.status, reason: closed.reason };
  };
  const entry = await deps.store.channel(channel);
  if (entry?.generation !== generation) return end('superseded', supersededBy(entry));
  // Asked before the answers are counted: what was drawn up to the end belongs to the last look.
  const over = entry.holdback === undefined || Date.parse(entry.holdback.until) <= deps.clock().getTime();
  const elapsedHours = (deps.clock().getTime() - Date.parse(record.startedAt)) / HOUR_MS;
  const window = Math.max(0, Math.min(WINDOWS - 1, Math.floor((elapsedHours / record.policy.hours) * WINDOWS)));
  let counted = 0;
  for (let read = BATCH; read === BATCH; ) {
    ({ read } = await deps.store.countWatch(channel, generation, { limit: BATCH, window }));
    counted += read;
    touch.report({ counted });
  }
  const looks = judgeWatch(await deps.store.watchCounts(channel, generation), record.policy);
  const alarm = strongest(looks, 'alarm');
  if (alarm !== null) return raise(deps, record, alarm);
  const suspected = strongest(looks, 'suspected');
  const note = suspected === null ? null : `a person should look: ${alarmInWords(suspected, record.policy.alpha)}, so without ${suspected.carriedBy ?? 'one of them'} there is no proof`;
  // Said once, not at every look: the numbers in it move.
  if ((note === null) !== (record.reason === null)) {
    if (note !== null) deps.logger.warn({ channel, generation, class: suspected?.class, carriedBy: suspected?.carriedBy }, 'one caller alone carries a rise of the failure rate: nothing is rolled back for it');
    await deps.store.noteWatch(channel, generation, note);
  }
  if (!over) return { schemaVersion: 1, status: 'open', reason: note };
  // A person may shorten it, and what was seen by then is no more than that.
  return end(elapsedHours < record.policy.hours ? 'ended' : 'passed', `no class failed more often than on the former adapter in ${elapsedHours.toFixed(1)} h; ${inNumbers(looks)}${note === null ? '' : `; ${note}`}`);
}

/** The live arm fails more. By itself the watch rolls back once in a cooling-off period; then it is for a person. */
async function raise(deps: Pick<Deps, 'store' | 'clock' | 'logger'>, record: WatchRecord, alarm: ClassLook): Promise<LookAtWatchOutput> {
  const { channel, generation, policy } = record;
  const words = alarmInWords(alarm, policy.alpha);
  const history = await deps.store.channelHistory(channel);
  const until = coolingOffUntil(history, policy.coolingOffHours, deps.clock());
  if (until === null) {
    deps.logger.warn({ channel, generation, class: alarm.class }, 'the live adapter fails more than the former one: it is rolled back');
    const toGeneration = history.findLast((entry) => entry.live === record.holdback)?.generation;
    return { schemaVersion: 1, status: 'rise', reason: words, ...(toGeneration === undefined ? {} : { toGeneration }) };
  }
  deps.logger.warn({ channel, generation, class: alarm.class, coolingOffUntil: until }, 'the live adapter fails more than the former one, and the channel cools off from an automatic rollback: a person has to decide');
  const closed = await deps.store.closeWatch(channel, generation, { status: 'alarm', reason: `a person has to decide, the last automatic rollback was within ${policy.coolingOffHours} h: ${words}`, endedAt: now(deps) });
  return { schemaVersion: 1, status: closed.status, reason: closed.reason };
}

export interface EndWatchInput extends WatchRef {
  status: Extract<WatchRecord['status'], 'rolled_back' | 'superseded' | 'ended'>;
  reason: string;
  /** The generation that the rollback made. */
  rolledBackTo?: number;
}

export interface EndWatchOutput {
  schemaVersion: 1;
  status: WatchRecord['status'];
}

/** Closes the watch: after its rollback with links from what it saw to what came of it. */
export async function endWatch(deps: Pick<Deps, 'store' | 'clock' | 'logger'>, { channel, generation, status, rolledBackTo, reason }: EndWatchInput): Promise<EndWatchOutput> {
  const record = await deps.store.watch(channel, generation);
  if (record === null) throw new RatchetError('NOT_FOUND', `nobody watches ${channel} at generation ${generation}`);
  const looks = judgeWatch(await deps.store.watchCounts(channel, generation), record.policy);
  const closed = await deps.store.closeWatch(channel, generation, { status, reason, endedAt: now(deps) });
  if (closed.status !== 'rolled_back' || rolledBackTo === undefined) return { schemaVersion: 1, status: closed.status };
  const document = { ...closed, looks: looks.map(({ class: name, state, live, holdback, rise, logE }) => ({ class: name, state, live, holdback, rise, logE })) };
  const digest = await deps.store.putDocument('watch', document);
  await deps.store.link([
    { fromKind: 'channel_entry', from: channelEntryId({ channel, generation }), relation: 'watched_by', toKind: 'watch', to: digest },
    { fromKind: 'watch', from: digest, relation: 'rolled_back_as', toKind: 'channel_entry', to: channelEntryId({ channel, generation: rolledBackTo }) },
  ]);
  deps.logger.warn({ channel, generation: rolledBackTo }, `rolled back by the ${WATCH_ACTOR}: promotions need an approver until it has cooled off`);
  return { schemaVersion: 1, status: closed.status };
}

const strongest = (looks: readonly ClassLook[], state: ClassLook['state']): ClassLook | null =>
  looks.filter((look) => look.state === state).reduce<ClassLook | null>((most, look) => (most === null || look.logEWithoutOne > most.logEWithoutOne ? look : most), null);

const supersededBy = (entry: ChannelEntry | null): string => (entry === null ? 'the channel is gone' : `${entry.by} ${entry.action === 'rolled_back' ? 'rolled back' : 'promoted'} generation ${entry.generation}`);

const inNumbers = (looks: readonly ClassLook[]): string => {
  const first = looks[0];
  return first === undefined ? 'nothing was counted' : `${first.live.answers} live answers and ${first.holdback.answers} held back were counted`;
};
