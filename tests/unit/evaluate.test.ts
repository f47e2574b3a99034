// Step 5 over real stores and a stand-in engine: suites beside the test, what is asked again and what is not, guards, past failures, the report.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { curateDataset } from '../../activities/curate.ts';
import type { Deps } from '../../activities/deps.ts';
import { evaluate, readEvaluation, type EvaluateOutput } from '../../activities/evaluate.ts';
import { judge, reserveDecision } from '../../activities/judge.ts';
import { choose, stateOf } from '../../activities/past-failures.ts';
import { planRun } from '../../activities/plan.ts';
import { registerAdapter } from '../../activities/register.ts';
import { finishRun, type RunReport } from '../../activities/report.ts';
import { claimRun } from '../../activities/runs.ts';
import { takeSnapshot } from '../../activities/snapshot.ts';
import type { Digest, Example } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { judgeDigest } from '../../core/suites/judge.ts';
import { RatchetError } from '../../core/errors.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import { openKeys } from '../../stores/keys.ts';
import type { MetadataStore, ServingTarget } from '../../stores/ports.ts';
import { createRedactors } from '../../stores/redactors.ts';
import { createJudge } from '../../stores/judge.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';
import { readWorkload, type LoadedWorkload } from '../../stores/workloads.ts';
import { SECRET, seed, standInTrainer, writeWorkload } from '../support/pipeline-world.ts';
import { standInTarget, type StandInTarget } from '../support/stand-in-target.ts';
import { startStubJudge, STUB_JUDGE } from '../support/stub-judge.ts';

const CASES = 12;
const REPEATED = 10;
const SUITE_CASES = 6;
const PAIRS = 4;

let dir: string;
let store: MetadataStore;
let engine: StandInTarget;
let deps: Deps;
let loaded: LoadedWorkload;
let clock = 0;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-evaluate-'));
  store = await openMetadataStore(join(dir, 'ratchet.db'));
  engine = standInTarget(join(dir, 'engine'));
  clock = Date.parse('2026-01-01T02:00:00.000Z');
  deps = {
    store, blobs: await openBlobStore(join(dir, 'blobs')), target: engine, workloads: new Map(), redactors: createRedactors(await openKeys(join(dir, 'keys.json'))), clock: () => new Date(clock++), home: dir,
    logger: { info: () => undefined, warn: () => undefined }, gpu: { taskQueue: 'gpu', scheduleToStartMs: 1 }, busyOn: async () => null, replicaWaitMs: 0, faultPoint: () => undefined, observe: () => undefined, notifier: null, startNight: async () => 'started', cancelWorkflow: async () => undefined,
  };
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true });
});

const ticketCase = (word: string): string => `  - { id: ${word}, messages: [{ role: user, content: 'please file ticket suited ${word}' }], expect: { fields: { /ticket: 'ticket suited ${word}' } } }`;
const WORDS = ['anvil', 'bramble', 'candle', 'dune', 'ember', 'flint'];

/** A workload with two suites; `gate` are more guards, as YAML. */
async function addWorkload(guards = '', extra = ''): Promise<void> {
  const folder = join(dir, 'workloads');
  await writeWorkload(folder, 'suited');
  writeFileSync(join(folder, 'format.yaml'), ['apiVersion: ratchet.dev/v1', 'suite: forms', 'purpose: format', 'cases:', ...WORDS.map(ticketCase)].join('\n'));
  writeFileSync(join(folder, 'pairs.yaml'), ['apiVersion: ratchet.dev/v1', 'suite: pairs', 'purpose: general_ability', 'cases:', ...Array.from({ length: PAIRS }, (_, n) => `  - { id: pair-${n}, pair: { prompt: 'number ${n} ', right: 'right.', wrong: 'wrong.' } }`)].join('\n'));
  const file = join(folder, 'suited.yaml');
  if (guards !== '') writeFileSync(file, readFileSync(file, 'utf8').replace(/^gate: \{ (.*) \}$/m, `gate: { $1, guards: [${guards}] }`));
  appendFileSync(file, `\nsuites: [format.yaml, pairs.yaml]\n${extra}`);
  loaded = await readWorkload(file);
  deps.workloads = new Map([['suited', loaded]]);
  await seed(store, loaded, { corrected: 8, cases: 14 });
}

const touch = { signal: new AbortController().signal, report: () => undefined };

