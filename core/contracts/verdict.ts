// Outcomes of an evaluation and the gate's verdict with every number behind it.
import { z } from 'zod';
import { Digest, FailureClass, Instant, SchemaVersion } from './common.ts';
import { FinishReason } from './interaction.ts';
import { GatePolicy } from './workload.ts';

/** A policy as it was: one without `eProcess` had none, whatever the default became since. */
const PolicyAsItWas = GatePolicy.extend({ eProcess: GatePolicy.shape.eProcess.unwrap().optional() });

export const Arm = z.enum(['current', 'candidate']);
export type Arm = z.infer<typeof Arm>;

/** One answer of one arm to one case, with its score. A time-out or an error is that arm's failure. */
export const Outcome = z.looseObject({
  schemaVersion: SchemaVersion,
  evaluationId: z.string(),
  caseDigest: Digest,
  clusterId: Digest,
  arm: Arm,
  adapterDigest: Digest.nullable(),
  engineBuild: z.string(),
  /** The answer's text as a blob; null when the arm gave none (error or time-out). */
  answerDigest: Digest.nullable(),
  finishReason: FinishReason,
  failureClasses: z.array(FailureClass),
  /** null: no blind truth is known for this case. */
  equalsTruth: z.boolean().nullable(),
  pass: z.boolean(),
  latencyMs: z.number().min(0),
  outputTokens: z.int().min(0),
});
export type Outcome = z.infer<typeof Outcome>;

export const Decision = z.enum(['promote', 'reject', 'hold']);
export type Decision = z.infer<typeof Decision>;

export const GuardResult = z.looseObject({
  id: z.string(),
  result: z.enum(['pass', 'breach', 'undecided', 'reported']),
  critical: z.boolean(),
  /** Harm = candidate − current; one-sided bounds at the stated levels. */
  harm: z.number(),
  lower: z.number(),
  upper: z.number(),
  margin: z.number(),
  /** Whose view it is; `absent`: why the judge was not heard, then the guard says nothing; `unreadable`: answers that count as not passed since its verdict could not be had. */
  judge: z.looseObject({ digest: Digest, model: z.string(), absent: z.string().optional(), unreadable: z.int().min(0).optional() }).optional(),
});
export type GuardResult = z.infer<typeof GuardResult>;

export const Verdict = z.looseObject({
  schemaVersion: SchemaVersion,
  runId: z.string(),
  workload: z.string(),
  channel: z.string(),
  candidateDigest: Digest,
  currentDigest: Digest.nullable(),
  currentGeneration: z.int().min(0),
  datasetDigest: Digest,
  evaluationDigest: Digest,
  policyDigest: Digest,
  policy: PolicyAsItWas,
  decision: Decision,
  /** One sentence for a person. */
  reason: z.string(),
  n: z.int(),
  plannedN: z.int(),
  /** b: candidate passes and current fails; c: the reverse. */
  b: z.int(),
  c: z.int(),
  bothPass: z.int(),
  bothFail: z.int(),
  /** Clusters that the cases come from, and the test that gave the p-value; verdicts before this field are McNemar's. */
  clusters: z.int().min(0).optional(),
  test: z.enum(['mcnemar_exact', 'cluster_sign_flip_exact', 'cluster_sign_flip_monte_carlo', 'e_process']).optional(),
  /** For an e-process 1 / e, which holds whenever one looks. */
  pOneSided: z.number(),
  level: z.number(),
  decisionNumber: z.int().min(1),
  effect: z.number(),
  /** Two-sided 95 % interval of the difference in pass rate. */
  interval: z.tuple([z.number(), z.number()]),
  labelled: z.int(),
  guards: z.array(GuardResult),
  /** Share of a repeated sample on which the current adapter disagreed with itself; null when not measured. */
  selfDisagreement: z.number().nullable(),
  /** A look at a held candidate on fresh cases: which verdict held it, and how far its e-process is. Counts are of all looks so far. */
  eProcess: z.looseObject({ heldVerdictDigest: Digest, looks: z.int().min(0), logE: z.number(), maxCases: z.int().min(1) }).optional(),
  /** What a person should know that decided nothing. */
  warnings: z.array(z.string()).optional(),
  decidedAt: Instant,
});
export type Verdict = z.infer<typeof Verdict>;
