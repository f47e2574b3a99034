// The watch after a promotion: its evidence, its alarm, who is counted, and how often it errs.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Interaction } from '../../core/contracts/index.ts';
import { seededRandom } from '../../core/gate/random.ts';
import { coolingOffUntil } from '../../core/watch/cooling-off.ts';
import { countAnswers, watchedAnswer, type WatchedAnswer } from '../../core/watch/count.ts';
import { evidenceOf, without, WINDOWS, type Stratum } from '../../core/watch/e-process.ts';
import { alarmInWords, judgeClass, levelPerClass, WATCHED_CLASSES } from '../../core/watch/judge.ts';
import { simulateWatch, SIMULATION } from '../../core/watch/simulate.ts';

const stratum = (share: number, live: [number, number], holdback: [number, number], window = 0): Stratum => ({
  window,
  share,
  live: { answers: live[0], failing: live[1] },
  holdback: { answers: holdback[0], failing: holdback[1] },
});

const logEvidence = (strata: readonly Stratum[]): number => evidenceOf(strata).logE;
const LEVEL = levelPerClass(0.01);

describe('the evidence', () => {
  test('is 1 before the first answer, and of no use where nothing fails', () => {
    expect(logEvidence([])).toBeCloseTo(0, 12);
    expect(logEvidence([stratum(0.1, [900, 0], [100, 0])])).toBeLessThan(0.1);
  });

  test('is 1 on average over both arms, whatever the outcome, when the arm is drawn by the share', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.5, noNaN: true }), fc.boolean(), (share, fails) => {
        const one = (arm: 'live' | 'holdback'): Stratum => {
          const counted = { answers: 1, failing: Number(fails) };
          const none = { answers: 0, failing: 0 };
          return { window: 0, share, live: arm === 'live' ? counted : none, holdback: arm === 'holdback' ? counted : none };
        };
        const mean = (1 - share) * Math.exp(logEvidence([one('live')])) + share * Math.exp(logEvidence([one('holdback')]));
        expect(mean).toBeCloseTo(1, 10);
      }),
    );
  });

  test('stays 1 on average at any point of a course, so that it may be looked at at any time', () => {
    const counts = fc.tuple(fc.nat(300), fc.nat(300), fc.nat(40), fc.nat(40), fc.nat(WINDOWS - 1));
    fc.assert(
      fc.property(fc.array(counts, { maxLength: 4 }), fc.constantFrom(0.05, 0.1, 0.3), fc.nat(WINDOWS - 1), fc.boolean(), (course, share, window, fails) => {
        const before = course.map(([live, liveFailing, held, heldFailing, at]) => stratum(share, [live + liveFailing, liveFailing], [held + heldFailing, heldFailing], at));
        const more = Number(fails);
        const start = logEvidence(before);
        const afterLive = logEvidence([...before, stratum(share, [1, more], [0, 0], window)]);
        const afterHeld = logEvidence([...before, stratum(share, [0, 0], [1, more], window)]);
        const mean = (1 - share) * Math.exp(afterLive - start) + share * Math.exp(afterHeld - start);
        expect(mean).toBeCloseTo(1, 8);
      }),
    );
  });

  test('grows when a live answer fails and when one that was held back passes, and falls the other way round', () => {
    const start = stratum(0.1, [900, 90], [100, 10]);
    const e = logEvidence([start]);
    expect(logEvidence([stratum(0.1, [901, 91], [100, 10])])).toBeGreaterThan(e);
    expect(logEvidence([stratum(0.1, [900, 90], [101, 10])])).toBeGreaterThan(e);
    expect(logEvidence([stratum(0.1, [901, 90], [100, 10])])).toBeLessThan(e);
    expect(logEvidence([stratum(0.1, [900, 90], [101, 11])])).toBeLessThan(e);
  });

  test('adds up over shares: a change of the share begins another stratum and loses nothing', () => {
    const first = stratum(0.1, [900, 180], [100, 5]);
    const second = stratum(0.2, [800, 160], [200, 10]);
    expect(logEvidence([first, second])).toBeGreaterThan(Math.max(logEvidence([first]), logEvidence([second])));
    expect(logEvidence(without([first, second], [second]))).toBeCloseTo(logEvidence([first]), 12);
  });

  test('is not hidden by a long good time before, and says since when', () => {
    const good = Array.from({ length: 8 }, (_, window) => stratum(0.1, [900, 9], [100, 20], window));
    const bad = stratum(0.1, [1800, 360], [200, 10], 8);
    expect(evidenceOf([...good, bad])).toMatchObject({ since: 8 });
    expect(logEvidence([...good, bad])).toBeGreaterThan(-Math.log(LEVEL));
    expect(judgeClass({ class: 'refusal', strata: [...good, bad], callers: [] }, LEVEL, 0.02)).toMatchObject({ state: 'alarm', since: 8, live: { answers: 1800, failing: 360 } });
  });
});

