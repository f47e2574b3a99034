// Raw bytes to a checked event, or the reason and place why not; never a value of the record.
import type { z } from 'zod';
import { CORRECTION_EVENT_TYPE, CorrectionEvent, INTERACTION_EVENT_TYPE, InteractionEvent } from '../core/contracts/index.ts';
import { canonicalJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';

export interface RecordLimits {
  maxBytes: number;
  /** Deepest nesting of objects and arrays. */
  maxDepth: number;
}

export type ParsedRecord = { kind: 'interaction'; event: InteractionEvent } | { kind: 'correction'; event: CorrectionEvent };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const [BRACE, UNBRACE, BRACKET, UNBRACKET, QUOTE, BACKSLASH] = [0x7b, 0x7d, 0x5b, 0x5d, 0x22, 0x5c];

/**
 * @throws RatchetError with the reason as code (RECORD_TOO_BIG, RECORD_TOO_DEEP, RECORD_NOT_JSON, RECORD_VERSION_UNKNOWN,
 *   RECORD_CONTRACT) and as message the place: a size, a byte offset or a JSON pointer
 */
export function parseRecord(bytes: Uint8Array | null, limits: RecordLimits): ParsedRecord {
  if (bytes === null || bytes.byteLength === 0) throw new RatchetError('RECORD_NOT_JSON', 'empty');
  if (bytes.byteLength > limits.maxBytes) throw new RatchetError('RECORD_TOO_BIG', `${bytes.byteLength} bytes, at most ${limits.maxBytes}`);
  return eventOf(parseDocument(bytes, limits.maxDepth));
}

/** A JSON value of any kind. @throws RECORD_TOO_DEEP, RECORD_NOT_JSON */
export function parseDocument(bytes: Uint8Array, maxDepth: number): unknown {
  checkDepth(bytes, maxDepth);
  return parseJson(bytes);
}

/** @throws RECORD_VERSION_UNKNOWN, RECORD_CONTRACT */
export function eventOf(value: unknown): ParsedRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RatchetError('RECORD_CONTRACT', '/ must be an object');
  const document = value as Record<string, unknown>;
  checkVersion(document);
  const { type } = document;
  if (type === INTERACTION_EVENT_TYPE) return { kind: 'interaction', event: checked(InteractionEvent, document) };
  if (type === CORRECTION_EVENT_TYPE) return { kind: 'correction', event: checked(CorrectionEvent, document) };
  throw new RatchetError('RECORD_CONTRACT', '/type is not a known event type');
}

/** RFC 8785 text of a record. Unknown attributes may carry what it cannot, such as a number beyond a double. @throws RECORD_CONTRACT */
export function canonicalText(document: unknown): string {
  try {
    return canonicalJson(document);
  } catch {
    throw new RatchetError('RECORD_CONTRACT', '/ carries a number or text that canonical JSON cannot');
  }
}

export const unknownWorkload = (): RatchetError => new RatchetError('RECORD_CONTRACT', '/data/ratchet.workload names no workload of this installation');

/** Before JSON.parse, which recurses: a small record of brackets alone could end the process. */
function checkDepth(bytes: Uint8Array, maxDepth: number): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === BRACE || byte === BRACKET) {
      depth += 1;
      if (depth > maxDepth) throw new RatchetError('RECORD_TOO_DEEP', `byte ${at}: nested deeper than ${maxDepth}`);
    } else if (byte === UNBRACE || byte === UNBRACKET) depth -= 1;
  }
}

function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new RatchetError('RECORD_NOT_JSON', 'not UTF-8');
  }
  try {
    // A model cut off within a character leaves half a surrogate pair, which no digest can be taken of.
    return /\\u[dD][89a-fA-F]/.test(text) ? (JSON.parse(text, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)) as unknown) : (JSON.parse(text) as unknown);
  } catch (error) {
    // The engine's message quotes the text; only the position is taken from it.
    const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    throw new RatchetError('RECORD_NOT_JSON', position === undefined ? 'not JSON' : `not JSON at character ${position}`);
  }
}

/** A later major version may mean something else by the same names: it is put aside, not guessed at. */
function checkVersion(document: Record<string, unknown>): void {
  const { specversion, type, data } = document;
  const later = (place: string) => new RatchetError('RECORD_VERSION_UNKNOWN', `${place} has a major version that this build does not know`);
  if (typeof specversion === 'string' && /^\d+\.\d+$/.test(specversion) && !specversion.startsWith('1.')) throw later('/specversion');
  if (typeof type === 'string' && type !== INTERACTION_EVENT_TYPE && type !== CORRECTION_EVENT_TYPE && /^dev\.ratchet\.(?:interaction|correction)\.v\d+$/.test(type)) throw later('/type');
  const version = typeof data === 'object' && data !== null ? (data as Record<string, unknown>)['ratchet.schema_version'] : undefined;
  if (typeof version === 'number' && version !== 1) throw later('/data/ratchet.schema_version');
}

function checked<T>(contract: z.ZodType<T>, document: unknown): T {
  const result = contract.safeParse(document);
  if (result.success) return result.data;
  const places = result.error.issues.slice(0, 5).map((issue) => `${pointerOf(issue.path)} ${issue.code}`);
  const more = result.error.issues.length - places.length;
  throw new RatchetError('RECORD_CONTRACT', places.join(', ') + (more > 0 ? ` and ${more} more` : ''));
}

/** RFC 6901. */
const pointerOf = (path: readonly PropertyKey[]): string => (path.length === 0 ? '/' : path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
