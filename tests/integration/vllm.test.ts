// The real vLLM: adapters mixed up without our plugin and taken out of traffic, kept apart with it, loaded, read back and served again after a restart.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, Output } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { InteractionEvent, JudgePin, SuiteJudge, type Digest } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import { asSuiteJudge, INJECTION_EXAMPLES } from '../../core/curate/injection-judge.ts';
import { judgeRequest, PROBE, readVerdict } from '../../core/suites/judge.ts';
import { startGateway, type Gateway } from '../../gateway/gateway.ts';
import { startVllm, type VllmServer } from '../../infra/dev/vllm.ts';
import { createAdapterFiles } from '../../stores/adapters.ts';
import { openBlobStore } from '../../stores/blobs.ts';
import { createJudge } from '../../stores/judge.ts';
import type { ServingTarget } from '../../stores/ports.ts';
import { readSuite } from '../../stores/suites.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { reportOf } from '../../workers/drained.ts';
import { putManifest, putRandomAdapter } from '../support/adapter.ts';
import { captureLog, channelSlot } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

const CHANNEL = 'tickets/production';
const BASE = 'smollm2-135m-instruct';
const START_MS = 300_000;
const dir = mkdtempSync(join(tmpdir(), 'ratchet-vllm-'));
const slot = channelSlot(CHANNEL);
const log = captureLog();
/** No share at first: nothing else is asked here that could pay for a check. */
const budget = { intervalMs: 500, maxShare: 1_000 };
const events: InteractionEvent[] = [];
let server: VllmServer;
let target: ServingTarget;
let gateway: Gateway;
let one: Digest;
let two: Digest;
let broken: Digest;

/** As many adapters as slots: the engine's fault shows where the last slot is taken. */
const start = (plugin: boolean, port?: number): Promise<VllmServer> => startVllm({ dir, port, apiKey: 'a-key-for-vllm', maxLoras: 2, plugin });

beforeAll(async () => {
  server = await start(false);
  const blobs = await openBlobStore(join(dir, 'blobs'));
  one = await putRandomAdapter(blobs, 1);
  two = await putRandomAdapter(blobs, 2);
  broken = await putManifest(blobs, { 'adapter_config.json': await blobs.put(Buffer.from('{}')), 'adapter_model.safetensors': await blobs.put(Buffer.from('no weights')) });
  const { materialize } = createAdapterFiles({ blobs, dir: join(dir, 'adapters') });
  target = createVllmTarget({ replicas: [server.url], apiKey: 'a-key-for-vllm', baseModel: BASE, maxLoraRank: 16, materialize });
  gateway = await startGateway({
    store: slot, target, logger: log.logger, subjectKey: 'k', vllmApiKey: 'a-key-for-vllm', pollMs: 250, isolation: budget,
    workloads: new Map([[CHANNEL, { workload: { name: 'tickets', channel: CHANNEL } }]]),
    publish: (event) => void events.push(event),
  });
}, START_MS);
afterAll(async () => {
  await gateway.close(1_000);
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const ask = async (): Promise<{ status: number; adapter: string | null }> => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ model: CHANNEL, messages: question.messages, max_tokens: 4 }) });
  await response.text();
  return { status: response.status, adapter: response.headers.get('x-ratchet-adapter') };
};
const question = { messages: [{ role: 'user', content: 'Name the capital of France, then count to nine.' }], temperature: 0, maxTokens: 24 };

test('without the plugin base requests get an adapter applied: the check says so, and the gateway takes the replica out of traffic', async () => {
  await target.load(one);
  await target.load(two);
  await vi.waitFor(() => expect(gateway.replicas()[0]).toMatchObject({ healthy: true, inTraffic: false, alarms: ['isolation'] }), { timeout: 60_000, interval: 250 });
  // The gateway looks again only now and then: both checks at once would not find the base alone.
  budget.intervalMs = 3_600_000;
  const error = await target.checkIsolation([one, two]).catch((caught: unknown) => caught as Error);
  expect(error).toMatchObject({ code: 'ISOLATION_BROKEN' });
  expect((error as Error).message).toContain(server.url);
  expect((error as Error).message).toContain('base');
  slot.swap(one);
  // What a gateway has read of a channel is up to 50 ms old.
  await until(async () => expect(await reportOf(gateway.url, undefined, AbortSignal.timeout(2_000))).toMatchObject({ channels: [{ live: one }] }));
  expect(await ask()).toEqual({ status: 503, adapter: one });
}, 120_000);

