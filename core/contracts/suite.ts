// A suite file: cases for one purpose with deterministic checks, and a judge model where one is wanted; and what an arm's answer to a case came to.
import { z } from 'zod';
import { Digest, FailureClass, JsonObject, SchemaVersion, WorkloadName } from './common.ts';
import { FinishReason, Sampling, Tool, ToolCall } from './interaction.ts';
import { JudgePin } from './judge.ts';
import { DetectorSettings, InjectionGoal } from './workload.ts';

export const SuitePurpose = z.enum(['format', 'injection', 'over_defence', 'policy', 'persona', 'refusal', 'general_ability', 'length']);
export type SuitePurpose = z.infer<typeof SuitePurpose>;

const Text = z.string().min(1).max(100_000);
const Texts = z.array(Text).max(200);
const Id = z.string().regex(/^[A-Za-z0-9][\w.-]{0,99}$/, 'must be letters, digits, dots, dashes and underscores, 100 at most');

/** A text is trusted, but for a tool's; `untrusted` marks what came from outside within another message. */
const Content = z.union([Text, z.array(z.union([Text, z.strictObject({ untrusted: Text })])).min(1).max(100)], 'must be a text, or a list of texts and mappings with untrusted');

export const SuiteMessage = z.strictObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: Content,
  name: z.string().optional(),
  toolCallId: z.string().optional(),
  toolCalls: z.array(ToolCall).optional(),
});
export type SuiteMessage = z.infer<typeof SuiteMessage>;

/** What a right answer is. Phrases: white space, case and the style of quotes do not matter. */
export const SuiteExpect = z.strictObject({
  /** Values at JSON pointers of the answer; each counts by itself in the metric `fields`. */
  fields: z.record(z.string().regex(/^(?:\/.*)?$/s, 'must be a JSON pointer such as /name'), z.unknown()).optional(),
  /** The whole answer by content: equal as JSON, or as text. */
  answer: z.string().optional(),
  contains: Texts.optional(),
  containsAny: Texts.optional(),
  lacks: Texts.optional(),
  /** true: this is to be refused; false: it is to be answered. */
  refusal: z.boolean().optional(),
  words: z.strictObject({ min: z.int().min(0).optional(), max: z.int().min(0).optional() }).optional(),
  /** Names of the tools that are called, in any order; an empty list: none. */
  calls: z.array(z.string()).max(50).optional(),
});
export type SuiteExpect = z.infer<typeof SuiteExpect>;

const JudgeExample = z.union([Text, z.strictObject({ prompt: Text, answer: Text })], 'must be an answer, or a mapping with prompt and answer');

/**
 * A judge model. It looks at answers that pass every check of the suite, and can only find against them: a guard with `metric: judge`
 * turns what it finds into a veto. Its digest names all of this but `required` and `examples`.
 */
export const SuiteJudge = JudgePin.extend({
  /** What makes an answer right or wrong, in words for the judge. */
  rubric: z.string().min(1).max(20_000),
  /** true: a judge that is not heard holds the candidate back; false: the verdict stands without it, and says so. */
  required: z.boolean().default(false),
  /** Answers on which the judge must agree before it is asked anything else. */
  examples: z.strictObject({ passes: z.array(JudgeExample).max(50).default([]), fails: z.array(JudgeExample).max(50).default([]) }).prefault({}),
});
export type SuiteJudge = z.infer<typeof SuiteJudge>;

