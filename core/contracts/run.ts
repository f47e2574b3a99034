// Run requests and runs: the wish, and what became of it.
import { z } from 'zod';
import { Actor, Digest, Instant, SchemaVersion } from './common.ts';
import { Decision } from './verdict.ts';
import { ApprovalMode, ApprovalPolicy } from './workload.ts';

export const RunOptions = z.strictObject({
  /** Trains a new candidate although one is held: the held one ends when the new one takes its decision. */
  newCandidate: z.boolean().optional(),
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

/** What the night planned to judge by, before any training. */
export const RunPlan = z.looseObject({
  plannedN: z.int(),
  freshCases: z.int(),
  missingCases: z.int(),
  smallestGain: z.number(),
  /** To see the smallest gain worth having, at this one-sided level of the test. */
  power: z.number(),
  level: z.number(),
  /** Cases with which a harmless candidate would pass each guard; null: more than can be planned for. */
  guards: z.array(z.looseObject({ id: z.string(), critical: z.boolean(), wanted: z.int().nullable() })),
  warnings: z.array(z.string()),
});
export type RunPlan = z.infer<typeof RunPlan>;

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
  plan: RunPlan.optional(),
  /** How its promotion is approved, fixed when the run began. Runs before this field: as their settings and their request say. */
  approval: ApprovalPolicy.optional(),
  startedAt: Instant,
  endedAt: Instant.nullable(),
});
export type RunRecord = z.infer<typeof RunRecord>;
