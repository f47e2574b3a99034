// Full interactions: the event as it travels, or the record as Ratchet keeps it.
import type { Message, TextPart } from '../../core/contracts/index.ts';
import { RatchetError } from '../../core/errors.ts';
import { interactionFromEvent } from '../../core/events.ts';
import { eventOf } from '../parse.ts';
import { finishReasonOf, type ReadCall } from './call.ts';
import { roleAt } from './chat-messages.ts';
import { arrayAt, defined, isObject, objectAt, optionalString, stringAt, toolAt, toolCallAt, trustedByRole, wrongAt, type JsonObject } from './fields.ts';
import { idOf } from './short-form.ts';

/** @throws RECORD_CONTRACT, RECORD_VERSION_UNKNOWN */
export function readInteraction(document: JsonObject): ReadCall[] {
  return [document['specversion'] === undefined ? readRecord(document) : readEvent(document)];
}

function readEvent(document: JsonObject): ReadCall {
  const parsed = eventOf(document);
  if (parsed.kind !== 'interaction') throw new RatchetError('RECORD_CONTRACT', '/type is a correction: it has no answer of the model to judge');
  const { id, messages, tools, outputSchema, answer, finishReason } = interactionFromEvent(parsed.event);
  return defined({ id, messages, tools, outputSchema, answer, finishReason });
}

/** Only what is judged has to be there: a record need not name its tenant to be looked at. */
function readRecord(document: JsonObject): ReadCall {
  const { tools, outputSchema } = document;
  const answer = objectAt(document['answer'], '/answer');
  const calls = answer['toolCalls'];
  const toolCalls = calls === undefined || calls === null ? undefined : arrayAt(calls, '/answer/toolCalls').map((call, index) => toolCallAt(call, `/answer/toolCalls/${index}`));
  if (outputSchema !== undefined && !isObject(outputSchema)) throw wrongAt('/outputSchema', 'must be an object');
  return defined({
    id: idOf(document),
    messages: arrayAt(document['messages'], '/messages').map((message, index) => messageAt(message, `/messages/${index}`)),
    tools: tools === undefined || tools === null ? undefined : arrayAt(tools, '/tools').map((tool, index) => toolAt(tool, `/tools/${index}`)),
    outputSchema,
    answer: defined({ text: stringAt(answer['text'], '/answer/text'), toolCalls }),
    finishReason: finishReasonOf(document['finishReason'], toolCalls !== undefined && toolCalls.length > 0),
  });
}

function messageAt(value: unknown, pointer: string): Message {
  const message = objectAt(value, pointer);
  const role = roleAt(message['role'], `${pointer}/role`);
  const parts = arrayAt(message['parts'], `${pointer}/parts`).map((item, index): TextPart => {
    const part = objectAt(item, `${pointer}/parts/${index}`);
    const trusted = part['trusted'];
    return { text: stringAt(part['text'], `${pointer}/parts/${index}/text`), trusted: typeof trusted === 'boolean' ? trusted : trustedByRole(role) };
  });
  const calls = message['toolCalls'];
  const toolCalls = Array.isArray(calls) ? calls.map((call: unknown, index) => toolCallAt(call, `${pointer}/toolCalls/${index}`)) : undefined;
  return defined({ role, parts, name: optionalString(message['name']), toolCallId: optionalString(message['toolCallId']), toolCalls });
}

export const isInteraction = (document: JsonObject): boolean => document['specversion'] !== undefined || isObject(document['answer']);
