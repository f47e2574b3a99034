// What a request brings: one CloudEvent or a batch of them, each accepted or refused for a reason of its own.
import { RatchetError } from '../../core/errors.ts';
import { accept, acceptDocument, type Accepted, type AcceptOptions } from '../accept.ts';
import { parseDocument, type ParsedRecord } from '../parse.ts';
import { Refused } from './refusal.ts';

/** More would make the answer larger than the request. */
export const MAX_BATCH = 1_000;
const SINGLE = new Set(['application/cloudevents+json', 'application/json']);
const BATCH = 'application/cloudevents-batch+json';

export type Item = { accepted: Accepted } | { error: RatchetError };
export interface Brought {
  isBatch: boolean;
  items: Item[];
}

/** The media type alone, in lower case. @throws Refused 415 */
export function mediaTypeOf(contentType: string | undefined, encoding: string | undefined): string {
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';').map((part) => part.trim());
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') throw new Refused(415, 'REQUEST_INVALID', 'Content-Encoding: send the body uncompressed');
  if (!SINGLE.has(type) && type !== BATCH) throw new Refused(415, 'REQUEST_INVALID', `Content-Type: send application/cloudevents+json, or ${BATCH} for several`);
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice(8).replaceAll('"', '');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') throw new Refused(415, 'REQUEST_INVALID', 'Content-Type: the charset must be utf-8');
  return type;
}

/**
 * @param kind what this path takes
 * @throws Refused where the body as a whole cannot be read
 */
export function recordsIn(body: Buffer, mediaType: string, kind: ParsedRecord['kind'], options: AcceptOptions): Brought {
  const attempt = (take: () => Accepted): Item => {
    try {
      const accepted = take();
      if (accepted.kind !== kind) throw new RatchetError('RECORD_CONTRACT', `/type is taken at /v1/${accepted.kind}s`);
      return { accepted };
    } catch (error) {
      if (error instanceof RatchetError) return { error };
      throw error;
    }
  };
  if (mediaType !== BATCH) return { isBatch: false, items: [attempt(() => accept(body, options))] };
  let documents: unknown;
  try {
    documents = parseDocument(body, options.limits.maxDepth + 1);
  } catch (error) {
    if (error instanceof RatchetError) throw new Refused(400, error.code, error.message);
    throw error;
  }
  if (!Array.isArray(documents)) throw new Refused(400, 'RECORD_CONTRACT', '/ must be an array of events');
  if (documents.length > MAX_BATCH) throw new Refused(413, 'RECORD_TOO_BIG', `${documents.length} events in one batch, at most ${MAX_BATCH}`);
  return { isBatch: true, items: documents.map((document: unknown) => attempt(() => acceptDocument(document, options))) };
}
