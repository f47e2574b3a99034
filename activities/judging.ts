// How a judge model is asked: whether it is in order first, then each question in blind order, and what can be read is kept as it comes.
import type { Digest, SuiteJudge } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { blindOrder, judgeRequest, keyOfQuestion, PROBE, readVerdict, type JudgeQuestion } from '../core/suites/judge.ts';
import type { JudgeModel, KeptJudgement } from '../stores/ports.ts';
import { inFlight } from './asking.ts';
import type { Deps } from './deps.ts';

const KEEP_AT_ONCE = 8;

/** `reasonDigest: null`: it could not be read. */
export type Judged = Pick<KeptJudgement, 'passed'> & { reasonDigest: Digest | null };

export interface Judging {
  /** In a message: `the judge of suite kind`. */
  name: string;
  judge: SuiteJudge;
  digest: Digest;
  model: JudgeModel;
  timeoutMs: number;
  concurrency: number;
  /** Written to each verdict, and the key of the order. */
  askedIn: string;
  signal: AbortSignal;
}

type JudgingDeps = Pick<Deps, 'store' | 'blobs'>;

/** What the judge has said of these before. */
export const keptVerdicts = async ({ store }: Pick<Deps, 'store'>, digest: Digest, questions: readonly JudgeQuestion[]): Promise<Map<string, Judged>> =>
  new Map((await store.keptJudgements(digest, questions)).map((kept): [string, Judged] => [keyOfQuestion(kept), kept]));

/** Whether it was the judge that failed, and no part of ours. */
export const isJudgeError = (error: unknown): error is RatchetError => error instanceof RatchetError && (error.code === 'JUDGE_UNAVAILABLE' || error.code === 'JUDGE_MISMATCH');

/**
 * A judge is the model that is pinned, speaks as it should, and agrees with the examples, or it is not heard.
 * @param examples.whose in a message: `the suite's`
 * @throws JUDGE_UNAVAILABLE, JUDGE_MISMATCH
 */
export async function assertInOrder(deps: JudgingDeps, judging: Judging, examples: { whose: string; all: readonly (JudgeQuestion & { passes: boolean })[] }): Promise<void> {
  const { name, judge, digest, model, timeoutMs, signal } = judging;
  const probed = await model.ask(judgeRequest(judge, PROBE), { timeoutMs, signal });
  if (readVerdict(probed) === null) throw new RatchetError('JUDGE_UNAVAILABLE', `${name} gives no readable verdict on an answer of two words: does the engine take response_format with a JSON Schema, and is judge.maxTokens enough?`);
  const known = await keptVerdicts(deps, digest, examples.all);
  const found = new Map([...known, ...(await askAll(deps, judging, examples.all.filter((example) => !known.has(keyOfQuestion(example)))))]);
  const wrong = examples.all.filter((example) => found.get(keyOfQuestion(example))?.passed !== example.passes).length;
  if (wrong > 0) throw new RatchetError('JUDGE_UNAVAILABLE', `${name} does not say of ${wrong} of ${examples.all.length} of ${examples.whose} examples what they are`);
}

/** @throws JUDGE_UNAVAILABLE, JUDGE_MISMATCH: what was read before is kept */
export async function askAll(deps: JudgingDeps, { judge, digest, model, timeoutMs, concurrency, askedIn, signal }: Judging, questions: readonly JudgeQuestion[]): Promise<Map<string, Judged>> {
  const options = { timeoutMs, signal };
  /** null also where the engine fails on this question and on no other: no answer may silence a judge by what it does to its engine. */
  const answerTo = async (question: JudgeQuestion): Promise<string | null> => {
    try {
      return await model.ask(judgeRequest(judge, question), options);
    } catch (error) {
      if (!(error instanceof RatchetError && error.code === 'JUDGE_UNAVAILABLE')) throw error;
      if (readVerdict(await model.ask(judgeRequest(judge, PROBE), options)) === null) throw error;
      return null;
    }
  };
  const found = new Map<string, Judged>();
  const unsaved: KeptJudgement[] = [];
  const save = async (least: number): Promise<void> => {
    if (unsaved.length >= least) await deps.store.keepJudgements(unsaved.splice(0));
  };
  try {
    await inFlight(blindOrder(questions, askedIn), concurrency, async (question) => {
      const verdict = readVerdict(await answerTo(question));
      // What cannot be read may be the engine's fault as well: it is asked again another time.
      if (verdict === null) return void found.set(keyOfQuestion(question), { passed: false, reasonDigest: null });
      const { caseDigest, answerDigest } = question;
      const reasonDigest = await deps.blobs.put(Buffer.from(verdict.reason));
      unsaved.push({ judgeDigest: digest, caseDigest, answerDigest, passed: verdict.passed, reasonDigest, askedIn });
      found.set(keyOfQuestion(question), { passed: verdict.passed, reasonDigest });
      await save(KEEP_AT_ONCE);
    });
  } finally {
    await save(1);
  }
  return found;
}
