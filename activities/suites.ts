// Part of step 5: asks the suites of current, candidate and base. An answer that an adapter has given on this engine build is not asked for again.
import { FinishReason, SuiteOutcome, type Arm, type Digest, type Guard, type SuiteArm } from '../core/contracts/index.ts';
import { clusterIdOf } from '../core/curate/cluster.ts';
import { canonicalJson, digestOfJson } from '../core/digest.ts';
import type { SuiteJudgements, SuitePairs } from '../core/gate/guards.ts';
import { scoreItem, settingsFor, type CheckSettings, type Given, type Turn } from '../core/suites/check.ts';
import { byPrefix } from '../core/suites/order.ts';
import { pairSuites } from '../core/suites/pairs.ts';
import { suiteGuardPlans } from '../core/suites/plan.ts';
import { questionDigest, sampleOf, type Suite, type SuiteItem } from '../core/suites/suite.ts';
import { summarise, type ArmSummary } from '../core/suites/summary.ts';
import type { KeptAnswer, ServingTarget } from '../stores/ports.ts';
import { answerOf, inFlight } from './asking.ts';
import { chatRequest } from './chat.ts';
import type { Deps } from './deps.ts';
import { readJsonBlob, readJsonLines, type Settings } from './runs.ts';
import { judgeOutcomes, type JudgeReport } from './suite-judge.ts';

const KEEP_AT_ONCE = 8;

export interface SuiteAsking {
  evaluationId: Digest;
  engineBuild: string;
  target: ServingTarget;
  adapters: Record<Arm, Digest | null>;
  /** Of the base model's weights: what answers without an adapter is kept under it. */
  baseDigest: Digest | null;
  signal: AbortSignal;
  onAnswer: () => void;
}

export interface SuiteReport {
  name: string;
  purpose: string;
  description: string;
  /** Cases asked, and cases of the suite. */
  cases: number;
  of: number;
  /** Cases whose prompt's cluster is on the training side: asked of nobody, so that nothing trained on raises a score. */
  trainingSide: string[];
  arms: ArmSummary[];
  /** For each guard on it: clusters that a harmless candidate needs to pass with the policy's power, and those at hand. */
  guards: { id: string; wanted: number | null; clusters: number }[];
  /** Suites without a judge, and reports from before there were any, have none. */
  judge?: JudgeReport;
}

export interface SuitesReport {
  suites: SuiteReport[];
  /** JSONL of SuiteOutcome. */
  outcomesDigest: Digest;
  asked: number;
  kept: number;
  outputTokens: number;
  seconds: number;
}

/** null: the workload has no suites. */
export async function askSuites(deps: Deps, settings: Settings, asking: SuiteAsking): Promise<SuitesReport | null> {
  const { suites = [], workload } = settings;
  if (suites.length === 0) return null;
  const startedMs = performance.now();
  const trained = new Set((await deps.store.ledger(workload.name)).filter(({ side }) => side === 'train').map(({ clusterId }) => clusterId));
  const isTrained = (item: SuiteItem): boolean => item.pair === null && trained.has(clusterIdOf(item.turns.length > 0 ? [...item.messages, { role: 'user', parts: [{ text: item.turns.at(-1) ?? '', trusted: true }] }] : item.messages));
  const chosen = suites.map((suite) => {
    const sampled = sampleOf(suite, suite.sample);
    return { suite, items: sampled.filter((item) => !isTrained(item)), trainingSide: sampled.filter(isTrained).map(({ id }) => id) };
  });
  const questions = chosen.flatMap(({ suite, items }) => questionsOf(suite, items, asking.adapters, workload.evaluation.baseSample));
  const { outcomes: checked, asked, kept } = await askQuestions(deps, settings, asking, questions);
  const { outcomes, reports } = await judged(deps, settings, asking, chosen, checked);
  return {
    suites: chosen.map(({ suite, items, trainingSide }) => {
      const own = outcomes.filter((outcome) => outcome.suite === suite.name);
      const arms = (['current', 'candidate', 'base'] as const).filter((arm) => own.some((outcome) => outcome.arm === arm)).map((arm) => summarise(arm, own.filter((outcome) => outcome.arm === arm)));
      const guards: readonly Guard[] = workload.gate.guards;
      const judge = reports.get(suite.name);
      return { name: suite.name, purpose: suite.purpose, description: suite.description, cases: items.length, of: suite.items.length, trainingSide, arms, guards: suiteGuardPlans(workload.gate, guards, suite, items), ...(judge && { judge }) };
    }),
    outcomesDigest: await deps.blobs.put(Buffer.from(outcomes.map((outcome) => `${canonicalJson(outcome)}\n`).join(''))),
    asked,
    kept,
    outputTokens: outcomes.filter(({ askedIn }) => askedIn === asking.evaluationId).reduce((sum, { outputTokens }) => sum + outputTokens, 0),
    seconds: (performance.now() - startedMs) / 1000,
  };
}

