// The gateway's pure parts: JSON text, headers, untrusted spans, streams put together again.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WrongModel, readAnswer } from '../../gateway/answer.ts';
import { readChatRequest } from '../../gateway/chat-request.ts';
import { readHeaders } from '../../gateway/headers.ts';
import { withTopLevel } from '../../gateway/json-text.ts';
import { Refusal } from '../../gateway/refusal.ts';
import { StreamedAnswer } from '../../gateway/streamed-answer.ts';

describe('withTopLevel', () => {
  test('changes only the top-level key and keeps every other byte', () => {
    const text = '{ "seed":9007199254740993, "x":{"model":"inner"},"text":"a \\"model\\":\\"b\\" }","model" : "old" ,"t":1.0}';
    expect(withTopLevel(text, 'model', '"new"')).toBe(text.replace('"old"', '"new"'));
  });

  test('an escaped key and a repeated key are the same key', () => {
    expect(withTopLevel('{"mod\\u0065l":"a","model":"b"}', 'model', '"c"')).toBe('{"mod\\u0065l":"c","model":"c"}');
  });

  test('says when there is no such key', () => {
    expect(withTopLevel('{"a":{"model":1},"b":[{"model":2}]}', 'model', '"c"')).toBeNull();
    expect(withTopLevel(' {} ', 'model', '"c"')).toBeNull();
  });

  test('equals changing the parsed object, whatever the object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), fc.integer({ min: 0, max: 3 }), (object, value, indent) => {
        const text = JSON.stringify({ ...object, model: value }, null, indent);
        const expected: unknown = { ...(JSON.parse(text) as object), model: 'new' };
        expect(JSON.parse(withTopLevel(text, 'model', '"new"') ?? '')).toEqual(expected);
      }),
    );
  });
});

