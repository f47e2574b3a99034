// OpenAI-shaped records: request and response pairs, Batch API output, stored completions, fine-tuning lines, the Responses API.
// Shapes: https://platform.openai.com/docs/api-reference (chat, responses, batch), read 2026-11.
import type { Interaction, Message, Tool, ToolCall } from '../../core/contracts/index.ts';
import { finishReasonOf, type CallRecord, type ReadCall, type Reader } from './call.ts';
import { answerOf, chatMessageAt, chatMessagesAt, splitAnswer, type Omitted } from './chat-messages.ts';
import { arrayAt, asText, defined, isObject, objectAt, optionalInt, optionalNumber, optionalString, stringAt, toolAt, toolCallAt, trustedByRole, wrongAt, type JsonObject } from './fields.ts';

/** The requests of a batch by `custom_id`: its output does not repeat them. */
export type BatchRequests = ReadonlyMap<string, JsonObject>;

export function openaiReader(requests: BatchRequests = new Map()): Reader {
  return (document) => readOpenai(document, requests);
}

/** The request's body of a line of a batch's input file. */
export function batchRequestOf(document: JsonObject): [customId: string, body: JsonObject] {
  return [stringAt(document['custom_id'], '/custom_id'), objectAt(document['body'], '/body')];
}

function readOpenai(document: JsonObject, requests: BatchRequests): ReadCall[] {
  const customId = optionalString(document['custom_id']);
  const wrapped = bodyOf(document['response'], '/response');
  if (customId !== undefined && wrapped === undefined) throw wrongAt('/response', failedWhy(document));
  const isPair = wrapped !== undefined;
  // A log line may hold the response's fields beside the request's.
  const response = wrapped?.body ?? document;
  const at = wrapped?.pointer ?? '';
  const asked = bodyOf(document['request'], '/request') ?? (isPair ? { body: (customId === undefined ? undefined : requests.get(customId)) ?? document, pointer: '' } : { body: document, pointer: '' });
  const omitted: Omitted = { parts: 0 };
  const request = readRequest(asked.body, asked.pointer, omitted);
  const shared = {
    ...request.fields,
    record: defined<CallRecord>({
      source: 'openai',
      time: timeOf(response['created'] ?? response['created_at']) ?? timeOf(document['timestamp'] ?? document['time'] ?? document['created_at']),
      model: optionalString(response['model']) ?? optionalString(asked.body['model']),
      provider: 'openai',
      responseId: optionalString(response['id']),
      session: optionalString(document['session']) ?? optionalString(document['session_id']),
      subject: optionalString(asked.body['safety_identifier']) ?? optionalString(asked.body['user']),
      sampling: request.sampling,
      usage: usageOf(response['usage']),
    }),
  };
  const id = optionalString(response['id']) ?? optionalString(document['id']) ?? customId;
  const named = (call: Omit<ReadCall, 'id' | 'messages'> & { messages?: Message[] }, suffix = ''): ReadCall => ({
    ...shared,
    ...call,
    messages: call.messages ?? request.messages,
    id: id === undefined ? undefined : id + suffix,
    record: { ...shared.record, ...(omitted.parts > 0 ? { omittedParts: omitted.parts } : {}) },
  });

  if (Array.isArray(response['choices'])) {
    return response['choices'].map((choice: unknown, index) => {
      const { answer, finishReason } = readChoice(choice, `${at}/choices/${index}`, omitted);
      return named({ answer, finishReason }, index === 0 ? '' : `#${index}`);
    });
  }
  if (Array.isArray(response['output'])) return [named(readOutputItems(response, at))];
  if (isPair && isObject(response['message'])) return [named(readChoice(response, at, omitted))];
  if (isPair && typeof response['content'] === 'string') return [named({ answer: { text: response['content'] }, finishReason: finishReasonOf(response['finish_reason'] ?? response['stop_reason'], false) })];
  if (!isPair && Array.isArray(document['messages'])) {
    // Fine-tuning data and transcripts: the last turn is the answer.
    const { messages, answer } = splitAnswer(request.messages, '/messages');
    return [named({ messages, answer, finishReason: finishReasonOf(document['finish_reason'], answer.toolCalls !== undefined) })];
  }
  throw wrongAt(at || '/', 'carries no answer: neither choices, nor output, nor messages that end with the assistant');
}

/** A request or response, also where it is wrapped as an HTTP body. */
function bodyOf(value: unknown, pointer: string): { body: JsonObject; pointer: string } | undefined {
  if (!isObject(value)) return undefined;
  if (!isObject(value['body'])) return { body: value, pointer };
  const status = value['status_code'];
  if (typeof status === 'number' && (status < 200 || status > 299)) throw wrongAt(`${pointer}/status_code`, 'says that the request failed: there is no answer to judge');
  return { body: value['body'], pointer: `${pointer}/body` };
}

const failedWhy = (document: JsonObject): string =>
  isObject(document['error']) ? 'is missing: the request failed, there is no answer to judge' : "is missing: a batch's input has no answers, its output has";

