// The tour's pure parts: its messages, its shuffled import, which cases its nights draw, and what is said at its end.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACT_NAMES, actResult, renderActs } from '../../cli/demo/tour/acts.ts';
import { keepProgress, readProgress } from '../../cli/demo/tour/progress.ts';
import { DAYS, messagesOf, shuffledTruths, TOUR_SEED } from '../../cli/demo/tour/traffic.ts';
import { sinceThen } from '../../cli/demo/tour/rollback.ts';
import { gatewaySource } from '../../cli/demo/corrections.ts';
import type { Message } from '../../core/contracts/index.ts';
import { clusterIdOf, sideOf } from '../../core/curate/cluster.ts';
import { drawCase } from '../../core/curate/draw.ts';
import { detect, passes } from '../../core/detect/index.ts';
import { digestOfBytes, keyedHash } from '../../core/digest.ts';
import { planNight } from '../../core/gate/plan.ts';
import { applyRule, measurePairs } from '../../core/gate/rule.ts';
import { answerText } from '../../examples/tickets/truth.ts';
import { generateTourMessages, messagesFor, type TourMessage } from '../../examples/tour/generate.ts';
import { repositoryRoot } from '../../infra/dev/paths.ts';
import { readWorkloads, type LoadedWorkload } from '../../stores/workloads.ts';

let loaded: LoadedWorkload;
beforeAll(async () => {
  const found = (await readWorkloads([join(repositoryRoot, 'examples/tour/workload.yaml')])).get('tour');
  if (!found) throw new Error('no workload tour');
  loaded = found;
});

const promptOf = (message: TourMessage): Message[] => messagesFor(message).messages.map(({ role, content }) => ({ role, parts: [{ text: content, trusted: role === 'system' }] }));

describe('messages', () => {
  it('are those of their number, whatever is asked for with them', () => {
    const all = generateTourMessages({ seed: TOUR_SEED, count: 60, startId: 1, share: 0.34 });
    expect(generateTourMessages({ seed: TOUR_SEED, count: 20, startId: 31, share: 0.34 })).toEqual(all.slice(30, 50));
    expect(all.filter(({ form }) => form === 'remark')).toHaveLength(20);
  });

  it('have truths in which no detector finds anything, and so has an answer without the remark', () => {
    for (const form of ['remark', 'quoted'] as const) {
      for (const message of generateTourMessages({ seed: TOUR_SEED, count: 60, startId: 1, share: 1, form })) {
        for (const answer of [message.truth, { v: 1, echo: message.truth.echo }]) {
          const asked = { messages: promptOf(message), ...(loaded.outputSchema ? { outputSchema: loaded.outputSchema } : {}), answer: { text: answerText(answer) }, finishReason: 'stop' as const };
          expect(passes(detect(asked, loaded.workload.detectors))).toBe(true);
        }
        expect(JSON.stringify(message.truth).includes('\\"')).toBe(form === 'quoted');
      }
    }
  });
});

describe('the wrong import', () => {
  it('gives every message a truth, hardly one its own', () => {
    const messages = [...messagesOf(DAYS.first), ...messagesOf(DAYS.second)];
    const rows = shuffledTruths(messages);
    expect(rows.map(({ truth }) => truth.echo).toSorted()).toEqual(messages.map(({ truth }) => truth.echo).toSorted());
    expect(rows.filter(({ message, truth }) => message.truth.echo === truth.echo).length).toBeLessThan(messages.length / 10);
    expect(shuffledTruths(messages)).toEqual(rows);
  });
});

describe('the cases that the nights draw', () => {
  /** What the store's hash draws of the days with the demo's default keys; each night uses the first `n` fresh ones. */
  function drawn(): { fresh: number; used: TourMessage[] }[] {
    const key = keyedHash('ratchet', 'split');
    const { evalShare, caseShare, labelShare } = loaded.workload.collection;
    const { n } = planNight(loaded.workload.gate, 0);
    let fresh: { message: TourMessage; order: string }[] = [];
    return [DAYS.first, DAYS.second, DAYS.third, DAYS.fourth, DAYS.fifth].map((day, index) => {
      for (const message of messagesOf(day)) {
        const messages = promptOf(message);
        const cluster = clusterIdOf(messages);
        if (sideOf(cluster, key, evalShare) !== 'eval') continue;
        const interaction = { source: gatewaySource(loaded.workload.channel), id: message.id, messages, sampling: {} } as unknown as Parameters<typeof drawCase>[0];
        const draw = drawCase(interaction, digestOfBytes(message.id), cluster, key, { caseShare, labelShare });
        if (draw) fresh.push({ message, order: draw.drawOrder });
      }
      fresh = fresh.toSorted((a, b) => (a.order < b.order ? -1 : 1));
      const count = fresh.length;
      const used = index === 0 ? [] : fresh.slice(0, n).map(({ message }) => message);
      fresh = fresh.slice(used.length);
      return { fresh: count, used };
    });
  }
  const remarks = (used: readonly TourMessage[]): number => used.filter(({ form }) => form === 'remark').length;

  it('are too few on the first day and enough on the others; 7 of 15 hold a remark on the fourth', () => {
    const { n, level } = planNight(loaded.workload.gate, 0);
    expect({ n, level }).toEqual({ n: 15, level: expect.closeTo(0.0025) as number });
    const days = drawn();
    expect(days[0]?.fresh).toBeLessThan(n);
    expect(days.slice(1).map(({ used }) => used.length)).toEqual([n, n, n, n]);
    expect(days.map(({ used }) => remarks(used))).toEqual([0, 0, 0, 7, 15]);
  });

  it('so that a candidate that gains a remark less, or loses one, is held as well', () => {
    const { n, level } = planNight(loaded.workload.gate, 0);
    const { smallestGain } = loaded.workload.gate;
    const decision = (b: number, c: number) => applyRule({ measured: measurePairs(b, c, n), plannedN: n, level, smallestGain, guards: [] }).decision;
    expect([[7, 0], [6, 0], [7, 1], [6, 1], [7, 2]].map(([b = 0, c = 0]) => decision(b, c))).toEqual(Array<string>(5).fill('hold'));
    expect([decision(8, 0), decision(9, 0), decision(0, 1), decision(5, 0)]).toEqual(['hold', 'promote', 'reject', 'reject']);
  });
});

