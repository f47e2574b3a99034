// What a detector found wrong with an interaction, and on what evidence.
import { z } from 'zod';
import { Digest, FailureClass, SchemaVersion } from './common.ts';

/** Where the fault is. Offsets are UTF-16 code units into the answer's text; `pointer` is an RFC 6901 JSON pointer. */
export const Evidence = z.looseObject({
  rule: z.string(),
  detail: z.string().optional(),
  start: z.int().min(0).optional(),
  end: z.int().min(0).optional(),
  pointer: z.string().optional(),
});
export type Evidence = z.infer<typeof Evidence>;

export const Finding = z.looseObject({
  class: FailureClass,
  confidence: z.number().min(0).max(1),
  evidence: z.array(Evidence),
  /** `name@version` of the detector. */
  detector: z.string(),
});
export type Finding = z.infer<typeof Finding>;

export const Failure = z.looseObject({
  schemaVersion: SchemaVersion,
  interactionDigest: Digest,
  workload: z.string(),
  adapterDigest: Digest.nullable(),
  finding: Finding,
});
export type Failure = z.infer<typeof Failure>;