function readRequest(body: JsonObject, pointer: string, omitted: Omitted) {
  const messages: Message[] = [];
  if (typeof body['instructions'] === 'string') messages.push({ role: 'system', parts: [{ text: body['instructions'], trusted: true }] });
  if (Array.isArray(body['messages'])) messages.push(...chatMessagesAt(body['messages'], `${pointer}/messages`, omitted));
  else if (typeof body['input'] === 'string') messages.push({ role: 'user', parts: [{ text: body['input'], trusted: true }] });
  else if (Array.isArray(body['input'])) messages.push(...inputItemsAt(body['input'], `${pointer}/input`, omitted));
  else if (typeof body['prompt'] === 'string') messages.push({ role: 'user', parts: [{ text: body['prompt'], trusted: true }] });
  const { outputSchema, expect } = formatOf(body);
  return {
    messages,
    fields: defined({ tools: toolsOf(body, pointer), outputSchema, expect }),
    sampling: defined<Interaction['sampling']>({
      temperature: optionalNumber(body['temperature']),
      topP: optionalNumber(body['top_p']),
      maxTokens: optionalInt(body['max_completion_tokens'] ?? body['max_tokens'] ?? body['max_output_tokens']),
      seed: optionalInt(body['seed']),
    }),
  };
}

/** Only functions can be judged: a provider's own tools carry no parameters. */
function toolsOf(body: JsonObject, pointer: string): Tool[] | undefined {
  const name = Array.isArray(body['tools']) ? 'tools' : 'functions';
  const listed = body[name];
  if (!Array.isArray(listed)) return undefined;
  return listed.flatMap((tool: unknown, index) => (isObject(tool) && typeof tool['type'] === 'string' && tool['type'] !== 'function' ? [] : [toolAt(tool, `${pointer}/${name}/${index}`)]));
}

/** What the request asked the answer to be (chat: `response_format`, responses: `text.format`). */
function formatOf(body: JsonObject): { outputSchema?: JsonObject; expect?: ReadCall['expect'] } {
  const format = isObject(body['response_format']) ? body['response_format'] : isObject(body['text']) && isObject(body['text']['format']) ? body['text']['format'] : undefined;
  if (format === undefined) return {};
  if (format['type'] === 'json_object') return { expect: 'json' };
  if (format['type'] !== 'json_schema') return {};
  const holder = isObject(format['json_schema']) ? format['json_schema'] : format;
  return isObject(holder['schema']) ? { outputSchema: holder['schema'], expect: 'json' } : { expect: 'json' };
}

function readChoice(value: unknown, pointer: string, omitted: Omitted): Pick<ReadCall, 'answer' | 'finishReason'> {
  const choice = objectAt(value, pointer);
  // The legacy completions API answers with text alone.
  if (choice['message'] === undefined) return { answer: { text: stringAt(choice['text'], `${pointer}/text`) }, finishReason: finishReasonOf(choice['finish_reason'], false) };
  const message = chatMessageAt(choice['message'], `${pointer}/message`, omitted).at(-1);
  const answer = answerOf(message as Message, `${pointer}/message`);
  return { answer, finishReason: finishReasonOf(choice['finish_reason'], answer.toolCalls !== undefined) };
}

/** Items of the Responses API's input: messages, and calls with their outputs beside them. */
function inputItemsAt(items: readonly unknown[], pointer: string, omitted: Omitted): Message[] {
  return items.flatMap((value, index): Message[] => {
    const at = `${pointer}/${index}`;
    const item = objectAt(value, at);
    switch (item['type']) {
      case 'function_call':
        return [{ role: 'assistant', parts: [], toolCalls: [toolCallAt(item, at)] }];
      case 'function_call_output':
        return [defined({ role: 'tool' as const, parts: [{ text: asText(item['output']), trusted: trustedByRole('tool') }], toolCallId: optionalString(item['call_id']) })];
      case 'message':
      case undefined:
        return chatMessageAt(item, at, omitted);
      default:
        if (item['type'] !== 'reasoning') omitted.parts += 1;
        return [];
    }
  });
}

function readOutputItems(response: JsonObject, pointer: string): Pick<ReadCall, 'answer' | 'finishReason'> {
  const texts: string[] = [];
  const toolCalls: ToolCall[] = [];
  arrayAt(response['output'], `${pointer}/output`).forEach((value, index) => {
    const at = `${pointer}/output/${index}`;
    const item = objectAt(value, at);
    if (item['type'] === 'function_call') toolCalls.push(toolCallAt(item, at));
    if (item['type'] !== 'message') return;
    for (const part of chatMessageAt(item, at, { parts: 0 }).flatMap((message) => message.parts)) texts.push(part.text);
  });
  const details = response['incomplete_details'];
  const reason = isObject(details) ? details['reason'] : response['status'] === 'incomplete' ? 'length' : response['status'];
  return { answer: { text: texts.join(''), ...(toolCalls.length > 0 ? { toolCalls } : {}) }, finishReason: finishReasonOf(toolCalls.length > 0 && reason === 'completed' ? 'tool_calls' : reason, toolCalls.length > 0) };
}

function usageOf(value: unknown): Interaction['usage'] {
  if (!isObject(value)) return undefined;
  const inputTokens = optionalInt(value['prompt_tokens'] ?? value['input_tokens']);
  const outputTokens = optionalInt(value['completion_tokens'] ?? value['output_tokens']);
  return inputTokens === undefined || outputTokens === undefined ? undefined : { inputTokens, outputTokens };
}

/** Seconds since 1970, or a date as text. */
function timeOf(value: unknown): string | undefined {
  const ms = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? Date.parse(value) : NaN;
  return Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : undefined;
}
