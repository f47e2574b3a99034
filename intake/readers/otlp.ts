// OTLP traces as JSON: spans of model calls in the GenAI conventions, now (messages as attributes) and before (messages as events).
// Shapes: semantic-conventions v1.27 to v1.41 and semantic-conventions-genai v0.1, OpenLLMetry's indexed attributes, read 2026-11.
import type { Message, Tool, ToolCall } from '../../core/contracts/index.ts';
import { finishReasonOf, type CallRecord, type ReadCall } from './call.ts';
import { answerOf, chatMessageAt, roleAt, type Omitted } from './chat-messages.ts';
import { arrayAt, asText, defined, isObject, objectAt, optionalInt, optionalNumber, optionalString, stringAt, toolAt, trustedByRole, wrongAt, type JsonObject } from './fields.ts';
import { attributesOf, hexId, structured, timeOfNanos } from './otlp-values.ts';

/** Operations that are one model call; spans around them (invoke_agent) repeat their messages. */
const CALLS = new Set(['chat', 'text_completion', 'generate_content', 'completion']);
/** The one event that carries a whole call, on a span or as a log record. */
const DETAILS_EVENT = /^(?:event\.)?gen_ai\.client\.inference\.operation\.details$/;
const MAX_INDEXED = 10_000;

interface Telling {
  attributes: JsonObject;
  events: { name: string; attributes: JsonObject }[];
  span: JsonObject;
  source: string;
}

/** @param document an ExportTraceServiceRequest, or an ExportLogsServiceRequest with details events */
export function readOtlp(document: JsonObject): ReadCall[] {
  if (document['resourceSpans'] === undefined && document['resourceLogs'] === undefined) throw wrongAt('/resourceSpans', 'is missing');
  return [...spansOf(document), ...logsOf(document)].flatMap(({ telling, pointer }) => callsOf(telling, pointer));
}

type Placed = { telling: Telling; pointer: string };

function spansOf(document: JsonObject): Placed[] {
  return eachIn(document, ['resourceSpans', 'scopeSpans', 'spans'], ({ item, source, pointer }) => {
    const events = listOf(item['events']).filter(isObject).map((event) => ({ name: optionalString(event['name']) ?? '', attributes: attributesOf(event['attributes']) }));
    const details = events.find(({ name }) => DETAILS_EVENT.test(name));
    return { telling: { attributes: Object.assign(attributesOf(item['attributes']), details?.attributes), events, span: item, source }, pointer };
  });
}

function logsOf(document: JsonObject): Placed[] {
  return eachIn(document, ['resourceLogs', 'scopeLogs', 'logRecords'], ({ item, source, pointer }) => {
    const attributes = attributesOf(item['attributes']);
    const name = item['eventName'] ?? attributes['event.name'];
    if (typeof name !== 'string' || !DETAILS_EVENT.test(name)) return undefined;
    return { telling: { attributes, events: [], span: { ...item, startTimeUnixNano: item['timeUnixNano'] ?? item['observedTimeUnixNano'] }, source }, pointer };
  });
}

