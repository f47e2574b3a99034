// The formats that records may come in, by name, and how a line shows which one it is.
import { RatchetError } from '../../core/errors.ts';
import type { Reader } from './call.ts';
import { isInteraction, readInteraction } from './interaction.ts';
import { readLangfuse } from './langfuse.ts';
import { openaiReader, type BatchRequests } from './openai.ts';
import { readOtlp } from './otlp.ts';
import { isShortForm, readShortForm } from './short-form.ts';
import type { JsonObject } from './fields.ts';

export const FORMATS = ['auto', 'interaction', 'short', 'openai', 'otlp', 'langfuse'] as const;
export type Format = (typeof FORMATS)[number];

/** @param requests of a batch whose output is read, by `custom_id` */
export function readerFor(format: Format, requests?: BatchRequests): Reader {
  const readOpenai = openaiReader(requests);
  const readers: Record<Exclude<Format, 'auto'>, Reader> = { interaction: readInteraction, short: readShortForm, openai: readOpenai, otlp: readOtlp, langfuse: readLangfuse };
  return format === 'auto' ? (document) => readers[formatOf(document)](document) : readers[format];
}

/** Every format has fields that no other has. */
export function formatOf(document: JsonObject): Exclude<Format, 'auto'> {
  if (document['resourceSpans'] !== undefined || document['resourceLogs'] !== undefined) return 'otlp';
  if (isInteraction(document)) return 'interaction';
  if (isLangfuse(document)) return 'langfuse';
  if (isShortForm(document)) return 'short';
  if (['messages', 'choices', 'response', 'custom_id', 'request'].some((name) => document[name] !== undefined) || Array.isArray(document['output'])) return 'openai';
  throw new RatchetError('RECORD_CONTRACT', '/ is neither a full interaction, nor the short form (it needs "output"), nor an openai, otlp or langfuse record');
}

const isLangfuse = (document: JsonObject): boolean =>
  Array.isArray(document['observations']) || (typeof document['type'] === 'string' && (document['traceId'] !== undefined || document['trace_id'] !== undefined));