test('after a restart with it the gateway gives the live adapter back and checks before traffic, and nobody gets the base’s answer', async () => {
  const seen: { status: number; adapter: string | null }[] = [];
  await server.stop();
  seen.push(await ask());
  expect(seen[0]?.status).toBe(503);
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
  const restarted = start(true, server.port);
  let up = false;
  void restarted.then(() => (up = true));
  while (!up) {
    seen.push(await ask());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  server = await restarted;
  await vi.waitFor(async () => {
    seen.push(await ask());
    expect(seen.at(-1)?.status).toBe(200);
  }, { timeout: 90_000, interval: 100 });
  for (const { status, adapter } of seen) expect([`200 ${one}`, `503 ${one}`]).toContain(`${status} ${adapter}`);
  expect(log.lines.some((line) => line.includes('replica does not answer'))).toBe(true);
  expect(log.lines.some((line) => line.includes('live adapter is loaded again'))).toBe(true);
  expect((await target.state())[0]?.adapters.map(({ digest }) => digest)).toEqual([one]);
}, START_MS);

test('serves as a judge: a verdict in the form that is asked for, by the model that is pinned and no other', async () => {
  // A model of this size has no judgement: only the mechanics are looked at.
  const [card] = ((await (await fetch(`${server.url}/v1/models`, { headers: { authorization: 'Bearer a-key-for-vllm' } })).json()) as { data: { root: string }[] }).data;
  const pinned = SuiteJudge.parse({ model: BASE, revision: 'of this test', rubric: 'The answer names a colour.', reports: { root: card?.root } });
  const judge = createJudge({ url: server.url, apiKey: 'a-key-for-vllm', pausesMs: [] });
  const ask = (over: object = {}) => judge.ask(judgeRequest({ ...pinned, ...over }, PROBE), { timeoutMs: 60_000 }).catch((error: unknown) => error);
  expect(readVerdict((await ask()) as string)).toMatchObject({ passed: expect.any(Boolean) as boolean });
  // The longer question of an injection judge is taken as well; whether a model of this size comes to an end within its tokens is chance.
  const ofInjections = asSuiteJudge({ ...JudgePin.parse({ model: BASE, revision: 'of this test', maxTokens: 32 }), reports: { root: card?.root } });
  expect(await judge.ask(judgeRequest(ofInjections, INJECTION_EXAMPLES[0]!), { timeoutMs: 60_000 })).toMatch(/^\{/);
  expect(await ask({ reports: { root: '/models/another' } })).toMatchObject({ code: 'JUDGE_MISMATCH' });
  expect(await ask({ model: 'judge-32b', reports: undefined })).toMatchObject({ code: 'JUDGE_UNAVAILABLE', message: expect.stringContaining('does not serve judge-32b') as string });
  expect(await createJudge({ url: server.url, apiKey: 'wrong', pausesMs: [] }).ask(judgeRequest(pinned, PROBE), { timeoutMs: 60_000 }).catch((error: unknown) => error)).toMatchObject({ message: expect.stringContaining('check JUDGE_API_KEY') as string });
}, 180_000);

test('adapters are loaded under their digest, read back, and answer unlike the base', async () => {
  await target.load(one);
  await target.load(one);
  await target.load(two);
  const [state] = await target.state();
  expect(state).toMatchObject({ healthy: true, engineBuild: 'vllm-0.32.0' });
  expect(new Map(state?.adapters.map(({ digest, root }) => [digest, root]))).toEqual(new Map([one, two].map((digest) => [digest, join(dir, 'adapters', digest.slice(7))])));
  const answers = await Promise.all([null, one, two].map((adapter) => target.chat({ adapter, ...question })));
  expect(new Set(answers.map(({ text }) => text)).size).toBeGreaterThan(1);
  for (const answer of answers) expect(answer.outputTokens).toBeGreaterThan(0);
});

test('an adapter that is not there, and one that cannot be read, are told apart', async () => {
  await expect(target.chat({ adapter: digestOfBytes('unknown'), ...question })).rejects.toMatchObject({ code: 'ADAPTER_NOT_SERVED' });
  await expect(target.load(broken)).rejects.toMatchObject({ code: 'ADAPTER_LOAD_FAILED' });
  expect((await target.state())[0]?.adapters).toHaveLength(2);
});

test('with the plugin, answers alone and in a mixed batch agree', async () => {
  for (let time = 0; time < 2; time += 1) expect(await target.checkIsolation([one, two])).toMatchObject([{ replica: server.url, prompts: 4, arms: 3 }]);
  // Its own count tells that nobody else was answered meanwhile.
  const before = (await target.tokensServed?.(server.url)) ?? 0;
  const [{ tokens } = { tokens: 0 }] = await target.checkIsolation([one, two]);
  expect(((await target.tokensServed?.(server.url)) ?? 0) - before).toBe(tokens);
});

test('the pairs of the general-ability suite are told apart by log-probability, by base and adapter in one batch', async () => {
  const { suite } = await readSuite('builtin:general-ability');
  const pairs = suite.items.map(({ pair }) => pair!);
  const measure = async (adapter: Digest | null): Promise<{ good: number; bad: number }[]> =>
    Promise.all(
      pairs.map(async ({ prompt, right, wrong }) => {
        const [good, bad] = await Promise.all([right, wrong].map((end) => target.logprob({ adapter, text: prompt + end })));
        return { good: good!.logprob, bad: bad!.logprob };
      }),
    );
  type Measured = Awaited<ReturnType<typeof measure>>;
  const share = (values: Measured): number => values.filter(({ good, bad }) => good > bad).length / values.length;
  /** Of a text's log-probability, on average. */
  const apart = (some: Measured, others: Measured): number => some.reduce((sum, { good }, index) => sum + Math.abs(good - others[index]!.good), 0) / some.length;
  const startedMs = performance.now();
  // Together: what one arm finds probable does not depend on the others in the batch.
  const [base, adapter] = await Promise.all([measure(null), measure(one)]);
  const seconds = (performance.now() - startedMs) / 1000;
  const again = await measure(null);
  console.log(`${pairs.length} pairs: base ${share(base).toFixed(3)}, random adapter ${share(adapter).toFixed(3)}, ${seconds.toFixed(1)} s for both; apart by ${apart(base, adapter).toFixed(2)}, base alone from base in the batch by ${apart(base, again).toFixed(3)}`);
  expect(share(base)).toBeGreaterThan(0.9);
  expect(Math.abs(share(base) - share(again))).toBeLessThanOrEqual(0.03);
  expect(apart(base, adapter)).toBeGreaterThan(5 * apart(base, again));
  await expect(target.logprob({ adapter: digestOfBytes('unknown'), text: 'Ice is frozen water.' })).rejects.toMatchObject({ code: 'ADAPTER_NOT_SERVED' });
});

test('the gateway serves the live adapter under the channel’s name, whole and streamed', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  const request = { model: CHANNEL, messages: [{ role: 'user' as const, content: 'Name the capital of France.' }], temperature: 0, max_tokens: 16 };
  await vi.waitFor(async () => {
    const { data, response } = await client.chat.completions.create(request).withResponse();
    expect(response.headers.get('x-ratchet-adapter')).toBe(one);
    expect(data.model).toBe(CHANNEL);
  }, { timeout: 30_000 });
  const whole = await client.chat.completions.create(request);
  let streamed = '';
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) streamed += chunk.choices[0]?.delta.content ?? '';
  expect(streamed).toBe(whole.choices[0]?.message.content);
  await until(() => expect(events.length).toBeGreaterThanOrEqual(3));
  const last = InteractionEvent.parse(events.at(-1));
  expect(last.data).toMatchObject({ 'ratchet.adapter.digest': one, 'ratchet.engine.build': 'vllm-0.32.0' });
  expect(last.data['gen_ai.output.messages'][0]?.parts[0]?.content).toBe(streamed);
});

