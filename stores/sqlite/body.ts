// How a JSON document becomes a column: canonical JSON, deflated. The text that is kept is the text that was hashed.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Digest } from '../../core/contracts/index.ts';
import { canonicalJson, digestOfBytes } from '../../core/digest.ts';
import { RatchetError } from '../../core/errors.ts';

/** For texts of a few KB: Node's defaults take eight times the memory for each call, and half as much time again. */
const SMALL_STATE = { level: 3, windowBits: 12, memLevel: 5, chunkSize: 4096 };
/** Matches of a longer text lie further apart. */
const LARGE_STATE = { level: 3, windowBits: 15, memLevel: 8 };
const SMALL = 8 * 1024;

// Deflate and zstd were measured alike on records of 2 KB (half the size, 0.02 ms to write and to read, at any level); every tool reads deflate.
export const packText = (text: string): Uint8Array => deflateRawSync(text, text.length <= SMALL ? SMALL_STATE : LARGE_STATE);

export const pack = (document: unknown): Uint8Array => packText(canonicalJson(document));

export const unpack = (body: Uint8Array): unknown => JSON.parse(inflateRawSync(body).toString('utf8'));

/** Throws BLOB_CORRUPT when the text is not the one that the digest names. */
export function unpackChecked(body: Uint8Array, digest: Digest): unknown {
  let text: Buffer | undefined;
  try {
    text = inflateRawSync(body);
  } catch {
    text = undefined;
  }
  if (text === undefined || digestOfBytes(text) !== digest) throw new RatchetError('BLOB_CORRUPT', `the document kept as ${digest} is another`);
  return JSON.parse(text.toString('utf8'));
}
