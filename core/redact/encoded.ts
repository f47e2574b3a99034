// Values behind base64: a short token that decodes to plain text is looked into.
import type { Span } from './kinds.ts';

const BASE64 = /^[A-Za-z0-9+/]{16,}={0,2}$|^[A-Za-z0-9_-]{16,}={0,2}$/;
const MAX_ENCODED = 1_024;
const LEAST_TEXT = 8;

/** The text that a token stands for; null unless that is plain printable text, and the same token comes of it again. */
export function decodeBase64(token: string): string | null {
  if (token.length > MAX_ENCODED || token.replace(/=+$/, '').length % 4 === 1 || !BASE64.test(token)) return null;
  // Words have one case, and plain numbers no letters: neither is looked into.
  if (!/[A-Z]/.test(token) || !/[a-z]/.test(token)) return null;
  const text = Buffer.from(token, 'base64').toString('utf8');
  return text.length >= LEAST_TEXT && /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}\n\r\t]+$/u.test(text) && !text.includes('\ufffd') && encodeLike(token, text) === token ? text : null;
}

/** Base64 in the alphabet of `token`, with padding where that has some. */
export function encodeLike(token: string, text: string): string {
  const encoded = Buffer.from(text).toString(/[_-]/.test(token) ? 'base64url' : 'base64').replace(/=+$/, '');
  return token.endsWith('=') || token.length % 4 === 0 ? encoded + '='.repeat((4 - (encoded.length % 4)) % 4) : encoded;
}

/** @param hasValues whether anything would be replaced in a decoded text */
export function encodedAt(text: string, start: number, end: number, hasValues: (decoded: string) => boolean): Span | null {
  if (end - start > MAX_ENCODED) return null;
  // Behind a name's = and before a sentence's full stop.
  const found = /(?:^|=)([A-Za-z0-9+/_-]{16,}={0,2})\.*$/.exec(text.slice(start, end));
  if (!found) return null;
  const token = found[1] as string;
  const from = start + found.index + found[0].indexOf(token);
  const decoded = decodeBase64(token);
  return decoded !== null && hasValues(decoded) ? { kind: 'encoded', start: from, end: from + token.length, prefix: 0, cued: false } : null;
}
