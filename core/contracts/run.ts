// Run requests and runs: the wish, and what became of it.
import { z } from 'zod';
import { Actor, Digest, Instant, SchemaVersion } from './common.ts';
import { Decision } from './verdict.ts';

export const RunOptions = z.strictObject({
  /** Overrides the workload's approval mode for this run. */
  approval: z.enum(['automatic', 'one_approver']).optional(),
});
export type RunOptions = z.infer<typeof RunOptions>;

/** Stored before the schedule is triggered, since a trigger carries no arguments. The run claims it. */
export const RunRequest = z.looseObject({
  schemaVersion: SchemaVersion,
  id: z.string(),
  workload: z.string(),
  by: Actor,
  reason: z.string(),
  options: RunOptions,
  requestedAt: Instant,
  claimedBy: z.string().nullable(),
});
export type RunRequest = z.infer<typeof RunRequest>;

export const RunStatus = z.enum(['running', 'skipped', 'promoted', 'rejected', 'held', 'awaiting_approval', 'lost', 'failed', 'cancelled']);
export type RunStatus = z.infer<typeof RunStatus>;

export const RunRecord = z.looseObject({
  schemaVersion: SchemaVersion,
  /** The Temporal workflow id; `firstExecutionRunId` tells executions of it apart. */
  runId: z.string(),
  temporalRunId: z.string(),
  workload: z.string(),
  requestId: z.string().nullable(),
  status: RunStatus,
  step: z.string(),
  reason: z.string().nullable(),
  workloadDigest: Digest.nullable(),
  manifestDigest: Digest.nullable(),
  datasetDigest: Digest.nullable(),
  adapterDigest: Digest.nullable(),
  verdictDigest: Digest.nullable(),
  decision: Decision.nullable(),
  reportDigest: Digest.nullable(),
  startedAt: Instant,
  endedAt: Instant.nullable(),
});
export type RunRecord = z.infer<typeof RunRecord>;