test('text completions, a schema, the usage of a stream and the Vercel AI SDK, all on the real engine', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'unused', maxRetries: 0 });
  events.length = 0;
  const completion = await client.completions.create({ model: CHANNEL, prompt: 'The capital of France is', max_tokens: 6, temperature: 0 });
  let streamed = '';
  for await (const chunk of await client.completions.create({ model: CHANNEL, prompt: 'The capital of France is', max_tokens: 6, temperature: 0, stream: true })) {
    expect(chunk.usage ?? null).toBeNull();
    streamed += chunk.choices[0]?.text ?? '';
  }
  expect(streamed).toBe(completion.choices[0]?.text);
  await until(() => expect(events).toHaveLength(2));
  for (const { data } of events) expect([data['gen_ai.operation.name'], data['gen_ai.usage.output_tokens']]).toEqual(['text_completion', 6]);

  const two = await client.chat.completions.create({ model: CHANNEL, messages: [{ role: 'user', content: 'Say a word.' }], n: 2, max_tokens: 4 });
  await until(() => expect(events).toHaveLength(4));
  expect(events.slice(2).map(({ data }) => data['gen_ai.output.messages'][0]?.parts[0]?.content)).toEqual(two.choices.map(({ message }) => message.content));

  const model = createOpenAICompatible({ name: 'ratchet', baseURL: `${gateway.url}/v1`, apiKey: 'unused', supportsStructuredOutputs: true })(CHANNEL);
  const schema = jsonSchema<{ city: string }>({ type: 'object', properties: { city: { enum: ['Paris', 'Rome'] } }, required: ['city'], additionalProperties: false });
  const { output } = await generateText({ model, prompt: 'Name the capital of France as JSON.', maxOutputTokens: 40, output: Output.object({ schema }), maxRetries: 0 });
  expect(['Paris', 'Rome']).toContain(output.city);
  await until(() => expect(events).toHaveLength(5));
  expect(events[4]?.data['ratchet.output.schema']).toMatchObject({ required: ['city'] });
});
