// How far a tour has come, kept in its folder: `--go-on` plays the acts that are left.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RatchetError } from '../../../core/errors.ts';
import { ACT_NAMES, actResult, type TourResult } from './acts.ts';

const Progress = z.object({
  /** Begun and not ended: its messages were sent, and cannot be sent again under the same ids. */
  begun: z.enum(ACT_NAMES).nullable(),
  ended: z.array(z.object({ act: z.enum(ACT_NAMES), seen: z.object({ end: z.string(), id: z.string(), reason: z.string().nullable() }) })),
});

const fileOf = (dir: string): string => join(dir, 'tour.json');

/** @param begun the act that begins now; null: none is under way */
export function keepProgress(dir: string, acts: TourResult['acts'], begun: TourResult['acts'][number]['act'] | null): void {
  const ended = acts.flatMap(({ act, seen }) => (seen === null ? [] : [{ act, seen }]));
  writeFileSync(fileOf(dir), `${JSON.stringify({ begun, ended } satisfies z.infer<typeof Progress>, null, 2)}\n`);
}

/**
 * The acts of the tour in this folder.
 * @throws REQUEST_INVALID where there is none, or none that can go on
 */
export function readProgress(dir: string): TourResult['acts'] {
  let kept: z.infer<typeof Progress>;
  try {
    kept = Progress.parse(JSON.parse(readFileSync(fileOf(dir), 'utf8')));
  } catch {
    throw new RatchetError('REQUEST_INVALID', `--go-on: ${dir} holds no tour`);
  }
  const acts = kept.ended.map(({ act, seen }) => actResult(act, seen));
  const failed = acts.find(({ asAnnounced }) => !asAnnounced)?.act ?? kept.begun;
  if (failed !== null) throw new RatchetError('REQUEST_INVALID', `--go-on: the act "${failed}" of the tour in ${dir} was interrupted or did not end as announced: begin anew without --go-on`);
  return acts;
}
