// Names content by what it is: sha256 over raw bytes or over RFC 8785 canonical JSON.
import { createHash, createHmac } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Digest } from './contracts/common.ts';

export const digestOfBytes = (bytes: Uint8Array | string): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** RFC 8785 (JSON Canonicalization Scheme) text of a JSON value. Throws on values JSON cannot carry. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('value is not JSON');
  return text;
}

export const digestOfJson = (value: unknown): Digest => digestOfBytes(canonicalJson(value));

/** Keyed hash (HMAC-SHA-256, hex): identities and draws that nobody without the key can predict. */
export const keyedHash = (key: string, text: string | Uint8Array): string => createHmac('sha256', key).update(text).digest('hex');

/** A keyed hash as a number in [0, 1): the first 48 bits, exact in a double. */
export const keyedUnit = (key: string, text: string): number => parseInt(keyedHash(key, text).slice(0, 12), 16) / 2 ** 48;
