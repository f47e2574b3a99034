// Whether ingest would keep a record, asked before it is put into Kafka; and the one form in which it is put there.
import { RatchetError } from '../core/errors.ts';
import { interactionFromEvent } from '../core/events.ts';
import { canonicalText, eventOf, parseRecord, unknownWorkload, type ParsedRecord, type RecordLimits } from './parse.ts';
import type { SinkRecord } from './produce.ts';

export interface AcceptOptions {
  limits: RecordLimits;
  topics: { interactions: string; corrections: string };
  /** Workloads of this installation. */
  workloads: ReadonlySet<string>;
}

export interface Accepted extends SinkRecord {
  kind: ParsedRecord['kind'];
}

/**
 * The record as canonical JSON (RFC 8785): sent twice, by whatever client, it is the same bytes, and ingest sees a duplicate
 * where other bytes under one identity would be a conflict.
 * @throws RatchetError with the reason why ingest would not keep it, as parseRecord does
 */
export const accept = (bytes: Uint8Array, options: AcceptOptions): Accepted => accepted(parseRecord(bytes, options.limits), options);

/** A document out of a batch, whose depth was checked when the batch was parsed. @throws as `accept` */
export const acceptDocument = (document: unknown, options: AcceptOptions): Accepted => accepted(eventOf(document), options);

function accepted(parsed: ParsedRecord, { limits, topics, workloads }: AcceptOptions): Accepted {
  const { data } = parsed.event;
  if (!workloads.has(data['ratchet.workload'])) throw unknownWorkload();
  if (parsed.kind === 'interaction') interactionFromEvent(parsed.event);
  const value = Buffer.from(canonicalText(parsed.event));
  // Escapes may be longer in the canonical form.
  if (value.length > limits.maxBytes) throw new RatchetError('RECORD_TOO_BIG', `${value.length} bytes as canonical JSON, at most ${limits.maxBytes}`);
  const topic = parsed.kind === 'interaction' ? topics.interactions : topics.corrections;
  return { kind: parsed.kind, topic, key: keyOf(parsed), value };
}

/** A session's turns keep their order: they share a partition. */
function keyOf({ kind, event }: ParsedRecord): string {
  if (kind === 'correction') return event.id;
  const session = event.data['gen_ai.conversation.id'];
  return session === undefined ? event.id : `${event.data['ratchet.tenant']}/${session}`;
}