/** The outcomes once the suites' judges have looked at them, suite by suite. */
async function judged(deps: Deps, settings: Settings, asking: SuiteAsking, chosen: readonly { suite: Suite; items: SuiteItem[] }[], checked: readonly SuiteOutcome[]): Promise<{ outcomes: SuiteOutcome[]; reports: Map<string, JudgeReport> }> {
  const reports = new Map<string, JudgeReport>();
  let outcomes = [...checked];
  for (const { suite: { name, judge }, items } of chosen) {
    if (judge === undefined) continue;
    const found = await judgeOutcomes(deps, settings, asking, { name, judge }, items, outcomes.filter(({ suite }) => suite === name));
    outcomes = [...outcomes.filter(({ suite }) => suite !== name), ...found.outcomes];
    reports.set(name, found.report);
  }
  return { outcomes, reports };
}

/** Which judges stand behind the guards with metric `judge`, and whether they were heard. */
export const judgementsOf = (report: SuitesReport | undefined): SuiteJudgements => new Map((report?.suites ?? []).flatMap(({ name, judge }) => (judge ? [[name, judge] as const] : [])));

/** What the guards on suites are judged by. */
export async function readSuitePairs(deps: Pick<Deps, 'blobs'>, report: SuitesReport | undefined): Promise<SuitePairs> {
  if (report === undefined) return new Map();
  return pairSuites((await readJsonLines(deps.blobs, report.outcomesDigest)).map((line) => SuiteOutcome.parse(line)));
}

export interface SuiteQuestion {
  suite: Suite;
  item: SuiteItem;
  arm: SuiteArm;
  adapterDigest: Digest | null;
}

/** Prompts that begin alike follow each other, both arms of a case too; the base is asked of a part. Where the base is live it is the current arm. */
export function questionsOf(suite: Suite, items: readonly SuiteItem[], adapters: Record<Arm, Digest | null>, baseSample: number): SuiteQuestion[] {
  const forBase = new Set(adapters.current === null || baseSample === 0 ? [] : sampleOf({ name: suite.name, items: [...items] }, baseSample).map(({ id }) => id));
  return byPrefix(items, ({ messages, tools, pair }) => ({ messages: pair === null ? messages : [{ role: 'user', parts: [{ text: pair.prompt + pair.right, trusted: true }] }], tools })).flatMap((item, index) => {
    const arms: SuiteArm[] = index % 2 === 0 ? ['current', 'candidate'] : ['candidate', 'current'];
    return [...arms, ...(forBase.has(item.id) ? (['base'] as const) : [])].map((arm) => ({ suite, item, arm, adapterDigest: arm === 'base' ? null : adapters[arm] }));
  });
}

/** Outcomes in the order of the questions. Answers are kept, failures to answer are not: a retry asks for those again. */
export async function askQuestions(deps: Deps, settings: Settings, asking: SuiteAsking, questions: readonly SuiteQuestion[]): Promise<{ outcomes: SuiteOutcome[]; asked: number; kept: number }> {
  const known = await knownAnswers(deps, asking, questions);
  const unsaved: KeptAnswer[] = [];
  const save = async (least: number): Promise<void> => {
    if (unsaved.length >= least) await deps.store.keepAnswers(unsaved.splice(0));
  };
  // One question may stand for two: the same prompt in two suites, or the base as current arm.
  const open = new Map<string, SuiteQuestion>();
  for (const question of questions) if (!known.has(nameOf(question, asking))) open.set(nameOf(question, asking), question);
  const given = new Map<string, KeptAnswer | null>(known);
  try {
    await inFlight([...open], settings.workload.evaluation.concurrency, async ([name, question]) => {
      const answer = await ask(deps, settings, asking, question);
      given.set(name, answer);
      asking.onAnswer();
      if (answer) unsaved.push(answer);
      await save(KEEP_AT_ONCE);
    });
  } finally {
    await save(1);
  }
  const checkers = new Map<Suite, CheckSettings>();
  const outcomes: SuiteOutcome[] = [];
  for (const question of questions) {
    const { suite } = question;
    const checker = checkers.get(suite) ?? settingsFor(suite, { detectors: settings.workload.detectors, outputSchema: settings.outputSchema });
    checkers.set(suite, checker);
    outcomes.push(await outcomeOf(deps, question, given.get(nameOf(question, asking)) ?? null, checker, asking.evaluationId));
  }
  return { outcomes, asked: open.size, kept: known.size };
}

const samplingOf = ({ suite, item }: SuiteQuestion) => item.sampling ?? suite.sampling;
const samplingDigest = (question: SuiteQuestion, { baseDigest, target }: SuiteAsking): Digest => digestOfJson({ sampling: samplingOf(question), base: baseDigest ?? target.baseModel });
/** Of the questions that one look into the store finds together. */
const groupOf = (question: SuiteQuestion, asking: SuiteAsking): string => `${question.adapterDigest} ${samplingDigest(question, asking)}`;
const nameOf = (question: SuiteQuestion, asking: SuiteAsking): string => `${groupOf(question, asking)} ${questionDigest(question.item)}`;

