// Both APIs through one door: text completions, several choices, streams and their usage, constraints, retries and time-outs.
import { afterEach, describe, expect, test } from 'vitest';
import { InteractionEvent } from '../../core/contracts/index.ts';
import { interactionFromEvent } from '../../core/events.ts';
import { readCompletionRequest } from '../../gateway/completion-request.ts';
import { readChatRequest } from '../../gateway/chat-request.ts';
import { renamed, withAdded } from '../../gateway/json-text.ts';
import { CHANNEL, errorOf, gatewayWorld, type GatewayWorld } from '../support/gateway-world.ts';
import { ADAPTER_A, STUB_BASE } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

let world: GatewayWorld;
afterEach(() => world.close());
const engine = () => world.engines[0] as NonNullable<(typeof world.engines)[number]>;
const CHAT = '/v1/chat/completions';
const TEXT = '/v1/completions';
const chat = (more: object = {}) => ({ model: CHANNEL, messages: [{ role: 'user', content: 'x' }], ...more });
const textOf = (event: InteractionEvent | undefined) => event?.data['gen_ai.output.messages'][0]?.parts[0]?.content;

describe('text completions', () => {
  test('are answered under the channel’s name and recorded as what they are', async () => {
    world = await gatewayWorld();
    const text = `{"prompt":"Once upon","model":"${CHANNEL}","max_tokens":9007199254740993,"suffix":"end"}`;
    const response = await world.post(TEXT, text, { 'x-ratchet-interaction': 't1', 'x-ratchet-untrusted': '[{"message":0,"start":5,"end":9}]' });
    expect(await response.json()).toMatchObject({ model: CHANNEL, object: 'text_completion', choices: [{ text: `stub answer ü of ${STUB_BASE}` }] });
    expect(engine().asked[0]).toMatchObject({ path: TEXT, body: text.replace(CHANNEL, STUB_BASE) });
    await world.published();
    const event = InteractionEvent.parse(world.events[0]);
    expect(event.data['gen_ai.operation.name']).toBe('text_completion');
    expect(interactionFromEvent(event)).toMatchObject({ id: 't1', operation: 'text_completion', messages: [{ role: 'user', parts: [{ text: 'Once ', trusted: true }, { text: 'upon', trusted: false }] }], answer: { text: `stub answer ü of ${STUB_BASE}` } });
  });

  test('streamed, of several prompts: each choice is an event with its own prompt', async () => {
    world = await gatewayWorld();
    const response = await world.post(TEXT, { model: CHANNEL, prompt: ['first', 'second'], stream: true }, { 'x-ratchet-interaction': 't2' });
    expect(await response.text()).not.toContain('usage');
    await world.published(2);
    expect(world.events.map(({ id, data }) => [id, data['gen_ai.input.messages'][0]?.parts[0]?.content, data['gen_ai.usage.output_tokens']])).toEqual([['t2', 'first', 3], ['t2#1', 'second', undefined]]);
    for (const event of world.events) expect(textOf(InteractionEvent.parse(event))).toBe(`stub answer ü of ${STUB_BASE}`);
  });

  test('prompts of every kind are read, and a bad one is refused with its place', () => {
    const texts = (prompt: unknown) => readCompletionRequest({ model: 'm', prompt }, []).prompts.map(([message]) => message?.parts[0]?.text);
    expect([texts('a'), texts(['a', 'b']), texts([1, 2]), texts([[1], [2, 3]])]).toEqual([['a'], ['a', 'b'], ['[2 token ids]'], ['[1 token ids]', '[2 token ids]']]);
    for (const [prompt, place] of [[[], '/prompt'], [7, '/prompt'], [['a', 7], '/prompt/1']]) expect(() => texts(prompt)).toThrow(String(place));
    world = { close: async () => undefined } as GatewayWorld;
  });
});