/** A night up to its evaluation. */
async function prepared(runId: string) {
  const { run } = await claimRun(deps, { schemaVersion: 1, workload: 'suited', runId, temporalRunId: runId });
  const { manifestDigest } = await takeSnapshot(deps, { schemaVersion: 1, run });
  const plan = await planRun(deps, { schemaVersion: 1, run, manifestDigest });
  expect(plan.skip).toBeNull();
  const { datasetDigest, training } = await curateDataset(deps, { schemaVersion: 1, run, manifestDigest });
  const trained = await standInTrainer(deps.blobs).trainAdapter(training);
  const { adapterDigest: candidateDigest } = await registerAdapter(deps, { schemaVersion: 1, run, adapterDigest: trained.adapterDigest, datasetDigest });
  await reserveDecision(deps, { schemaVersion: 1, run });
  const { planDigest } = plan;
  return { run, datasetDigest, candidateDigest, planDigest, input: { schemaVersion: 1 as const, run, planDigest, candidateDigest } };
}

async function night(runId: string) {
  const ready = await prepared(runId);
  const evaluation = await evaluate(deps, ready.input, touch);
  const verdict = await judge(deps, { schemaVersion: 1, run: ready.run, planDigest: ready.planDigest, datasetDigest: ready.datasetDigest, candidateDigest: ready.candidateDigest, evaluation });
  const document = await readEvaluation(deps, evaluation.evaluationDigest);
  if (!document) throw new Error('no evaluation');
  return { ...ready, evaluation, verdict, document };
}

const promoted = async (candidate: Digest): Promise<void> => {
  const { generation } = await store.ensureChannel('suited/production', new Date(clock).toISOString());
  await store.swapChannel({ channel: 'suited/production', expectedGeneration: generation, live: candidate, action: 'promoted', by: 'test', reason: 'test', verdictDigest: null, approvalDigest: null, time: new Date(clock).toISOString() });
};

const askedBy = (from = 0): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { adapter } of engine.questions().slice(from)) counts[adapter] = (counts[adapter] ?? 0) + 1;
  return counts;
};

