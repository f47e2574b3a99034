// Snapshot manifests, the split ledger, evaluation cases, training examples and the dataset made of them.
import { z } from 'zod';
import { Digest, FailureClass, JsonObject, SchemaVersion } from './common.ts';
import { Message, Sampling, Tool } from './interaction.ts';

export const Side = z.enum(['train', 'eval']);
export type Side = z.infer<typeof Side>;

/** One line of the append-only split ledger: a cluster's side is decided once and for life. */
export const LedgerEntry = z.looseObject({
  clusterId: Digest,
  side: Side,
  clusterFunction: z.string(),
  keyId: z.string(),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;

/** What a run may look at: every digest at or under the watermark, sorted. The watermark itself is not part of it. */
export const SnapshotManifest = z.looseObject({
  schemaVersion: SchemaVersion,
  workload: z.string(),
  interactions: z.array(Digest),
  corrections: z.array(Digest),
});
export type SnapshotManifest = z.infer<typeof SnapshotManifest>;

/** One evaluation item, drawn by a keyed hash of identity and never by outcome. One per cluster. */
export const EvalCase = z.looseObject({
  schemaVersion: SchemaVersion,
  interactionDigest: Digest,
  clusterId: Digest,
  messages: z.array(Message).min(1),
  tools: z.array(Tool).optional(),
  outputSchema: JsonObject.optional(),
  responseFormat: JsonObject.optional(),
  sampling: Sampling,
});
export type EvalCase = z.infer<typeof EvalCase>;

/** One SFT row. `source` says which failure and which correction it learned from, or that it is a replayed good answer. */
export const Example = z.looseObject({
  schemaVersion: SchemaVersion,
  kind: z.literal('sft'),
  messages: z.array(Message).min(1),
  /** Those that production offered: the chat template writes them into the prompt. */
  tools: z.array(Tool).optional(),
  completion: z.string().min(1),
  clusterId: Digest,
  source: z.looseObject({
    interactionDigest: Digest,
    correctionDigest: Digest.nullable(),
    failureClasses: z.array(FailureClass),
    replay: z.boolean(),
  }),
});
export type Example = z.infer<typeof Example>;

/** Immutable and digest-named: a pure function of manifest, workload digest and split ledger. */
export const Dataset = z.looseObject({
  schemaVersion: SchemaVersion,
  workload: z.string(),
  workloadDigest: Digest,
  manifestDigest: Digest,
  ledgerDigest: Digest,
  detectorVersions: z.array(z.string()),
  redactorVersion: z.string(),
  /** JSONL blob of the examples, one canonical JSON document a line, in the order of training before shuffling. */
  examplesDigest: Digest,
  exampleDigests: z.array(Digest),
  counts: z.looseObject({
    interactions: z.int(),
    failures: z.int(),
    corrected: z.int(),
    replay: z.int(),
    duplicates: z.int(),
    evalSide: z.int(),
    withoutTarget: z.int(),
    barred: z.int(),
  }),
  /** How the workload's injection judge was heard; without such a judge nothing. `judgementsDigest`: blob with every row that it was to read. */
  injectionJudge: z.looseObject({ judgeDigest: Digest, judgementsDigest: Digest, followed: z.int(), unconfirmed: z.int(), absent: z.string().nullable() }).optional(),
});
export type Dataset = z.infer<typeof Dataset>;