describe('the closing table', () => {
  it('says which act did not end as announced, and which were not reached', () => {
    const [first, second, third] = ACT_NAMES;
    if (first === undefined || second === undefined || third === undefined) throw new Error('the tour has acts');
    const acts = [actResult(first, { end: 'skipped', id: 'nightly/a', reason: null }), actResult(second, { end: 'held', id: 'nightly/b', reason: null }), actResult(third, null)];
    expect(acts.map(({ asAnnounced }) => asAnnounced)).toEqual([true, false, false]);
    const text = renderActs({ acts, asAnnounced: false });
    expect(text).toMatch(/1\. A night with too few blind cases +skipped +skipped +nightly\/a\n/);
    expect(text).toMatch(/held {2}<- not as announced +nightly\/b\n/);
    expect(text).toMatch(/not reached +-$/);
  });
});

describe('the counts since the change', () => {
  it('leave out what was counted before it, of both arms', () => {
    const at = (live: [number, number], holdback: [number, number]) => [{ window: 0, share: 0.3, live: { answers: live[0], failing: live[1] }, holdback: { answers: holdback[0], failing: holdback[1] } }];
    const before = [{ class: 'malformed_json' as const, strata: at([33, 1], [7, 0]), callers: [] }];
    const now = [
      { class: 'truncated' as const, strata: at([78, 2], [22, 0]), callers: [] },
      { class: 'malformed_json' as const, strata: at([78, 37], [22, 1]), callers: [] },
    ];
    expect(sinceThen(before, now)).toBe('malformed_json since the change: 36 of 45 answers of the new adapter, 1 of 15 of the former');
  });
});

describe('what is kept of a tour', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ratchet-tour-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const skipped = actResult('skipped', { end: 'skipped', id: 'nightly/a', reason: 'too few' });
  /** The command; it starts no server where the folder is refused. */
  const demo = (...args: string[]) => {
    const env = { PATH: process.env['PATH'], RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: 'examples/tour/workload.yaml' };
    const { status, stderr } = spawnSync(process.execPath, [join(repositoryRoot, 'cli/main.ts'), 'demo', ...args], { env, encoding: 'utf8' });
    return { status, stderr };
  };

  it('goes on after the acts that ended as announced', () => {
    keepProgress(dir, [skipped], null);
    expect(readProgress(dir)).toEqual([skipped]);
  });

  it('does not go on after an act that was interrupted or ended otherwise, nor where there was no tour', () => {
    keepProgress(dir, [skipped], 'rejected');
    expect(() => readProgress(dir)).toThrow(/"rejected" .* was interrupted/);
    keepProgress(dir, [skipped, actResult('rejected', { end: 'held', id: 'nightly/b', reason: null })], null);
    expect(() => readProgress(dir)).toThrow(/"rejected" .* did not end as announced/);
    expect(demo('--go-on', '--dir', dir)).toMatchObject({ status: 2, stderr: expect.stringMatching(/begin anew/) as string });
    expect(() => readProgress(join(dir, 'nothing'))).toThrow(/holds no tour/);
  });

  it('is never somebody else\'s: a folder with files in it is refused, and stays as it is', () => {
    writeFileSync(join(dir, 'letter.txt'), 'dear');
    const before = readdirSync(dir);
    expect(demo('--tour', '--dir', dir)).toMatchObject({ status: 2, stderr: expect.stringMatching(/--dir: .* is not empty/) as string });
    expect(demo('--dir', dir)).toMatchObject({ status: 2 });
    expect(readdirSync(dir)).toEqual(before);
    expect(demo('--tour', '--approve')).toMatchObject({ status: 2 });
  });
});
