// Part of step 5: a suite's judge model looks at the answers that passed every check. It can only find against them.
import type { Digest, SuiteJudge, SuiteOutcome } from '../core/contracts/index.ts';
import { textOf } from '../core/curate/cluster.ts';
import { canonicalJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import type { SuiteJudgement } from '../core/gate/guards.ts';
import type { Given } from '../core/suites/check.ts';
import { judgedCase, judgeDefinition, judgeDigest, judgeExamples, judgeRequest, keyOfQuestion, readVerdict, type JudgeQuestion, type JudgeVerdict } from '../core/suites/judge.ts';
import type { Suite, SuiteItem } from '../core/suites/suite.ts';
import type { JudgeModel } from '../stores/ports.ts';
import type { Deps } from './deps.ts';
import { askAll, assertInOrder, isJudgeError, keptVerdicts, type Judged, type Judging } from './judging.ts';
import { readJsonBlob, type Settings } from './runs.ts';

/** Share of the current adapter's answers on which a judge may be unreadable before it counts as out of order: the candidate has no hand in those. */
const MAX_UNREADABLE = 0.1;
const DIFFERENCES_KEPT = 100;

/** How a suite's judge was heard, for the report and the gate. */
export interface JudgeReport extends SuiteJudgement {
  revision: string;
  /** Answers judged now, and verdicts kept from earlier. */
  asked: number;
  kept: number;
  /** Cases that both arms pass by the checks and only one by the judge. `lost`: it found against the candidate alone. */
  differences: { caseId: string; change: 'gained' | 'lost'; reasonDigest: Digest | null }[];
}

export interface JudgeAsking {
  evaluationId: Digest;
  signal: AbortSignal;
}

const passesChecks = ({ answerDigest, scores }: SuiteOutcome): boolean => answerDigest !== null && (scores['pass'] ?? []).every(Boolean);

/**
 * Gives the outcomes of current and candidate a score `judge`: true where the answer passes every check of the suite and the
 * judge finds nothing against it. An answer that fails a check is not shown to the judge: nothing it says could help.
 * Where the judge is not heard the outcomes stay as they are, and the report says why.
 * @param outcomes of this suite
 * @throws what is no fault of the judge's: the store's, a cancellation
 */
export async function judgeOutcomes(deps: Pick<Deps, 'store' | 'blobs' | 'judge'>, { workload }: Settings, asking: JudgeAsking, { name, judge }: Pick<Suite, 'name'> & { judge: SuiteJudge }, items: readonly SuiteItem[], outcomes: readonly SuiteOutcome[]): Promise<{ outcomes: SuiteOutcome[]; report: JudgeReport }> {
  // Under this digest the definition can be read for ever.
  await deps.blobs.put(Buffer.from(canonicalJson(judgeDefinition(judge))));
  const digest = judgeDigest(judge);
  const byId = new Map(items.map((item) => [item.id, item]));
  const questions = new Map<SuiteOutcome, JudgeQuestion>();
  for (const outcome of outcomes) {
    const item = byId.get(outcome.caseId);
    if (outcome.arm === 'base' || outcome.answerDigest === null || item === undefined || !passesChecks(outcome)) continue;
    const given = await readJsonBlob<Given>(deps, outcome.answerDigest);
    if ('turns' in given) questions.set(outcome, { item, turns: given.turns, caseDigest: judgedCase(item), answerDigest: outcome.answerDigest });
  }
  const { model, revision, required } = judge;
  const report: JudgeReport = { digest, model, revision, required, absent: null, asked: 0, kept: 0, unreadable: 0, differences: [] };
  // One question may stand for two: both arms gave the same answer.
  const unique = new Map([...questions.values()].map((question) => [keyOfQuestion(question), question]));
  const judged = await keptVerdicts(deps, digest, [...unique.values()]);
  report.kept = judged.size;
  const open = [...unique.values()].filter((question) => !judged.has(keyOfQuestion(question)));
  try {
    if (open.length > 0) {
      if (!deps.judge) throw new RatchetError('JUDGE_UNAVAILABLE', 'JUDGE_URL is not set');
      const { timeoutMs, concurrency } = workload.evaluation;
      const judging: Judging = { name: `the judge of suite ${name}`, judge, digest, model: deps.judge, timeoutMs, concurrency, askedIn: asking.evaluationId, signal: asking.signal };
      await assertInOrder(deps, judging, { whose: "the suite's", all: judgeExamples(judge) });
      for (const [key, found] of await askAll(deps, judging, open)) judged.set(key, found);
      report.asked = open.length;
    }
    const of = (outcome: SuiteOutcome): Judged | undefined => {
      const question = questions.get(outcome);
      return question && judged.get(keyOfQuestion(question));
    };
    assertReadable([...questions.keys()].filter(({ arm }) => arm === 'current').map(of));
    report.unreadable = [...judged.values()].filter(({ reasonDigest }) => reasonDigest === null).length;
    report.differences = differencesOf([...questions.keys()], of);
    return { report, outcomes: outcomes.map((outcome) => (outcome.arm === 'base' || outcome.answerDigest === null ? outcome : { ...outcome, scores: { ...outcome.scores, judge: [of(outcome)?.passed ?? false] } })) };
  } catch (error) {
    if (!isJudgeError(error)) throw error;
    return { outcomes: [...outcomes], report: { ...report, absent: error.message } };
  }
}

/** What a judge says of one of its suite's examples; `found` is null where it cannot be read. */
export interface TriedExample {
  prompt: string | null;
  answer: string;
  wanted: boolean;
  found: JudgeVerdict | null;
}

/** The suite's examples asked anew, with nothing kept: for who writes a judge. */
export async function tryJudge(model: JudgeModel, judge: SuiteJudge, options: { timeoutMs: number }): Promise<TriedExample[]> {
  const tried: TriedExample[] = [];
  for (const question of judgeExamples(judge)) {
    const found = readVerdict(await model.ask(judgeRequest(judge, question), options));
    tried.push({ prompt: question.item.messages.map(textOf).join('') || null, answer: question.turns.map(({ text }) => text).join(''), wanted: question.passes, found });
  }
  return tried;
}

function assertReadable(current: readonly (Judged | undefined)[]): void {
  const unreadable = current.filter((found) => found?.reasonDigest === null).length;
  if (unreadable > current.length * MAX_UNREADABLE) throw new RatchetError('JUDGE_UNAVAILABLE', `the judge could not be read on ${unreadable} of ${current.length} answers of the current adapter`);
}

/** Those that count against the candidate first. */
function differencesOf(outcomes: readonly SuiteOutcome[], of: (outcome: SuiteOutcome) => Judged | undefined): JudgeReport['differences'] {
  const candidates = new Map(outcomes.filter(({ arm }) => arm === 'candidate').map((outcome) => [outcome.caseId, of(outcome)]));
  const found = outcomes.flatMap((outcome): JudgeReport['differences'] => {
    const [current, candidate] = [of(outcome), candidates.get(outcome.caseId)];
    if (outcome.arm !== 'current' || !current || !candidate || current.passed === candidate.passed) return [];
    return [{ caseId: outcome.caseId, ...(candidate.passed ? { change: 'gained' as const, reasonDigest: current.reasonDigest } : { change: 'lost' as const, reasonDigest: candidate.reasonDigest }) }];
  });
  return found.toSorted((a, b) => (a.change === b.change ? (a.caseId < b.caseId ? -1 : 1) : a.change === 'lost' ? -1 : 1)).slice(0, DIFFERENCES_KEPT);
}
