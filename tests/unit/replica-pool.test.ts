// Evaluation over several replicas: one that is dead, refuses, or mixes adapters up answers nothing that counts; the others go on.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answerOf } from '../../activities/asking.ts';
import { openPool } from '../../activities/replica-pool.ts';
import type { Digest } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import type { ServingTarget } from '../../stores/ports.ts';
import { openMetadataStore } from '../../stores/sqlite/index.ts';

const [ONE, TWO] = ['http://one', 'http://two'];
const ADAPTER = digestOfBytes('adapter');
const signal = new AbortController().signal;

describe('the replicas of an evaluation', () => {
  const trouble = { away: new Set<string>(), refuses: new Set<string>(), mixes: new Set<string>(), lacks: new Set<string>() };
  const has = new Map<string, Set<Digest>>();
  let store: Awaited<ReturnType<typeof openMetadataStore>>;
  let asked: string[];
  let nowMs: number;

  const assertHere = (url: string): void => {
    if (trouble.away.has(url)) throw new RatchetError('SERVING_UNAVAILABLE', `${url} does not answer`);
  };
  const answer = async (url = ONE) => {
    assertHere(url);
    if (trouble.lacks.has(url)) throw new RatchetError('ADAPTER_NOT_SERVED', `${url} does not serve it`);
    asked.push(url);
    // Both are busy for as long, so that they share the questions.
    await new Promise((resolve) => setTimeout(resolve, 1));
    return url;
  };
  const target: ServingTarget = {
    replicas: [ONE, TWO],
    baseModel: 'base',
    maxLoraRank: 16,
    state: async () => [ONE, TWO].map((url) => ({ url, healthy: !trouble.away.has(url), engineBuild: `build of ${url}`, adapters: trouble.lacks.has(url) ? [] : [...(has.get(url) ?? [])].map((digest) => ({ digest, root: '/' })) })),
    load: async (adapter, { replicas = [ONE, TWO] } = {}) => {
      for (const url of replicas) {
        assertHere(url);
        if (trouble.refuses.has(url)) throw new RatchetError('ADAPTER_LOAD_FAILED', `${url} refuses`);
        has.set(url, new Set([...(has.get(url) ?? []), adapter]));
      }
    },
    unload: async () => undefined,
    checkIsolation: async (_adapters, { replicas = [ONE, TWO] } = {}) => {
      for (const url of replicas) {
        assertHere(url);
        if (trouble.mixes.has(url)) throw new RatchetError('ISOLATION_BROKEN', `${url} mixes adapters up`);
      }
      return [];
    },
    chat: async (_request, { replica } = {}) => ({ text: await answer(replica), finishReason: 'stop', inputTokens: 1, outputTokens: 1, latencyMs: 1 }),
    logprob: async (_request, { replica } = {}) => answer(replica).then(() => ({ logprob: -1, tokens: 1, latencyMs: 1 })),
  };
  const open = () => openPool({ store, clock: () => new Date((nowMs += 1_000)), logger: { info: () => undefined, warn: () => undefined } }, target, [ADAPTER]);
  type Pool = Awaited<ReturnType<typeof open>>;
  const question = (pool: Pool) => answerOf(pool, ADAPTER, signal, () => pool.chat({ adapter: ADAPTER, messages: [] }));
  const questions = (pool: Pool, count: number) => Promise.all(Array.from({ length: count }, () => question(pool)));

  beforeEach(async () => {
    for (const set of Object.values(trouble)) set.clear();
    has.clear();
    [asked, nowMs] = [[], Date.parse('2026-01-01T00:00:00.000Z')];
    store = await openMetadataStore(':memory:');
  });
  afterEach(() => store.close());

  test('share its questions', async () => {
    const pool = await open();
    expect(await questions(pool, 10)).not.toContain(null);
    expect(new Set(asked)).toEqual(new Set([ONE, TWO]));
    await pool.assertStillApart();
  });

  test.each([
    ['does not answer', trouble.away],
    ['refuses the adapter', trouble.refuses],
    ['mixes adapters up', trouble.mixes],
  ])('are without one that %s', async (_what, set) => {
    set.add(ONE);
    const pool = await open();
    expect(await questions(pool, 10)).not.toContain(null);
    expect(asked).toEqual(Array.from({ length: 10 }, () => TWO));
    expect((await pool.state()).map(({ url }) => url)).toEqual([TWO]);
    await pool.assertStillApart();
  });

  test('are without one that a person took out, and mark one that mixes adapters up for everybody', async () => {
    await store.markReplica({ replica: ONE, inTraffic: false, cause: 'person', reason: 'a test', by: 'dana', at: '2026-01-01T00:00:00.000Z' });
    trouble.mixes.add(TWO);
    await expect(open()).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE', message: expect.stringContaining('taken out of traffic by a person') as string });
    expect((await store.replicaMarks()).find(({ replica }) => replica === TWO)).toMatchObject({ inTraffic: false, cause: 'isolation' });
  });

  test.each([
    ['dies', trouble.away],
    ['loses the adapter', trouble.lacks],
  ])('go on with the questions of one that %s on the way', async (_what, set) => {
    const pool = await open();
    const first = questions(pool, 6);
    set.add(ONE);
    expect(await first).not.toContain(null);
    asked.length = 0;
    expect(await questions(pool, 6)).toEqual(expect.arrayContaining([expect.objectContaining({ text: TWO })]));
    expect(new Set(asked)).toEqual(new Set([TWO]));
  });

  test('say what each failed with when none is left, at the start and on the way', async () => {
    trouble.mixes.add(ONE).add(TWO);
    await expect(open()).rejects.toMatchObject({ code: 'ISOLATION_BROKEN', message: `no replica is left to evaluate on: ${ONE} mixes adapters up; ${TWO} mixes adapters up` });
    trouble.mixes.delete(TWO);
    trouble.away.add(TWO);
    await expect(open()).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE', message: expect.stringContaining(`${TWO} does not answer`) as string });
    for (const set of Object.values(trouble)) set.clear();
    const pool = await open();
    trouble.away.add(ONE).add(TWO);
    // A dead engine is nobody's failure: no arm is blamed.
    await expect(question(pool)).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE' });
  });

  test('leave a question that a living replica cannot answer to the arm that gave none', async () => {
    const pool = await open();
    const failing = async (): Promise<never> => {
      throw new RatchetError('SERVING_UNAVAILABLE', 'did not answer within 5 ms');
    };
    expect(await answerOf(pool, ADAPTER, signal, failing)).toBeNull();
    expect((await pool.state()).length).toBe(2);
  });

  test('whose answers turn out to be mixed up count for nothing, and the next evaluation knows', async () => {
    const pool = await open();
    expect(pool.found).toBe('');
    await questions(pool, 10);
    trouble.mixes.add(ONE);
    await expect(pool.assertStillApart()).rejects.toMatchObject({ code: 'EVALUATION_INCOMPLETE', retryable: true });
    const next = await open();
    expect((await next.state()).map(({ url }) => url)).toEqual([TWO]);
    // Also while it is left out: what it answered is kept under the name of an evaluation that did not know.
    expect(next.found).toContain(ONE);
    trouble.mixes.clear();
    const mended = await open();
    // It is put back, and what it answered before is still another evaluation's.
    expect((await store.replicaMarks()).find(({ replica }) => replica === ONE)).toMatchObject({ inTraffic: true });
    expect(mended.found).toContain(ONE);
    await questions(mended, 10);
    await mended.assertStillApart();
  });
});
