// A held candidate from look to look, and the gain of a promoted adapter once more: as far as they are pure.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatePolicy, Verdict, type Outcome } from '../../core/contracts/index.ts';
import { digestOfBytes, digestOfJson } from '../../core/digest.ts';
import { decide } from '../../core/gate/decide.ts';
import { eValue } from '../../core/gate/e-values.ts';
import { decideLook, holdCandidate, nextLook, whyOver, type HeldCandidate } from '../../core/gate/held.ts';
import { levelOfDecision } from '../../core/gate/decide.ts';
import { reestimate, reestimateInWords } from '../../core/gate/reestimate.ts';

const [CANDIDATE, CURRENT, FORMER] = ['candidate', 'current', 'former'].map((name) => digestOfBytes(name)) as [string, string, string];
const AT = '2026-01-02T03:00:00.000Z';
const END = '2026-02-01T00:00:00.000Z';

/** b gained, c lost, the rest passed by both; `from` keeps batches apart. */
function outcomes(counts: { b: number; c: number; both: number; from?: number }, adapters: { candidate: string; current: string | null } = { candidate: CANDIDATE, current: CURRENT }, malformed = 0): Outcome[] {
  const { b, c, both, from = 0 } = counts;
  return Array.from({ length: b + c + both }, (_, k) => k).flatMap((k) =>
    (['current', 'candidate'] as const).map((arm): Outcome => ({
      ...{ schemaVersion: 1, evaluationId: 'e', caseDigest: digestOfBytes(`case ${from + k}`), clusterId: digestOfBytes(`cluster ${from + k}`), arm, adapterDigest: adapters[arm] },
      ...{ engineBuild: 'x', answerDigest: CANDIDATE, finishReason: 'stop', failureClasses: arm === 'candidate' && k < malformed ? ['malformed_json'] : [], equalsTruth: null },
      ...{ pass: k < b ? arm === 'candidate' : k < b + c ? arm === 'current' : true, latencyMs: 10, outputTokens: 1 },
    })),
  );
}

const policyOf = (fields: object = {}): GatePolicy => GatePolicy.parse({ smallestGain: 0.2, decisionsPerPeriod: 2, minCases: 40, eProcess: { maxCases: 100 }, ...fields });

function verdictOf(policy: GatePolicy, counts: { b: number; c: number; both: number }): Verdict {
  const n = counts.b + counts.c + counts.both;
  return decide({
    ...{ runId: 'night-1', workload: 'tickets', channel: 'tickets/production', candidateDigest: CANDIDATE, currentDigest: CURRENT, currentGeneration: 3, datasetDigest: FORMER, evaluationDigest: FORMER },
    ...{ policy, policyDigest: digestOfJson(policy), plannedN: n, level: levelOfDecision(policy), decisionNumber: 1, outcomes: outcomes(counts), selfDisagreement: null, decidedAt: AT },
  });
}

function heldOf(policy = policyOf()): { first: Verdict; held: HeldCandidate } {
  const first = verdictOf(policy, { b: 9, c: 4, both: 27 });
  expect(first.decision).toBe('hold');
  const held = holdCandidate(first, digestOfJson(first), policy, END);
  if (!held) throw new Error('not held');
  return { first, held };
}

const lookWith = (held: HeldCandidate, first: Verdict, batch: Outcome[], before: Outcome[] = [], over: string | null = null) =>
  decideLook({ held, first, runId: 'night-2', evaluationDigest: FORMER, before, batch, over, selfDisagreement: null, decidedAt: AT });

