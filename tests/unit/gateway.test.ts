// The gateway over HTTP, in front of a stub engine that says it is one (tests/support/stub-engine.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InteractionEvent, type Digest } from '../../core/contracts/index.ts';
import { keyedHash } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';
import { startGateway, type Gateway, type GatewayDeps } from '../../gateway/gateway.ts';
import { createMetrics } from '../../gateway/metrics.ts';
import { createVllmTarget } from '../../stores/vllm.ts';
import { ADAPTER_A, ADAPTER_B, STUB_BASE, captureLog, channelSlot, startStubEngine, type StubEngine } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

const CHANNEL = 'tickets/production';
const SECRET = 'SEEDED-SECRET-4711';
const folderOf = async (adapter: Digest): Promise<string> => `/adapters/${adapter.slice(7)}`;

let engine: StubEngine;
let gateway: Gateway;
let slot: ReturnType<typeof channelSlot>;
let events: InteractionEvent[];
let log: ReturnType<typeof captureLog>;
let metrics: ReturnType<typeof createMetrics>;

async function start(more: Partial<GatewayDeps> = {}): Promise<void> {
  const target = createVllmTarget({ replicas: [engine.url], apiKey: 'vllm-key', baseModel: STUB_BASE, maxLoraRank: 16, materialize: folderOf });
  metrics = createMetrics();
  gateway = await startGateway({
    store: slot, target, metrics, logger: log.logger, subjectKey: 'k', pollMs: 40, vllmApiKey: 'vllm-key',
    workloads: new Map([[CHANNEL, { workload: { name: 'tickets', channel: CHANNEL }, outputSchema: { type: 'object' } }]]),
    publish: (event) => void events.push(event),
    ...more,
  });
}

beforeEach(async () => {
  engine = await startStubEngine();
  slot = channelSlot(CHANNEL);
  events = [];
  log = captureLog();
  await start();
});
afterEach(async () => {
  await gateway.close(500);
  await engine.close();
});

/** A promotion, and the time after which every request must see it. */
async function promote(adapter: Digest): Promise<void> {
  load(adapter);
  slot.swap(adapter);
  await sleep(60);
}
const load = (adapter: Digest): void => void engine.loaded.set(adapter, `/adapters/${adapter.slice(7)}`);
const body = (more: object = {}): object => ({ model: CHANNEL, messages: [{ role: 'system', content: 'You help.' }, { role: 'user', content: `Ticket: ${SECRET}` }], ...more });
const post = (json: unknown, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> =>
  fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof json === 'string' ? json : JSON.stringify(json), signal });
const errorOf = async (response: Response) => ((await response.json()) as { error: { message: string; type: string; code: string; param: string | null } }).error;
const published = (count = 1): Promise<void> => until(() => expect(events).toHaveLength(count));

