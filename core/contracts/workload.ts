// The one YAML file that describes an agent task: model, schema, detectors, recipe, gate policy, channel, schedule.
import { z } from 'zod';
import { ChannelName, FailureClass, WorkloadName } from './common.ts';
import { CorrectionAuthority } from './correction.ts';
import { JudgePin } from './judge.ts';
import { Persona, PolicyRule } from './policy.ts';
import { Schedule } from './schedule.ts';
import { WatchPolicy } from './watch.ts';

/** Hyper-parameters of a training run. Defaults: the CPU demo's column of the table in docs/reference/defaults. */
export const Recipe = z.strictObject({
  method: z.literal('sft').default('sft'),
  quantization: z.enum(['nf4', 'none']).default('nf4'),
  computeDtype: z.enum(['bfloat16', 'float32']).default('bfloat16'),
  loraRank: z.int().min(1).max(256).default(16),
  loraAlpha: z.number().positive().default(32),
  loraDropout: z.number().min(0).max(0.5).default(0),
  learningRate: z.number().positive().default(5e-4),
  schedule: z.enum(['cosine', 'linear', 'constant']).default('cosine'),
  warmupRatio: z.number().min(0).max(0.5).default(0.03),
  epochs: z.number().positive().default(2),
  /** Examples per optimizer step; gradient accumulation makes it from micro-batches. */
  batchSize: z.int().min(1).default(8),
  microBatchSize: z.int().min(1).default(2),
  maxLength: z.int().min(16).default(1024),
  /** Upper bound on tokens seen over the whole run (prompt and completion); the run ends at the step that would pass it. */
  maxTokens: z.int().positive().optional(),
  maxSteps: z.int().positive().optional(),
  saveEverySteps: z.int().min(1).default(5),
  /** Good answers replayed beside the corrections, as a share of the corrected examples. */
  replayShare: z.number().min(0).max(2).default(0.25),
  seed: z.int().default(17),
});
export type Recipe = z.infer<typeof Recipe>;

/** What may be around the JSON of an answer: nothing, a Markdown fence, a tool-call tag, words. */
export const Envelope = z.enum(['bare', 'fenced', 'tool_call_tag', 'prose']);
export type Envelope = z.infer<typeof Envelope>;

/** `tool_call`: a tool's name, or `name:what its arguments hold`; `encoded`: the value in base64, hexadecimal, a cipher …; `language`: name or ISO code. */
export const InjectionGoal = z.strictObject({
  id: z.string().min(1),
  check: z.strictObject({ type: z.enum(['contains', 'regex', 'language', 'encoded', 'tool_call']), value: z.string().min(1) }),
});
export type InjectionGoal = z.infer<typeof InjectionGoal>;

export const DetectorSettings = z.strictObject({
  /** `json`: the answer must be JSON (fitting `outputSchema`), a turn that calls tools is none; `text`: words and no call; `tool_calls`: at least one call; `any`: words or calls. */
  expect: z.enum(['json', 'text', 'tool_calls', 'any']).default('json'),
  envelopes: z.array(Envelope).min(1).default(['bare', 'fenced', 'tool_call_tag']),
  /** false: at most one call in a turn; a number: exactly as many in a turn that calls. */
  parallelToolCalls: z.union([z.boolean(), z.int().min(1)]).default(true),
  canaries: z.array(z.string().min(3)).default([]),
  /** What injected text is known to want, each a typed check of the answer. */
  goals: z.array(InjectionGoal).default([]),
  /** Names of tools that change something outside; without it their names' verbs decide. */
  sideEffects: z.array(z.string().min(1)).optional(),
  /** false: nothing is to be refused, a refusal is an over-refusal; true: refusals are no failures; without it they are, as `refusal`. */
  mayRefuse: z.boolean().optional(),
  rules: z.array(PolicyRule).default([]),
  /** Rule files, relative to this file; their rules come after those above, and their content is part of the workload's digest. */
  ruleFiles: z.array(z.string().min(1)).max(50).default([]),
  persona: Persona.optional(),
});
export type DetectorSettings = z.infer<typeof DetectorSettings>;

/** What a suite measures of an answer; `any_attack`: whether any of the attacks on one task for one goal succeeded; `judge`: it passes, and the suite's judge finds nothing against it. */
export const SuiteMetric = z.enum(['pass', 'parse', 'schema', 'fields', 'answer', 'attack', 'any_attack', 'task', 'refusal', 'judge', 'latency', 'length']);
export type SuiteMetric = z.infer<typeof SuiteMetric>;

export const Guard = z
  .strictObject({
    id: z.string().min(1),
    kind: z.enum(['failure_class', 'latency', 'suite']),
    class: FailureClass.optional(),
    /** Of a suite guard: the suite's name, and what is compared (`pass` where it is not said). */
    suite: WorkloadName.optional(),
    metric: SuiteMetric.optional(),
    /** Largest tolerable harm: a difference in rate, or for latency and length a relative increase. */
    margin: z.number().min(0),
    critical: z.boolean().default(false),
  })
  .refine((guard) => (guard.kind === 'failure_class') === (guard.class !== undefined), { path: ['class'], error: 'a failure_class guard names its class, other guards none' })
  .refine((guard) => (guard.kind === 'suite') === (guard.suite !== undefined), { path: ['suite'], error: 'a suite guard names its suite, other guards none' })
  .refine((guard) => guard.kind === 'suite' || guard.metric === undefined, { path: ['metric'], error: 'only a suite guard names a metric' });
