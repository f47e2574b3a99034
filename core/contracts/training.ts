// What the pipeline asks of the GPU worker and what comes back: the only TypeScript–Python boundary.
import { z } from 'zod';
import { Digest, SchemaVersion } from './common.ts';
import { Recipe } from './workload.ts';

export const TrainAdapterInput = z.looseObject({
  schemaVersion: SchemaVersion,
  runId: z.string(),
  workload: z.string(),
  baseModel: z.string(),
  datasetDigest: Digest,
  examplesDigest: Digest,
  recipe: Recipe,
});
export type TrainAdapterInput = z.infer<typeof TrainAdapterInput>;

export const TrainAdapterOutput = z.looseObject({
  schemaVersion: SchemaVersion,
  /** Names the manifest blob; the weights are blobs named by the manifest. */
  adapterDigest: Digest,
  steps: z.int(),
  tokens: z.int(),
  seconds: z.number(),
  tokensPerSecond: z.number(),
  firstLoss: z.number(),
  finalLoss: z.number(),
  peakMemoryBytes: z.int(),
  resumedFromStep: z.int().nullable(),
});
export type TrainAdapterOutput = z.infer<typeof TrainAdapterOutput>;

/** Details of the activity's heartbeat; the run directory, not this, is the truth about checkpoints. */
export const TrainProgress = z.looseObject({
  schemaVersion: SchemaVersion,
  step: z.int(),
  totalSteps: z.int(),
  loss: z.number().nullable(),
  tokens: z.int(),
  secondsLeft: z.number().nullable(),
});
export type TrainProgress = z.infer<typeof TrainProgress>;
