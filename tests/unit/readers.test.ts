// Records of other tools become calls that can be judged, and events that the contract takes; identity is stable, trust honest.
import fc from 'fast-check';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { InteractionEvent } from '../../core/contracts/index.ts';
import { interactionFromEvent } from '../../core/events.ts';
import { accept } from '../../intake/accept.ts';
import { documentsOf } from '../../intake/readers/documents.ts';
import { eventOfCall, type ImportSettings } from '../../intake/readers/event.ts';
import { formatOf, readerFor, type Format } from '../../intake/readers/formats.ts';
import { linesOf, type Line } from '../../intake/readers/lines.ts';
import { TIME } from '../contracts/records.ts';

type Doc = Record<string, unknown>;
const settings: ImportSettings = { workload: 'tickets', channel: 'tickets/production', baseModel: 'base', tenant: 'acme', consentBasis: 'contract', retentionDays: 30, source: undefined, defaultTime: TIME };
const checks = { limits: { maxBytes: 1_000_000, maxDepth: 64 }, topics: { interactions: 'i', corrections: 'c' }, workloads: new Set(['tickets']) };
/** Through the whole way: reader, event, contract, record. */
const records = (format: Format, document: Doc, requests?: Map<string, Doc>) =>
  readerFor(format, requests)(document).map((call) => interactionFromEvent(JSON.parse(accept(Buffer.from(JSON.stringify(eventOfCall(call, settings))), checks).value.toString()) as InteractionEvent));