describe('a candidate that was held', () => {
  test('goes on only where the policy says so, with the part of the share set aside for it', () => {
    const { held } = heldOf();
    expect(held).toMatchObject({ currentGeneration: 3, periodEnd: END, looks: [], process: { level: 0.0125, maxCases: 100, n: 0, status: 'open' } });
    const whole = policyOf({ eProcess: null });
    expect(holdCandidate(verdictOf(whole, { b: 9, c: 4, both: 27 }), CANDIDATE, whole, END)).toBeNull();
    const promoted = verdictOf(policyOf(), { b: 20, c: 0, both: 20 });
    expect(promoted.decision).toBe('promote');
    expect(holdCandidate(promoted, CANDIDATE, policyOf(), END)).toBeNull();
  });

  test('is over when the channel moved on, forth or back, or its period has ended', () => {
    const { held } = heldOf();
    expect(whyOver(held, 3, AT)).toBeNull();
    expect(whyOver(held, 4, AT)).toBe('the channel moved on');
    expect(whyOver(held, 5, AT)).toBe('the channel moved on');
    expect(whyOver(held, 3, END)).toBe('its period is over');
  });

  test('waits for a quarter of the test’s cases, takes at most as many as the test, and never more than are left', () => {
    const { held } = heldOf();
    expect(nextLook(held, 40, 9)).toEqual({ cases: 0, missing: 1 });
    expect(nextLook(held, 40, 10)).toEqual({ cases: 10, missing: 0 });
    expect(nextLook(held, 40, 500)).toEqual({ cases: 40, missing: 0 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), fc.nat({ max: 1_999 }), fc.integer({ min: 1, max: 900 }), fc.nat({ max: 3_000 }), (maxCases, used, plannedN, fresh) => {
        const n = Math.min(used, maxCases - 1);
        const { cases, missing } = nextLook({ process: { ...held.process, n, maxCases } }, plannedN, fresh);
        return cases <= Math.min(fresh, maxCases - n, plannedN) && (cases > 0) === (missing === 0);
      }),
    );
  });

  test('is promoted at e ≥ 1 / level over all looks, in the form of a verdict that any reader knows', () => {
    const { first, held } = heldOf();
    const one = lookWith(held, first, outcomes({ b: 4, c: 0, both: 16, from: 100 }));
    expect(one.process).toMatchObject({ status: 'open', n: 20, b: 4, looks: 1 });
    expect(one.verdict).toMatchObject({ decision: 'hold', test: 'e_process', n: 20, plannedN: 100, b: 4, c: 0, level: 0.0125, decisionNumber: 1, eProcess: { heldVerdictDigest: held.heldVerdictDigest, looks: 1, maxCases: 100 } });
    expect(one.verdict.reason).toMatch(/^Hold: 4 gained and 0 lost on 20 fresh cases give e = 6\.20, where 80\.00 is wanted, and 80 more may be asked\.$/);

    const looks = [{ runId: 'night-2', evaluationId: 'e', verdictDigest: CANDIDATE, at: AT }];
    const before = outcomes({ b: 4, c: 0, both: 16, from: 100 });
    const two = lookWith({ ...held, process: one.process, looks }, first, outcomes({ b: 6, c: 0, both: 14, from: 200 }), before);
    expect(two.verdict).toMatchObject({ decision: 'promote', n: 40, b: 10, c: 0, bothPass: 30, effect: 0.25 });
    expect(two.verdict.pOneSided).toBeCloseTo(1 / eValue(10, 0), 12);
    expect(Verdict.parse(JSON.parse(JSON.stringify(two.verdict)))).toEqual(two.verdict);
  });

  test('ends without a promotion when its cases are used up, a guard is breached, or it may not go on', () => {
    const small = policyOf({ eProcess: { maxCases: 20 } });
    const { first, held } = heldOf(small);
    expect(lookWith(held, first, outcomes({ b: 2, c: 2, both: 16, from: 100 })).verdict).toMatchObject({ decision: 'reject', reason: expect.stringMatching(/^Reject: no case is left; /) as string });

    const guarded = heldOf(policyOf({ guards: [{ id: 'form', kind: 'failure_class', class: 'malformed_json', margin: 0.02, critical: true }] }));
    const harmed = lookWith(guarded.held, guarded.first, outcomes({ b: 12, c: 0, both: 28, from: 100 }, undefined, 12));
    expect(harmed.verdict).toMatchObject({ decision: 'reject', reason: expect.stringMatching(/^Reject: guard "form" is breached; /) as string });

    // The batch does not count, and its outcomes may come from other adapters.
    const over = lookWith(held, first, outcomes({ b: 20, c: 0, both: 0, from: 100 }, { candidate: CANDIDATE, current: FORMER }), [], 'the channel moved on');
    expect(over.verdict).toMatchObject({ decision: 'reject', n: 0, b: 0, reason: expect.stringMatching(/^Reject: the channel moved on; 0 gained/) as string });
    expect(() => Verdict.parse(JSON.parse(JSON.stringify(over.verdict)))).not.toThrow();
  });
});

describe('the gain of a promoted adapter', () => {
  test('is set beside the estimate that promoted it', () => {
    const promoted = verdictOf(policyOf(), { b: 20, c: 2, both: 18 });
    const both = reestimate(promoted, outcomes({ b: 5, c: 2, both: 33, from: 100 }));
    expect(both.first).toMatchObject({ n: 40, b: 20, c: 2, effect: 0.45 });
    expect(both.fresh).toMatchObject({ n: 40, b: 5, c: 2, effect: 0.075 });
    expect(reestimateInWords(both)).toMatch(/^re-estimated gain 7\.5 points on 40 cases \(95 % interval -[\d.]+ to [\d.]+\); when it was promoted 45\.0 points on 40 cases/);
    expect(() => reestimate(promoted, outcomes({ b: 1, c: 0, both: 0 }, { candidate: CANDIDATE, current: FORMER }))).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }) as Error);
  });
});

describe('a policy from before the e-process was the default', () => {
  test('keeps its meaning in the verdicts that carry it', () => {
    const verdict = verdictOf(policyOf(), { b: 20, c: 2, both: 18 });
    const { eProcess: _none, ...old } = verdict.policy;
    expect(Verdict.parse({ ...verdict, policy: old }).policy).not.toHaveProperty('eProcess');
  });
});
