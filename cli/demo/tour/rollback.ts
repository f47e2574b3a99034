// The last act: traffic changes, and the watch brings the former adapter back.
import { setTimeout as sleep } from 'node:timers/promises';
import type { WatchRecord } from '../../../core/contracts/index.ts';
import { RatchetError } from '../../../core/errors.ts';
import type { ArmCount } from '../../../core/watch/e-process.ts';
import { judgeWatch, levelPerClass, eInWords, type Arm, type ClassCounts } from '../../../core/watch/judge.ts';
import { percent, short, table } from '../../output.ts';
import type { Stage } from '../story.ts';
import type { Seen } from './acts.ts';
import { ask, DAYS, messagesOf, traffic } from './traffic.ts';

const BATCH = 20;
const LAST_LOOK_MS = 20_000;

const armText = ({ answers, failing, rate }: Arm): string => `${failing} of ${answers} fail (${percent(rate)})`;

async function countsText({ store }: Stage, { channel, generation, policy }: WatchRecord): Promise<string> {
  const looks = judgeWatch(await store.watchCounts(channel, generation), policy).filter(({ live, holdback }) => live.failing + holdback.failing > 0);
  if (looks.length === 0) return '  no arm has failed';
  const wanted = (1 / levelPerClass(policy.alpha)).toPrecision(4);
  return table(['  class', 'live (new)', 'held back (former)', `e (${wanted} wanted)`], looks.map((look) => [`  ${look.class}`, armText(look.live), armText(look.holdback), eInWords(look.logE)]));
}

/** What each arm came to between two readings, of the class that failed most in the live one. */
export function sinceThen(before: readonly ClassCounts[], now: readonly ClassCounts[]): string {
  const sums = (counts: ClassCounts | undefined, arm: 'live' | 'holdback'): ArmCount =>
    (counts?.strata ?? []).reduce((sum, stratum) => ({ answers: sum.answers + stratum[arm].answers, failing: sum.failing + stratum[arm].failing }), { answers: 0, failing: 0 });
  const changes = now.map((counts) => {
    const start = before.find((each) => each.class === counts.class);
    const change = (arm: 'live' | 'holdback'): ArmCount => ({ answers: sums(counts, arm).answers - sums(start, arm).answers, failing: sums(counts, arm).failing - sums(start, arm).failing });
    return { class: counts.class, live: change('live'), holdback: change('holdback') };
  });
  const [most] = changes.toSorted((a, b) => b.live.failing - a.live.failing);
  if (most === undefined) return 'nothing was counted';
  return `${most.class} since the change: ${most.live.failing} of ${most.live.answers} answers of the new adapter, ${most.holdback.failing} of ${most.holdback.answers} of the former`;
}

export async function rollback(stage: Stage): Promise<Seen> {
  const { store, loaded, note, signal } = stage;
  const { channel } = loaded.workload;
  const entry = await store.channel(channel);
  if (entry === null) throw new RatchetError('NOT_FOUND', `no channel ${channel}`);
  const read = async (): Promise<WatchRecord> => {
    const found = await store.watch(channel, entry.generation);
    if (found === null) throw new RatchetError('NOT_FOUND', `nobody watches ${channel} at generation ${entry.generation}`);
    return found;
  };
  let watch = await read();
  note(`  generation ${entry.generation}: ${entry.live ? short(entry.live) : 'base'} is live, ${watch.holdback ? short(watch.holdback) : 'base'} is held back for ${percent(watch.policy.share)} of requests; a false alarm in the whole watch has a chance of at most ${watch.policy.alpha}`);
  await traffic(stage, messagesOf(DAYS.usual), 'messages as before');
  await sleep((watch.policy.pollSeconds + 1) * 1000, undefined, { signal });
  watch = await read();
  note(`  before the change, watch ${watch.status}:\n${await countsText(stage, watch)}`);
  if (watch.status !== 'open') return { end: `${watch.status} before the change`, id: `${channel}@${entry.generation}`, reason: watch.reason };

  const before = await store.watchCounts(channel, entry.generation);
  const changedAt = Date.now();
  note('  NOW the traffic changes: remarks hold quoted words');
  const changed = messagesOf(DAYS.changed);
  let sent = 0;
  while (watch.status === 'open' && sent < changed.length) {
    await traffic(stage, changed.slice(sent, sent + BATCH), `messages with quoted words, ${sent + 1} to ${sent + BATCH}`);
    sent += BATCH;
    watch = await read();
  }
  for (const deadline = Date.now() + LAST_LOOK_MS; watch.status === 'open' && Date.now() < deadline; watch = await read()) await sleep(500, undefined, { signal });
  note(`  watch ${watch.status}: ${watch.reason ?? ''}\n${await countsText(stage, watch)}\n  ${sinceThen(before, await store.watchCounts(channel, entry.generation))}`);
  const after = await store.channel(channel);
  if (watch.status === 'rolled_back' && after !== null) {
    note(`  generation ${after.generation}, by ${after.by}: ${after.live ? `adapter ${short(after.live)}` : 'the base model'} is live again, ${((Date.parse(after.time) - changedAt) / 1000).toFixed(1)} s after the first changed request (${sent} were sent), by nobody's hand`);
    const answers = await ask(stage, changed.slice(0, BATCH / 2), { what: 'the first changed messages again', prefix: 'again-' });
    note(`  answered again by ${[...new Set(answers.map(({ adapter }) => short(adapter)))].join(', ')}`);
  }
  note(`  look at it: ratchet watch show ${channel}\n              ratchet channel ${channel}\n              ratchet trace ${channel}`);
  const isBack = watch.status === 'rolled_back' && after?.live === watch.holdback;
  return { end: isBack ? 'rolled_back' : watch.status, id: `watch/${channel}@${entry.generation}`, reason: watch.reason };
}