export const SuiteCase = z
  .strictObject({
    id: Id,
    /** Cases of one cluster stand or fall together and count as one; without it a case is its own. */
    cluster: Id.optional(),
    messages: z.array(SuiteMessage).min(1).max(200).optional(),
    /** A session: user turns that follow each other, each answered; every answer is judged, the last also by `expect`. */
    turns: z.array(Text).min(1).max(50).optional(),
    /** Two texts of which the model should find `right` more probable; both go on from `prompt`. */
    pair: z.strictObject({ prompt: z.string().max(10_000).default(''), right: Text, wrong: Text }).optional(),
    tools: z.array(Tool).optional(),
    canaries: z.array(z.string().min(3)).optional(),
    goals: z.array(InjectionGoal).optional(),
    expect: SuiteExpect.optional(),
    /** For the suite's judge: what matters in this case, beside the rubric. */
    judge: z.string().min(1).max(2_000).optional(),
  })
  .refine((item) => (item.pair === undefined) !== (item.messages === undefined && item.turns === undefined), 'needs messages or turns, or else a pair')
  .refine((item) => item.pair === undefined || item.expect === undefined, { path: ['expect'], error: 'a pair needs no expectation' });
export type SuiteCase = z.infer<typeof SuiteCase>;

/** Every family of attack is tried on every task for every goal. */
export const SuiteAttacks = z.strictObject({
  /** `{goal}` stands where the goal's instruction goes. */
  families: z.array(z.strictObject({ id: Id, text: Text.refine((text) => text.includes('{goal}'), 'must have {goal} where the instruction goes') })).min(1).max(100),
  goals: z.array(z.strictObject({ id: Id, instruct: Text, check: InjectionGoal.shape.check })).min(1).max(100),
  /** Tasks with `{attack}` in an untrusted text. */
  tasks: z.array(z.strictObject({ id: Id, messages: z.array(SuiteMessage).min(1), tools: z.array(Tool).optional(), expect: SuiteExpect.optional() })).min(1).max(100),
});
export type SuiteAttacks = z.infer<typeof SuiteAttacks>;

export const SuiteFile = z.strictObject({
  apiVersion: z.literal('ratchet.dev/v1'),
  suite: WorkloadName,
  purpose: SuitePurpose,
  description: z.string().max(2_000).optional(),
  /** Cases asked in a night, in whole clusters: the same ones every night, chosen by a hash of their names. Without it all. */
  sample: z.int().min(1).optional(),
  sampling: Sampling.strict().prefault({ temperature: 0, maxTokens: 128 }),
  responseFormat: JsonObject.optional(),
  /** Put before every case that has no system message of its own. */
  system: Text.optional(),
  tools: z.array(Tool).optional(),
  /** Path of a JSON Schema, relative to this file; without it the workload's, where its answers are to be JSON. */
  outputSchema: z.string().min(1).optional(),
  /** Take the place of the workload's. */
  detectors: DetectorSettings.omit({ ruleFiles: true }).optional(),
  cases: z.array(SuiteCase).max(10_000).default([]),
  /** JSONL files with a case a line, relative to this file. */
  caseFiles: z.array(z.string().min(1)).max(50).default([]),
  attacks: SuiteAttacks.optional(),
  judge: SuiteJudge.optional(),
});
export type SuiteFile = z.infer<typeof SuiteFile>;

export const SuiteArm = z.enum(['current', 'candidate', 'base']);
export type SuiteArm = z.infer<typeof SuiteArm>;

/** What one arm's answer to one case of a suite came to. A time-out or an error is that arm's failure. */
export const SuiteOutcome = z.looseObject({
  schemaVersion: SchemaVersion,
  suite: z.string(),
  caseId: z.string(),
  cluster: z.string(),
  arm: SuiteArm,
  adapterDigest: Digest.nullable(),
  /** The evaluation in which it was asked: an earlier one where the answer was kept. */
  askedIn: z.string(),
  /** The answer as a blob; null when the arm gave none. */
  answerDigest: Digest.nullable(),
  finishReason: FinishReason,
  failureClasses: z.array(FailureClass),
  /** By metric: true is good. One value for each thing looked at (fields, turns of a session). */
  scores: z.record(z.string(), z.array(z.boolean())),
  latencyMs: z.number().min(0),
  outputTokens: z.int().min(0),
});
export type SuiteOutcome = z.infer<typeof SuiteOutcome>;
