// Langfuse exports: observations of type GENERATION from the API, the table export, blob storage or a downloaded trace.
// Shapes: https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields and the public API, read 2026-11.
import type { Message, Tool, ToolCall } from '../../core/contracts/index.ts';
import { finishReasonOf, type CallRecord, type ReadCall } from './call.ts';
import { answerOf, chatMessagesAt, chatMessageAt, splitAnswer, type Omitted } from './chat-messages.ts';
import { asText, defined, isObject, objectAt, optionalInt, optionalNumber, optionalString, toolAt, toolCallAt, wrongAt, type JsonObject } from './fields.ts';
import { structured } from './otlp-values.ts';

/** @param document an observation, a page of the API, or a trace with its observations */
export function readLangfuse(document: JsonObject): ReadCall[] {
  const listName = (['observations', 'data'] as const).find((name) => Array.isArray(document[name]));
  if (listName === undefined) return observationCalls(document, '', document);
  const trace = isObject(document['trace']) ? document['trace'] : document;
  return (document[listName] as unknown[]).flatMap((item, index) => {
    const pointer = `/${listName}/${index}`;
    return observationCalls(objectAt(item, pointer), pointer, trace);
  });
}

/** The API writes camelCase, blob storage snake_case. */
const pick = (row: JsonObject, camel: string): unknown => row[camel] ?? row[camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];

function observationCalls(row: JsonObject, pointer: string, trace: JsonObject): ReadCall[] {
  const type = row['type'];
  if (typeof type !== 'string') throw wrongAt(`${pointer}/type`, 'must be a string');
  if (type.toUpperCase() !== 'GENERATION') return [];
  const output = present(row['output']);
  // A generation that failed, or is still under way, has no answer.
  if (output === undefined) return [];
  const omitted: Omitted = { parts: 0 };
  const input = inputOf(row, pointer, omitted);
  const { answer, reason } = outputOf(output, row, pointer, omitted);
  const parameters = objectOr(structured(pick(row, 'modelParameters')));
  const prompt = optionalString(pick(row, 'promptName'));
  const traceId = optionalString(pick(row, 'traceId'))?.toLowerCase();
  const rowId = optionalString(row['id']);
  const project = optionalString(pick(row, 'projectId')) ?? optionalString(pick(trace, 'projectId'));
  return [
    {
      id: rowId,
      messages: input.messages,
      answer,
      finishReason: finishReasonOf(reason ?? objectOr(row['metadata'])['finish_reason'], answer.toolCalls !== undefined),
      ...(input.tools === undefined ? {} : { tools: input.tools }),
      ...formatOf(parameters, input.whole),
      record: defined<CallRecord>({
        source: project === undefined ? 'langfuse' : `langfuse:${project}`.slice(0, 512),
        time: timeOf(pick(row, 'startTime')),
        model: optionalString(row['model']) ?? optionalString(pick(row, 'providedModelName')),
        promptVersion: prompt === undefined ? optionalString(row['version']) : `${prompt}@${asText(pick(row, 'promptVersion')) || 'unknown'}`,
        session: optionalString(pick(row, 'sessionId')) ?? optionalString(pick(trace, 'sessionId')),
        subject: optionalString(pick(row, 'userId')) ?? optionalString(pick(trace, 'userId')),
        sampling: defined({
          temperature: optionalNumber(parameters['temperature']),
          topP: optionalNumber(parameters['top_p'] ?? parameters['topP']),
          maxTokens: optionalInt(parameters['max_tokens'] ?? parameters['maxTokens'] ?? parameters['max_completion_tokens']),
          seed: optionalInt(parameters['seed']),
        }),
        usage: usageOf(row),
        traceparent: traceId !== undefined && rowId !== undefined && /^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(rowId) ? `00-${traceId}-${rowId}-01` : undefined,
        ...(omitted.parts > 0 ? { omittedParts: omitted.parts } : {}),
      }),
    },
  ];
}

