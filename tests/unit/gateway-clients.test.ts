// The clients that teams have: npm's openai and the Vercel AI SDK, through the gateway, before a stub engine that says it is one.
// PyPI's openai: tests/integration/gateway.test.ts; the real vLLM: tests/integration/vllm.test.ts
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';
import OpenAI, { AuthenticationError, NotFoundError } from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHANNEL, gatewayWorld, type GatewayWorld } from '../support/gateway-world.ts';
import { STUB_BASE, type Asked } from '../support/stub-engine.ts';
import { until } from '../support/until.ts';

let world: GatewayWorld;
beforeEach(async () => void (world = await gatewayWorld()));
afterEach(() => world.close());

const STUB_TEXT = `stub answer ü of ${STUB_BASE}`;
const CALL = { id: 'call_1', type: 'function', function: { name: 'find', arguments: '{"city":"Bonn"}' } };
const PARAMETERS = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'] };
const recorded = () => world.events.at(-1)?.data['gen_ai.output.messages'][0]?.parts;

/** The engine answers with this in place of its usual text, streamed or whole. */
function engineSays(message: { content?: string; tool_calls?: unknown[] }, finish = message.tool_calls ? 'tool_calls' : 'stop'): void {
  const engine = world.engines[0];
  if (!engine) return;
  engine.onChat = (asked, res) => {
    const frame = { id: 'x', created: 1, model: asked.model };
    const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
    if (!asked.body.includes('"stream":true')) {
      return void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...frame, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason: finish }], usage }));
    }
    const delta = { role: 'assistant', ...message, ...(message.tool_calls ? { tool_calls: message.tool_calls.map((call, index) => ({ index, ...(call as object) })) } : {}) };
    const chunks = [{ choices: [{ index: 0, delta, finish_reason: null }] }, { choices: [{ index: 0, delta: {}, finish_reason: finish }] }, { choices: [], usage }];
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${chunks.map((chunk) => `data: ${JSON.stringify({ ...frame, object: 'chat.completion.chunk', ...chunk })}\n\n`).join('')}data: [DONE]\n\n`);
  };
}
const sent = (): Record<string, unknown> => JSON.parse((world.engines[0]?.asked.at(-1) as Asked).body) as Record<string, unknown>;

describe('openai for Node', () => {
  const client = (apiKey = 'unused') => new OpenAI({ baseURL: `${world.gateway.url}/v1`, apiKey, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: 'x' }];

  test('chats, whole and streamed, and lists channels', async () => {
    const { data, response } = await client().chat.completions.create({ model: CHANNEL, messages }).withResponse();
    expect([data.model, data.choices[0]?.message.content, data.usage?.total_tokens, response.headers.get('x-ratchet-generation')]).toEqual([CHANNEL, STUB_TEXT, 10, '0']);
    const stream = client().chat.completions.stream({ model: CHANNEL, messages });
    expect((await stream.finalChatCompletion()).choices[0]?.message.content).toBe(STUB_TEXT);
    expect((await client().models.list()).data.map(({ id }) => id)).toEqual([CHANNEL]);
    await world.published(2);
  });

  test('completes text, whole and streamed', async () => {
    const whole = await client().completions.create({ model: CHANNEL, prompt: ['a', 'b'] });
    expect(whole.choices.map(({ text }) => text)).toEqual([STUB_TEXT, `${STUB_TEXT} #1`]);
    let text = '';
    for await (const part of await client().completions.create({ model: CHANNEL, prompt: 'a', stream: true })) text += part.choices[0]?.text ?? '';
    expect(text).toBe(STUB_TEXT);
    await world.published(3);
  });

  test('calls tools, streamed too, and asks for a schema', async () => {
    engineSays({ tool_calls: [CALL] });
    const tools = [{ type: 'function' as const, function: { name: 'find', parameters: PARAMETERS } }];
    const whole = await client().chat.completions.create({ model: CHANNEL, messages, tools });
    expect(whole.choices[0]?.message.tool_calls).toEqual([CALL]);
    const streamed = await client().chat.completions.stream({ model: CHANNEL, messages, tools }).finalChatCompletion();
    expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject(CALL);
    await world.published(2);
    for (const { data } of world.events) expect(data['gen_ai.output.messages'][0]?.parts).toContainEqual({ type: 'tool_call', id: 'call_1', name: 'find', arguments: '{"city":"Bonn"}' });
    engineSays({ content: '{"city":"Bonn"}' });
    const format = { type: 'json_schema' as const, json_schema: { name: 'city', schema: PARAMETERS, strict: true } };
    const parsed = await client().chat.completions.parse({ model: CHANNEL, messages, response_format: format });
    expect(parsed.choices[0]?.message.content).toBe('{"city":"Bonn"}');
    expect(sent()['response_format']).toEqual(format);
    await world.published(3);
    expect(world.events.at(-1)?.data['ratchet.output.schema']).toEqual(PARAMETERS);
  });

  test('understands what it is refused for', async () => {
    await expect(client().chat.completions.create({ model: 'nope', messages })).rejects.toThrow(NotFoundError);
    world.slot.keys.push({ id: 'k', name: 'n', hash: 'x', tenant: 't', mayNameTenant: false, requestsPerMinute: null, tokensPerMinute: null, createdAt: '', createdBy: '', revokedAt: null, revokedBy: null });
    await until(() => expect(client('rk_wrong').chat.completions.create({ model: CHANNEL, messages })).rejects.toThrow(AuthenticationError));
  });

  test('goes away in the middle of a stream: the engine stops, the event says so', async () => {
    const [engine] = world.engines;
    if (engine) engine.delayMs = 100;
    const stream = await client().chat.completions.create({ model: CHANNEL, messages, stream: true });
    for await (const part of stream) if (part.choices[0]?.delta.content) break;
    await world.published();
    expect(world.events[0]?.data['gen_ai.response.finish_reasons']).toEqual(['aborted']);
    expect(engine?.cutOff).toBe(1);
  });
});

