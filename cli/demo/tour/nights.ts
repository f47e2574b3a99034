// The acts that are nights: skipped, rejected, held, and the held candidate that goes on.
import type { RunRecord } from '../../../core/contracts/index.ts';
import type { RunReport } from '../../../activities/report.ts';
import { describeNight, night, type Stage } from '../story.ts';
import type { Seen } from './acts.ts';
import { correct, DAYS, day, isRight, messagesOf, right, shuffledTruths } from './traffic.ts';

export async function gpuSeconds({ store }: Pick<Stage, 'store'>, run: RunRecord): Promise<number> {
  const report = run.reportDigest === null ? null : await store.document(run.reportDigest);
  return (report?.document as RunReport | undefined)?.cost?.gpuSeconds ?? 0;
}

async function ended(stage: Stage, run: RunRecord): Promise<Seen> {
  await describeNight(stage, run);
  stage.note(`  GPU worker: ${(await gpuSeconds(stage, run)).toFixed(0)} s of training`);
  return { end: run.status, id: run.runId, reason: run.reason };
}

const look = ({ note }: Stage, ...commands: string[]): void => note(`  look at it: ${commands.join('\n              ')}`);

export async function skippedNight(stage: Stage): Promise<Seen> {
  const messages = messagesOf(DAYS.first);
  await day(stage, messages);
  await correct(stage, right(messages), 'first-import');
  const seen = await ended(stage, await night(stage, { reason: 'tour: a first night, with few cases', approve: false }));
  look(stage, `ratchet run show ${seen.id}`, `ratchet gate plan --workload ${stage.loaded.workload.name}`);
  return seen;
}

export async function rejectedNight(stage: Stage): Promise<Seen> {
  const messages = messagesOf(DAYS.second);
  await day(stage, messages);
  const rows = shuffledTruths([...messagesOf(DAYS.first), ...messages]);
  const byChance = rows.filter(({ message, truth }) => message.truth.echo === truth.echo).length;
  stage.note(`  the wrong import: shuffled targets; ${byChance} of ${rows.length} are right by chance`);
  await correct(stage, rows, 'shuffled-import');
  const seen = await ended(stage, await night(stage, { reason: 'tour: trained on shuffled targets, on purpose', approve: false }));
  look(stage, `ratchet run show ${seen.id}`, `ratchet gate ledger ${stage.loaded.workload.channel}`);
  return seen;
}

export async function heldNight(stage: Stage): Promise<Seen> {
  const messages = messagesOf(DAYS.fourth);
  const answers = await day(stage, messages);
  // People correct what is wrong.
  await correct(stage, right(messages.filter((message, index) => !isRight(answers[index], message))), 'remarks');
  const seen = await ended(stage, await night(stage, { reason: 'tour: remarks are new, and few cases hold one', approve: false }));
  look(stage, `ratchet run show ${seen.id}`, `ratchet gate ledger ${stage.loaded.workload.channel}`);
  return seen;
}

/** Nights with another look each, at most: the e-process may be looked at as often as there are fresh cases. */
const MOST_LOOKS = 3;

export async function heldGoesOn(stage: Stage): Promise<Seen> {
  const { channel } = stage.loaded.workload;
  await day(stage, messagesOf(DAYS.fifth));
  let seen = await ended(stage, await night(stage, { reason: 'tour: fresh cases for the held candidate', approve: false }));
  for (let looks = 1; seen.end === 'held' && looks < MOST_LOOKS; looks += 1) {
    stage.note('  still held: the next night takes the next fresh cases');
    seen = await ended(stage, await night(stage, { reason: 'tour: more fresh cases for the held candidate', approve: false }));
  }
  look(stage, `ratchet run show ${seen.id}`, `ratchet gate ledger ${channel}`, `ratchet channel ${channel}`);
  return seen;
}
