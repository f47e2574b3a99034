// `ratchet demo --tour`: every end that a night can have, one act each, on the real parts and an easy task.
import { assertNever } from '../../../core/errors.ts';
import type { OwnKey } from '../../approver-keys.ts';
import type { Meter } from '../meter.ts';
import type { Stage } from '../story.ts';
import { ACT_NAMES, ACTS, actResult, type ActName, type Seen, type TourResult } from './acts.ts';
import { approval, promotion } from './approval.ts';
import { heldGoesOn, heldNight, rejectedNight, skippedNight } from './nights.ts';
import { rollback } from './rollback.ts';

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

/**
 * Plays the acts in order. Each one stands on those before it, so the tour stops at the first that does not end as announced.
 * @param visitor an enrolled approver's key
 * @param count so many acts, from the first
 */
export async function tour(stage: Stage, meter: Pick<Meter, 'phase'>, { visitor, count }: { visitor: OwnKey; count: number }): Promise<TourResult> {
  const acts: TourResult['acts'] = [];
  for (const [index, name] of ACT_NAMES.slice(0, count).entries()) {
    const { title, shows, expects } = ACTS[name];
    if (acts.some(({ asAnnounced }) => !asAnnounced)) {
      acts.push(actResult(name, null));
      continue;
    }
    const result = await meter.phase(`${index + 1}. ${title}`, async () => {
      stage.note(`  ${shows}\n  announced: ${expects}`);
      return actResult(name, await play(name, stage, visitor));
    });
    stage.note(`  ${result.asAnnounced ? 'as announced' : 'NOT as announced'}: ${result.seen?.end}`);
    acts.push(result);
  }
  return { acts, asAnnounced: acts.every(({ asAnnounced }) => asAnnounced) };
}
