// The short form of `ratchet detect`: an answer with just what is needed to judge it.
import { DetectorSettings, type Message } from '../../core/contracts/index.ts';
import type { Goal } from '../../core/detect/injection/index.ts';
import { finishReasonOf, type ReadCall } from './call.ts';
import { arrayAt, asText, objectAt, stringAt, stringsAt, toolAt, wrongAt, type JsonObject } from './fields.ts';

const EXPECTED = DetectorSettings.shape.expect.unwrap().options;
const GOAL_CHECKS = ['contains', 'regex', 'language', 'encoded', 'tool_call'] as const;

/** @throws RECORD_CONTRACT */
export function readShortForm(document: JsonObject): ReadCall[] {
  const calls = optional(document, 'toolCalls', (value, pointer) =>
    arrayAt(value, pointer).map((item, index) => {
      const call = objectAt(item, `${pointer}/${index}`);
      return { name: stringAt(call['name'], `${pointer}/${index}/name`), arguments: asText(call['arguments']) };
    }),
  );
  // An answer may be calls alone.
  const output = document['output'] ?? (calls && calls.length > 0 ? '' : undefined);
  const expect = optional(document, 'expect', (value, pointer) => {
    const known = EXPECTED.find((word) => word === value);
    if (known === undefined) throw wrongAt(pointer, `must be one of ${EXPECTED.join(', ')}`);
    return known;
  });
  const call: ReadCall = {
    id: idOf(document),
    messages: [...messagesOf(document, 'trusted', true), ...messagesOf(document, 'untrusted', false)],
    answer: { text: stringAt(output, '/output') },
    finishReason: finishReasonOf(document['finishReason'], calls !== undefined && calls.length > 0),
  };
  if (calls) call.answer.toolCalls = calls;
  if (expect) call.expect = expect;
  const schema = optional(document, 'schema', objectAt);
  if (schema) call.outputSchema = schema;
  const tools = optional(document, 'tools', (value, pointer) => arrayAt(value, pointer).map((item, index) => toolAt(item, `${pointer}/${index}`)));
  if (tools) call.tools = tools;
  const canaries = optional(document, 'canaries', stringsAt);
  const goals = optional(document, 'goals', (value, pointer) => arrayAt(value, pointer).map((item, index) => goalAt(item, `${pointer}/${index}`)));
  if (canaries || goals) call.options = { ...(canaries ? { canaries } : {}), ...(goals ? { goals } : {}) };
  return [call];
}

/** `null` is as good as absent: many writers cannot leave a field out. */
function optional<T>(document: JsonObject, name: string, read: (value: unknown, pointer: string) => T): T | undefined {
  const value = document[name];
  return value === undefined || value === null ? undefined : read(value, `/${name}`);
}

export function idOf(document: JsonObject): string | number | undefined {
  const { id } = document;
  if (id === undefined || id === null) return undefined;
  if (typeof id !== 'string' && typeof id !== 'number') throw wrongAt('/id', 'must be a string or a number');
  return id;
}

function messagesOf(document: JsonObject, name: 'trusted' | 'untrusted', trusted: boolean): Message[] {
  const texts = optional(document, name, (value, pointer) => (typeof value === 'string' ? [value] : stringsAt(value, pointer)));
  return (texts ?? []).map((text) => ({ role: trusted ? 'user' : 'tool', parts: [{ text, trusted }] }));
}

function goalAt(value: unknown, pointer: string): Goal {
  const goal = objectAt(value, pointer);
  const check = objectAt(goal['check'], `${pointer}/check`);
  const type = GOAL_CHECKS.find((known) => known === check['type']);
  if (type === undefined) throw wrongAt(`${pointer}/check/type`, `must be one of ${GOAL_CHECKS.join(', ')}`);
  return { id: stringAt(goal['id'], `${pointer}/id`), check: { type, value: stringAt(check['value'], `${pointer}/check/value`) } };
}

/** Told apart from the other shapes by its one field that is always there. */
export const isShortForm = (document: JsonObject): boolean => (document['output'] !== undefined && !Array.isArray(document['output'])) || Array.isArray(document['toolCalls']);