describe('the Vercel AI SDK', () => {
  const model = () => createOpenAICompatible({ name: 'ratchet', baseURL: `${world.gateway.url}/v1`, apiKey: 'unused', includeUsage: true, supportsStructuredOutputs: true })(CHANNEL);

  test('generates and streams text, with the usage', async () => {
    const { text, usage } = await generateText({ model: model(), prompt: 'x' });
    expect([text, usage.totalTokens]).toEqual([STUB_TEXT, 10]);
    const stream = streamText({ model: model(), prompt: 'x' });
    let streamed = '';
    for await (const piece of stream.textStream) streamed += piece;
    expect([streamed, (await stream.usage).totalTokens]).toEqual([STUB_TEXT, 10]);
    await world.published(2);
  });

  test('generates an object of a schema', async () => {
    engineSays({ content: '{"city":"Bonn"}' });
    const { output } = await generateText({ model: model(), prompt: 'x', output: Output.object({ schema: jsonSchema<{ city: string }>(PARAMETERS) }) });
    expect(output).toEqual({ city: 'Bonn' });
    expect(sent()['response_format']).toMatchObject({ type: 'json_schema', json_schema: { schema: PARAMETERS } });
    await world.published();
    expect(world.events[0]?.data['ratchet.output.schema']).toEqual(PARAMETERS);
  });

  test('calls a tool and goes on with its result, which is recorded as untrusted', async () => {
    engineSays({ tool_calls: [CALL] });
    const find = tool({ description: 'finds', inputSchema: jsonSchema<{ city: string }>(PARAMETERS), execute: async ({ city }) => `found ${city}` });
    const { toolResults, response } = await generateText({ model: model(), prompt: 'x', tools: { find } });
    expect(toolResults[0]).toMatchObject({ toolName: 'find', input: { city: 'Bonn' }, output: 'found Bonn' });
    expect(recorded()).toContainEqual({ type: 'tool_call', id: 'call_1', name: 'find', arguments: '{"city":"Bonn"}' });
    engineSays({ content: 'done' });
    expect((await generateText({ model: model(), messages: [{ role: 'user', content: 'x' }, ...response.messages], tools: { find } })).text).toBe('done');
    await world.published(2);
    expect(world.events[1]?.data['gen_ai.input.messages'].at(-1)).toMatchObject({ role: 'tool', parts: [{ type: 'tool_call_response', id: 'call_1', response: expect.stringContaining('found Bonn') as string, 'ratchet.trusted': false }] });
  });
});