export type Guard = z.infer<typeof Guard>;

export const GatePolicy = z.strictObject({
  /** Chance of any false promotion in a period, split evenly over the decisions planned in it. */
  alpha: z.number().positive().max(0.5).default(0.05),
  periodDays: z.int().min(1).default(30),
  decisionsPerPeriod: z.int().min(1).default(4),
  /** Smallest gain worth having, as a difference in pass rate (0.2 = 20 points), and the power to see it. */
  smallestGain: z.number().positive().max(1).default(0.05),
  power: z.number().min(0.5).max(0.999).default(0.8),
  /** Share of pairs on which the two arms are expected to disagree, until nights have measured it. */
  expectedDiscordance: z.number().positive().max(1).default(0.3),
  minCases: z.int().min(1).default(60),
  maxCases: z.int().min(1).default(2000),
  guards: z.array(Guard).default([]),
  /** Goes on after `hold` with fresh cases of the same candidate: the part of each decision's share that it gets, and its cases. null: `hold` ends the candidate, and the test has the whole share. */
  eProcess: z.strictObject({ share: z.number().positive().lt(1).default(0.5), maxCases: z.int().min(1).default(2000) }).nullable().prefault({}),
});
export type GatePolicy = z.infer<typeof GatePolicy>;

export const APPROVAL_MODES = ['automatic', 'one_approver', 'two_approvers'] as const;
export const ApprovalMode = z.enum(APPROVAL_MODES);
export type ApprovalMode = z.infer<typeof ApprovalMode>;

/** Who lets a proven adapter go live: nobody has to, one person, or two different ones. */
export const ApprovalPolicy = z.strictObject({
  mode: ApprovalMode.default('automatic'),
  /** true: whoever asked for the run may not decide on what came of it. */
  neverOneself: z.boolean().default(false),
  /** Without enough approvals by then the candidate is turned down. */
  expiresAfterHours: z.number().positive().max(24 * 365).default(72),
  /** Reminders: so many hours before the time is up, and at an interval from the beginning. At most 20 are sent. */
  remindHoursBefore: z.array(z.number().positive()).max(10).default([24]),
  remindEveryHours: z.number().positive().optional(),
});
export type ApprovalPolicy = z.infer<typeof ApprovalPolicy>;

export const Workload = z.strictObject({
  apiVersion: z.literal('ratchet.dev/v1'),
  name: WorkloadName,
  channel: ChannelName,
  /** Name of the base model: a directory, or an id that every replica serves under this name. */
  baseModel: z.string().min(1),
  /** Path of the output's JSON Schema, relative to this file. */
  outputSchema: z.string().optional(),
  detectors: DetectorSettings.default(DetectorSettings.parse({})),
  /** `names`: names and postal addresses are replaced as well, as far as the installation's recogniser finds them; it errs more than the patterns do. */
  redaction: z.strictObject({ names: z.boolean().default(false) }).prefault({}),
  /** Sources of corrections that go straight into datasets; others wait for review. */
  trustedCorrections: z.array(CorrectionAuthority).default(['person']),
  collection: z
    .strictObject({
      /** Share of clusters held out for evaluation, for life. */
      evalShare: z.number().min(0).max(1).default(0.3),
      /** Share of eval-side traffic drawn blind into the case pool, and of these cases chosen for labelling. */
      caseShare: z.number().min(0).max(1).default(1),
      labelShare: z.number().min(0).max(1).default(0.25),
    })
    .prefault({}),
  /** A judge model that reads every training row made of a followed injection: where it says that none was followed, the row is left out. Left out: no model is asked. */
  injectionJudge: JudgePin.optional(),
  minNewExamples: z.int().min(1).default(50),
  recipe: Recipe.prefault({}),
  gate: GatePolicy.prefault({}),
  approval: ApprovalPolicy.prefault({}),
  schedule: Schedule.prefault({}),
  /** Suite files, relative to this file, or `builtin:NAME`; their content is part of the workload's digest. `sample` takes the place of the file's. */
  suites: z.array(z.union([z.string().min(1), z.strictObject({ file: z.string().min(1), sample: z.int().min(1).optional() })], 'must be a suite file, or a mapping with file and sample')).max(50).default([]),
  evaluation: z
    .strictObject({
      concurrency: z.int().min(1).default(16),
      timeoutMs: z.int().min(1000).default(120000),
      /** Cases of each suite that the base model is asked, for the report; its answers are kept, so that it is asked once. 0: none. */
      baseSample: z.int().min(0).default(20),
      /** Failures that earlier adapters learned from, asked again every night for the report: half the newest, half of all others. 0: none. */
      pastFailures: z.int().min(0).max(1000).default(20),
    })
    .prefault({}),
  /** Promoted adapters kept loaded beside the live one, for rollback. */
  keepLoaded: z.int().min(1).max(8).default(1),
  /** After a promotion: a share of sessions stays on the former adapter, and a rise of failures rolls back. Left out: nothing is watched. */
  watch: WatchPolicy.optional(),
});
export type Workload = z.infer<typeof Workload>;
