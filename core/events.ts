// Between the wire (CloudEvents with OTel GenAI names) and the record that Ratchet keeps; both directions, both pure.
import {
  CORRECTION_EVENT_TYPE,
  INTERACTION_EVENT_TYPE,
  InteractionEventData,
  type Correction,
  type CorrectionEvent,
  type FinishReason,
  type Interaction,
  type InteractionEvent,
  type Message,
  type TextPart,
  type Tool,
  type ToolCall,
  type WireMessage,
} from './contracts/index.ts';
import { RatchetError } from './errors.ts';

/** What a publisher knows of an interaction; ingest adds the schema version and what redaction did. */
export type InteractionFields = Pick<
  Interaction,
  | 'source' | 'id' | 'time' | 'workload' | 'channel' | 'adapterDigest' | 'generation' | 'baseModel' | 'engineBuild' | 'promptVersion'
  | 'tenant' | 'operation' | 'session' | 'subject' | 'consentBasis' | 'retentionDays' | 'sampling' | 'messages' | 'tools' | 'outputSchema' | 'responseFormat' | 'answer'
  | 'finishReason' | 'usage' | 'traceparent' | 'holdback'
> & { provider?: string; responseId?: string };

export type CorrectionFields = Pick<Correction, 'source' | 'id' | 'time' | 'workload' | 'interaction' | 'answer' | 'author' | 'authority'> & {
  /** Of the corrected interaction: its surrogates are used in the answer too. Default: `default`. */
  tenant?: string;
};

type WirePart = WireMessage['parts'][number];
type Json = Record<string, unknown>;

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

/** Other engines' and OTel's words for the same ending. */
const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  end_turn: 'stop',
  length: 'length',
  max_tokens: 'length',
  tool_calls: 'tool_calls',
  tool_call: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  aborted: 'aborted',
  abort: 'aborted',
  error: 'error',
};

/** Leaves unset fields out: the wire and the record carry no `undefined`. */
function defined<T extends Json>(fields: T): T {
  const kept: Json = {};
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    // Assigned, this one name would change the prototype in place of being kept.
    if (name === '__proto__') Object.defineProperty(kept, name, { value, enumerable: true, configurable: true, writable: true });
    else kept[name] = value;
  }
  return kept as T;
}

// ---- record → wire

/**
 * The event that a publisher sends for one model call. Parts keep their trust; a tool's result becomes a `tool_call_response`.
 * What is not set is `undefined`, which JSON leaves out: to copy what is set costs the gateway more than all the rest of it.
 */
export function interactionEvent(fields: InteractionFields): InteractionEvent {
  const { sampling, usage } = fields;
  return {
    specversion: '1.0' as const,
    id: fields.id,
    source: fields.source,
    type: INTERACTION_EVENT_TYPE,
    time: fields.time,
    datacontenttype: 'application/json' as const,
    traceparent: fields.traceparent,
    data: {
      'ratchet.schema_version': 1 as const,
      'ratchet.workload': fields.workload,
      'ratchet.channel': fields.channel,
      'ratchet.adapter.digest': fields.adapterDigest,
      'ratchet.generation': fields.generation,
      'ratchet.holdback': fields.holdback,
      'ratchet.engine.build': fields.engineBuild,
      'ratchet.prompt.version': fields.promptVersion,
      'ratchet.tenant': fields.tenant,
      'ratchet.subject': fields.subject,
      'ratchet.consent.basis': fields.consentBasis,
      'ratchet.retention.days': fields.retentionDays,
      'ratchet.output.schema': fields.outputSchema,
      'ratchet.response.format': fields.responseFormat,
      'gen_ai.operation.name': fields.operation ?? ('chat' as const),
      'gen_ai.provider.name': fields.provider ?? 'vllm',
      'gen_ai.request.model': fields.channel,
      'gen_ai.response.model': fields.baseModel,
      'gen_ai.conversation.id': fields.session,
      'gen_ai.request.temperature': sampling.temperature,
      'gen_ai.request.top_p': sampling.topP,
      'gen_ai.request.max_tokens': sampling.maxTokens,
      'gen_ai.request.seed': sampling.seed,
      'gen_ai.response.id': fields.responseId,
      'gen_ai.response.finish_reasons': [fields.finishReason],
      'gen_ai.usage.input_tokens': usage?.inputTokens,
      'gen_ai.usage.output_tokens': usage?.outputTokens,
      'gen_ai.output.type': fields.outputSchema === undefined ? undefined : ('json' as const),
      'gen_ai.input.messages': fields.messages.map(wireMessage),
      'gen_ai.output.messages': [
        {
          ...wireMessage({ role: 'assistant', parts: [{ text: fields.answer.text, trusted: true }], toolCalls: fields.answer.toolCalls }),
          finish_reason: fields.finishReason,
        },
      ],
      'gen_ai.tool.definitions': fields.tools?.map((tool) => ({ type: 'function', ...tool })),
    },
  };
}

