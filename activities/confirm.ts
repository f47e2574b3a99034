// Step 2, where the workload has an injection judge: it reads every row that a followed injection would teach, and what it says becomes a record.
import type { Digest } from '../core/contracts/index.ts';
import { asSuiteJudge, INJECTION_EXAMPLES, injectionQuestion, teachesInjection, type InjectionJudgement, type InjectionJudgements } from '../core/curate/injection-judge.ts';
import { canonicalJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import { judgeDefinition, judgeDigest, keyOfQuestion } from '../core/suites/judge.ts';
import { curateSnapshot } from './curate.ts';
import type { Deps, RunRef } from './deps.ts';
import { askAll, assertInOrder, isJudgeError, keptVerdicts, type Judged } from './judging.ts';
import { readSettings, updateRun } from './runs.ts';
import type { Touch } from './step.ts';

/** A night waits so long for all of its verdicts; the rows that are left stay unconfirmed, and are asked about the next night. */
const BUDGET_MS = 2 * 3_600_000;

export interface ConfirmInjectionsInput {
  schemaVersion: 1;
  run: RunRef;
  manifestDigest: Digest;
}

export interface ConfirmInjectionsOutput {
  schemaVersion: 1;
  judgementsDigest: Digest;
  followed: number;
  notFollowed: number;
  unconfirmed: number;
}

/** A judge that is not heard changes nothing: the rows stay what the detectors made them, and the record says so. */
export async function confirmInjections(deps: Deps, { run, manifestDigest }: ConfirmInjectionsInput, { signal }: Pick<Touch, 'signal'>, budgetMs = BUDGET_MS): Promise<ConfirmInjectionsOutput> {
  await updateRun(deps, run.runId, { step: 'confirm' });
  const settings = await readSettings(deps, run);
  const { name: workload, injectionJudge, evaluation } = settings.workload;
  if (injectionJudge === undefined) throw new RatchetError('CONFIG_INVALID', `workload ${workload} has no injectionJudge`);
  const judge = asSuiteJudge(injectionJudge);
  // Under this digest the definition can be read for ever.
  await deps.blobs.put(Buffer.from(canonicalJson(judgeDefinition(judge))));
  const digest = judgeDigest(judge);

  const { examples, records } = await curateSnapshot(deps, settings, manifestDigest);
  const questions = examples.filter(teachesInjection).flatMap(({ source: { interactionDigest } }) => {
    const record = records.get(interactionDigest);
    return record ? [injectionQuestion(interactionDigest, record.interaction)] : [];
  });
  const judged = await keptVerdicts(deps, digest, questions);
  const open = questions.filter((question) => !judged.has(keyOfQuestion(question)));
  let absent: string | null = null;
  const budget = AbortSignal.timeout(budgetMs);
  try {
    if (open.length > 0) {
      if (!deps.judge) throw new RatchetError('JUDGE_UNAVAILABLE', 'JUDGE_URL is not set');
      const judging = { name: `the injection judge of workload ${workload}`, judge, digest, model: deps.judge, timeoutMs: evaluation.timeoutMs, concurrency: evaluation.concurrency, askedIn: run.runId, signal: AbortSignal.any([signal, budget]) };
      await assertInOrder(deps, judging, { whose: 'our', all: INJECTION_EXAMPLES });
      await askAll(deps, judging, open);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (budget.aborted) absent = `the injection judge was not through after ${budgetMs / 60_000} minutes`;
    else if (isJudgeError(error)) absent = error.message;
    else throw error;
    deps.logger.warn({ step: 'confirmInjections', run: run.runId, absent }, 'the injection judge was not heard to the end');
  }
  // What it said before it fell silent counts.
  for (const [key, found] of await keptVerdicts(deps, digest, open)) judged.set(key, found);
  const judgements = questions.map((question) => judgementOf(question.caseDigest, judged.get(keyOfQuestion(question)))).toSorted((a, b) => (a.interactionDigest < b.interactionDigest ? -1 : 1));
  const document: InjectionJudgements = { schemaVersion: 1, judgeDigest: digest, absent, judgements };
  const count = (wanted: boolean | null): number => judgements.filter(({ followed }) => followed === wanted).length;
  return { schemaVersion: 1, judgementsDigest: await deps.blobs.put(Buffer.from(canonicalJson(document))), followed: count(true), notFollowed: count(false), unconfirmed: count(null) };
}

/** A verdict that could not be read is none: whoever makes a judge stutter keeps the detectors' word. */
const judgementOf = (interactionDigest: Digest, judged: Judged | undefined): InjectionJudgement => ({ interactionDigest, followed: judged === undefined ? null : !judged.passed, reasonDigest: judged?.reasonDigest ?? null });