describe('what the client asked for', () => {
  test('n answers are n events; more than sixteen are counted, not recorded', async () => {
    world = await gatewayWorld();
    await world.post(CHAT, chat({ n: 3 }), { 'x-ratchet-interaction': 'c' });
    await world.published(3);
    expect(world.events.map(({ id }) => id)).toEqual(['c', 'c#1', 'c#2']);
    expect(world.events.map(textOf)).toEqual(['', ' #1', ' #2'].map((end) => `stub answer ü of ${STUB_BASE}${end}`));
    await (await world.post(CHAT, chat({ n: 20, stream: true }))).text();
    await world.published(3 + 16);
    expect(await world.metrics()).toContain('ratchet_gateway_events_lost_total{reason="many_choices"} 4');
  });

  test.each([
    ['not asked for', {}, false, '{"include_usage":true}'],
    ['refused', { stream_options: { include_usage: false, x: 1 } }, false, '{"include_usage":true,"x":1}'],
    ['null', { stream_options: null }, false, '{"include_usage":true}'],
    ['asked for', { stream_options: { include_usage: true } }, true, '{"include_usage":true}'],
  ])('the usage of a stream, %s: the client sees it only where it asked, the event always has it', async (_, more, seen, sent) => {
    world = await gatewayWorld();
    const text = await (await world.post(CHAT, chat({ stream: true, ...more }))).text();
    expect(text.includes('"usage"')).toBe(seen);
    expect(text).toMatch(/"finish_reason":"stop"\}\]\}\n\n(data: \{.*"usage".*\}\n\n)?data: \[DONE\]\n\n$/);
    expect(engine().asked[0]?.body).toContain(`"stream_options":${sent}`);
    await world.published();
    expect(world.events[0]?.data['gen_ai.usage.input_tokens']).toBe(7);
  });

  test('constraints and fields that nobody here knows go upstream unchanged; a schema is recorded whichever way it was given', async () => {
    world = await gatewayWorld();
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    const ways = [{ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }, { structured_outputs: { json: schema } }, { guided_json: JSON.stringify(schema) }, { guided_regex: 'a+' }];
    for (const way of ways) await world.post(CHAT, chat({ ...way, vendor: { deep: [1.0, null] } }));
    expect(engine().asked.map(({ body }) => body)).toEqual(ways.map((way) => JSON.stringify(chat({ ...way, vendor: { deep: [1.0, null] }, model: STUB_BASE }))));
    await world.published(4);
    expect(world.events.map(({ data }) => data['ratchet.output.schema'])).toEqual([schema, schema, schema, undefined]);
    expect(world.events[1]?.data['ratchet.response.format']).toMatchObject({ type: 'json_schema', json_schema: { schema } });
  });

  test('roles decide what is trusted: system, developer and user are, a tool is not', () => {
    const message = (role: string) => ({ role, content: 'x', tool_call_id: 'c' });
    const read = readChatRequest({ model: 'm', messages: ['system', 'developer', 'user', 'assistant', 'tool', 'function'].map(message) }, []);
    expect(read.prompts[0]?.map(({ parts }) => parts[0]?.trusted)).toEqual([true, true, true, true, false, false]);
    world = { close: async () => undefined } as GatewayWorld;
  });

  test('the quick renaming equals the careful one', () => {
    for (const text of ['{"model":"a","x":1}', ' { "x" : "model" , "model" : "a" }', '{"mod\\u0065l":"a"}', '{"model":"a","model":"b"}', '{"x":"\\"model\\":1","model":"a"}', '{"a":{"model":1},"model":"a"}']) {
      expect(JSON.parse(renamed(text, 'new'))).toEqual({ ...(JSON.parse(text) as object), model: 'new' });
    }
    expect([withAdded('{}', 'a', '1'), withAdded(' {"b":2}', 'a', '1')]).toEqual(['{"a":1}', ' {"a":1,"b":2}']);
    world = { close: async () => undefined } as GatewayWorld;
  });
});

describe('another replica', () => {
  test('is asked when the first breaks before it has answered, and no client notices', async () => {
    world = await gatewayWorld({ engines: 2, pollMs: 60_000 });
    const [first, second] = world.engines;
    if (!first || !second) throw new Error('two engines');
    first.onChat = (_asked, res) => void res.destroy();
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await world.post(CHAT, chat())).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(second.asked.length).toBeGreaterThanOrEqual(20);
    expect(first.asked.length).toBeGreaterThan(0);
    await first.close();
    expect((await world.post(CHAT, chat({ stream: true }))).status).toBe(200);
    await world.published(21);
    expect(await world.metrics()).toMatch(/ratchet_gateway_retries_total [1-9]/);
  });

  test('is asked when the first has lost the adapter', async () => {
    world = await gatewayWorld({ engines: 2, pollMs: 60_000 });
    for (const { loaded } of world.engines) loaded.set(ADAPTER_A, `/adapters/${ADAPTER_A.slice(7)}`);
    world.slot.swap(ADAPTER_A);
    await until(async () => expect((await world.post(CHAT, chat())).headers.get('x-ratchet-adapter')).toBe(ADAPTER_A));
    world.engines[0]?.loaded.clear();
    const answers = await Promise.all(Array.from({ length: 8 }, () => world.post(CHAT, chat())));
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  });

  test('is not asked for ever, nor once the answer has begun', async () => {
    world = await gatewayWorld({ engines: 2 });
    for (const one of world.engines) one.onChat = (_asked, res) => void res.destroy();
    expect(await errorOf(await world.post(CHAT, chat()))).toMatchObject({ code: 'replica_not_ready' });
    const asked = () => world.engines.reduce((sum, one) => sum + one.asked.length, 0);
    expect(asked()).toBeLessThanOrEqual(3);
    const before = asked();
    for (const one of world.engines) one.onChat = ({ model }, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify({ model, choices: [{ index: 0, delta: { content: 'half' } }] })}\n\n`);
      setTimeout(() => res.destroy(), 30);
    };
    await until(() => expect(world.gateway.replicas().some(({ healthy }) => healthy)).toBe(true));
    const text = await (await world.post(CHAT, chat({ stream: true }))).text();
    expect(text).toMatch(/half[\s\S]*upstream_error/);
    expect(asked() - before).toBe(1);
    await world.published();
    expect([textOf(world.events[0]), world.events[0]?.data['gen_ai.response.finish_reasons']]).toEqual(['half', ['error']]);
  });
});

describe('limits', () => {
  test('a stream that does not begin in time is 504, one that has begun may take its time', async () => {
    world = await gatewayWorld({ firstByteMs: 1_000 });
    engine().onChat = ({ model }, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      setTimeout(() => res.end(`data: ${JSON.stringify({ model, choices: [] })}\n\n`), 2_500);
    };
    expect(await errorOf(await world.post(CHAT, chat({ stream: true })))).toMatchObject({ code: 'upstream_timeout' });
    engine().onChat = undefined;
    engine().delayMs = 400;
    expect(await (await world.post(CHAT, chat({ stream: true }))).text()).toContain('[DONE]');
  });

  test('more requests at once than allowed are refused; health is still told', async () => {
    world = await gatewayWorld({ maxInFlight: 2 });
    engine().delayMs = 1_000;
    const answers = Array.from({ length: 3 }, () => world.post(CHAT, chat()));
    const statuses = await Promise.all(answers.map(async (answer) => (await answer).status));
    expect(statuses.sort()).toEqual([200, 200, 503]);
    expect((await fetch(`${world.gateway.url}/healthz`)).status).toBe(200);
  });
});