async function knownAnswers(deps: Pick<Deps, 'store'>, asking: SuiteAsking, questions: readonly SuiteQuestion[]): Promise<Map<string, KeptAnswer>> {
  const groups = new Map<string, SuiteQuestion[]>();
  for (const question of questions) {
    const group = groupOf(question, asking);
    groups.set(group, [...(groups.get(group) ?? []), question]);
  }
  const known = new Map<string, KeptAnswer>();
  for (const [group, [first, ...others]] of groups) {
    if (!first) continue;
    const questionDigests = [...new Set([first, ...others].map(({ item }) => questionDigest(item)))];
    const answers = await deps.store.keptAnswers({ adapterDigest: first.adapterDigest, engineBuild: asking.engineBuild, samplingDigest: samplingDigest(first, asking), evaluationId: asking.evaluationId, questionDigests });
    for (const answer of answers) known.set(`${group} ${answer.questionDigest}`, answer);
  }
  return known;
}

async function ask(deps: Deps, settings: Settings, asking: SuiteAsking, question: SuiteQuestion): Promise<KeptAnswer | null> {
  const { target, signal, engineBuild, evaluationId } = asking;
  const { item, adapterDigest } = question;
  const options = { timeoutMs: settings.workload.evaluation.timeoutMs, signal };
  const answer = await answerOf(target, adapterDigest, signal, () => (item.pair === null ? session(target, question, options) : comparison(target, item.pair, adapterDigest, options)));
  if (answer === null) return null;
  const answerDigest = await deps.blobs.put(Buffer.from(canonicalJson(answer.given)));
  return { adapterDigest, engineBuild, samplingDigest: samplingDigest(question, asking), questionDigest: questionDigest(item), askedIn: evaluationId, answerDigest, latencyMs: answer.latencyMs, outputTokens: answer.outputTokens };
}

interface Answer {
  given: Given;
  latencyMs: number;
  outputTokens: number;
}

type AskOptions = { timeoutMs: number; signal: AbortSignal };

/** One turn after the other: the model answers to what it said before. */
async function session(target: ServingTarget, question: SuiteQuestion, options: AskOptions): Promise<Answer> {
  const { item, adapterDigest } = question;
  const { tools, responseFormat } = item;
  const messages = [...item.messages];
  const turns: Turn[] = [];
  let [latencyMs, outputTokens] = [0, 0];
  for (const said of item.turns.length > 0 ? item.turns : [null]) {
    if (said !== null) messages.push({ role: 'user', parts: [{ text: said, trusted: true }] });
    const answer = await target.chat(chatRequest({ messages, sampling: samplingOf(question), ...(tools && { tools }), ...(responseFormat && { responseFormat }) }, adapterDigest), options);
    const { text, toolCalls } = answer;
    turns.push({ text, ...(toolCalls && { toolCalls }), finishReason: FinishReason.safeParse(answer.finishReason).data ?? 'error' });
    messages.push({ role: 'assistant', parts: [{ text, trusted: true }], ...(toolCalls && { toolCalls }) });
    latencyMs += answer.latencyMs;
    outputTokens += answer.outputTokens;
  }
  return { given: { turns }, latencyMs, outputTokens };
}

/** Both texts at once, whole: the part that they share adds the same to both. */
async function comparison(target: ServingTarget, { prompt, right, wrong }: NonNullable<SuiteItem['pair']>, adapter: Digest | null, options: AskOptions): Promise<Answer> {
  const [good, bad] = await Promise.all([prompt + right, prompt + wrong].map((text) => target.logprob({ adapter, text }, options)));
  return { given: { right: good?.logprob ?? -Infinity, wrong: bad?.logprob ?? -Infinity }, latencyMs: Math.max(good?.latencyMs ?? 0, bad?.latencyMs ?? 0), outputTokens: 0 };
}

async function outcomeOf(deps: Pick<Deps, 'blobs'>, { suite, item, arm, adapterDigest }: SuiteQuestion, answer: KeptAnswer | null, checker: CheckSettings, evaluationId: Digest): Promise<SuiteOutcome> {
  const common = { schemaVersion: 1 as const, suite: suite.name, caseId: item.id, cluster: item.cluster, arm, adapterDigest };
  if (answer === null) return { ...common, askedIn: evaluationId, answerDigest: null, finishReason: 'error', failureClasses: [], scores: {}, latencyMs: 0, outputTokens: 0 };
  const { askedIn, answerDigest, latencyMs, outputTokens } = answer;
  const given = await readJsonBlob<Given>(deps, answerDigest);
  const finishReason = 'turns' in given ? (given.turns.at(-1)?.finishReason ?? 'error') : 'stop';
  return { ...common, askedIn, answerDigest, finishReason, ...scoreItem(suite.purpose, item, given, checker), latencyMs, outputTokens };
}