const weather = { type: 'function', function: { name: 'weather', description: 'how it is', parameters: { type: 'object', properties: { city: { type: 'string' } } } } };
const conversation = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: [{ type: 'text', text: 'Weather in Bern?' }, { type: 'image_url', image_url: { url: 'data:x' } }] },
  { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } }] },
  { role: 'tool', tool_call_id: 'c1', content: 'rain' },
];
const completion = (over: Doc = {}) => ({ id: 'chatcmpl-1', object: 'chat.completion', created: 1_767_323_045, model: 'gpt-x-2026', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'It rains.' } }], usage: { prompt_tokens: 10, completion_tokens: 3 }, ...over });
const request = { model: 'gpt-x', messages: conversation, tools: [weather], temperature: 0.2, max_completion_tokens: 50, seed: 7, user: 'customer-7', response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' } } } };

describe('openai', () => {
  const whole = {
    source: 'openai', id: 'chatcmpl-1', time: '2026-01-02T03:04:05.000Z', baseModel: 'gpt-x-2026', finishReason: 'stop', subject: 'customer-7', usage: { inputTokens: 10, outputTokens: 3 }, outputSchema: { type: 'object' },
    sampling: { temperature: 0.2, maxTokens: 50, seed: 7 }, answer: { text: 'It rains.' }, adapterDigest: null, generation: 0, attributes: { 'ratchet.import.omitted_parts': 1 },
    tools: [{ name: 'weather', description: 'how it is', parameters: weather.function.parameters }],
    messages: [
      { role: 'system', parts: [{ text: 'Be brief.', trusted: true }] },
      { role: 'user', parts: [{ text: 'Weather in Bern?', trusted: true }] },
      { role: 'assistant', parts: [], toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Bern"}' }] },
      { role: 'tool', toolCallId: 'c1', parts: [{ text: 'rain', trusted: false }] },
    ],
  };

  it('reads a request with its response, however they are wrapped', () => {
    for (const document of [
      { request, response: completion() },
      { request: { body: request }, response: { status_code: 200, body: completion() } },
      { ...request, response: completion() },
      { ...request, ...completion() },
    ]) expect(records('openai', document)).toMatchObject([whole]);
  });

  it('joins the output of a batch with its input, and says why a line has no answer', () => {
    const line = { id: 'batch_req_1', custom_id: 'mine', response: { status_code: 200, request_id: 'r', body: completion() }, error: null };
    expect(records('openai', line, new Map([['mine', request]]))).toMatchObject([whole]);
    expect(readerFor('openai')(line)).toMatchObject([{ id: 'chatcmpl-1', messages: [], answer: { text: 'It rains.' } }]);
    expect(() => records('openai', line)).toThrow(/--requests/);
    expect(() => records('openai', { ...line, response: { status_code: 429, body: { error: 'x' } } })).toThrow('/response/status_code says that the request failed');
    expect(() => records('openai', { ...line, response: null, error: { code: 'batch_expired' } })).toThrow('/response is missing: the request failed');
    expect(() => records('openai', { custom_id: 'mine', method: 'POST', url: '/v1/chat/completions', body: request })).toThrow(/a batch's input has no answers/);
  });

  it('takes the last turn of a fine-tuning line or transcript as the answer, and names it by what it says', () => {
    const line = { messages: [...conversation, { role: 'assistant', content: 'It rains.' }], tools: [weather] };
    const [first] = records('openai', line);
    expect(first).toMatchObject({ messages: whole.messages, answer: { text: 'It rains.' }, time: TIME, id: expect.stringMatching(/^derived-[0-9a-f]{64}$/) as string });
    expect(records('openai', structuredClone(line))[0]?.id).toBe(first?.id);
    expect(records('openai', { messages: [...conversation, { role: 'assistant', content: 'It snows.' }] })[0]?.id).not.toBe(first?.id);
    expect(() => records('openai', { messages: conversation })).toThrow('/messages/3/role must be assistant');
  });

  it('reads several choices, tool calls, refusals, legacy functions and completions', () => {
    const choice = (message: Doc, finish_reason: string) => ({ finish_reason, message: { role: 'assistant', ...message } });
    const choices = [choice({ content: 'a' }, 'length'), choice({ content: null, tool_calls: conversation[2]?.tool_calls }, 'tool_calls'), choice({ content: null, refusal: 'I cannot.' }, 'stop'), choice({ content: null, function_call: { name: 'f', arguments: '{' } }, 'function_call')];
    expect(records('openai', { request, response: completion({ choices }) })).toMatchObject([
      { id: 'chatcmpl-1', answer: { text: 'a' }, finishReason: 'length' },
      { id: 'chatcmpl-1#1', answer: { text: '', toolCalls: [{ name: 'weather', arguments: '{"city":"Bern"}' }] }, finishReason: 'tool_calls' },
      { id: 'chatcmpl-1#2', answer: { text: 'I cannot.' }, finishReason: 'stop' },
      { id: 'chatcmpl-1#3', answer: { toolCalls: [{ name: 'f', arguments: '{' }] }, finishReason: 'tool_calls' },
    ]);
    expect(records('openai', { request: { prompt: 'Say a' }, response: { id: 'cmpl-1', choices: [{ text: 'a', finish_reason: 'stop' }] } })).toMatchObject([{ messages: [{ role: 'user', parts: [{ text: 'Say a' }] }], answer: { text: 'a' } }]);
  });

  it('reads the Responses API', () => {
    const body = { id: 'resp_1', object: 'response', created_at: 1_767_323_045, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, model: 'gpt-x', output: [{ type: 'reasoning', summary: [] }, { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'It ra' }] }], usage: { input_tokens: 1, output_tokens: 2 } };
    const asked = { instructions: 'Be brief.', input: [{ role: 'user', content: [{ type: 'input_text', text: 'Weather?' }] }, { type: 'function_call', call_id: 'c', name: 'weather', arguments: '{}' }, { type: 'function_call_output', call_id: 'c', output: 'rain' }], tools: [{ type: 'function', name: 'weather', parameters: {} }, { type: 'web_search' }], text: { format: { type: 'json_schema', schema: { type: 'object' } } } };
    expect(records('openai', { request: asked, response: body })).toMatchObject([
      { id: 'resp_1', answer: { text: 'It ra' }, finishReason: 'length', outputSchema: { type: 'object' }, tools: [{ name: 'weather' }], messages: [{ role: 'system' }, { role: 'user', parts: [{ text: 'Weather?', trusted: true }] }, { role: 'assistant', toolCalls: [{ id: 'c' }] }, { role: 'tool', parts: [{ text: 'rain', trusted: false }] }] },
    ]);
    expect(readerFor('openai')({ ...body, status: 'completed', incomplete_details: null, output: [{ type: 'function_call', call_id: 'c', name: 'weather', arguments: '{"a' }] })).toMatchObject([{ answer: { text: '', toolCalls: [{ id: 'c', name: 'weather', arguments: '{"a' }] }, finishReason: 'tool_calls' }]);
  });
});

const keyValues = (attributes: Doc) => Object.entries(attributes).map(([key, value]) => ({ key, value: typeof value === 'string' ? { stringValue: value } : Number.isInteger(value) ? { intValue: String(value) } : typeof value === 'number' ? { doubleValue: value } : Array.isArray(value) ? { arrayValue: { values: value.map((item: string) => ({ stringValue: item })) } } : value }));
const span = (attributes: Doc, over: Doc = {}) => ({ traceId: '5B8EFFF798038103D269B633813FC60C', spanId: 'eee19b7ec3c1b174', name: 'chat gpt-x', startTimeUnixNano: '1767323045123456789', attributes: keyValues(attributes), ...over });
const trace = (...spans: Doc[]) => ({ resourceSpans: [{ resource: { attributes: keyValues({ 'service.name': 'agent', 'service.namespace': 'shop' }) }, scopeSpans: [{ scope: {}, spans }] }] });
const chat = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-x', 'gen_ai.request.temperature': 0.5, 'gen_ai.request.max_tokens': 40, 'gen_ai.usage.input_tokens': 9, 'gen_ai.usage.output_tokens': 4, 'gen_ai.conversation.id': 's-1', 'gen_ai.response.finish_reasons': ['stop'] };
const dialogue = [
  { role: 'user', parts: [{ type: 'text', content: 'Weather?' }, { type: 'blob', modality: 'image', content: 'aGk=' }] },
  { role: 'assistant', parts: [{ type: 'reasoning', content: 'hm' }, { type: 'tool_call', id: 'c', name: 'weather', arguments: { city: 'Bern' } }] },
  { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c', result: 'rain' }] },
];

describe('otlp', () => {
  const whole = {
    source: 'otlp:shop/agent', id: '5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174', time: '2026-01-02T03:04:05.123Z', traceparent: '00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01',
    session: 's-1', sampling: { temperature: 0.5, maxTokens: 40 }, usage: { inputTokens: 9, outputTokens: 4 }, answer: { text: 'It rains.' }, finishReason: 'stop',
  };
  const messages = [
    { role: 'system', parts: [{ text: 'Be brief.', trusted: true }] },
    { role: 'user', parts: [{ text: 'Weather?', trusted: true }] },
    { role: 'assistant', toolCalls: [{ id: 'c', name: 'weather', arguments: '{"city":"Bern"}' }] },
    { role: 'tool', toolCallId: 'c', parts: [{ text: 'rain', trusted: false }] },
  ];

  it('reads messages as attributes (text or structured), on the span or on its details event, and details as log records', () => {
    const content = { 'gen_ai.system_instructions': JSON.stringify([{ type: 'text', content: 'Be brief.' }]), 'gen_ai.input.messages': JSON.stringify(dialogue), 'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts: [{ type: 'text', content: 'It rains.' }], finish_reason: 'stop' }]), 'gen_ai.tool.definitions': JSON.stringify([{ type: 'function', name: 'weather', parameters: {} }]) };
    const text = (value: unknown): Doc => typeof value === 'string' ? { stringValue: value } : Array.isArray(value) ? { arrayValue: { values: value.map(text) } } : { kvlistValue: { values: Object.entries(value as Doc).map(([key, item]) => ({ key, value: text(item) })) } };
    const structured = { ...content, 'gen_ai.output.messages': text([{ role: 'assistant', parts: [{ type: 'text', content: 'It rains.' }] }]) };
    const logs = { resourceLogs: [{ resource: trace().resourceSpans[0]?.resource, scopeLogs: [{ logRecords: [{ eventName: 'gen_ai.client.inference.operation.details', timeUnixNano: '1767323045123456789', traceId: span({}).traceId, spanId: 'eee19b7ec3c1b174', attributes: keyValues({ ...chat, ...content }) }, { body: { stringValue: 'a log line' } }] }] }] };
    for (const document of [trace(span({ ...chat, ...content })), trace(span({ ...chat, ...structured })), trace(span(chat, { events: [{ name: 'gen_ai.client.inference.operation.details', attributes: keyValues(content) }] })), logs]) {
      expect(records('otlp', document)).toMatchObject([{ ...whole, messages, tools: [{ name: 'weather' }], attributes: { 'ratchet.import.omitted_parts': 1 } }]);
    }
  });

  it('reads messages as events of their own, in both spellings that were in use', () => {
    const event = (name: string, attributes: Doc) => ({ name, attributes: keyValues(attributes) });
    const calls = JSON.stringify([{ id: 'c', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } }]);
    const plain = [event('gen_ai.system.message', { content: 'Be brief.' }), event('gen_ai.user.message', { content: 'Weather?' }), event('gen_ai.assistant.message', { tool_calls: calls }), event('gen_ai.tool.message', { id: 'c', content: 'rain' }), event('gen_ai.choice', { index: 0, finish_reason: 'stop', message: JSON.stringify({ role: 'assistant', content: 'It rains.' }) })];
    const packed = plain.map(({ name, attributes }) => event(name, { 'gen_ai.event.content': JSON.stringify(Object.fromEntries(attributes.map(({ key, value }) => [key, key === 'tool_calls' || key === 'message' ? JSON.parse((value as { stringValue: string }).stringValue) as unknown : (value as { stringValue?: string }).stringValue]))) }));
    for (const events of [plain, packed]) expect(records('otlp', trace(span(chat, { events })))).toMatchObject([{ ...whole, messages }]);
    const oldest = [event('gen_ai.content.prompt', { 'gen_ai.prompt': JSON.stringify([{ role: 'user', content: 'Weather?' }]) }), event('gen_ai.content.completion', { 'gen_ai.completion': JSON.stringify([{ role: 'assistant', content: 'It rains.' }]) })];
    expect(records('otlp', trace(span(chat, { events: oldest })))).toMatchObject([{ ...whole, messages: [messages[1]] }]);
  });

  it('reads one attribute per field', () => {
    const indexed = { 'gen_ai.prompt.0.role': 'user', 'gen_ai.prompt.0.content': 'Weather?', 'gen_ai.prompt.1.role': 'tool', 'gen_ai.prompt.1.content': 'rain', 'gen_ai.prompt.1.tool_call_id': 'c', 'gen_ai.completion.0.role': 'assistant', 'gen_ai.completion.0.content': 'It rains.', 'gen_ai.completion.0.finish_reason': 'length', 'gen_ai.completion.1.tool_calls.0.name': 'f', 'gen_ai.completion.1.tool_calls.0.arguments': '{', 'llm.request.functions.0.name': 'f', 'llm.request.functions.0.parameters': '{"type":"object"}' };
    expect(records('otlp', trace(span({ ...chat, ...indexed })))).toMatchObject([
      { ...whole, finishReason: 'length', tools: [{ name: 'f', parameters: { type: 'object' } }], messages: [{ role: 'user' }, { role: 'tool', toolCallId: 'c', parts: [{ trusted: false }] }] },
      { id: `${whole.id}#1`, answer: { text: '', toolCalls: [{ name: 'f', arguments: '{' }] }, finishReason: 'tool_calls' },
    ]);
  });

  it('takes no other span for a model call, and no span without content', () => {
    const output = { 'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"text","content":"x"}]}]' };
    expect(readerFor('otlp')(trace(span(chat), span({ ...output, 'gen_ai.operation.name': 'invoke_agent' }), span({ 'http.request.method': 'GET' }), span({ ...chat, ...output }, { traceId: 'W47/95gDgQPSabYzgT/GDA==', spanId: '7uGbfsPBsXQ=' })))).toMatchObject([{ id: whole.id }]);
    expect(() => readerFor('otlp')({})).toThrow('/resourceSpans is missing');
    expect(() => readerFor('otlp')(trace(span({ ...chat, 'gen_ai.output.messages': '[{"role":"assistant"' })))).toThrow('/resourceSpans/0/scopeSpans/0/spans/0/gen_ai.output.messages must be an array');
  });
});

describe('langfuse', () => {
  const api = { id: 'obs-1', traceId: 'trace-1', type: 'GENERATION', startTime: '2026-01-02T03:04:05.678Z', model: 'gpt-x', modelParameters: { temperature: 0.2, max_tokens: 50 }, input: { messages: conversation, tools: [weather] }, output: { role: 'assistant', content: 'It rains.' }, usageDetails: { input: 10, output: 3, total: 13 }, promptName: 'p', promptVersion: 3, projectId: 'proj', level: 'DEFAULT' };
  const blob = { id: 'obs-1', trace_id: 'trace-1', type: 'GENERATION', start_time: '2026-01-02 03:04:05.678000', provided_model_name: 'gpt-x', model_parameters: '{"temperature":0.2,"max_tokens":50}', input: JSON.stringify(conversation), output: JSON.stringify(api.output), usage_details: { input: 10, output: 3 }, prompt_name: 'p', prompt_version: 3, project_id: 'proj', tool_definitions: { weather: JSON.stringify({ description: 'how it is', parameters: JSON.stringify(weather.function.parameters) }) }, tool_calls: [], session_id: 's', user_id: 'customer-7' };
  const whole = { source: 'langfuse:proj', id: 'obs-1', time: '2026-01-02T03:04:05.678Z', baseModel: 'gpt-x', promptVersion: 'p@3', answer: { text: 'It rains.' }, usage: { inputTokens: 10, outputTokens: 3 }, sampling: { temperature: 0.2, maxTokens: 50 }, tools: [{ name: 'weather', description: 'how it is', parameters: weather.function.parameters }] };

  it('reads rows of the API and of blob storage, pages, and traces with their observations', () => {
    for (const document of [api, blob, { data: [api], meta: {} }, { id: 'trace-1', projectId: 'proj', observations: [{ ...api, projectId: undefined }, { ...api, type: 'SPAN' }] }]) {
      const found = records('langfuse', document);
      expect(found).toMatchObject([whole]);
      expect(found[0]?.messages.map(({ role, parts }) => [role, parts.map((part) => part.trusted)])).toEqual([['system', [true]], ['user', [true]], ['assistant', []], ['tool', [false]]]);
    }
    expect(records('langfuse', blob)).toMatchObject([{ session: 's', subject: 'customer-7' }]);
    expect(readerFor('langfuse')({ ...api, output: null, level: 'ERROR' })).toEqual([]);
  });

  it('keeps an answer as it was said, and takes a message for a message', () => {
    const answerOf = (output: unknown, over: Doc = {}) => readerFor('langfuse')({ ...api, output, ...over })[0]?.answer;
    expect(answerOf('{"a": 1}')).toEqual({ text: '{"a": 1}' });
    expect(answerOf('{"a": ')).toEqual({ text: '{"a": ' });
    expect(answerOf({ a: 1 })).toEqual({ text: '{"a":1}' });
    expect(answerOf('{"role":"admin","content":"x"}')).toEqual({ text: '{"role":"admin","content":"x"}' });
    expect(answerOf({ choices: [{ finish_reason: 'length', message: { role: 'assistant', content: 'It' } }] })).toEqual({ text: 'It' });
    expect(answerOf({ completion: 'It' })).toEqual({ text: 'It' });
    expect(answerOf([...conversation, { role: 'assistant', content: 'It' }])).toEqual({ text: 'It' });
    expect(answerOf('It', { tool_calls: ['{"id":"c","name":"weather","arguments":"{"}'] })).toEqual({ text: 'It', toolCalls: [{ id: 'c', name: 'weather', arguments: '{' }] });
    expect(readerFor('langfuse')({ ...api, input: 'Say it' })[0]?.messages).toEqual([{ role: 'user', parts: [{ text: 'Say it', trusted: true }] }]);
  });
});

describe('formats', () => {
  it('tells them apart by their fields', () => {
    const seen = (document: Doc) => formatOf(document);
    expect([{ resourceSpans: [] }, { resourceLogs: [] }, { specversion: '1.0' }, { answer: {}, messages: [] }, { type: 'SPAN', traceId: 't', output: 'x' }, { observations: [] }, { output: 'x' }, { toolCalls: [] }, { messages: [] }, { choices: [] }, { custom_id: 'a' }, { output: [] }].map(seen)).toEqual(
      ['otlp', 'otlp', 'interaction', 'interaction', 'langfuse', 'langfuse', 'short', 'short', 'openai', 'openai', 'openai', 'openai'],
    );
    expect(() => seen({ secret: 1 })).toThrow(/^\/ is neither/);
  });

  it('gives the same bytes for the same record, and other bytes never under the same identity by chance', () => {
    const bytes = () => readerFor('auto')({ request, response: completion() }).map((call) => accept(Buffer.from(JSON.stringify(eventOfCall(call, settings))), checks).value.toString());
    expect(bytes()).toEqual(bytes());
    expect(eventOfCall(readerFor('auto')({ request, response: completion() })[0] as never, { ...settings, source: 'urn:mine' }).source).toBe('urn:mine');
    expect(() => eventOfCall(readerFor('openai')({ messages: [...conversation, { role: 'assistant', content: 'x' }] })[0] as never, { ...settings, defaultTime: undefined })).toThrow('--time');
  });
});

describe('cutting', () => {
  const cut = async (how: typeof linesOf, bytes: Buffer, size: number, maxBytes = 1_000) => {
    const blocks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    const found: Line[] = [];
    for await (const lines of how(Readable.from(blocks), { maxBytes })) found.push(...lines);
    return found;
  };

  it('cuts lines wherever the blocks of the stream end', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme', maxLength: 20 })), fc.integer({ min: 1, max: 30 }), async (texts, size) => {
      const lines = texts.map((text) => text.replaceAll('\n', ''));
      const wanted = lines.flatMap((text, index) => (text.trim() === '' ? [] : [{ line: index + 1, text: text.toWellFormed() }]));
      const marked = (text: string) => text.replace(/^\ufeff/, '');
      expect(await cut(linesOf, Buffer.from(lines.join('\n')), size)).toEqual(wanted.map(({ line, text }) => ({ line, text: line === 1 ? marked(text) : text })));
    }));
  });

  it('cuts documents wherever the blocks of the stream end', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1 }), fc.integer({ min: 1, max: 40 }), fc.constantFrom(undefined, 2), fc.boolean(), async (documents, size, indent, isArray) => {
      const text = isArray ? JSON.stringify(documents, null, indent) : documents.map((document) => JSON.stringify(document, null, indent)).join('\n');
      const found = await cut(documentsOf, Buffer.from(text.toWellFormed()), size, 1e6);
      expect(found.map((item) => JSON.stringify(JSON.parse('text' in item ? item.text : '') as unknown))).toEqual(documents.map((document) => JSON.stringify(document)));
    }));
  });

  it('refuses what is too long and goes on', async () => {
    const text = `{"a":1}\n${'x'.repeat(50)}\n{"b":2}\n${'y'.repeat(50)}`;
    for (const size of [3, 20, 1000]) expect((await cut(linesOf, Buffer.from(text), size, 20)).map((item) => ('text' in item ? item.text : [item.line, item.error.code]))).toEqual(['{"a":1}', [2, 'RECORD_TOO_BIG'], '{"b":2}', [4, 'RECORD_TOO_BIG']]);
    for (const size of [3, 20, 1000]) expect((await cut(documentsOf, Buffer.from(`[{"a":1},{"long":"${'x'.repeat(50)}"},{"b":2}]`), size, 20)).map((item) => ('text' in item ? item.text : item.error.code))).toEqual(['{"a":1}', 'RECORD_TOO_BIG', '{"b":2}']);
  });
});