function wireMessage(message: Message): WireMessage {
  const { role, parts, toolCalls, toolCallId, name, ...rest } = message;
  const wireParts: WirePart[] = parts.map(({ text, trusted, ...more }) =>
    role === 'tool' && toolCallId !== undefined
      ? { ...more, type: 'tool_call_response', id: toolCallId, response: text, 'ratchet.trusted': trusted }
      : { ...more, type: 'text', content: text, 'ratchet.trusted': trusted },
  );
  return { ...rest, role, name, parts: [...wireParts, ...(toolCalls ?? []).map((call): WirePart => ({ ...call, type: 'tool_call' }))] };
}

export function correctionEvent(fields: CorrectionFields): CorrectionEvent {
  return {
    specversion: '1.0',
    id: fields.id,
    source: fields.source,
    type: CORRECTION_EVENT_TYPE,
    time: fields.time,
    datacontenttype: 'application/json',
    data: defined({
      'ratchet.schema_version': 1 as const,
      'ratchet.workload': fields.workload,
      'ratchet.tenant': fields.tenant,
      'ratchet.interaction': fields.interaction,
      'ratchet.answer': fields.answer,
      'ratchet.author': fields.author,
      'ratchet.authority': fields.authority,
    }),
  };
}

// ---- wire → record

/**
 * The record of an event that already passed the contract. Text of unknown origin is trusted by role: a tool's result is not, all
 * else is. The model's own `reasoning` parts are left out: they are neither judged nor trained on.
 * @throws RECORD_CONTRACT with a JSON pointer where the contract leaves a name open and this build does not know it.
 */
export function interactionFromEvent(event: InteractionEvent): Interaction {
  const data = event.data;
  const output = data['gen_ai.output.messages'][0];
  if (output === undefined) throw unknownAt('/data/gen_ai.output.messages/0', 'is missing');
  const answer = recordMessage(output, '/data/gen_ai.output.messages/0');
  if (answer.role !== 'assistant') throw unknownAt('/data/gen_ai.output.messages/0/role', 'must be assistant');
  const finishReason = FINISH_REASONS[data['gen_ai.response.finish_reasons'][0] ?? ''];
  if (finishReason === undefined) throw unknownAt('/data/gen_ai.response.finish_reasons/0', 'is not a known reason');
  const inputTokens = data['gen_ai.usage.input_tokens'];
  const outputTokens = data['gen_ai.usage.output_tokens'];
  return defined({
    schemaVersion: 1 as const,
    source: event.source,
    id: event.id,
    time: event.time,
    operation: data['gen_ai.operation.name'] === 'chat' ? undefined : data['gen_ai.operation.name'],
    workload: data['ratchet.workload'],
    channel: data['ratchet.channel'],
    adapterDigest: data['ratchet.adapter.digest'],
    generation: data['ratchet.generation'],
    holdback: data['ratchet.holdback'],
    baseModel: data['gen_ai.response.model'],
    engineBuild: data['ratchet.engine.build'],
    promptVersion: data['ratchet.prompt.version'],
    tenant: data['ratchet.tenant'],
    session: data['gen_ai.conversation.id'],
    subject: data['ratchet.subject'],
    consentBasis: data['ratchet.consent.basis'],
    retentionDays: data['ratchet.retention.days'],
    sampling: defined({
      temperature: data['gen_ai.request.temperature'],
      topP: data['gen_ai.request.top_p'],
      maxTokens: data['gen_ai.request.max_tokens'],
      seed: data['gen_ai.request.seed'],
    }),
    messages: data['gen_ai.input.messages'].map((message, index) => recordMessage(message, `/data/gen_ai.input.messages/${index}`)),
    tools: data['gen_ai.tool.definitions']?.map((tool, index) => recordTool(tool, `/data/gen_ai.tool.definitions/${index}`)),
    outputSchema: data['ratchet.output.schema'],
    responseFormat: data['ratchet.response.format'],
    answer: defined({ text: answer.parts.map((part) => part.text).join(''), toolCalls: answer.toolCalls }),
    finishReason,
    usage: inputTokens === undefined || outputTokens === undefined ? undefined : { inputTokens, outputTokens },
    traceparent: event.traceparent,
    attributes: unknownAttributes(data),
  });
}

