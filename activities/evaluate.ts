// Step 5: asks current and candidate the same cases on the engine that serves, interleaved under the same load; then the suites.
import { FinishReason, type Arm, type Digest, type EvalCase, type Outcome } from '../core/contracts/index.ts';
import { canonicalJson, digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import { byPrefix } from '../core/suites/order.ts';
import type { ServingTarget } from '../stores/ports.ts';
import { answerOf, buildOf, evaluationTarget, inFlight } from './asking.ts';
import { chatRequest } from './chat.ts';
import { now, type Deps, type RunRef } from './deps.ts';
import { askPastFailures, type PastFailures } from './past-failures.ts';
import type { EvaluationPlan } from './plan.ts';
import { openPool } from './replica-pool.ts';
import { readJsonBlob, readSettings, updateRun, type Settings } from './runs.ts';
import { scoreAnswer } from './score.ts';
import type { Touch } from './step.ts';
import { askSuites, type SuitesReport } from './suites.ts';

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
  /** Set where replicas apart from production's answered, and run another build than those. */
  otherEngine?: { evaluated: string; production: string } | null;
}

/** The document that the verdict names: what was asked, and what the suites came to. */
export interface Evaluation {
  schemaVersion: 1;
  evaluationId: Digest;
  runId: string;
  planDigest: Digest;
  candidateDigest: Digest;
  currentDigest: Digest | null;
  currentGeneration: number;
  engineBuild: string;
  /** Where evaluations have replicas of their own: what production runs. */
  productionBuild?: string;
  cases: number;
  outcomesDigest: Digest;
  selfDisagreement: number | null;
  /** Cases that were asked twice for it. */
  repeated?: number;
  suites?: SuitesReport;
  pastFailures?: PastFailures;
}

/**
 * Resumes where it stopped: an answer that is kept is not asked again. The cases of the primary test are always asked anew in
 * this evaluation, both arms under one load; only suites and past failures may use answers of earlier evaluations.
 */
export async function evaluate(deps: Deps, { run, planDigest, candidateDigest }: EvaluateInput, touch: Touch): Promise<EvaluateOutput> {
  await updateRun(deps, run.runId, { step: 'evaluate' });
  const settings = await readSettings(deps, run);
  const cases = await plannedCases(deps, await readJsonBlob<EvaluationPlan>(deps, planDigest));
  const { live: currentDigest, generation: currentGeneration } = await deps.store.ensureChannel(settings.workload.channel, now(deps));
  const loaded = [candidateDigest, ...(currentDigest === null || currentDigest === candidateDigest ? [] : [currentDigest])];
  const target = await openPool(deps, evaluationTarget(deps), loaded);
  const engineBuild = buildOf(await target.state());
  const productionBuild = deps.evaluation === undefined ? engineBuild : buildOf(await deps.target.state());
  // Another build is another evaluation, and so is another finding about a replica: nothing that was answered before counts.
  const evaluationId = digestOfJson({ candidate: candidateDigest, current: currentDigest, cases: cases.map((planned) => planned.caseDigest), runId: run.runId, engineBuild, ...(target.found === '' ? {} : { found: target.found }) });
  const adapters = { current: currentDigest, candidate: candidateDigest };

  const kept = await deps.store.outcomes(evaluationId);
  const questions = questionsOf(cases, new Set(kept.map((outcome) => keyOf(outcome.caseDigest, outcome.arm))));
  let asked = 0;
  const onAnswer = (): void => touch.report({ kept: kept.length, asked: ++asked, questions: questions.length });
  const repeats = await askAll(deps, settings, { evaluationId, engineBuild, target, adapters, questions, signal: touch.signal, onAnswer });

  const outcomes = (await deps.store.outcomes(evaluationId)).toSorted((a, b) => keyOf(a.caseDigest, a.arm).localeCompare(keyOf(b.caseDigest, b.arm)));
  if (outcomes.length < cases.length * 2) throw new RatchetError('EVALUATION_INCOMPLETE', `evaluation ${evaluationId} has ${outcomes.length} of ${cases.length * 2} answers`);
  const asking = { evaluationId, engineBuild, target, adapters, baseDigest: (await deps.store.adapter(candidateDigest))?.baseDigest ?? null, signal: touch.signal, onAnswer };
  const suites = await askSuites(deps, settings, asking);
  const pastFailures = await askPastFailures(deps, settings, run, asking);
  await target.assertStillApart();
  await deps.store.confirmEvaluation(evaluationId);
  // On production's replicas the night's other steps take it off; elsewhere nothing else would.
  if (deps.evaluation !== undefined) for (const adapter of loaded) await target.unload(adapter);

  const selfDisagreement = disagreement(outcomes, repeats);
  const outcomesDigest = await deps.blobs.put(Buffer.from(outcomes.map((outcome) => `${canonicalJson(outcome)}\n`).join('')));
  const evaluation: Evaluation = {
    schemaVersion: 1,
    evaluationId,
    runId: run.runId,
    planDigest,
    candidateDigest,
    currentDigest,
    currentGeneration,
    engineBuild,
    ...(deps.evaluation === undefined ? {} : { productionBuild }),
    cases: cases.length,
    outcomesDigest,
    selfDisagreement,
    repeated: repeats.size,
    ...(suites && { suites }),
    ...(pastFailures && { pastFailures }),
  };
  const evaluationDigest = await deps.store.putDocument('evaluation', evaluation);
  await deps.store.link([
    { fromKind: 'run', from: run.runId, relation: 'evaluated', toKind: 'evaluation', to: evaluationDigest },
    { fromKind: 'adapter', from: candidateDigest, relation: 'evaluated_in', toKind: 'evaluation', to: evaluationDigest },
  ]);
  const outputTokens = outcomes.reduce((sum, outcome) => sum + outcome.outputTokens, 0);
  const otherEngine = engineBuild === productionBuild ? null : { evaluated: engineBuild, production: productionBuild };
  return { schemaVersion: 1, evaluationId, evaluationDigest, currentDigest, currentGeneration, answers: outcomes.length, outputTokens, selfDisagreement, otherEngine };
}

