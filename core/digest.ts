// Names content by what it is: sha256 over raw bytes or over RFC 8785 canonical JSON.
import { createHmac, hash } from 'node:crypto';
import type { Digest } from './contracts/common.ts';
import { remembered } from './remembered.ts';

export const digestOfBytes = (bytes: Uint8Array | string): Digest => `sha256:${hash('sha256', bytes, 'hex')}`;

/**
 * RFC 8785 (JSON Canonicalization Scheme) text of a JSON value. Throws on values JSON cannot carry, as lone surrogates and NaN.
 * Intake writes every record by it: a third of the time of the `canonicalize` package, which the tests hold it equal to.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new TypeError('half a surrogate pair is not JSON');
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('value is not JSON');
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Readonly<Record<string, unknown>>);
    default:
      throw new TypeError('value is not JSON');
  }
}

function canonicalArray(items: readonly unknown[]): string {
  let text = '[';
  for (let index = 0; index < items.length; index += 1) text += (index === 0 ? '' : ',') + canonicalJson(items[index]);
  return `${text}]`;
}

/** Names in the order of their UTF-16 code units, which is how `sort` compares; fields that are not set are left out. */
function canonicalObject(object: Readonly<Record<string, unknown>>): string {
  let text = '{';
  for (const name of sorted(Object.keys(object))) {
    const value = object[name];
    if (value !== undefined) text += `${text.length === 1 ? '' : ','}${nameText(name)}${canonicalJson(value)}`;
  }
  return `${text}}`;
}

/** More names are left to `sort`, which makes arrays of its own: for a few that costs more than the sorting. */
const FEW = 40;

/** In place; an array's `sort` without a function compares the same way. */
function sorted(names: string[]): string[] {
  if (names.length > FEW) return names.sort();
  for (let index = 1; index < names.length; index += 1) {
    const name = names[index] as string;
    let place = index;
    for (; place > 0 && (names[place - 1] as string) > name; place -= 1) names[place] = names[place - 1] as string;
    names[place] = name;
  }
  return names;
}

/** Contracts have few names, and every record has them. */
const nameText = remembered((name) => `${canonicalJson(name)}:`, { texts: 512, length: 64 });

/** How headers, metrics and reports name an adapter, and the base model where there is none. */
export const nameOf = (adapter: Digest | null): string => adapter ?? 'base';

export const digestOfJson = (value: unknown): Digest => digestOfBytes(canonicalJson(value));

/** Keyed hash (HMAC-SHA-256, hex): identities and draws that nobody without the key can predict. */
export const keyedHash = (key: string, text: string | Uint8Array): string => createHmac('sha256', key).update(text).digest('hex');

/** A keyed hash as a number in [0, 1): the first 48 bits, exact in a double. */
export const keyedUnit = (key: string, text: string): number => parseInt(keyedHash(key, text).slice(0, 12), 16) / 2 ** 48;