describe('an alarm', () => {
  const many = stratum(0.1, [1800, 360], [200, 10]);

  test('is raised when the live arm fails more, and says the numbers', () => {
    const look = judgeClass({ class: 'malformed_json', strata: [many], callers: [] }, LEVEL, 0.02);
    expect(look).toMatchObject({ state: 'alarm', live: { answers: 1800, failing: 360, rate: 0.2 }, holdback: { answers: 200, failing: 10, rate: 0.05 }, carriedBy: null });
    expect(alarmInWords(look, 0.01)).toMatch(/^malformed_json: 360 of 1800 \(20\.0 %, 18\.2 % to 21\.9 %\) of the live adapter's answers against 10 of 200 \(5\.0 %, .* held back; e = .* where 800\.0 is wanted$/);
  });

  test('is not raised for the other direction, nor for a rise too small to matter', () => {
    expect(judgeClass({ class: 'refusal', strata: [stratum(0.1, [1800, 90], [200, 40])], callers: [] }, LEVEL, 0.02).state).toBe('quiet');
    const tiny = stratum(0.5, [200_000, 22_500], [200_000, 20_000]);
    expect(judgeClass({ class: 'refusal', strata: [tiny], callers: [] }, LEVEL, 0.02).state).toBe('quiet');
    expect(judgeClass({ class: 'refusal', strata: [tiny], callers: [] }, LEVEL, 0.01).state).toBe('alarm');
  });

  test('is not raised when one caller carries it, however much the caller sends', () => {
    const others = stratum(0.1, [900, 45], [100, 5]);
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(5_000), (failing, held) => {
        const hostile = stratum(0.1, [failing, failing], [held, 0]);
        const all = stratum(0.1, [900 + failing, 45 + failing], [100 + held, 5]);
        const look = judgeClass({ class: 'malformed_json', strata: [all], callers: [{ caller: 'hostile', strata: [hostile] }, { caller: 'others', strata: [others] }] }, LEVEL, 0.02);
        expect(look.state).not.toBe('alarm');
        if (look.state === 'suspected') expect(look.carriedBy).toBe('hostile');
      }),
    );
  });

  test('is raised by many callers who each bring a little', () => {
    const callers = Array.from({ length: 20 }, (_, n) => ({ caller: `c${n}`, strata: [stratum(0.1, [90, 18], [10, n % 2])] }));
    expect(judgeClass({ class: 'truncated', strata: [many], callers }, LEVEL, 0.02).state).toBe('alarm');
  });
});

