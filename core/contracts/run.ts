// Run requests and runs: the wish, and what became of it.
import { z } from 'zod';
import { Actor, Digest, Instant, SchemaVersion } from './common.ts';
import { Decision } from './verdict.ts';
import { ApprovalMode, ApprovalPolicy } from './workload.ts';

export const RunOptions = z.strictObject({
  /** Asks for more approvals than the workload does; fewer cannot be asked for. */
  approval: ApprovalMode.optional(),
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
  /** How its promotion is approved, fixed when the run began. Runs before this field: as their settings and their request say. */
  approval: ApprovalPolicy.optional(),
  startedAt: Instant,
  endedAt: Instant.nullable(),
});
export type RunRecord = z.infer<typeof RunRecord>;