const KNOWN_ATTRIBUTES: ReadonlySet<string> = new Set(Object.keys(InteractionEventData.shape));

/** Attributes that this build does not know are kept beside the record, not thrown away. */
function unknownAttributes(data: Json): Json | undefined {
  const unknown = Object.entries(data).filter(([name]) => !KNOWN_ATTRIBUTES.has(name));
  return unknown.length > 0 ? Object.fromEntries(unknown) : undefined;
}

function recordMessage(wire: WireMessage, pointer: string): Message {
  const role = ROLES.find((known) => known === wire.role);
  if (role === undefined) throw unknownAt(`${pointer}/role`, 'is not a known role');
  const parts: TextPart[] = [];
  const toolCalls: ToolCall[] = [];
  let toolCallId = typeof wire['toolCallId'] === 'string' ? wire['toolCallId'] : undefined;
  wire.parts.forEach((part, index) => {
    const at = `${pointer}/parts/${index}`;
    const trusted = part['ratchet.trusted'] ?? role !== 'tool';
    switch (part.type) {
      case 'text':
        parts.push({ text: part.content ?? '', trusted });
        break;
      case 'tool_call':
        toolCalls.push(recordToolCall(part, at));
        break;
      case 'tool_call_response':
        if (typeof part['id'] === 'string') toolCallId ??= part['id'];
        parts.push({ text: asText(part['response'] ?? part['result'] ?? part.content ?? ''), trusted });
        break;
      case 'reasoning':
        break;
      default:
        throw unknownAt(`${at}/type`, 'is not a known part type');
    }
  });
  const name = typeof wire['name'] === 'string' ? wire['name'] : undefined;
  return defined({ role, parts, name, toolCallId, toolCalls: toolCalls.length > 0 ? toolCalls : undefined });
}

function recordToolCall(part: WirePart, pointer: string): ToolCall {
  const { id, name } = part as Json;
  if (typeof name !== 'string') throw unknownAt(`${pointer}/name`, 'must be a string');
  return defined({ id: typeof id === 'string' ? id : undefined, name, arguments: asText(part['arguments'] ?? '') });
}

/** Both spellings in use: OTel's flat definition and OpenAI's, nested under `function`. */
function recordTool(definition: Json, pointer: string): Tool {
  const tool = isObject(definition['function']) ? definition['function'] : definition;
  const { name, description, parameters } = tool;
  if (typeof name !== 'string') throw unknownAt(`${pointer}/name`, 'must be a string');
  return defined({
    name,
    description: typeof description === 'string' ? description : undefined,
    parameters: isObject(parameters) ? parameters : undefined,
  });
}

/** The record of a correction, with the tenant whose surrogates its answer shares. */
export function correctionFromEvent(event: CorrectionEvent): { correction: Correction; tenant: string } {
  const data = event.data;
  return {
    tenant: data['ratchet.tenant'] ?? 'default',
    correction: {
      schemaVersion: 1,
      source: event.source,
      id: event.id,
      time: event.time,
      workload: data['ratchet.workload'],
      interaction: data['ratchet.interaction'],
      answer: data['ratchet.answer'],
      author: data['ratchet.author'],
      authority: data['ratchet.authority'],
    },
  };
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const unknownAt = (pointer: string, what: string): RatchetError => new RatchetError('RECORD_CONTRACT', `${pointer} ${what}`);
