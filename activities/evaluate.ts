// Step 5: asks current and candidate the same cases on the engine that serves, interleaved under the same load.
import { FinishReason, type Arm, type Digest, type EvalCase, type Outcome } from '../core/contracts/index.ts';
import { canonicalJson, digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import type { ChatAnswer } from '../stores/ports.ts';
import { chatRequest } from './chat.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import type { EvaluationPlan } from './plan.ts';
import { readJsonBlob, readSettings, updateRun, type Settings } from './runs.ts';
import { scoreAnswer } from './score.ts';
import { assertServed } from './serve.ts';
import type { Touch } from './step.ts';

const SAVE_AT_ONCE = 8;
/** Cases of which the current adapter is asked a second time, to see how much batching alone changes. */
const REPEATED_CASES = 10;

export interface EvaluateInput {
  schemaVersion: 1;
  run: RunRef;
  planDigest: Digest;
  candidateDigest: Digest;
}

export interface EvaluateOutput {
  schemaVersion: 1;
  evaluationId: Digest;
  evaluationDigest: Digest;
  currentDigest: Digest | null;
  currentGeneration: number;
  answers: number;
  outputTokens: number;
  selfDisagreement: number | null;
}

interface PlannedCase {
  caseDigest: Digest;
  case: EvalCase;
  truth: string | null;
}

interface Question {
  planned: PlannedCase;
  arm: Arm;
  repeat: boolean;
}

/** Resumes where it stopped: an answer that is kept is not asked again. */
export async function evaluate(deps: Deps, { run, planDigest, candidateDigest }: EvaluateInput, touch: Touch): Promise<EvaluateOutput> {
  await updateRun(deps, run.runId, { step: 'evaluate' });
  const settings = await readSettings(deps, run);
  const cases = await plannedCases(deps, await readJsonBlob<EvaluationPlan>(deps, planDigest));
  const { live: currentDigest, generation: currentGeneration } = await deps.store.ensureChannel(settings.workload.channel, now(deps));
  const evaluationId = digestOfJson({ candidate: candidateDigest, current: currentDigest, cases: cases.map((planned) => planned.caseDigest), runId: run.runId });
  const adapters = { current: currentDigest, candidate: candidateDigest };

  const kept = await deps.store.outcomes(evaluationId);
  const questions = questionsOf(cases, new Set(kept.map((outcome) => keyOf(outcome.caseDigest, outcome.arm))));
  const loaded = [candidateDigest, ...(currentDigest === null || currentDigest === candidateDigest ? [] : [currentDigest])];
  for (const adapter of loaded) await deps.target.load(adapter);
  await deps.target.checkIsolation(loaded);
  const engineBuild = [...new Set((await deps.target.state()).map((replica) => replica.engineBuild))].join(' ');
  let asked = 0;
  const onAnswer = (): void => touch.report({ kept: kept.length, asked: ++asked, questions: questions.length });
  const repeats = await askAll(deps, settings, { evaluationId, engineBuild, adapters, questions, signal: touch.signal, onAnswer });

  const outcomes = (await deps.store.outcomes(evaluationId)).toSorted((a, b) => keyOf(a.caseDigest, a.arm).localeCompare(keyOf(b.caseDigest, b.arm)));
  if (outcomes.length < cases.length * 2) throw new RatchetError('EVALUATION_INCOMPLETE', `evaluation ${evaluationId} has ${outcomes.length} of ${cases.length * 2} answers`);
  const selfDisagreement = disagreement(outcomes, repeats);
  const outcomesDigest = await deps.blobs.put(Buffer.from(outcomes.map((outcome) => `${canonicalJson(outcome)}\n`).join('')));
  const evaluationDigest = await deps.store.putDocument('evaluation', {
    schemaVersion: 1,
    evaluationId,
    runId: run.runId,
    planDigest,
    candidateDigest,
    currentDigest,
    currentGeneration,
    engineBuild,
    cases: cases.length,
    outcomesDigest,
    selfDisagreement,
  });
  await deps.store.link([
    { fromKind: 'run', from: run.runId, relation: 'evaluated', toKind: 'evaluation', to: evaluationDigest },
    { fromKind: 'adapter', from: candidateDigest, relation: 'evaluated_in', toKind: 'evaluation', to: evaluationDigest },
  ]);
  const outputTokens = outcomes.reduce((sum, outcome) => sum + outcome.outputTokens, 0);
  return { schemaVersion: 1, evaluationId, evaluationDigest, currentDigest, currentGeneration, answers: outcomes.length, outputTokens, selfDisagreement };
}

const keyOf = (caseDigest: Digest, arm: Arm): string => `${caseDigest} ${arm}`;

async function plannedCases(deps: Pick<Deps, 'store'>, plan: EvaluationPlan): Promise<PlannedCase[]> {
  const pool = new Map((await deps.store.cases(plan.workload)).map((row) => [row.caseDigest, row.case]));
  return plan.cases.map(({ caseDigest, truth }) => {
    const document = pool.get(caseDigest);
    if (!document) throw new RatchetError('NOT_FOUND', `case ${caseDigest} is not in the pool of ${plan.workload}`);
    return { caseDigest, case: document, truth };
  });
}

/** Both arms of a case follow each other; which goes first alternates, so that neither is always asked into the emptier engine. */
function questionsOf(cases: readonly PlannedCase[], known: ReadonlySet<string>): Question[] {
  return cases.flatMap((planned, index) => {
    const arms: Arm[] = index % 2 === 0 ? ['current', 'candidate'] : ['candidate', 'current'];
    const first = arms.filter((arm) => !known.has(keyOf(planned.caseDigest, arm))).map((arm) => ({ planned, arm, repeat: false }));
    return index < REPEATED_CASES ? [...first, { planned, arm: 'current' as const, repeat: true }] : first;
  });
}

interface Asking {
  evaluationId: Digest;
  engineBuild: string;
  adapters: Record<Arm, Digest | null>;
  questions: readonly Question[];
  signal: AbortSignal;
  onAnswer: () => void;
}

/** Keeps `concurrency` questions in flight until none is left. Returns the digests of the repeated answers by case. */
async function askAll(deps: Deps, settings: Settings, asking: Asking): Promise<Map<Digest, Digest | null>> {
  const repeats = new Map<Digest, Digest | null>();
  const unsaved: Outcome[] = [];
  const save = async (least: number): Promise<void> => {
    if (unsaved.length >= least) await deps.store.saveOutcomes(unsaved.splice(0));
  };
  let next = 0;
  let stopped = false;
  const worker = async (): Promise<void> => {
    while (!stopped && next < asking.questions.length) {
      const question = asking.questions[next++];
      if (!question) return;
      const outcome = await ask(deps, settings, asking, question);
      asking.onAnswer();
      if (question.repeat) repeats.set(question.planned.caseDigest, outcome.answerDigest);
      else unsaved.push(outcome);
      await save(SAVE_AT_ONCE);
    }
  };
  const pool = Array.from({ length: settings.workload.evaluation.concurrency }, () =>
    worker().catch((error: unknown) => {
      stopped = true;
      throw error;
    }),
  );
  const ends = await Promise.allSettled(pool);
  await save(1);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  return repeats;
}

async function ask(deps: Deps, settings: Settings, asking: Asking, { planned, arm }: Question): Promise<Outcome> {
  const adapterDigest = asking.adapters[arm];
  const { timeoutMs } = settings.workload.evaluation;
  const startedMs = performance.now();
  let answer: ChatAnswer | null;
  try {
    answer = await deps.target.chat(chatRequest(planned.case, adapterDigest), { timeoutMs, signal: asking.signal });
  } catch (error) {
    // Only a live engine's failure to answer is the arm's own; a dead engine is nobody's and is waited for.
    asking.signal.throwIfAborted();
    if (error instanceof RatchetError && error.code === 'UNAUTHORIZED') throw error;
    await assertServed(deps.target, adapterDigest);
    answer = null;
  }
  const common = {
    schemaVersion: 1 as const,
    evaluationId: asking.evaluationId,
    caseDigest: planned.caseDigest,
    clusterId: planned.case.clusterId,
    arm,
    adapterDigest,
    engineBuild: asking.engineBuild,
  };
  if (answer === null) {
    const equalsTruth = planned.truth === null ? null : false;
    return { ...common, answerDigest: null, finishReason: 'error', failureClasses: [], equalsTruth, pass: false, latencyMs: performance.now() - startedMs, outputTokens: 0 };
  }
  const finishReason = FinishReason.safeParse(answer.finishReason).data ?? 'error';
  const answerDigest = await deps.blobs.put(Buffer.from(answer.toolCalls === undefined ? answer.text : canonicalJson({ text: answer.text, toolCalls: answer.toolCalls })));
  const score = scoreAnswer(settings, planned.case, { ...answer, finishReason }, planned.truth);
  return { ...common, answerDigest, finishReason, ...score, latencyMs: answer.latencyMs, outputTokens: answer.outputTokens };
}

/** Share of the repeated cases that the current adapter answered differently the second time; null when none was repeated. */
function disagreement(outcomes: readonly Outcome[], repeats: ReadonlyMap<Digest, Digest | null>): number | null {
  if (repeats.size === 0) return null;
  const first = new Map(outcomes.filter((outcome) => outcome.arm === 'current').map((outcome) => [outcome.caseDigest, outcome.answerDigest]));
  return [...repeats].filter(([caseDigest, answer]) => first.get(caseDigest) !== answer).length / repeats.size;
}
