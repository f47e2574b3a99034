// The vLLM target against a stub of its API, and the arithmetic of the isolation check. The real engine: tests/integration/vllm.test.ts
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Digest } from '../../core/contracts/index.ts';
import { checkReplica, distance, judge, type Position } from '../../stores/isolation.ts';
import type { ServingTarget } from '../../stores/ports.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { ADAPTER_A, ADAPTER_B, STUB_BASE, startStubEngine, type StubEngine } from '../support/stub-engine.ts';

const SECRET = 'SEEDED-SECRET-4711';
const question = { messages: [{ role: 'user', content: SECRET }], maxTokens: 5 };
const folderOf = async (adapter: Digest): Promise<string> => `/adapters/${adapter.slice(7)}`;

let engines: StubEngine[];
let target: ServingTarget;
beforeEach(async () => {
  engines = [await startStubEngine(), await startStubEngine()];
  target = createVllmTarget({ replicas: engines.map(({ url }) => `${url}/`), apiKey: 'key', baseModel: STUB_BASE, maxLoraRank: 16, materialize: folderOf });
});
afterEach(() => Promise.all(engines.map((engine) => engine.close())));

test('a load reaches every replica, twice is once, and is read back with its folder', async () => {
  await target.load(ADAPTER_A);
  await target.load(ADAPTER_A);
  const root = await folderOf(ADAPTER_A);
  expect(await target.state()).toEqual(engines.map(({ url }) => ({ url, healthy: true, engineBuild: 'vllm-0.0.0-stub', adapters: [{ digest: ADAPTER_A, root }] })));
  await target.unload(ADAPTER_A);
  await target.unload(ADAPTER_A);
  expect((await target.state()).map(({ adapters }) => adapters)).toEqual([[], []]);
});

test('an adapter served from another folder is not taken for ours', async () => {
  engines[1]?.loaded.set(ADAPTER_A, '/elsewhere');
  await expect(target.load(ADAPTER_A)).rejects.toMatchObject({ code: 'ADAPTER_LOAD_FAILED' });
});

test('a refused load fails and the other replica still got it', async () => {
  if (engines[0]) engines[0].refuseLoads = true;
  await expect(target.load(ADAPTER_A)).rejects.toMatchObject({ code: 'ADAPTER_LOAD_FAILED', message: expect.stringContaining('max_lora_rank') as string });
  expect(engines[1]?.loaded.has(ADAPTER_A)).toBe(true);
});

test('a replica that is away is said to be, by state and by load', async () => {
  await engines[0]?.close();
  expect((await target.state()).map(({ healthy }) => healthy)).toEqual([false, true]);
  await expect(target.load(ADAPTER_A)).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE' });
});