describe('what is counted', () => {
  const answer = (over: Partial<WatchedAnswer> = {}): WatchedAnswer => ({ arm: 'live', share: 0.1, unit: null, tenant: 'acme', caller: null, classes: [], ...over });
  const nobody = { units: new Set<number>(), callers: new Map<string, number>() };
  const counted = (rows: { kind: string; class: string; answers: number }[], name = ''): number => rows.filter((row) => row.kind === 'tenant' && row.class === name).reduce((sum, row) => sum + row.answers, 0);

  test('an answer that nobody drew, or whose client left, is none of it', () => {
    const fields: Pick<Interaction, 'id' | 'tenant' | 'session' | 'subject' | 'finishReason' | 'holdback'> = { id: 'i', tenant: 'acme', session: 's', subject: 'x', finishReason: 'stop', holdback: { arm: 'live', share: 0.1 } };
    expect(watchedAnswer(fields, ['refusal', 'refusal'])).toMatchObject({ arm: 'live', caller: 'acme x', classes: ['refusal'] });
    expect(watchedAnswer({ ...fields, holdback: undefined }, [])).toBeNull();
    expect(watchedAnswer({ ...fields, finishReason: 'aborted' }, [])).toBeNull();
    expect(watchedAnswer({ ...fields, id: 'i#1' }, [])).toBeNull();
    expect(watchedAnswer({ ...fields, tenant: 'other' }, [])?.unit).not.toBe(watchedAnswer(fields, [])?.unit);
  });

  test('a session counts once, by its first answer, over batches too', () => {
    const first = countAnswers([answer({ unit: 7, classes: ['refusal'] }), answer({ unit: 7 }), answer({ unit: 8 })], nobody, 20);
    expect(first.units).toEqual([7, 8]);
    expect([counted(first.rows), counted(first.rows, 'refusal')]).toEqual([2, 1]);
    expect(countAnswers([answer({ unit: 7, classes: ['refusal'] })], { ...nobody, units: new Set(first.units) }, 20).rows).toEqual([]);
  });

  test('a caller counts at most so often, whatever its sessions; others go on counting', () => {
    const flood = Array.from({ length: 500 }, (_, unit) => answer({ unit, caller: 'acme hostile', classes: ['refusal'] }));
    const { rows } = countAnswers([...flood, answer({ unit: 9_999, caller: 'acme kim' }), answer()], { ...nobody, callers: new Map([['acme hostile', 5]]) }, 20);
    expect(counted(rows)).toBe(15 + 2);
    expect(rows.filter(({ kind, class: name }) => kind === 'caller' && name === '').map(({ who, answers }) => [who, answers])).toEqual([['acme hostile', 15], ['acme kim', 1]]);
  });

  test('one caller at its cap cannot raise an alarm by itself, even when everything it sends fails live and passes held back', () => {
    // 20 sessions, in every way that the draw can split them.
    for (let held = 0; held <= 20; held += 1) {
      const strata = [stratum(0.1, [20 - held, 20 - held], [held, 0])];
      expect(judgeClass({ class: 'refusal', strata, callers: [{ caller: 'hostile', strata }] }, LEVEL, 0.02).state).not.toBe('alarm');
      // Four of 20 and fewer in 96 of 100 draws: not even suspected.
      if (held <= 4) expect(judgeClass({ class: 'refusal', strata, callers: [] }, LEVEL, 0.02).state, `${held}`).toBe('quiet');
    }
  });
});

describe('simulated watches', () => {
  test('with arms alike, with a drift, and with a hostile caller there are at most as many false alarms as stated; ten points are found', () => {
    const rows = simulateWatch({ ...SIMULATION, runs: 40, requests: 6_000 });
    // Of 40 watches at 1 %, three or more false alarms have a probability of 0.008.
    for (const row of rows.filter(({ expects }) => expects === 'no alarm')) expect(row.alarms, row.title).toBeLessThan(3);
    const ten = rows.find(({ title }) => title.includes('fails 10 points'));
    expect(ten?.alarms).toBeGreaterThan(35);
    expect(ten?.medianRequests).toBeLessThan(4_000);
  });

  test('without leaving callers out, the hostile one would force it', () => {
    const random = seededRandom(3);
    const all = stratum(0.1, [0, 0], [0, 0]);
    for (let n = 0; n < 4_000; n += 1) {
      const arm = random.uniform() < 0.1 ? all.holdback : all.live;
      const hostile = random.uniform() < 0.2;
      arm.answers += 1;
      if (hostile ? arm === all.live : random.uniform() < 0.05) arm.failing += 1;
    }
    expect(judgeClass({ class: WATCHED_CLASSES[0] ?? 'refusal', strata: [all], callers: [] }, LEVEL, 0.02).state).toBe('alarm');
  });
});

describe('cooling off', () => {
  const entry = (by: string, time: string, action: 'promoted' | 'rolled_back' = 'rolled_back') => ({ by, time, action });
  const now = new Date('2026-01-03T00:00:00.000Z');

  test('follows an automatic rollback for the set time, and no other', () => {
    expect(coolingOffUntil([entry('watch', '2026-01-02T00:00:00.000Z'), entry('dana', '2026-01-02T01:00:00.000Z', 'promoted')], 72, now)).toBe('2026-01-05T00:00:00.000Z');
    expect(coolingOffUntil([entry('watch', '2026-01-02T00:00:00.000Z')], 24, now)).toBeNull();
    expect(coolingOffUntil([entry('dana', '2026-01-02T00:00:00.000Z')], 72, now)).toBeNull();
    expect(coolingOffUntil([entry('watch', '2026-01-02T00:00:00.000Z', 'promoted')], 72, now)).toBeNull();
  });
});
