// One turn of a conversation: what is known before the engine is asked, and the events that it becomes.
import type { Digest, FinishReason, HoldbackMark, Interaction, InteractionEvent, Workload } from '../core/contracts/index.ts';
import { keyedHash } from '../core/digest.ts';
import { interactionEvent } from '../core/events.ts';
import type { Answer, Choice } from './answer.ts';
import type { Operation } from './apis.ts';
import type { RatchetHeaders } from './headers.ts';
import type { Ask } from './request.ts';

/** A workload that this gateway serves; `outputSchema` is recorded where a request gives none of its own. */
export interface ServedWorkload {
  workload: Pick<Workload, 'name' | 'channel'>;
  outputSchema?: Record<string, unknown>;
}

export interface Turn {
  time: string;
  operation: Operation;
  headers: RatchetHeaders;
  tenant: string;
  ask: Ask;
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
  /** How a choice ended that did not say so itself. */
  otherwise: FinishReason;
  engineBuild: string;
  traceparent: string | undefined;
}

/** More choices than these of one request are counted and not recorded: each repeats the whole prompt. */
export const MAX_RECORDED_CHOICES = 16;

const NOTHING: Choice = { text: '', toolCalls: [], finishReason: null };

/**
 * One event for each answer that the request asked for, in the engine's order: `id`, then `id#1`, `id#2` …
 * The usage is of all together and stands with the first. One event at least: a client that left got no answer, and that happened too.
 */
export function eventsOf(turn: Turn, outcome: Outcome, settings: EventSettings): InteractionEvent[] {
  const { choices } = outcome.answer;
  if (choices.size <= 1) return [eventOf(turn, outcome, settings, choices.get(0) ?? NOTHING, 0)];
  return [...choices].sort(([a], [b]) => a - b).slice(0, MAX_RECORDED_CHOICES).map(([index, choice]) => eventOf(turn, outcome, settings, choice, index));
}

function eventOf(turn: Turn, outcome: Outcome, settings: EventSettings, choice: Choice, index: number): InteractionEvent {
  const { ask, headers, workload } = turn;
  // A stream numbers its calls; a number left out leaves a hole.
  const toolCalls = choice.toolCalls.filter(() => true);
  return interactionEvent({
    source: `urn:ratchet:gateway:${turn.channel}`,
    id: index === 0 ? headers.interaction : `${headers.interaction}#${index}`,
    time: turn.time,
    operation: turn.operation === 'chat' ? undefined : turn.operation,
    workload: workload.workload.name,
    channel: turn.channel,
    adapterDigest: turn.adapter,
    generation: turn.generation,
    holdback: turn.holdback,
    baseModel: settings.baseModel,
    engineBuild: outcome.engineBuild,
    promptVersion: headers.promptVersion,
    tenant: turn.tenant,
    session: headers.session,
    subject: ask.user === undefined ? undefined : keyedHash(settings.subjectKey, ask.user),
    consentBasis: settings.consentBasis,
    retentionDays: settings.retentionDays,
    sampling: ask.sampling,
    messages: ask.prompts[Math.floor(index / ask.n)] ?? ask.prompts[0] ?? [],
    tools: ask.tools,
    outputSchema: ask.outputSchema ?? workload.outputSchema,
    responseFormat: ask.responseFormat,
    answer: toolCalls.length === 0 ? { text: choice.text } : { text: choice.text, toolCalls },
    finishReason: choice.finishReason ?? outcome.otherwise,
    usage: index === 0 ? outcome.answer.usage : undefined,
    traceparent: outcome.traceparent,
    responseId: outcome.answer.responseId,
  });
}