describe('suites', () => {
  test('are asked of both arms beside the cases, reported, and never part of the test', async () => {
    await addWorkload();
    const { document, verdict, candidateDigest } = await night('night-1');
    expect(verdict.decision).toBe('promote');
    expect(document).toMatchObject({ cases: CASES, repeated: REPEATED });
    expect(document.suites).toMatchObject({ asked: 2 * (SUITE_CASES + PAIRS), kept: 0 });
    const [forms, pairs] = document.suites!.suites;
    expect(forms).toMatchObject({ name: 'forms', cases: SUITE_CASES, of: SUITE_CASES, trainingSide: [] });
    expect(forms!.arms.map(({ arm, rates }) => [arm, rates['pass']!.good, rates['fields']!.good])).toEqual([['current', 0, 0], ['candidate', SUITE_CASES, SUITE_CASES]]);
    expect(pairs!.arms.map(({ arm, rates }) => [arm, rates['pass']!.good])).toEqual([['current', 0], ['candidate', PAIRS]]);
    // Each pair is two texts; the base is the current arm and is not asked again as base.
    expect(askedBy()).toEqual({ base: CASES + REPEATED + SUITE_CASES + 2 * PAIRS, [candidateDigest]: CASES + SUITE_CASES + 2 * PAIRS });
    expect(await store.verdict(verdict.verdictDigest)).toMatchObject({ n: CASES, plannedN: CASES });
    expect(await store.outcomes(document.evaluationId)).toHaveLength(2 * CASES);
  });

  test('what was answered is not asked again: by a retry, by the next night’s current arm, by the base', async () => {
    await addWorkload();
    const first = await night('night-1');
    await promoted(first.candidateDigest);
    await seed(store, loaded, { corrected: 8, cases: 14, from: 100 });
    const before = engine.questions().length;
    const second = await night('night-2');
    // The live adapter was the first night's candidate, the base its current arm.
    expect(second.document.suites).toMatchObject({ asked: SUITE_CASES + PAIRS, kept: 2 * (SUITE_CASES + PAIRS) });
    expect(second.document.suites!.suites[0]!.arms.map(({ arm }) => arm)).toEqual(['current', 'candidate', 'base']);
    const learned = second.document.pastFailures!;
    expect(learned).toMatchObject({ known: 8, kept: 0 });
    // The cases of the test are asked of both arms, whatever is kept.
    expect(askedBy(before)).toEqual({ [first.candidateDigest]: CASES + REPEATED + 8, [second.candidateDigest]: CASES + SUITE_CASES + 2 * PAIRS + 8 });
    expect(learned.failures.map(({ state }) => state)).toEqual(Array.from({ length: 8 }, () => 'still_fixed'));
    expect(learned.failures.every(({ equalsCorrection, learnedIn }) => equalsCorrection && learnedIn === 'night-1')).toBe(true);
  });

  test('an engine that dies is waited for, and only what is missing is asked afterwards', async () => {
    await addWorkload();
    const ready = await prepared('night-1');
    let left = 2 * CASES + REPEATED + 5;
    const dying = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => async (...args: A): Promise<T> => {
      left -= 1;
      if (left < 0) throw new RatchetError('SERVING_UNAVAILABLE', 'gone');
      return call(...args);
    };
    const target: ServingTarget = { ...engine, chat: dying((...asked: Parameters<ServingTarget['chat']>) => engine.chat(...asked)), logprob: dying((...asked: Parameters<ServingTarget['logprob']>) => engine.logprob(...asked)), state: async () => (await engine.state()).map((replica) => ({ ...replica, healthy: left >= 0 })) };
    await expect(evaluate({ ...deps, target }, ready.input, touch)).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE' });
    const before = engine.questions().length;
    expect(before).toBe(2 * CASES + REPEATED + 5);
    const { evaluationDigest } = await evaluate(deps, ready.input, touch);
    // The repeats say how steady the engine is now: they are asked again.
    expect(engine.questions().length - before).toBe(REPEATED + 2 * (SUITE_CASES + 2 * PAIRS) - 5);
    expect((await readEvaluation(deps, evaluationDigest))?.suites).toMatchObject({ kept: 5 });
  });

  test('answers from before a replica was found to mix adapters up count for nothing: all is asked again', async () => {
    await addWorkload();
    const ready = await prepared('night-1');
    const all = 2 * CASES + REPEATED + 2 * (SUITE_CASES + 2 * PAIRS);
    const target: ServingTarget = {
      ...engine,
      logprob: async (request, options) => {
        engine.behave({ failIsolation: true });
        return engine.logprob(request, options);
      },
    };
    await expect(evaluate({ ...deps, target }, ready.input, touch)).rejects.toMatchObject({ code: 'EVALUATION_INCOMPLETE' });
    expect(engine.questions()).toHaveLength(all);
    engine.behave({ failIsolation: false });
    const { evaluationDigest } = await evaluate(deps, ready.input, touch);
    expect(engine.questions()).toHaveLength(2 * all);
    expect((await readEvaluation(deps, evaluationDigest))?.suites).toMatchObject({ asked: 2 * (SUITE_CASES + PAIRS), kept: 0 });
    // Those that stood the look afterwards are kept for whoever asks next.
    expect((await readEvaluation(deps, (await evaluate(deps, ready.input, touch)).evaluationDigest))?.suites).toMatchObject({ asked: 0 });
  });

  test('an arm that cannot answer a case fails it, and is asked again the next time', async () => {
    await addWorkload();
    const ready = await prepared('night-1');
    const target: ServingTarget = {
      ...engine,
      chat: async (request, options) => {
        if (request.adapter === ready.candidateDigest && JSON.stringify(request.messages).includes('suited anvil')) throw new RatchetError('REQUEST_INVALID', 'too long');
        return engine.chat(request, options);
      },
    };
    const failed = await evaluate({ ...deps, target }, ready.input, touch);
    const candidate = (await readEvaluation(deps, failed.evaluationDigest))!.suites!.suites[0]!.arms[1];
    expect(candidate).toMatchObject({ answers: SUITE_CASES - 1, missing: 1, rates: { pass: { good: SUITE_CASES - 1, of: SUITE_CASES } } });
    const again = await evaluate(deps, ready.input, touch);
    expect((await readEvaluation(deps, again.evaluationDigest))!.suites).toMatchObject({ asked: 1 });
  });

  test('a case whose prompt was trained on is asked of nobody, and said', async () => {
    await addWorkload();
    // The same words as a record of the training side.
    const [trained] = await store.interactions((await store.digestsUpTo('suited', 1)).interactions);
    const { clusterIdOf } = await import('../../core/curate/cluster.ts');
    const suites = loaded.suites!.map((suite) => ({ ...suite, items: suite.items.map((item, index) => (suite.name === 'forms' && index === 0 ? { ...item, messages: trained!.interaction.messages } : item)) }));
    deps.workloads = new Map([['suited', { ...loaded, suites }]]);
    const ledger = store.ledger.bind(store);
    store.ledger = async (name) => [...(await ledger(name)), { clusterId: clusterIdOf(trained!.interaction.messages), side: 'train', clusterFunction: 'test@1', keyId: 'test' }];
    const { document } = await night('night-1');
    expect(document.suites!.suites[0]).toMatchObject({ cases: SUITE_CASES - 1, trainingSide: ['anvil'] });
  });
});