describe('chat', () => {
  test('asks the given or the least busy replica, by digest or the base’s name', async () => {
    await target.load(ADAPTER_A);
    const [first, second] = engines.map(({ url }) => url);
    const answer = await target.chat({ adapter: ADAPTER_A, ...question }, { replica: second });
    expect(answer).toMatchObject({ text: `stub answer ü of ${ADAPTER_A}`, finishReason: 'stop', inputTokens: 7, outputTokens: 3 });
    for (const engine of engines) engine.delayMs = 50;
    await Promise.all([1, 2, 3, 4].map(() => target.chat({ adapter: null, ...question })));
    expect(engines.map(({ asked }) => asked.length)).toEqual([2, 3]);
    expect(first).not.toBe(second);
  });

  test.each([
    ['an unknown adapter', ADAPTER_B, undefined, 'ADAPTER_NOT_SERVED'],
    ['a refusal', null, 400, 'REQUEST_INVALID'],
    ['a wrong key', null, 401, 'UNAUTHORIZED'],
    ['a failing engine', null, 500, 'SERVING_UNAVAILABLE'],
  ])('%s is an error without the prompt', async (_name, adapter, status, code) => {
    for (const engine of engines) if (status !== undefined) engine.onChat = (asked, res) => void res.writeHead(status).end(JSON.stringify({ error: { message: asked.body } }));
    const error = await target.chat({ adapter, ...question }).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code });
    expect(String((error as Error).stack)).not.toContain(SECRET);
  });

  test('an answer by another model is no answer', async () => {
    await target.load(ADAPTER_A);
    for (const engine of engines) engine.onChat = (_asked, res) => void res.writeHead(200).end(JSON.stringify({ model: STUB_BASE, choices: [{ message: { content: 'x' } }] }));
    await expect(target.chat({ adapter: ADAPTER_A, ...question })).rejects.toMatchObject({ code: 'ADAPTER_NOT_SERVED' });
  });

  test('a slow answer ends at its time-out, and a caller’s abort stays an abort', async () => {
    for (const engine of engines) engine.delayMs = 2_000;
    await expect(target.chat({ adapter: null, ...question }, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'SERVING_UNAVAILABLE' });
    const controller = new AbortController();
    const pending = target.chat({ adapter: null, ...question }, { signal: controller.signal });
    await sleep(30);
    controller.abort();
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('the isolation check', () => {
  test('finds under a steady load what a quiet moment has shown to be otherwise; without one both halves are wrong alike', async () => {
    await target.load(ADAPTER_A);
    const [first, second] = engines as [StubEngine, StubEngine];
    expect(await target.checkIsolation([ADAPTER_A])).toMatchObject([{ arms: 2, tokens: 320 }, { arms: 2, tokens: 320 }]);
    // A restart with another build: nothing of the former one is known of it.
    second.version = '0.0.1-stub';
    for (const engine of engines) [engine.mixes, engine.traffic] = [true, ADAPTER_A];
    const errors = await Promise.allSettled([first, second].map(({ url }) => target.checkIsolation([ADAPTER_A], { replicas: [url] })));
    expect(errors.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect((errors[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'ISOLATION_BROKEN', message: expect.stringContaining('base is off by') as string });
  });

  test('keeps nothing as quiet while others were answered', async () => {
    await target.load(ADAPTER_A);
    const [first] = engines as [StubEngine];
    const only = { replicas: [first.url] };
    for (const engine of engines) engine.delayMs = 1;
    let ended = false;
    const check = target.checkIsolation([ADAPTER_A], only).finally(() => (ended = true));
    // From its first request to its last, however slow the machine is.
    while (!ended) await target.chat({ adapter: null, ...question }, { replica: first.url });
    await check;
    [first.mixes, first.traffic] = [true, ADAPTER_A];
    expect(await target.checkIsolation([ADAPTER_A], only)).toHaveLength(1);
  });

  const position = (...logprobs: [string, number][]): Position => ({ token: logprobs[0]?.[0] ?? '', logprobs: new Map(logprobs) });

  test('distance is the mean difference while both answers agree', () => {
    const alone = [position(['a', -0.1], ['b', -3]), position(['c', -0.5], ['d', -1])];
    expect(distance(alone, [position(['a', -0.2], ['b', -3.25]), position(['c', -0.4], ['d', -1.1])])).toBeCloseTo((0.1 + 0.25 + 0.1 + 0.1) / 4);
    expect(distance(alone, alone)).toBe(0);
  });

  test('where two tokens nearly tie, parting is near and ends the comparison', () => {
    const alone = [position(['c', -0.7], ['d', -0.8]), position(['x', -0.1])];
    expect(distance(alone, [position(['d', -0.7], ['c', -0.75]), position(['totally', -9])])).toBeCloseTo(0.075);
  });

  test('parting to a token that was not near is far, and an answer cut short is no answer', () => {
    expect(distance([position(['c', -0.1], ['d', -5])], [position(['d', -0.1], ['c', -6])])).toBeCloseTo((5.9 + 4.9) / 2);
    expect(distance([position(['c', -0.1], ['d', -4])], [position(['z', -0.1], ['y', -4])])).toBeCloseTo(3.9 / 2);
    expect(distance([position(['c', -0.1])], [])).toBe(Infinity);
    expect(distance([], [position(['c', -0.1])])).toBe(Infinity);
  });

  test('one answer beyond the tolerance is enough; answers inside it are wrong where they are another arm’s', () => {
    const answer = (a: number, b: number) => [[position(['a', a], ['b', b])]];
    const [base, adapter] = [answer(-0.2, -1.8), answer(-0.4, -1.6)];
    expect(judge(0, [base, adapter], [answer(-0.25, -1.75), answer(-0.2, -1.85)])).toBeNull();
    expect(judge(0, [base, adapter], [base, answer(-0.9, -1.0)])).toMatchObject({ by: 0.75 });
    expect(judge(0, [base, adapter], [answer(-0.38, -1.62), answer(-0.41, -1.6)])).toMatchObject({ like: 1 });
    // Arms that the prompts cannot tell apart are not told apart by noise.
    const twin = answer(-0.25, -1.75);
    expect(judge(0, [base, twin], [twin, twin])).toBeNull();
  });

  /** An engine of two models, which can give the base an adapter's answer when both are asked at once. */
  const engine = (mixes: boolean) => {
    let adapterInBatch = 0;
    return async (arm: Digest | null): Promise<unknown> => {
      if (arm !== null) adapterInBatch += 1;
      await sleep(5);
      const effective = arm === null && mixes && adapterInBatch > 0 ? ADAPTER_A : arm;
      const logprob = effective === null ? -0.1 : -2.1;
      if (arm !== null) adapterInBatch -= 1;
      return { choices: [{ logprobs: { content: [{ token: 'x', logprob, top_logprobs: [] }] } }] };
    };
  };

  test('passes an engine that keeps arms apart and names the arm that is not', async () => {
    expect(await checkReplica('http://r', [ADAPTER_A, ADAPTER_A], engine(false))).toMatchObject({ replica: 'http://r', arms: 2 });
    const error = await checkReplica('http://r', [ADAPTER_A], engine(true)).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'ISOLATION_BROKEN' });
    expect((error as Error).message).toContain('http://r');
    expect((error as Error).message).toMatch(new RegExp(`base is off by 2.00 and answers like ${ADAPTER_A}`));
  });
});