describe('an answer', () => {
  test('at generation 0 comes from the base, under the channel’s name', async () => {
    const response = await post(body());
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ratchet-adapter')).toBe('base');
    expect(response.headers.get('x-ratchet-generation')).toBe('0');
    expect(response.headers.get('x-ratchet-interaction')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await response.json()).toMatchObject({ model: CHANNEL, choices: [{ message: { content: `stub answer ü of ${STUB_BASE}` } }] });
    expect(engine.asked[0]?.headers.authorization).toBe('Bearer vllm-key');
  });

  test('after a promotion comes from the adapter; the body goes upstream as written but for the model', async () => {
    await promote(ADAPTER_A);
    const text = `{"seed":9007199254740993,"temperature":0.0,"model":"${CHANNEL}","messages":[{"role":"user","content":"x"}],"vendor":{"model":"kept"}}`;
    const response = await post(text, { 'x-ratchet-interaction': 'order-7' });
    expect(response.headers.get('x-ratchet-adapter')).toBe(ADAPTER_A);
    expect(response.headers.get('x-ratchet-generation')).toBe('1');
    expect(response.headers.get('x-ratchet-interaction')).toBe('order-7');
    expect(engine.asked[0]?.body).toBe(text.replace(`"${CHANNEL}"`, `"${ADAPTER_A}"`));
    expect(((await response.json()) as { model: string }).model).toBe(CHANNEL);
  });

  test('streamed: the openai client reads it, and the event holds the whole', async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'x', maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: CHANNEL, messages: [{ role: 'user', content: 'x' }], stream: true, stream_options: { include_usage: true } });
    let text = '';
    for await (const part of stream) {
      expect(part.model).toBe(CHANNEL);
      text += part.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe(`stub answer ü of ${STUB_BASE}`);
    await published();
    expect(events[0]?.data['gen_ai.output.messages'][0]?.parts[0]?.content).toBe(text);
    expect(events[0]?.data['gen_ai.usage.output_tokens']).toBe(3);
  });

  test('becomes an event that fits the contract, with everything the caller said', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await post(body({ user: 'kim@example.com', temperature: 0, tools: [{ type: 'function', function: { name: 'find' } }] }), {
      'x-ratchet-interaction': 'i1', 'x-ratchet-tenant': 'acme', 'x-ratchet-session': 's1', 'x-ratchet-prompt-version': 'v9', traceparent,
      'x-ratchet-untrusted': JSON.stringify([{ message: 1, start: 8, end: 8 + SECRET.length }]),
    });
    await published();
    const event = InteractionEvent.parse(events[0]);
    expect(event).toMatchObject({ source: `urn:ratchet:gateway:${CHANNEL}`, id: 'i1' });
    expect(event.traceparent?.split('-')[1]).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(engine.asked[0]?.headers['traceparent']).toBe(event.traceparent);
    expect(event.data).toMatchObject({
      'ratchet.workload': 'tickets', 'ratchet.channel': CHANNEL, 'ratchet.adapter.digest': null, 'ratchet.generation': 0, 'ratchet.engine.build': 'vllm-0.0.0-stub',
      'ratchet.tenant': 'acme', 'gen_ai.conversation.id': 's1', 'ratchet.prompt.version': 'v9', 'ratchet.subject': keyedHash('k', 'kim@example.com'),
      'ratchet.output.schema': { type: 'object' }, 'gen_ai.usage.input_tokens': 7, 'ratchet.consent.basis': 'contract', 'ratchet.retention.days': 90,
      'gen_ai.response.finish_reasons': ['stop'], 'gen_ai.tool.definitions': [{ type: 'function', name: 'find' }],
    });
    expect(event.data['gen_ai.input.messages'][1]?.parts).toEqual([
      { type: 'text', content: 'Ticket: ', 'ratchet.trusted': true },
      { type: 'text', content: SECRET, 'ratchet.trusted': false },
    ]);
    expect(JSON.stringify(event)).not.toContain('kim@example.com');
  });

  test('with tool calls carries them, streamed or whole', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'find', arguments: '{"a":1}' } };
    engine.onChat = (asked, res) => {
      if (asked.body.includes('"stream":true')) return void res.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify({ model: asked.model, choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...call }] }, finish_reason: 'tool_calls' }] })}\n\ndata: [DONE]\n\n`);
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ model: asked.model, choices: [{ index: 0, message: { content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }] }));
    };
    await (await post(body())).text();
    await (await post(body({ stream: true }))).text();
    await published(2);
    for (const event of events) expect(event.data['gen_ai.output.messages'][0]?.parts).toContainEqual({ type: 'tool_call', id: 'c1', name: 'find', arguments: '{"a":1}' });
  });

  test('never waits for the publisher, and survives a publisher that throws', async () => {
    await gateway.close();
    await start({ publish: () => { throw new RatchetError('KAFKA_UNAVAILABLE', 'away'); } });
    expect((await post(body())).status).toBe(200);
    await until(async () => expect(await metrics.registry.metrics()).toContain('ratchet_gateway_events_lost_total{reason="not_built"} 1'));
  });
});

describe('refusals have OpenAI’s shape', () => {
  test('an unknown model, a digest and a disallowed base arm are 404', async () => {
    load(ADAPTER_A);
    for (const model of ['nope', ADAPTER_A, STUB_BASE, `${CHANNEL}@base`]) {
      const response = await post(body({ model }));
      expect(response.status).toBe(404);
      expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error', code: 'model_not_found', param: 'model' });
    }
    expect(engine.asked).toHaveLength(0);
  });

  test('other paths are 404, vLLM’s load and unload first of all', async () => {
    for (const [method, path] of [['POST', '/v1/load_lora_adapter'], ['POST', '/v1/unload_lora_adapter'], ['POST', '/v1/embeddings'], ['GET', '/v1/chat/completions'], ['GET', '/v1/completions'], ['GET', '/version'], ['POST', '//v1/load_lora_adapter']]) {
      const response = await fetch(`${gateway.url}${path}`, { method });
      expect(response.status).toBe(404);
      expect(await errorOf(response)).toMatchObject({ code: 'not_found' });
    }
  });

  test('bad JSON and a bad header are 400 with the place, and say nothing of the prompt', async () => {
    const notJson = await post(`{"model":"${SECRET}`);
    expect(notJson.status).toBe(400);
    const header = await post(body(), { 'x-ratchet-untrusted': '[{"message":1,"start":0,"end":9999}]' });
    expect(header.status).toBe(400);
    const error = await errorOf(header);
    expect(error.message).toContain('x-ratchet-untrusted/0/end');
    expect(JSON.stringify([await errorOf(notJson), error])).not.toContain(SECRET);
    expect(engine.asked).toHaveLength(0);
  });

  test('a body over the limit is 413, announced or not', async () => {
    const big = JSON.stringify(body({ padding: 'x'.repeat(1_100_000) }));
    const announced = await post(big);
    expect(announced.status).toBe(413);
    expect(await errorOf(announced)).toMatchObject({ code: 'request_too_large' });
    const chunked = new ReadableStream({ start: (controller) => { controller.enqueue(Buffer.from(big)); controller.close(); } });
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: chunked, duplex: 'half' });
    expect(response.status).toBe(413);
  });

  test('what the engine says of a bad request reaches the client, with the channel in place of the digest', async () => {
    engine.onChat = (asked, res) => void res.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: `too long for ${asked.model}`, type: 'BadRequestError', code: 400 } }));
    const response = await post(body());
    expect(response.status).toBe(400);
    expect((await errorOf(response)).message).toBe(`too long for ${CHANNEL}`);
    await sleep(20);
    expect(events).toHaveLength(0);
  });

  test('a slow engine is 504, a failing one 502', async () => {
    await gateway.close();
    await start({ timeoutMs: 500 });
    engine.delayMs = 3_000;
    expect(await errorOf(await post(body()))).toMatchObject({ code: 'upstream_timeout', type: 'server_error' });
    await until(() => expect(engine.cutOff).toBe(1));
    engine.onChat = (_asked, res) => void res.writeHead(500).end('Traceback');
    const failed = await post(body());
    expect(failed.status).toBe(502);
    expect((await errorOf(failed)).message).not.toContain('Traceback');
  });
});