/** Finds every right text the more probable one. */
const ableEngine = (): ServingTarget => ({ ...engine, logprob: async ({ text }) => ({ logprob: text.includes('wrong') ? -20 : -10, tokens: 4, latencyMs: 1 }) });

describe('guards on suites', () => {
  test('stop a candidate that the test would promote', async () => {
    await addWorkload('{ id: ability, kind: suite, suite: pairs, margin: 0.1, critical: true }');
    deps = { ...deps, target: ableEngine() };
    const { verdict } = await night('night-1');
    // Four pairs show nothing below a margin of 0.1.
    expect(verdict.decision).toBe('hold');
    expect(verdict.reason).toContain('critical guard "ability"');
  });

  test('and let one pass that they show harmless', async () => {
    await addWorkload('{ id: forms, kind: suite, suite: forms, metric: parse, margin: 0.9, critical: true }');
    const { verdict, document } = await night('night-1');
    expect(verdict.decision).toBe('promote');
    expect(document.suites!.suites[0]!.guards).toMatchObject([{ id: 'forms', clusters: SUITE_CASES }]);
  });
});

describe('a judge of a suite', () => {
  const VIEW = '{ id: view, kind: suite, suite: forms, metric: judge, margin: 0.9, critical: true }';

  /** The suite of forms with a judge; the base model answers it rightly, too, and in its own words. */
  async function judgedWorkload(required = false): Promise<void> {
    await addWorkload(VIEW.replace('forms', 'pairs').replace(', metric: judge', ''));
    const folder = join(dir, 'workloads');
    const suiteFile = join(folder, 'format.yaml');
    writeFileSync(suiteFile, `${readFileSync(suiteFile, 'utf8')}\njudge: { model: ${STUB_JUDGE}, revision: stub-1, rubric: The ticket is filed kindly., required: ${required} }\n`);
    const file = join(folder, 'suited.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(VIEW.replace('forms', 'pairs').replace(', metric: judge', ''), VIEW));
    loaded = await readWorkload(file);
    deps.workloads = new Map([['suited', loaded]]);
    deps.target = {
      ...engine,
      chat: async (request, options) => {
        const ticket = new RegExp(`ticket suited (?:${WORDS.join('|')})\\b`).exec(JSON.stringify(request.messages))?.[0];
        const answer = await engine.chat(request, options);
        return request.adapter === null && ticket !== undefined ? { ...answer, text: JSON.stringify({ ticket, by: 'base' }) } : answer;
      },
    };
  }
  const judgeIn = (): string => judgeDigest(loaded.suites![0]!.judge!);

  test('vetoes a candidate that the test would promote, by its digest, and its words stand in the report alone', async () => {
    await judgedWorkload();
    const stub = await startStubJudge();
    stub.decide = ({ answers }) => answers[0]!.includes('base') || answers[0] === 'Blue.';
    const lines: unknown[] = [];
    deps = { ...deps, judge: createJudge({ url: stub.url, apiKey: undefined }), logger: { info: (...line: unknown[]) => void lines.push(line), warn: (...line: unknown[]) => void lines.push(line) } };
    const ready = await prepared('night-1');
    const evaluation = await evaluate(deps, ready.input, touch);
    const { markdown, json, document } = await reportOf(ready, evaluation);
    expect(json.verdict).toMatchObject({ decision: 'reject', n: CASES, b: CASES, guards: [{ id: 'view', result: 'breach', judge: { digest: judgeIn(), model: STUB_JUDGE } }] });
    expect(json.verdict?.reason).toContain(`guard "view" of judge ${judgeIn()} (harm 100.0 %`);
    expect(json.evaluation?.suites?.suites[0]?.judge).toMatchObject({ asked: 2 * SUITE_CASES, unreadable: 0, absent: null });
    expect(markdown).toContain(`| view (judge ${STUB_JUDGE}) | breach |`);
    expect(markdown).toContain(`it finds against the candidate alone in ${SUITE_CASES}, against the current alone in 0.`);
    expect(markdown).toContain('Case `anvil`:\n\n    a stub says so');
    expect(markdown).toMatch(/\| judge \| 6\/6 .* \| 0\/6 /);
    expect(JSON.stringify([document, evaluation, lines])).not.toContain('a stub says so');
    // The evaluation once more, as after a crash: every verdict is kept.
    const before = stub.asked.length;
    await evaluate(deps, ready.input, touch);
    expect(stub.asked).toHaveLength(before);
    await stub.close();
  });

  test('lets one pass that it finds nothing against, and is left out where it is away', async () => {
    await judgedWorkload();
    const stub = await startStubJudge();
    deps.judge = createJudge({ url: stub.url, apiKey: undefined });
    expect((await night('night-1')).verdict.decision).toBe('promote');
    await stub.close();
    await seed(store, loaded, { corrected: 8, cases: 14, from: 100 });
    deps.judge = undefined;
    // Nothing new is to be judged: the verdicts are kept.
    const kept = await store.verdict((await night('night-2')).verdict.verdictDigest);
    expect(kept?.guards[0]).toMatchObject({ result: 'pass' });
    expect(kept?.warnings).toBeUndefined();
  });

  test('that is not heard leaves the verdict as it is and says so, or holds where it is required', async () => {
    await judgedWorkload();
    const verdict = await store.verdict((await night('night-1')).verdict.verdictDigest);
    expect(verdict).toMatchObject({ decision: 'promote', guards: [{ result: 'undecided', critical: false, judge: { absent: 'JUDGE_URL is not set' } }] });
    expect(verdict?.warnings).toEqual([`guard "view" says nothing, since judge ${judgeIn()} was not heard (JUDGE_URL is not set): the verdict is the one without it`]);
    await seed(store, loaded, { corrected: 8, cases: 14, from: 100 });
    loaded = { ...loaded, suites: loaded.suites!.map((suite) => (suite.judge ? { ...suite, judge: { ...suite.judge, required: true } } : suite)) };
    deps.workloads = new Map([['suited', loaded]]);
    const required = await night('night-2');
    expect((await store.run('night-2'))?.plan?.warnings.join()).toContain('the judge of suite forms is required and JUDGE_URL is not set');
    expect(required.verdict.decision).toBe('hold');
    expect(required.verdict.reason).toContain(`critical guard "view" of judge ${judgeIn()} (not heard: JUDGE_URL is not set) is undecided`);
  });
});

describe('replicas apart from production', () => {
  const apart = (build: string): { engine: StandInTarget; target: ServingTarget } => {
    const other = standInTarget(join(dir, 'apart'));
    return { engine: other, target: { ...other, state: async () => (await other.state()).map((replica) => ({ ...replica, engineBuild: build })) } };
  };

  test('are asked instead of it, and keep nothing afterwards', async () => {
    await addWorkload();
    const { engine: other, target } = apart('stand-in-1');
    deps = { ...deps, evaluation: target };
    const { verdict, document } = await night('night-1');
    expect(verdict.decision).toBe('promote');
    expect(document).toMatchObject({ engineBuild: 'stand-in-1', productionBuild: 'stand-in-1' });
    expect(engine.questions()).toEqual([]);
    expect(engine.loaded()).toEqual([]);
    expect(other.questions().length).toBeGreaterThan(2 * CASES);
    expect(other.loaded()).toEqual([]);
  });

  test('that run another build prove nothing', async () => {
    await addWorkload();
    deps = { ...deps, evaluation: apart('stand-in-2').target };
    const { verdict, evaluation } = await night('night-1');
    expect(evaluation.otherEngine).toEqual({ evaluated: 'stand-in-2', production: 'stand-in-1' });
    expect(verdict.decision).toBe('hold');
    expect(verdict.reason).toMatch(/^Hold: the gain is proven on engine stand-in-2, but production runs stand-in-1; the candidate passes 12 of 12/);
  });
});

describe('past failures', () => {
  test('have a state by what both arms do', () => {
    expect([stateOf(false, true), stateOf(true, true), stateOf(false, false), stateOf(true, false)]).toEqual(['fixed', 'still_fixed', 'still_broken', 'broken_again']);
  });

  test('are the newest ones and some of all others, the same every night', () => {
    const learned = Array.from({ length: 40 }, (_, n) => ({ learnedIn: 'r', example: { source: { interactionDigest: digestOfBytes(`i${n}`) } } as Example }));
    const chosen = choose(learned, 10);
    expect(chosen.slice(0, 5)).toEqual(learned.slice(0, 5));
    expect(choose(learned, 10)).toEqual(chosen);
    expect(new Set(chosen).size).toBe(10);
    expect(choose(learned.slice(0, 3), 10)).toHaveLength(3);
  });

  test('that break again are named in the report', async () => {
    await addWorkload();
    const first = await night('night-1');
    await promoted(first.candidateDigest);
    await seed(store, loaded, { corrected: 8, cases: 14, from: 100 });
    const ready = await prepared('night-2');
    const target: ServingTarget = { ...engine, chat: async (request, options) => (request.adapter === ready.candidateDigest ? { text: 'I cannot say.', finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 } : engine.chat(request, options)) };
    const evaluation = await evaluate({ ...deps, target }, ready.input, touch);
    const { failures } = (await readEvaluation(deps, evaluation.evaluationDigest))!.pastFailures!;
    expect(failures.map(({ state, equalsCorrection }) => [state, equalsCorrection])).toEqual(Array.from({ length: 8 }, () => ['broken_again', false]));
    const report = await reportOf(ready, evaluation);
    expect(report.markdown).toContain('## Is it still fixed?');
    expect(report.markdown).toContain('| broken again | 8 |');
    expect(report.markdown).toContain(`### Only the current passes: ${CASES}`);
  });
});

/** Judges, finishes, and reads what was written. */
async function reportOf(ready: Awaited<ReturnType<typeof prepared>>, evaluation: EvaluateOutput) {
  const { run, planDigest, datasetDigest, candidateDigest } = ready;
  const verdict = await judge(deps, { schemaVersion: 1, run, planDigest, datasetDigest, candidateDigest, evaluation });
  const { reportDigest } = await finishRun(deps, { schemaVersion: 1, run, status: verdict.decision === 'reject' ? 'rejected' : 'held', reason: verdict.reason, cost: null });
  const folder = join(dir, 'reports');
  const file = (ending: string): string => join(folder, readdirSync(folder).find((name) => name === `${run.runId}.${ending}`) ?? '');
  return { markdown: readFileSync(file('md'), 'utf8'), json: JSON.parse(readFileSync(file('json'), 'utf8')) as RunReport & { answers: Record<string, string> }, mode: statSync(file('md')).mode & 0o777, document: (await store.document(reportDigest))?.document as RunReport };
}

describe('the report', () => {
  test('shows suites, guards and each flip with both answers, and names no prompt', async () => {
    await addWorkload('{ id: ability, kind: suite, suite: pairs, margin: 0.1 }');
    deps = { ...deps, target: ableEngine() };
    const ready = await prepared('night-1');
    const evaluation = await evaluate(deps, ready.input, touch);
    const { markdown, json, document, mode } = await reportOf(ready, evaluation);
    expect(mode).toBe(0o600);
    expect(markdown).toContain('### forms (format)');
    expect(markdown).toMatch(/\| fields \| 0\/6 \(0\.0 % to 39\.0 %\) \| 6\/6 \(61\.0 % to 100\.0 %\) \|/);
    expect(markdown).toContain('| ability | undecided |');
    expect(markdown).toContain('Guard "ability" wants about');
    expect(markdown).toContain(`disagreed with itself on 0.0 % of ${REPEATED} repeated cases`);
    expect(markdown).toContain(`### Only the candidate passes: ${CASES}`);
    expect(markdown).toContain('current (malformed_json):\n\n    I cannot say.');
    expect(markdown).toMatch(/candidate:\n\n {4}\{"ticket":"ticket suited /);
    expect(json.flips).toHaveLength(CASES);
    expect(json.answers[json.flips![0]!.current.answerDigest!]).toBe('I cannot say.');
    // The document names the answers, it does not hold them.
    expect(JSON.stringify(document)).not.toContain('I cannot say.');
    expect(markdown + JSON.stringify(json)).not.toContain(SECRET);
  });
});
