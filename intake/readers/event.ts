// A call that was read from an export, as the event that a gateway would have published for it.
import { createHash } from 'node:crypto';
import type { Interaction, InteractionEvent } from '../../core/contracts/index.ts';
import { canonicalJson } from '../../core/digest.ts';
import { interactionEvent } from '../../core/events.ts';
import type { ReadCall } from './call.ts';
import { wrongAt } from './fields.ts';

/** What an export does not say and the importer decides. */
export interface ImportSettings {
  workload: string;
  channel: string;
  baseModel: string;
  tenant: string;
  consentBasis: Interaction['consentBasis'];
  retentionDays: number;
  /** In place of the export's own name. */
  source: string | undefined;
  /** For calls whose time the export does not say. */
  defaultTime: string | undefined;
}

/**
 * The same call gives the same event, byte for byte, however often it is imported.
 * @throws RECORD_CONTRACT where the call lacks what an interaction needs
 */
export function eventOfCall(call: ReadCall, settings: ImportSettings): InteractionEvent {
  const { record } = call;
  if (call.messages.length === 0) throw wrongAt('/', 'has an answer but no prompt; for the output of a batch give its input with --requests');
  const time = record?.time ?? settings.defaultTime;
  if (time === undefined) throw wrongAt('/', 'does not say when it was; give a time for all such lines with --time');
  const { sampling, session, subject, usage, traceparent, provider, responseId } = record ?? {};
  const event = interactionEvent({
    source: settings.source ?? record?.source ?? 'import',
    id: call.id === undefined ? derivedId(call) : String(call.id),
    time,
    workload: settings.workload,
    channel: settings.channel,
    // An export does not know our adapters.
    adapterDigest: null,
    generation: 0,
    baseModel: record?.model ?? settings.baseModel,
    engineBuild: 'unknown',
    promptVersion: record?.promptVersion ?? 'unknown',
    tenant: settings.tenant,
    consentBasis: settings.consentBasis,
    retentionDays: settings.retentionDays,
    sampling: sampling ?? {},
    messages: call.messages,
    answer: call.answer,
    finishReason: call.finishReason,
    ...(call.tools ? { tools: call.tools } : {}),
    ...(call.outputSchema ? { outputSchema: call.outputSchema } : {}),
    ...(session === undefined ? {} : { session }),
    ...(subject === undefined ? {} : { subject }),
    ...(usage === undefined ? {} : { usage }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(provider === undefined ? {} : { provider }),
    ...(responseId === undefined ? {} : { responseId }),
  });
  if (record?.omittedParts) event.data['ratchet.import.omitted_parts'] = record.omittedParts;
  return event;
}

/** Without an id of its own a call is named by what it says: two equal ones are one record. */
function derivedId(call: ReadCall): string {
  const { messages, answer, tools, finishReason, record } = call;
  return `derived-${createHash('sha256').update(canonicalJson({ messages, answer, tools: tools ?? [], finishReason, time: record?.time ?? '' })).digest('hex')}`;
}