describe('a client that leaves', () => {
  test('in the middle of a stream ends the engine’s work; the event is marked aborted and holds what was said', async () => {
    engine.delayMs = 100;
    const controller = new AbortController();
    const response = await post(body({ stream: true }), {}, controller.signal);
    const reader = (response.body ?? new ReadableStream()).getReader();
    await reader.read();
    controller.abort();
    await reader.read().catch(() => undefined);
    await published();
    expect(events[0]?.data['gen_ai.response.finish_reasons']).toEqual(['aborted']);
    expect(events[0]?.data['gen_ai.output.messages'][0]?.parts[0]?.content).toMatch(/^stub /);
    expect(engine.cutOff).toBe(1);
    expect(gateway.inFlight()).toEqual({});
  });

  test('before the answer too', async () => {
    engine.delayMs = 2_000;
    const controller = new AbortController();
    const pending = post(body(), {}, controller.signal).catch(() => undefined);
    await until(() => expect(engine.asked).toHaveLength(1));
    controller.abort();
    await pending;
    await published();
    expect(events[0]?.data['gen_ai.response.finish_reasons']).toEqual(['aborted']);
    expect(await metrics.registry.metrics()).toContain('status="499"');
  });
});

describe('a replica that was restarted', () => {
  const logged = (text: string): boolean => log.lines.some((line) => line.includes(text));

  test('gets the live adapter back before traffic; meanwhile 503, and no base answer under the adapter’s name', async () => {
    await promote(ADAPTER_A);
    await until(async () => expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200));
    expect((await post(body())).headers.get('x-ratchet-adapter')).toBe(ADAPTER_A);

    engine.loaded.clear();
    engine.refuseLoads = true;
    const response = await post(body());
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await errorOf(response)).toMatchObject({ code: 'replica_not_ready', type: 'server_error' });
    const ready = await fetch(`${gateway.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ ready: false, channels: [{ channel: CHANNEL, ready: false }], replicas: [{ replica: engine.url, missing: [ADAPTER_A] }] });
    expect(await metrics.registry.metrics()).toContain(`ratchet_gateway_replica_ready{replica="${engine.url}"} 0`);
    expect(logged('it is loaded again before traffic returns') || logged('it gets no traffic for it until it is loaded again')).toBe(true);

    engine.refuseLoads = false;
    await until(async () => expect((await post(body())).status).toBe(200));
    expect(logged('live adapter is loaded again')).toBe(true);
    for (const { model, body: sent } of engine.asked) expect(model === ADAPTER_A, sent).toBe(true);
  });

  test('an upstream 404 is answered with 503 and brings the reload, also between two polls', async () => {
    await gateway.close();
    load(ADAPTER_A);
    slot.swap(ADAPTER_A);
    await start({ pollMs: 60_000 });
    expect((await post(body())).status).toBe(200);
    engine.loaded.clear();
    expect((await post(body())).status).toBe(503);
    await until(() => expect(engine.loaded.has(ADAPTER_A)).toBe(true));
    await until(async () => expect((await post(body())).status).toBe(200));
  });

  test('an engine that answers as another model is not believed', async () => {
    await promote(ADAPTER_A);
    engine.onChat = (asked, res) => void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ model: STUB_BASE, choices: [{ index: 0, message: { content: 'base answer' } }], asked: asked.model }));
    const response = await post(body());
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain('base answer');
    expect(events).toHaveLength(0);
  });

  test('an engine that is away is 503, then traffic returns', async () => {
    const port = Number(new URL(engine.url).port);
    await until(async () => expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200));
    await engine.close();
    const response = await post(body());
    expect(response.status).toBe(503);
    expect((await errorOf(response)).code).toBe('replica_not_ready');
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
    expect(log.lines.some((line) => line.includes('replica does not answer'))).toBe(true);
    engine = await startStubEngine(port);
    expect((await post(body())).status).toBe(200);
  });
});

describe('a swap of the channel', () => {
  test('under traffic loses no request, each is answered by the adapter that its headers name, and the old one drains', async () => {
    await promote(ADAPTER_A);
    engine.delayMs = 10;
    const answers: { status: number; adapter: string | null; generation: string | null; content: string }[] = [];
    let asked = 0;
    const worker = async (): Promise<void> => {
      while (asked < 200) {
        asked += 1;
        if (asked === 100) {
          load(ADAPTER_B);
          slot.swap(ADAPTER_B);
        }
        const response = await post(body({ stream: asked % 3 === 0 }));
        answers.push({ status: response.status, adapter: response.headers.get('x-ratchet-adapter'), generation: response.headers.get('x-ratchet-generation'), content: await response.text() });
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    expect(answers).toHaveLength(200);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    for (const { adapter, generation, content } of answers) {
      expect([`${ADAPTER_A} 1`, `${ADAPTER_B} 2`]).toContain(`${adapter} ${generation}`);
      expect(content).toContain(String(adapter));
    }
    expect(new Set(answers.map(({ adapter }) => adapter))).toEqual(new Set([ADAPTER_A, ADAPTER_B]));
    await published(200);
    const report = (await (await fetch(`${gateway.url}/internal/generation`)).json());
    expect(report).toEqual({ channels: [{ channel: CHANNEL, generation: 2, live: ADAPTER_B }], inFlight: {} });
  });

  test('a request in flight ends on the old adapter and is counted until then', async () => {
    load(ADAPTER_B);
    await promote(ADAPTER_A);
    engine.delayMs = 1_000;
    const old = post(body());
    await until(() => expect(gateway.inFlight()).toEqual({ [ADAPTER_A]: 1 }));
    slot.swap(ADAPTER_B);
    await sleep(60);
    const report = (await (await fetch(`${gateway.url}/internal/generation`)).json());
    expect(report).toEqual({ channels: [{ channel: CHANNEL, generation: 2, live: ADAPTER_B }], inFlight: { [ADAPTER_A]: 1 } });
    expect((await old).headers.get('x-ratchet-adapter')).toBe(ADAPTER_A);
    await until(() => expect(gateway.inFlight()).toEqual({}));
  });
});

describe('the rest', () => {
  test('/v1/models lists channels, not digests', async () => {
    load(ADAPTER_A);
    slot.swap(ADAPTER_A);
    const list = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id)).toEqual([CHANNEL]);
    expect(JSON.stringify(list)).not.toContain('sha256');
  });

  test('the base arm, where allowed, asks the base beside the channel and is not published', async () => {
    await gateway.close();
    load(ADAPTER_A);
    slot.swap(ADAPTER_A);
    await start({ allowBaseArm: true });
    const response = await post(body({ model: `${CHANNEL}@base` }));
    expect(response.headers.get('x-ratchet-adapter')).toBe('base');
    expect(response.headers.get('x-ratchet-generation')).toBe('0');
    expect(engine.asked[0]?.model).toBe(STUB_BASE);
    await post(body());
    await published(1);
    expect(events[0]?.data['ratchet.adapter.digest']).toBe(ADAPTER_A);
  });

  test('/internal/generation asks for the admin token where there is one', async () => {
    await gateway.close();
    await start({ adminToken: 'a-long-admin-token' });
    expect((await fetch(`${gateway.url}/internal/generation`)).status).toBe(401);
    expect((await fetch(`${gateway.url}/internal/generation`, { headers: { authorization: 'Bearer a-long-admin-token' } })).status).toBe(200);
  });

  test('a store that does not answer is 503, and the gateway lives on', async () => {
    await gateway.close();
    await start({ store: { callerKeys: async () => [], channel: async () => { throw new RatchetError('STORE_UNAVAILABLE', 'database is locked'); } } });
    const response = await post(body());
    expect(response.status).toBe(503);
    expect(await errorOf(response)).toMatchObject({ code: 'store_unavailable' });
  });

  test('close waits for what is in flight', async () => {
    engine.delayMs = 100;
    const pending = post(body());
    await until(() => expect(engine.asked).toHaveLength(1));
    await gateway.close();
    expect((await pending).status).toBe(200);
    expect(events).toHaveLength(1);
  });

  test('nothing of a prompt or an answer is in any log line', async () => {
    await post(body());
    await post(body({ stream: true, user: SECRET }));
    await post(`{"model":"${CHANNEL}","messages":"${SECRET}`);
    await post(body({ model: SECRET }));
    engine.onChat = (_asked, res) => void res.writeHead(500).end(SECRET);
    await post(body());
    engine.onChat = (_asked, res) => void res.writeHead(200, { 'content-type': 'application/json' }).end(`{"${SECRET}`);
    await post(body());
    engine.onChat = (_asked, res) => void res.destroy();
    await post(body());
    expect(log.lines.length).toBeGreaterThan(0);
    expect(log.lines.join('')).not.toContain(SECRET);
    expect(await metrics.registry.metrics()).not.toContain(SECRET);
  });
});
