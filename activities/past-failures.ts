// Part of step 5: is it still fixed? Failures that earlier adapters learned from are asked again, for the report alone.
import type { Dataset, Digest, Example, FailureClass, RunRecord } from '../core/contracts/index.ts';
import { digestOfBytes } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import type { Suite, SuiteItem } from '../core/suites/suite.ts';
import type { StoredInteraction } from '../stores/ports.ts';
import type { Deps, RunRef } from './deps.ts';
import type { Settings } from './runs.ts';
import { askQuestions, questionsOf, type SuiteAsking } from './suites.ts';

/** Datasets are cumulative: the newest ones hold nearly everything that was ever learned. */
const DATASETS_LOOKED_AT = 20;

/** `broken_again`: the current adapter answers it rightly, the candidate does not. */
export type PastFailureState = 'fixed' | 'still_fixed' | 'still_broken' | 'broken_again';

export interface PastFailure {
  interactionDigest: Digest;
  failureClasses: FailureClass[];
  /** The run whose adapter learned from it first. */
  learnedIn: string;
  state: PastFailureState;
  /** Whether the candidate's answer equals the correction. */
  equalsCorrection: boolean;
}

export interface PastFailures {
  /** Failures that earlier adapters learned from, and those asked. */
  known: number;
  failures: PastFailure[];
  asked: number;
  kept: number;
  outputTokens: number;
  seconds: number;
}

interface Learned {
  example: Example;
  learnedIn: string;
}

/** null: no earlier adapter learned from any, or the workload wants none. */
export async function askPastFailures(deps: Deps, settings: Settings, run: RunRef, asking: SuiteAsking): Promise<PastFailures | null> {
  const { pastFailures: size } = settings.workload.evaluation;
  // Settings of a run from before there was this one have none.
  const learned = size > 0 ? await learnedFailures(deps, run) : [];
  const chosen = choose(learned, size);
  const items = (await Promise.all(chosen.map((each) => itemOf(deps, each)))).filter((item) => item !== null);
  if (items.length === 0) return null;
  const startedMs = performance.now();
  const suite: Suite = { name: 'past-failures', purpose: 'format', description: '', sample: null, sampling: {}, detectors: null, outputSchema: null, items };
  const { outcomes, asked, kept } = await askQuestions(deps, settings, asking, questionsOf(suite, items, asking.adapters, 0));
  const failures = chosen.flatMap(({ example, learnedIn }): PastFailure[] => {
    const { interactionDigest, failureClasses } = example.source;
    const of = (arm: 'current' | 'candidate') => outcomes.find((outcome) => outcome.caseId === interactionDigest && outcome.arm === arm);
    const [current, candidate] = [of('current'), of('candidate')];
    if (!current || !candidate) return [];
    const isRight = (outcome: typeof current): boolean => outcome.answerDigest !== null && outcome.failureClasses.length === 0;
    return [{ interactionDigest, failureClasses, learnedIn, state: stateOf(isRight(current), isRight(candidate)), equalsCorrection: candidate.scores['answer']?.[0] === true }];
  });
  const outputTokens = outcomes.filter(({ askedIn }) => askedIn === asking.evaluationId).reduce((sum, outcome) => sum + outcome.outputTokens, 0);
  return { known: learned.length, failures, asked, kept, outputTokens, seconds: (performance.now() - startedMs) / 1000 };
}

export function stateOf(current: boolean, candidate: boolean): PastFailureState {
  if (candidate) return current ? 'still_fixed' : 'fixed';
  return current ? 'broken_again' : 'still_broken';
}

/** Half of them the newest, half any of the others by a hash of their names: the same ones until new ones push them out. */
export function choose(learned: readonly Learned[], size: number): Learned[] {
  const newest = learned.slice(0, Math.ceil(size / 2));
  const rank = ({ example }: Learned): string => digestOfBytes(`past failure ${example.source.interactionDigest}`);
  const others = learned.slice(newest.length).toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  return [...newest, ...others].slice(0, size);
}

/** Newest first: by the run that learned from it first, then as it stands in the dataset. */
async function learnedFailures(deps: Pick<Deps, 'store' | 'blobs'>, run: RunRef): Promise<Learned[]> {
  const trained = (await deps.store.runs({ workload: run.workload, limit: 1000 }))
    .filter((other) => other.runId !== run.runId && other.adapterDigest !== null && other.datasetDigest !== null)
    .toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))
    .slice(0, DATASETS_LOOKED_AT);
  const found = new Map<Digest, Learned>();
  const order: Digest[] = [];
  // From the oldest on: who was first keeps it.
  for (const { runId, datasetDigest } of trained.toReversed()) {
    for (const example of await examplesOf(deps, datasetDigest)) {
      const { interactionDigest, correctionDigest } = example.source;
      if (correctionDigest === null || found.has(interactionDigest)) continue;
      found.set(interactionDigest, { example, learnedIn: runId });
      order.push(interactionDigest);
    }
  }
  return order.toReversed().flatMap((digest) => found.get(digest) ?? []);
}

async function examplesOf(deps: Pick<Deps, 'store' | 'blobs'>, datasetDigest: RunRecord['datasetDigest']): Promise<Example[]> {
  const document = datasetDigest === null ? null : await deps.store.document(datasetDigest);
  if (document?.kind !== 'dataset') return [];
  const { examplesDigest } = document.document as Dataset;
  if (!(await deps.blobs.has(examplesDigest))) return [];
  const lines = Buffer.from(await deps.blobs.get(examplesDigest)).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Example);
}

/** As production asked it; null where the record has been deleted since. */
async function itemOf(deps: Pick<Deps, 'store'>, { example }: Learned): Promise<SuiteItem | null> {
  const { interactionDigest } = example.source;
  let record: StoredInteraction | undefined;
  try {
    [record] = await deps.store.interactions([interactionDigest]);
  } catch (error) {
    if (!(error instanceof RatchetError && error.code === 'NOT_FOUND')) throw error;
  }
  if (!record) return null;
  const { messages, tools, outputSchema, responseFormat, sampling } = record.interaction;
  return {
    id: interactionDigest,
    cluster: record.clusterId,
    messages,
    turns: [],
    pair: null,
    ...(tools && { tools }),
    ...(outputSchema && { outputSchema }),
    ...(responseFormat && { responseFormat }),
    sampling,
    canaries: [],
    goals: [],
    expect: { answer: example.completion },
  };
}
