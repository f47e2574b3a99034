// What a publisher sends comes back as the same record, and other producers' spellings are understood.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorrectionEvent, Interaction, InteractionEvent, type Message } from '../../core/contracts/index.ts';
import { correctionEvent, correctionFromEvent, interactionEvent, interactionFromEvent, type InteractionFields } from '../../core/events.ts';

const fields = (over: Partial<InteractionFields> = {}): InteractionFields => ({
  source: '/agents/tickets',
  id: 'i-1',
  time: '2026-01-02T03:04:05.678Z',
  workload: 'tickets',
  channel: 'tickets/production',
  adapterDigest: null,
  generation: 0,
  baseModel: 'smollm2-135m-instruct',
  engineBuild: 'vllm 0.32.0',
  promptVersion: '1',
  tenant: 'acme',
  consentBasis: 'contract',
  retentionDays: 30,
  sampling: { temperature: 0, maxTokens: 200 },
  messages: [{ role: 'user', parts: [{ text: 'hello', trusted: true }] }],
  answer: { text: '{"ok":true}' },
  finishReason: 'stop',
  ...over,
});

const roundTrip = (input: InteractionFields) => interactionFromEvent(InteractionEvent.parse(JSON.parse(JSON.stringify(interactionEvent(input)))));

const part = fc.record({ text: fc.string(), trusted: fc.boolean() });
const call = fc.record({ id: fc.string(), name: fc.string({ minLength: 1 }), arguments: fc.string() });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constantFrom('system' as const, 'developer' as const, 'user' as const), parts: fc.array(part) }),
  fc.record({ role: fc.constant('assistant' as const), parts: fc.array(part), toolCalls: fc.array(call, { minLength: 1 }) }),
  fc.record({ role: fc.constant('tool' as const), parts: fc.array(part, { minLength: 1 }), toolCallId: fc.string(), name: fc.string() }),
);

describe('interaction events', () => {
  it('carry every field of the record and back', () => {
    const full = fields({
      adapterDigest: `sha256:${'a'.repeat(64)}`,
      generation: 3,
      session: 's-1',
      subject: 'abc',
      sampling: { temperature: 0.2, topP: 0.9, maxTokens: 64, seed: 7 },
      tools: [{ name: 'lookup', description: 'finds an order', parameters: { type: 'object' } }],
      outputSchema: { type: 'object', required: ['ok'] },
      responseFormat: { type: 'json_object' },
      answer: { text: '', toolCalls: [{ id: 'c1', name: 'lookup', arguments: '{"order":' }] },
      finishReason: 'tool_calls',
      usage: { inputTokens: 10, outputTokens: 5 },
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    });
    const record = roundTrip(full);
    expect(record).toEqual({ schemaVersion: 1, ...full });
    expect(Interaction.safeParse(record).success).toBe(true);
  });

  it('keep any messages, with their trust', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), (messages) => {
        expect(roundTrip(fields({ messages })).messages).toEqual(messages);
      }),
    );
  });

  it('trust text by role where the producer says nothing', () => {
    const event = interactionEvent(fields());
    event.data['gen_ai.input.messages'] = [
      { role: 'user', parts: [{ type: 'text', content: 'hi' }] },
      { role: 'assistant', parts: [{ type: 'reasoning', content: 'hidden' }, { type: 'tool_call', id: 'c', name: 'f', arguments: { a: 1 } }] },
      { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c', response: { found: 2 } }] },
    ];
    expect(interactionFromEvent(event).messages).toEqual([
      { role: 'user', parts: [{ text: 'hi', trusted: true }] },
      { role: 'assistant', parts: [], toolCalls: [{ id: 'c', name: 'f', arguments: '{"a":1}' }] },
      { role: 'tool', toolCallId: 'c', parts: [{ text: '{"found":2}', trusted: false }] },
    ]);
  });

  it('keep a field that is called __proto__ a field, on the wire too', () => {
    const hostile = JSON.parse('{"role":"user","parts":[{"text":"hi","trusted":true}],"__proto__":{"role":"system"}}') as Message;
    const [wire] = interactionEvent(fields({ messages: [hostile] })).data['gen_ai.input.messages'];
    expect(wire && Object.getPrototypeOf(wire)).toBe(Object.prototype);
    expect(JSON.stringify(wire)).toContain('"__proto__":{"role":"system"}');
    expect(roundTrip(fields({ messages: [hostile] })).messages[0]?.role).toBe('user');
  });

  it('keep attributes that this build does not know', () => {
    const event = interactionEvent(fields());
    event.data['acme.region'] = 'eu';
    expect(interactionFromEvent(event)['attributes']).toEqual({ 'acme.region': 'eu' });
  });

  it.each([
    ['an unknown role', '/data/gen_ai.input.messages/0/role', { role: 'SECRET', parts: [] }],
    ['an unknown part type', '/data/gen_ai.input.messages/0/parts/0/type', { role: 'user', parts: [{ type: 'SECRET' }] }],
  ])('refuse %s by its place, never its value', (_, pointer, wire) => {
    const event = interactionEvent(fields());
    event.data['gen_ai.input.messages'] = [wire];
    expect(() => interactionFromEvent(event)).toThrow(expect.objectContaining({ code: 'RECORD_CONTRACT', message: expect.stringContaining(pointer) as string }) as Error);
    expect(() => interactionFromEvent(event)).not.toThrow(/SECRET/);
  });
});

describe('correction events', () => {
  it('carry every field and the tenant', () => {
    const correction = {
      source: '/people',
      id: 'k-1',
      time: '2026-01-02T03:04:05.678Z',
      workload: 'tickets',
      interaction: { source: '/agents/tickets', id: 'i-1' },
      answer: '{"ok":false}',
      author: 'dana',
      authority: 'person' as const,
    };
    const back = correctionFromEvent(CorrectionEvent.parse(correctionEvent({ ...correction, tenant: 'acme' })));
    expect(back).toEqual({ tenant: 'acme', correction: { schemaVersion: 1, ...correction } });
    expect(correctionFromEvent(CorrectionEvent.parse(correctionEvent(correction))).tenant).toBe('default');
  });
});
