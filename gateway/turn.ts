// One turn of a conversation: what is known before the engine is asked, and the event that it becomes.
import type { Digest, FinishReason, HoldbackMark, Interaction, InteractionEvent, Workload } from '../core/contracts/index.ts';
import { keyedHash } from '../core/digest.ts';
import { interactionEvent } from '../core/events.ts';
import type { Answer } from './answer.ts';
import type { ChatFields } from './chat-request.ts';
import type { RatchetHeaders } from './headers.ts';

/** A workload that this gateway serves; `outputSchema` is recorded where a request gives none of its own. */
export interface ServedWorkload {
  workload: Pick<Workload, 'name' | 'channel'>;
  outputSchema?: Record<string, unknown>;
}

export interface Turn {
  time: string;
  headers: RatchetHeaders;
  fields: ChatFields;
  /** As the client wrote it. */
  body: string;
  channel: string;
  workload: ServedWorkload;
  /** A comparison beside the traffic: answered by the base, never published. */
  baseArm: boolean;
  /** Who answers; null: the base. */
  adapter: Digest | null;
  generation: number;
  /** How it was drawn while a share was held back. */
  holdback: HoldbackMark | undefined;
}

export interface EventSettings {
  baseModel: string;
  subjectKey: string;
  consentBasis: Interaction['consentBasis'];
  retentionDays: number;
}

export interface Outcome {
  answer: Answer;
  finishReason: FinishReason;
  engineBuild: string;
  traceparent: string | undefined;
}

export function eventOf(turn: Turn, outcome: Outcome, settings: EventSettings): InteractionEvent {
  const { fields, headers, workload } = turn;
  const { text, usage, responseId } = outcome.answer;
  // A stream numbers its calls; a number left out leaves a hole.
  const toolCalls = outcome.answer.toolCalls.filter(() => true);
  return interactionEvent({
    source: `urn:ratchet:gateway:${turn.channel}`,
    id: headers.interaction,
    time: turn.time,
    workload: workload.workload.name,
    channel: turn.channel,
    adapterDigest: turn.adapter,
    generation: turn.generation,
    holdback: turn.holdback,
    baseModel: settings.baseModel,
    engineBuild: outcome.engineBuild,
    promptVersion: headers.promptVersion,
    tenant: headers.tenant,
    session: headers.session,
    subject: fields.user === undefined ? undefined : keyedHash(settings.subjectKey, fields.user),
    consentBasis: settings.consentBasis,
    retentionDays: settings.retentionDays,
    sampling: fields.sampling,
    messages: fields.messages,
    tools: fields.tools,
    outputSchema: fields.outputSchema ?? workload.outputSchema,
    responseFormat: fields.responseFormat,
    answer: toolCalls.length === 0 ? { text } : { text, toolCalls },
    finishReason: outcome.finishReason,
    usage,
    traceparent: outcome.traceparent,
    responseId,
  });
}