/** Walks resource → scope → item. */
function eachIn(document: JsonObject, [resources, scopes, items]: readonly [string, string, string], use: (found: { item: JsonObject; source: string; pointer: string }) => Placed | undefined): Placed[] {
  const found: Placed[] = [];
  listOf(document[resources]).forEach((resource, r) => {
    const at = `/${resources}/${r}`;
    const outer = objectAt(resource, at);
    const { ['service.name']: service, ['service.namespace']: namespace } = attributesOf(isObject(outer['resource']) ? outer['resource']['attributes'] : undefined);
    const source = `otlp:${[namespace, service].filter((part) => typeof part === 'string' && part !== '').join('/') || 'unknown'}`.slice(0, 512);
    const scopeList = scopes === 'scopeSpans' ? (outer[scopes] ?? outer['instrumentationLibrarySpans']) : outer[scopes];
    listOf(scopeList).forEach((scope, s) => {
      listOf(objectAt(scope, `${at}/${scopes}/${s}`)[items]).forEach((item, i) => {
        const pointer = `${at}/${scopes}/${s}/${items}/${i}`;
        const placed = use({ item: objectAt(item, pointer), source, pointer });
        if (placed) found.push(placed);
      });
    });
  });
  return found;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

function callsOf(telling: Telling, pointer: string): ReadCall[] {
  const { attributes, span } = telling;
  const operation = attributes['gen_ai.operation.name'] ?? attributes['llm.request.type'];
  if (typeof operation !== 'string' || !CALLS.has(operation)) return [];
  const omitted: Omitted = { parts: 0 };
  const messages = [...instructionsOf(attributes, pointer, omitted), ...inputOf(telling, pointer, omitted)];
  const outputs = outputsOf(telling, pointer, omitted);
  // Most set-ups record no content: then there is nothing to judge, and nothing wrong with the span.
  if (outputs.length === 0) return [];
  const reasons = listOf(structuredList(attributes['gen_ai.response.finish_reasons']));
  const traceId = hexId(span['traceId'], 16);
  const spanId = hexId(span['spanId'], 8);
  const record = defined<CallRecord>({
    source: telling.source,
    time: timeOfNanos(span['startTimeUnixNano']),
    model: optionalString(attributes['gen_ai.response.model']) ?? optionalString(attributes['gen_ai.request.model']),
    provider: optionalString(attributes['gen_ai.provider.name']) ?? optionalString(attributes['gen_ai.system']),
    responseId: optionalString(attributes['gen_ai.response.id']),
    session: optionalString(attributes['gen_ai.conversation.id']) ?? optionalString(attributes['session.id']),
    subject: optionalString(attributes['enduser.id']) ?? optionalString(attributes['user.id']),
    promptVersion: optionalString(attributes['ratchet.prompt.version']),
    sampling: defined({
      temperature: optionalNumber(attributes['gen_ai.request.temperature']),
      topP: optionalNumber(attributes['gen_ai.request.top_p']),
      maxTokens: optionalInt(attributes['gen_ai.request.max_tokens']),
      seed: optionalInt(attributes['gen_ai.request.seed'] ?? attributes['gen_ai.openai.request.seed']),
    }),
    usage: usageOf(attributes),
    traceparent: traceId !== undefined && spanId !== undefined ? `00-${traceId}-${spanId}-01` : undefined,
  });
  const schema = structured(attributes['ratchet.output.schema'] ?? attributes['gen_ai.request.structured_output_schema']);
  const tools = toolsOf(attributes, pointer);
  return outputs.map(({ message, reason }, index) => {
    const answer = answerOf(message, `${pointer}/output/${index}`);
    return {
      id: traceId === undefined || spanId === undefined ? undefined : `${traceId}-${spanId}${index === 0 ? '' : `#${index}`}`,
      messages,
      answer,
      finishReason: finishReasonOf(reason ?? reasons[index], answer.toolCalls !== undefined),
      ...(tools === undefined ? {} : { tools }),
      ...(isObject(schema) ? { outputSchema: schema } : {}),
      ...(attributes['gen_ai.output.type'] === 'json' ? { expect: 'json' as const } : {}),
      record: { ...record, ...(omitted.parts > 0 ? { omittedParts: omitted.parts } : {}) },
    };
  });
}

const structuredList = (value: unknown): unknown => (typeof value === 'string' ? (structured(value) ?? [value]) : value);

function instructionsOf(attributes: JsonObject, pointer: string, omitted: Omitted): Message[] {
  const written = attributes['gen_ai.system_instructions'];
  const parts = structured(written) ?? written;
  if (parts === undefined) return [];
  const list = Array.isArray(parts) ? (parts as unknown[]) : [parts];
  return [otelMessageAt({ role: 'system', parts: list.map((part) => (typeof part === 'string' ? { type: 'text', content: part } : part)) }, `${pointer}/gen_ai.system_instructions`, omitted)];
}

function inputOf({ attributes, events }: Telling, pointer: string, omitted: Omitted): Message[] {
  const now = attributes['gen_ai.input.messages'];
  if (now !== undefined) return messagesAt(now, `${pointer}/gen_ai.input.messages`, omitted);
  const before = events.flatMap(({ name, attributes: event }): Message[] => {
    const role = /^gen_ai\.(system|user|assistant|tool)\.message$/.exec(name)?.[1];
    if (role !== undefined) return chatMessageAt({ role, ...eventBody(event) }, `${pointer}/events/${name}`, omitted);
    return name === 'gen_ai.content.prompt' ? messagesAt(event['gen_ai.prompt'], `${pointer}/gen_ai.prompt`, omitted) : [];
  });
  return before.length > 0 ? before : indexedMessages(attributes, 'gen_ai.prompt', pointer, omitted).map(({ message }) => message);
}

type Output = { message: Message; reason: unknown };

function outputsOf({ attributes, events }: Telling, pointer: string, omitted: Omitted): Output[] {
  const now = attributes['gen_ai.output.messages'];
  if (now !== undefined) {
    const at = `${pointer}/gen_ai.output.messages`;
    return arrayAt(structured(now), at).map((item, index) => ({ message: messageAt(item, `${at}/${index}`, omitted), reason: isObject(item) ? item['finish_reason'] : undefined }));
  }
  const before = events.flatMap(({ name, attributes: event }): Output[] => {
    if (name === 'gen_ai.choice') {
      const body = eventBody(event);
      const message = structured(body['message']) ?? body;
      return [{ message: messageAt({ role: 'assistant', ...(isObject(message) ? message : {}) }, `${pointer}/events/${name}`, omitted), reason: body['finish_reason'] }];
    }
    return name === 'gen_ai.content.completion' ? messagesAt(event['gen_ai.completion'], `${pointer}/gen_ai.completion`, omitted).map((message) => ({ message, reason: undefined })) : [];
  });
  return before.length > 0 ? before : indexedMessages(attributes, 'gen_ai.completion', pointer, omitted);
}

/** As attributes of their own, or as one JSON text under `gen_ai.event.content`. */
function eventBody(event: JsonObject): JsonObject {
  const whole = structured(event['gen_ai.event.content']);
  const body: JsonObject = { ...event, ...(isObject(whole) ? whole : {}) };
  for (const name of ['tool_calls', 'content'] as const) {
    // The text of a message may look like JSON and is still its text.
    const value = name === 'tool_calls' ? structured(body[name]) : body[name];
    if (value !== undefined) body[name] = value;
  }
  return { ...body, ...(body['id'] === undefined ? {} : { tool_call_id: body['id'] }) };
}

function messagesAt(value: unknown, pointer: string, omitted: Omitted): Message[] {
  return arrayAt(structured(value), pointer).flatMap((item, index) => (isObject(item) && Array.isArray(item['parts']) ? [otelMessageAt(item, `${pointer}/${index}`, omitted)] : chatMessageAt(item, `${pointer}/${index}`, omitted)));
}

function messageAt(value: unknown, pointer: string, omitted: Omitted): Message {
  const message = objectAt(value, pointer);
  return Array.isArray(message['parts']) ? otelMessageAt(message, pointer, omitted) : (chatMessageAt(message, pointer, omitted).at(-1) as Message);
}

/** Role and typed parts, as the conventions have it. */
function otelMessageAt(value: JsonObject, pointer: string, omitted: Omitted): Message {
  const role = roleAt(value['role'], `${pointer}/role`);
  const parts: Message['parts'] = [];
  const toolCalls: ToolCall[] = [];
  let toolCallId: string | undefined;
  arrayAt(value['parts'], `${pointer}/parts`).forEach((item, index) => {
    const at = `${pointer}/parts/${index}`;
    const part = objectAt(item, at);
    const marked = part['ratchet.trusted'];
    const trusted = typeof marked === 'boolean' ? marked : trustedByRole(role);
    switch (part['type']) {
      case 'text':
        parts.push({ text: asText(part['content']), trusted });
        break;
      case 'tool_call':
        toolCalls.push(defined({ id: optionalString(part['id']), name: stringAt(part['name'], `${at}/name`), arguments: asText(part['arguments']) }));
        break;
      case 'tool_call_response':
        toolCallId ??= optionalString(part['id']);
        // Whatever role it is filed under, it came from a tool.
        parts.push({ text: asText(part['response'] ?? part['result'] ?? part['content']), trusted: typeof marked === 'boolean' ? marked : false });
        break;
      case 'reasoning':
        break;
      default:
        omitted.parts += 1;
    }
  });
  return defined({ role, parts, name: optionalString(value['name']), toolCallId, toolCalls: toolCalls.length > 0 ? toolCalls : undefined });
}

/** `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content`, `gen_ai.completion.0.tool_calls.0.name` …: one attribute per field. */
function indexedMessages(attributes: JsonObject, prefix: string, pointer: string, omitted: Omitted): Output[] {
  const found: Output[] = [];
  for (let index = 0; index < MAX_INDEXED; index += 1) {
    const at = `${prefix}.${index}`;
    const role = attributes[`${at}.role`] ?? (prefix === 'gen_ai.completion' ? 'assistant' : undefined);
    const content = attributes[`${at}.content`];
    const calls: unknown[] = [];
    for (let call = 0; call < MAX_INDEXED && attributes[`${at}.tool_calls.${call}.name`] !== undefined; call += 1) {
      const name = `${at}.tool_calls.${call}`;
      calls.push({ id: attributes[`${name}.id`], name: attributes[`${name}.name`], arguments: attributes[`${name}.arguments`] });
    }
    if (content === undefined && calls.length === 0) break;
    // Parts are written as a JSON array of typed parts, text as itself.
    const parts = typeof content === 'string' && content.startsWith('[{"type"') ? structured(content) : undefined;
    const message = { role, content: parts ?? content, tool_call_id: attributes[`${at}.tool_call_id`], ...(calls.length > 0 ? { tool_calls: calls } : {}) };
    found.push({ message: chatMessageAt(message, `${pointer}/${at}`, omitted).at(-1) as Message, reason: attributes[`${at}.finish_reason`] });
  }
  return found;
}

function toolsOf(attributes: JsonObject, pointer: string): Tool[] | undefined {
  const now = structured(attributes['gen_ai.tool.definitions']);
  if (Array.isArray(now)) return now.map((tool, index) => toolAt(tool, `${pointer}/gen_ai.tool.definitions/${index}`));
  const tools: Tool[] = [];
  for (let index = 0; index < MAX_INDEXED; index += 1) {
    const at = `llm.request.functions.${index}`;
    const name = attributes[`${at}.name`];
    if (typeof name !== 'string') break;
    tools.push(toolAt({ name, description: attributes[`${at}.description`], parameters: structured(attributes[`${at}.parameters`]) }, `${pointer}/${at}`));
  }
  return tools.length > 0 ? tools : undefined;
}

function usageOf(attributes: JsonObject): { inputTokens: number; outputTokens: number } | undefined {
  const inputTokens = optionalInt(attributes['gen_ai.usage.input_tokens'] ?? attributes['gen_ai.usage.prompt_tokens']);
  const outputTokens = optionalInt(attributes['gen_ai.usage.output_tokens'] ?? attributes['gen_ai.usage.completion_tokens']);
  return inputTokens === undefined || outputTokens === undefined ? undefined : { inputTokens, outputTokens };
}