const refusal = (work: () => unknown): Refusal => {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('headers', () => {
  test('are read, with defaults', () => {
    const read = readHeaders({ 'x-ratchet-interaction': 'i-1', 'x-ratchet-tenant': 't', 'x-ratchet-session': 's', 'x-ratchet-prompt-version': 'v3', 'x-ratchet-untrusted': '[{"message":1,"start":2,"end":5}]' });
    expect(read).toEqual({ interaction: 'i-1', tenant: 't', session: 's', promptVersion: 'v3', untrusted: [{ message: 1, start: 2, end: 5 }], traceparent: undefined });
    expect(readHeaders({})).toMatchObject({ tenant: undefined, promptVersion: 'unknown', untrusted: [] });
    expect(readHeaders({}).interaction).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    ['not json', 'header x-ratchet-untrusted: is not JSON'],
    ['{}', 'header x-ratchet-untrusted: must be an array'],
    ['[1]', 'header x-ratchet-untrusted/0: must be an object'],
    ['[{"message":0,"start":1,"end":2},{"message":0,"start":-1,"end":2}]', 'header x-ratchet-untrusted/1/start: must be a whole number'],
    ['[{"message":0,"start":3,"end":3}]', 'header x-ratchet-untrusted/0/end: must be greater than start'],
  ])('a bad x-ratchet-untrusted %s is refused with its place', (value, message) => {
    const error = refusal(() => readHeaders({ 'x-ratchet-untrusted': value }));
    expect(error.status).toBe(400);
    expect(error.message).toContain(message);
  });

  test('a bad name is refused without repeating it', () => {
    const error = refusal(() => readHeaders({ 'x-ratchet-session': 'secret session' }));
    expect(error.message).toContain('x-ratchet-session');
    expect(error.message).not.toContain('secret');
  });
});

describe('messages', () => {
  const ask = (messages: unknown[], untrusted: { message: number; start: number; end: number }[] = []) => readChatRequest({ model: 'm', messages }, untrusted).prompts[0] ?? [];

  test('are split at the borders of untrusted ranges; touching ranges make one part', () => {
    const spans = [{ message: 0, start: 2, end: 4 }, { message: 0, start: 4, end: 6 }, { message: 0, start: 5, end: 7 }];
    expect(ask([{ role: 'user', content: '0123456789' }], spans)[0]?.parts).toEqual([
      { text: '01', trusted: true },
      { text: '23456', trusted: false },
      { text: '789', trusted: true },
    ]);
  });

  test('offsets run over the parts of a message and count UTF-16 code units', () => {
    const content = [{ type: 'text', text: 'ab😀' }, { type: 'text', text: 'cd' }];
    expect(ask([{ role: 'user', content }], [{ message: 0, start: 2, end: 5 }])[0]?.parts).toEqual([
      { text: 'ab', trusted: true },
      { text: '😀', trusted: false },
      { text: 'c', trusted: false },
      { text: 'd', trusted: true },
    ]);
  });

  test('splitting loses and invents nothing', () => {
    const span = fc.tuple(fc.nat(40), fc.nat(40)).map(([a, b]) => ({ message: 0, start: Math.min(a, b), end: Math.max(a, b) + 1 }));
    fc.assert(
      fc.property(fc.string({ minLength: 41, maxLength: 60 }), fc.array(span, { maxLength: 4 }), (text, spans) => {
        const parts = ask([{ role: 'user', content: text }], spans)[0]?.parts ?? [];
        expect(parts.map((part) => part.text).join('')).toBe(text);
        let at = 0;
        for (const part of parts) {
          for (let unit = at; unit < at + part.text.length; unit += 1) expect(part.trusted).toBe(!spans.some(({ start, end }) => start <= unit && unit < end));
          at += part.text.length;
        }
      }),
    );
  });

  test('a tool is untrusted by role; calls, names and pictures are kept', () => {
    const call = { id: 'c1', type: 'function', function: { name: 'find', arguments: '{"a":' } };
    expect(ask([{ role: 'assistant', content: null, tool_calls: [call] }, { role: 'tool', tool_call_id: 'c1', content: 'found' }, { role: 'user', content: [{ type: 'image_url', image_url: {} }] }])).toEqual([
      { role: 'assistant', parts: [], toolCalls: [{ id: 'c1', name: 'find', arguments: '{"a":' }] },
      { role: 'tool', parts: [{ text: 'found', trusted: false }], toolCallId: 'c1' },
      { role: 'user', parts: [{ text: '[image_url]', trusted: true }] },
    ]);
  });

  test.each([
    [{ messages: [] }, [], '/model'],
    [{ model: 'm', messages: [] }, [], '/messages'],
    [{ model: 'm', messages: [{ role: 'robot', content: 'x' }] }, [], '/messages/0/role'],
    [{ model: 'm', messages: [{ role: 'user', content: 7 }] }, [], '/messages/0/content'],
    [{ model: 'm', messages: [{ role: 'user', content: 'x' }] }, [{ message: 1, start: 0, end: 1 }], 'x-ratchet-untrusted/0/message'],
    [{ model: 'm', messages: [{ role: 'user', content: 'x' }] }, [{ message: 0, start: 0, end: 2 }], 'x-ratchet-untrusted/0/end'],
  ])('a bad request is refused with its place %#', (body, spans, place) => {
    const error = refusal(() => readChatRequest(body, spans));
    expect(error.status).toBe(400);
    expect(error.message).toContain(place);
  });

  test('sampling, tools, schema and user are read; what is of the wrong type is the engine’s to refuse', () => {
    const schema = { type: 'object' };
    const read = readChatRequest({
      model: 'm', messages: [{ role: 'user', content: 'x' }], temperature: 0.5, top_p: 0.9, max_tokens: 5, seed: 'x', user: 'u', stream: true,
      tools: [{ type: 'function', function: { name: 'f', parameters: schema } }], response_format: { type: 'json_schema', json_schema: { name: 'n', schema } },
    }, []);
    expect(read).toMatchObject({ sampling: { temperature: 0.5, topP: 0.9, maxTokens: 5 }, tools: [{ name: 'f', parameters: schema }], outputSchema: schema, responseFormat: { type: 'json_schema', json_schema: { name: 'n', schema } }, user: 'u', stream: true });
    expect(read.sampling).not.toHaveProperty('seed');
  });
});

describe('a streamed answer', () => {
  const chunk = (delta: object, more: object = {}): string => `data: ${JSON.stringify({ id: 'r1', model: 'digest', choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`;
  const stream = [
    ': comment\n',
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: 'Grüße "model":"digest" ' }),
    `data: ${JSON.stringify({ id: 'r1', model: 'digest', choices: [{ index: 1, delta: { content: 'another choice' } }] })}\n\n`,
    chunk({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'find', arguments: '{"a"' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
    chunk({}, { finish_reason: 'tool_calls' }),
    `data: ${JSON.stringify({ id: 'r1', model: 'digest', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } })}\r\n\r\n`,
    'data: [DONE]\n\n',
  ].join('');

  test('is put together wherever the pieces are cut, and passes through with only the model renamed', () => {
    const bytes = Buffer.from(stream);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
        const streamed = new StreamedAnswer('digest', 'tickets/production');
        const borders = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const out = borders.slice(1).map((end, index) => streamed.push(bytes.subarray(borders[index], end))).join('') + streamed.end();
        expect(out).toBe(stream.replaceAll('"id":"r1","model":"digest"', '"id":"r1","model":"tickets/production"'));
        const choices = new Map([
          [0, { text: 'Grüße "model":"digest" ', toolCalls: [{ id: 'c1', name: 'find', arguments: '{"a":1}' }], finishReason: 'tool_calls' }],
          [1, { text: 'another choice', toolCalls: [], finishReason: null }],
        ]);
        expect(streamed.answer).toEqual({ choices, usage: { inputTokens: 3, outputTokens: 2 }, responseId: 'r1' });
        expect(streamed.failed).toBe(false);
      }),
    );
  });

  test('an error inside the stream is passed on and noticed', () => {
    const streamed = new StreamedAnswer('digest', 'c');
    const line = 'data: {"error":{"message":"engine"}}\n\n';
    expect(streamed.push(Buffer.from(line))).toBe(line);
    expect(streamed.failed).toBe(true);
  });

  test('of another model is thrown away, streamed or whole', () => {
    expect(() => new StreamedAnswer('digest', 'c').push(Buffer.from('data: {"model":"base","choices":[]}\n'))).toThrow(WrongModel);
    expect(() => readAnswer('{"model":"base","choices":[]}', 'digest', 'c')).toThrow(WrongModel);
  });
});
