// `ratchet demo --tour`: every end that a night can have, one act each, on the real parts and an easy task.
import { assertNever } from '../../../core/errors.ts';
import type { OwnKey } from '../../approver-keys.ts';
import type { Meter } from '../meter.ts';
import type { Stage } from '../story.ts';
import { ACT_NAMES, ACTS, actResult, type ActName, type Seen, type TourResult } from './acts.ts';
import { approval, promotion } from './approval.ts';
import { heldGoesOn, heldNight, rejectedNight, skippedNight } from './nights.ts';
import { keepProgress } from './progress.ts';
import { rollback } from './rollback.ts';
import { untilServed } from './traffic.ts';

function play(name: ActName, stage: Stage, visitor: OwnKey): Promise<Seen> {
  switch (name) {
    case 'skipped':
      return skippedNight(stage);
    case 'rejected':
      return rejectedNight(stage);
    case 'approved':
      return approval(stage, visitor);
    case 'promoted':
      return promotion(stage);
    case 'held':
      return heldNight(stage);
    case 'goes on':
      return heldGoesOn(stage);
    case 'rolled back':
      return rollback(stage);
    default:
      return assertNever(name);
  }
}

export interface TourOptions {
  /** An enrolled approver's key. */
  visitor: OwnKey;
  /** So many acts. */
  count: number;
  /** Acts that were played before. */
  before: TourResult['acts'];
  /** Where it is kept how far the tour has come. */
  dir: string;
}

/** Plays the acts in order. Each one stands on those before it, so the tour stops at the first that does not end as announced. */
export async function tour(stage: Stage, meter: Pick<Meter, 'phase'>, { visitor, count, before, dir }: TourOptions): Promise<TourResult> {
  const acts = [...before];
  await untilServed(stage);
  const left = ACT_NAMES.slice(before.length);
  for (const name of left.slice(0, count)) {
    const { title, shows, expects } = ACTS[name];
    keepProgress(dir, acts, name);
    const result = await meter.phase(`${acts.length + 1}. ${title}`, async () => {
      stage.note(`  ${shows}\n  announced: ${expects}`);
      return actResult(name, await play(name, stage, visitor));
    });
    stage.note(`  ${result.asAnnounced ? 'as announced' : 'NOT as announced'}: ${result.seen?.end}`);
    acts.push(result);
    keepProgress(dir, acts, null);
    if (!result.asAnnounced) break;
  }
  const asAnnounced = acts.every((act) => act.asAnnounced);
  return { acts: [...acts, ...ACT_NAMES.slice(acts.length).map((name) => actResult(name, null))], asAnnounced };
}