/** What a verdict's evaluation came to. */
export async function readEvaluation(deps: Pick<Deps, 'store'>, digest: Digest): Promise<Evaluation | null> {
  const found = await deps.store.document(digest);
  return found?.kind === 'evaluation' ? (found.document as Evaluation) : null;
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

const keyOf = (caseDigest: Digest, arm: Arm): string => `${caseDigest} ${arm}`;

export async function plannedCases(deps: Pick<Deps, 'store'>, plan: EvaluationPlan): Promise<PlannedCase[]> {
  const pool = new Map((await deps.store.cases(plan.workload)).map((row) => [row.caseDigest, row.case]));
  return plan.cases.map(({ caseDigest, truth }) => {
    const document = pool.get(caseDigest);
    if (!document) throw new RatchetError('NOT_FOUND', `case ${caseDigest} is not in the pool of ${plan.workload}`);
    return { caseDigest, case: document, truth };
  });
}

/**
 * Both arms of a case follow each other; which goes first alternates, so that neither is always asked into the emptier engine.
 * Prompts that begin alike follow each other; the repeated ones are the first in draw order, whatever they ask.
 */
function questionsOf(cases: readonly PlannedCase[], known: ReadonlySet<string>): Question[] {
  const repeated = new Set(cases.slice(0, REPEATED_CASES).map(({ caseDigest }) => caseDigest));
  return byPrefix(cases, (planned) => planned.case).flatMap((planned, index) => {
    const arms: Arm[] = index % 2 === 0 ? ['current', 'candidate'] : ['candidate', 'current'];
    const first = arms.filter((arm) => !known.has(keyOf(planned.caseDigest, arm))).map((arm) => ({ planned, arm, repeat: false }));
    return repeated.has(planned.caseDigest) ? [...first, { planned, arm: 'current' as const, repeat: true }] : first;
  });
}

interface Asking {
  evaluationId: Digest;
  engineBuild: string;
  target: ServingTarget;
  adapters: Record<Arm, Digest | null>;
  questions: readonly Question[];
  signal: AbortSignal;
  onAnswer: () => void;
}

/** Asks all questions and keeps their outcomes. Returns the digests of the repeated answers by case. */
export async function askAll(deps: Deps, settings: Settings, asking: Asking): Promise<Map<Digest, Digest | null>> {
  const repeats = new Map<Digest, Digest | null>();
  const unsaved: Outcome[] = [];
  const save = async (least: number): Promise<void> => {
    if (unsaved.length >= least) await deps.store.saveOutcomes(unsaved.splice(0));
  };
  try {
    await inFlight(asking.questions, settings.workload.evaluation.concurrency, async (question) => {
      const outcome = await ask(deps, settings, asking, question);
      asking.onAnswer();
      if (question.repeat) repeats.set(question.planned.caseDigest, outcome.answerDigest);
      else unsaved.push(outcome);
      await save(SAVE_AT_ONCE);
    });
  } finally {
    await save(1);
  }
  return repeats;
}

async function ask(deps: Deps, settings: Settings, asking: Asking, { planned, arm }: Question): Promise<Outcome> {
  const { target, signal } = asking;
  const adapterDigest = asking.adapters[arm];
  const { timeoutMs } = settings.workload.evaluation;
  const startedMs = performance.now();
  const answer = await answerOf(target, adapterDigest, signal, () => target.chat(chatRequest(planned.case, adapterDigest), { timeoutMs, signal }));
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
