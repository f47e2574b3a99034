// A right answer for an interaction, and the blind truth of a case.
import { z } from 'zod';
import { Actor, Digest, Instant, SchemaVersion } from './common.ts';
import { cloudEvent } from './interaction.ts';

export const CORRECTION_EVENT_TYPE = 'dev.ratchet.correction.v1';

export const CorrectionAuthority = z.enum(['person', 'teacher', 'repair', 'constrained']);

/** CloudEvents identity of the interaction that is corrected. It may arrive later than the correction. */
export const InteractionRef = z.object({ source: z.string().min(1), id: z.string().min(1) });
export type InteractionRef = z.infer<typeof InteractionRef>;

export const CorrectionEventData = z.looseObject({
  'ratchet.schema_version': SchemaVersion,
  'ratchet.workload': z.string(),
  /** Of the corrected interaction: the answer is redacted with this tenant's surrogates. Left out: `default`. */
  'ratchet.tenant': z.string().optional(),
  'ratchet.interaction': InteractionRef,
  'ratchet.answer': z.string(),
  'ratchet.author': Actor,
  'ratchet.authority': CorrectionAuthority,
});
export const CorrectionEvent = cloudEvent(CORRECTION_EVENT_TYPE, CorrectionEventData);
export type CorrectionEvent = z.infer<typeof CorrectionEvent>;

/** The stored form (answer redacted with the same surrogates as its interaction). */
export const Correction = z.looseObject({
  schemaVersion: SchemaVersion,
  source: z.string().min(1),
  id: z.string().min(1),
  time: Instant,
  workload: z.string(),
  interaction: InteractionRef,
  answer: z.string(),
  author: Actor,
  authority: CorrectionAuthority,
});
export type Correction = z.infer<typeof Correction>;

/** A truth for a case that the keyed hash chose for labelling before any answer was judged. */
export const BlindTruth = z.looseObject({
  schemaVersion: SchemaVersion,
  caseDigest: Digest,
  truth: z.string(),
  author: Actor,
  time: Instant,
});
export type BlindTruth = z.infer<typeof BlindTruth>;
