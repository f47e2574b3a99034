// One production model call: as it travels (CloudEvents 1.0, OTel GenAI names) and as Ratchet keeps it.
import { z } from 'zod';
import { ChannelName, Digest, Instant, Json, JsonObject, SchemaVersion, WorkloadName } from './common.ts';
import { HoldbackMark } from './watch.ts';

export const INTERACTION_EVENT_TYPE = 'dev.ratchet.interaction.v1';

/** A piece of a message. `trusted: false` marks text that came from outside: a customer, a web page, a tool's result. */
export const TextPart = z.looseObject({ text: z.string(), trusted: z.boolean() });
export type TextPart = z.infer<typeof TextPart>;

/** `arguments` is the text the model wrote, not yet parsed: it may be malformed. */
export const ToolCall = z.looseObject({ id: z.string().optional(), name: z.string(), arguments: z.string() });
export type ToolCall = z.infer<typeof ToolCall>;

export const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  parts: z.array(TextPart),
  name: z.string().optional(),
  toolCallId: z.string().optional(),
  toolCalls: z.array(ToolCall).optional(),
});
export type Message = z.infer<typeof Message>;

/** A function the model may call; `parameters` is a JSON Schema. */
export const Tool = z.looseObject({ name: z.string(), description: z.string().optional(), parameters: JsonObject.optional() });
export type Tool = z.infer<typeof Tool>;

export const Sampling = z.looseObject({
  temperature: z.number().optional(),
  topP: z.number().optional(),
  maxTokens: z.int().optional(),
  seed: z.int().optional(),
});
export type Sampling = z.infer<typeof Sampling>;

export const FinishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'aborted', 'error']);
export type FinishReason = z.infer<typeof FinishReason>;

export const ConsentBasis = z.enum(['contract', 'consent', 'legitimate_interest', 'none']);

/**
 * The stored form, after redaction. Its digest is over RFC 8785 canonical JSON of this document and
 * does not depend on when or in what order it arrived.
 */
export const Interaction = z.looseObject({
  schemaVersion: SchemaVersion,
  source: z.string().min(1),
  id: z.string().min(1),
  time: Instant,
  /** Left out: a chat. A text completion was asked for without the chat template, so it is judged but neither trained on nor drawn as a case. */
  operation: z.literal('text_completion').optional(),
  workload: WorkloadName,
  channel: ChannelName,
  /** null: the base model without an adapter (generation 0), or an answer whose adapter is not known. */
  adapterDigest: Digest.nullable(),
  generation: z.int().min(0),
  baseModel: z.string(),
  engineBuild: z.string(),
  promptVersion: z.string(),
  tenant: z.string(),
  session: z.string().optional(),
  /** Keyed hash of the person concerned; never the person's name. */
  subject: z.string().optional(),
  consentBasis: ConsentBasis,
  retentionDays: z.int().positive(),
  sampling: Sampling,
  messages: z.array(Message).min(1),
  tools: z.array(Tool).optional(),
  outputSchema: JsonObject.optional(),
  /** The decoding constraint as production sent it (OpenAI's `response_format`): evaluation asks under the same. */
  responseFormat: JsonObject.optional(),
  answer: z.looseObject({ text: z.string(), toolCalls: z.array(ToolCall).optional() }),
  finishReason: FinishReason,
  usage: z.looseObject({ inputTokens: z.int().min(0), outputTokens: z.int().min(0) }).optional(),
  traceparent: z.string().optional(),
  /** Set where a share of the channel was held back: who answered is `adapterDigest`, under the channel's `generation`. */
  holdback: HoldbackMark.optional(),
  /**
   * Set by intake: which redactor rewrote the values, and whether redaction changed the verdict (then it is kept out of training).
   * `values`: keyed hashes of what only the words around it gave away, so that a correction gets the same surrogates.
   */
  redaction: z.looseObject({ version: z.string(), replaced: z.int().min(0), changedVerdict: z.boolean(), values: z.array(z.object({ kind: z.string(), hash: z.string(), length: z.int().min(1), surrogate: z.string() })).optional() }).optional(),
});
export type Interaction = z.infer<typeof Interaction>;

/** OTel GenAI semantic conventions for messages: role and typed parts. `ratchet.trusted` is our addition. */
const WirePart = z.looseObject({ type: z.string(), content: z.string().optional(), 'ratchet.trusted': z.boolean().optional() });
export const WireMessage = z.looseObject({ role: z.string(), parts: z.array(WirePart), finish_reason: z.string().optional() });
export type WireMessage = z.infer<typeof WireMessage>;

/** `data` of the event: OTel GenAI attribute names where one exists, `ratchet.*` where none does. */
export const InteractionEventData = z.looseObject({
  'ratchet.schema_version': SchemaVersion,
  'ratchet.workload': WorkloadName,
  'ratchet.channel': ChannelName,
  'ratchet.adapter.digest': Digest.nullable(),
  'ratchet.generation': z.int().min(0),
  'ratchet.holdback': HoldbackMark.optional(),
  'ratchet.engine.build': z.string(),
  'ratchet.prompt.version': z.string(),
  'ratchet.tenant': z.string(),
  'ratchet.subject': z.string().optional(),
  'ratchet.consent.basis': ConsentBasis,
  'ratchet.retention.days': z.int().positive(),
  'ratchet.output.schema': JsonObject.optional(),
  'ratchet.response.format': JsonObject.optional(),
  'gen_ai.operation.name': z.enum(['chat', 'text_completion']),
  'gen_ai.provider.name': z.string(),
  'gen_ai.request.model': z.string(),
  'gen_ai.response.model': z.string(),
  'gen_ai.conversation.id': z.string().optional(),
  'gen_ai.request.temperature': z.number().optional(),
  'gen_ai.request.top_p': z.number().optional(),
  'gen_ai.request.max_tokens': z.int().optional(),
  'gen_ai.request.seed': z.int().optional(),
  'gen_ai.response.id': z.string().optional(),
  'gen_ai.response.finish_reasons': z.array(z.string()).min(1),
  'gen_ai.usage.input_tokens': z.int().min(0).optional(),
  'gen_ai.usage.output_tokens': z.int().min(0).optional(),
  'gen_ai.output.type': z.enum(['text', 'json']).optional(),
  'gen_ai.input.messages': z.array(WireMessage).min(1),
  'gen_ai.output.messages': z.array(WireMessage).min(1).max(1),
  'gen_ai.tool.definitions': z.array(JsonObject).optional(),
});
export type InteractionEventData = z.infer<typeof InteractionEventData>;

/** CloudEvents 1.0, structured JSON mode. `traceparent` is the distributed-tracing extension. */
export const cloudEvent = <T extends z.ZodType>(type: string, data: T) =>
  z.looseObject({
    specversion: z.literal('1.0'),
    id: z.string().min(1).max(256),
    source: z.string().min(1).max(512),
    type: z.literal(type),
    time: Instant,
    datacontenttype: z.literal('application/json').optional(),
    traceparent: z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/).optional(),
    data,
  });

export const InteractionEvent = cloudEvent(INTERACTION_EVENT_TYPE, InteractionEventData);
export type InteractionEvent = z.infer<typeof InteractionEvent>;
export { Json };