const present = (value: unknown): unknown => (value === null || value === '' ? undefined : value);
const objectOr = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** Inputs are what the caller's SDK passed: chat messages, a request's body, or a prompt as text; each also as a JSON string. */
function inputOf(row: JsonObject, pointer: string, omitted: Omitted): { messages: Message[]; tools: Tool[] | undefined; whole: JsonObject } {
  const written = present(row['input']);
  const input = typeof written === 'string' && /^\s*[[{]/.test(written) ? (structured(written) ?? written) : written;
  const at = `${pointer}/input`;
  const whole = objectOr(input);
  const listed: unknown = Array.isArray(input) ? input : whole['messages'];
  let messages: Message[];
  if (Array.isArray(listed) && listed.every((item) => isObject(item) && typeof (item['role'] ?? item['type']) === 'string')) messages = chatMessagesAt(listed, Array.isArray(input) ? at : `${at}/messages`, omitted);
  else if (isObject(input) && typeof input['role'] === 'string') messages = chatMessageAt(input, at, omitted);
  else if (written === undefined) messages = [];
  else messages = [{ role: 'user', parts: [{ text: typeof whole['prompt'] === 'string' ? whole['prompt'] : asText(written), trusted: true }] }];
  return { messages, tools: toolsOf(whole, row, pointer), whole };
}

function toolsOf(input: JsonObject, row: JsonObject, pointer: string): Tool[] | undefined {
  const listed = input['tools'] ?? input['functions'];
  if (Array.isArray(listed)) return listed.map((tool, index) => toolAt(tool, `${pointer}/input/tools/${index}`));
  // Blob storage: definitions by name, each as JSON text.
  const named = Object.entries(objectOr(pick(row, 'toolDefinitions'))).map(([name, text]): Tool => {
    const definition = objectOr(structured(text));
    return toolAt({ ...definition, ...(isObject(definition['function']) ? {} : { name: optionalString(definition['name']) ?? name, parameters: structured(definition['parameters']) }) }, `${pointer}/tool_definitions`);
  });
  return named.length > 0 ? named : undefined;
}

/** A message, a response, or the text itself. Text that is JSON of another shape is the answer as it was said. */
function outputOf(output: unknown, row: JsonObject, pointer: string, omitted: Omitted): { answer: { text: string; toolCalls?: ToolCall[] }; reason: unknown } {
  const at = `${pointer}/output`;
  const parsed = typeof output === 'string' ? (/^\s*[[{]/.test(output) ? structured(output) : undefined) : output;
  const calls = pick(row, 'toolCalls');
  const recorded = Array.isArray(calls) && calls.length > 0 ? calls.map((call, index) => toolCallAt(structured(call), `${pointer}/tool_calls/${index}`)) : undefined;
  if (isObject(parsed)) {
    const choice = Array.isArray(parsed['choices']) ? objectOr(parsed['choices'][0]) : parsed;
    const message = isObject(choice['message']) ? choice['message'] : choice;
    if (['assistant', 'model', 'ai'].includes(message['role'] as string) && ('content' in message || 'tool_calls' in message || 'function_call' in message)) {
      const said = chatMessageAt({ ...message, role: 'assistant' }, at, omitted).at(-1) as Message;
      return { answer: answerOf(said, at), reason: choice['finish_reason'] ?? parsed['finish_reason'] };
    }
    if (typeof parsed['completion'] === 'string' && Object.keys(parsed).length === 1) return { answer: { text: parsed['completion'] }, reason: undefined };
  }
  if (Array.isArray(parsed) && parsed.length > 0 && parsed.every((item) => isObject(item) && typeof item['role'] === 'string' && 'content' in item)) {
    return { answer: splitAnswer(chatMessagesAt(parsed, at, omitted), at).answer, reason: undefined };
  }
  return { answer: { text: asText(output), ...(recorded ? { toolCalls: recorded } : {}) }, reason: undefined };
}

function formatOf(parameters: JsonObject, input: JsonObject): Pick<ReadCall, 'outputSchema' | 'expect'> {
  const format = structured(parameters['response_format'] ?? input['response_format']);
  if (!isObject(format)) return {};
  const holder = objectOr(format['json_schema']);
  if (format['type'] === 'json_schema' && isObject(holder['schema'])) return { outputSchema: holder['schema'], expect: 'json' };
  return format['type'] === 'json_object' || format['type'] === 'json_schema' ? { expect: 'json' } : {};
}

function usageOf(row: JsonObject): { inputTokens: number; outputTokens: number } | undefined {
  const usage = { ...objectOr(row['usage']), ...objectOr(pick(row, 'usageDetails')) };
  const inputTokens = optionalInt(usage['input']);
  const outputTokens = optionalInt(usage['output']);
  return inputTokens === undefined || outputTokens === undefined ? undefined : { inputTokens, outputTokens };
}

/** RFC 3339, or blob storage's `2024-05-29 13:46:19.963000`, which is UTC. */
function timeOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = Date.parse(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?$/.test(value) ? `${value.replace(' ', 'T')}Z` : value);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
