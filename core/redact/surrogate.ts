// Surrogates: values of the same format that stand for the real ones, the same for the same value and tenant key.
import { bech32Check, coinSort, readBase58, writeBase58 } from './coins.ts';
import { decodeBase64, encodeLike } from './encoded.ts';
import { isReservedIpv4 } from './ip.ts';
import type { Keyed } from './keyed.ts';
import type { Kind } from './kinds.ts';
import { namesLike } from './surrogate-names.ts';
import { card, iban, nationalId, phone, ssn } from './surrogate-numbers.ts';
import { DIGITS, fill, LOWER, sealed, type Template } from './template.ts';

/** Letters and digits of the local part of an e-mail surrogate. */
const LOCAL = 'abcdefghijklmnopqrstuvwxyz234567';
const EMAIL_DOMAIN = '@example.net';
const MIN_LOCAL = 10;
const MAX_LOCAL = 40;

/** As long as the address where that leaves room for a name that is one of many. */
function email(keyed: Keyed, text: string): string {
  const lower = text.toLowerCase().replace('%40', '@');
  const localOf = (length: number): Template => [LOWER, ...Array.from({ length: length - 1 }, () => LOCAL)];
  if (lower.endsWith(EMAIL_DOMAIN)) {
    const local = lower.slice(0, -EMAIL_DOMAIN.length);
    if (local.length >= MIN_LOCAL && local.length <= MAX_LOCAL && fill(keyed, 'email', localOf(local.length), 4, null, local) === local) return text;
  }
  const length = Math.min(Math.max(lower.length - EMAIL_DOMAIN.length, MIN_LOCAL), MAX_LOCAL);
  const made = fill(keyed, 'email', localOf(length), 4, lower) + EMAIL_DOMAIN;
  return text.includes('%40') ? made.replace('@', '%40') : made;
}

function ipv4(keyed: Keyed, text: string): string {
  if (isReservedIpv4(text)) return text;
  const stream = keyed.stream(`value ipv4 ${text}`);
  return `198.${18 + stream.below(2)}.${stream.below(256)}.${stream.below(256)}`;
}

/** Under 2001:db8::/32, reserved for documentation (RFC 3849); the last two groups are the seal. */
function ipv6(keyed: Keyed, text: string): string {
  const value = text.toLowerCase();
  const hex = '0123456789abcdef';
  const group = ['123456789abcdef', hex, hex, hex];
  const template = [...'2001:db8', ...Array.from({ length: 6 }, () => [':', ...group]).flat()];
  return sealed(keyed, 'ipv6', value, value, template, 8);
}

const SORTS = [DIGITS, 'abcdef', 'ghijklmnopqrstuvwxyz', 'ABCDEF', 'GHIJKLMNOPQRSTUVWXYZ'] as const;
/** By code: the characters of its sort; undefined for what is no letter and no digit of ASCII. */
const SORT_OF: readonly (string | undefined)[] = Array.from({ length: 128 }, (_, code) => SORTS.find((sort) => sort.includes(String.fromCharCode(code))));

/** The ids of keys at Amazon are written in base 32, which has neither 0 and 1 nor 8 and 9. */
const digitsFor = (text: string): string => (text.length === 20 && /^A[A-Z]{3}[A-Z2-7]{16}$/.test(text) ? '234567' : DIGITS);

/**
 * Every letter and digit after the prefix by one of its own sort, so that a hexadecimal value stays hexadecimal. The seal does
 * not depend on the prefix: the same key is found by its issuer's prefix in one place and by its name in another.
 */
function secret(keyed: Keyed, text: string, prefix: number): string {
  const places: number[] = [];
  for (let index = 0; index < text.length; index += 1) if (SORT_OF[text.charCodeAt(index)] !== undefined) places.push(index);
  const sealStart = places[places.length - Math.min(6, Math.floor(places.length / 3))] ?? text.length;
  const isSealed = sealFor(keyed, text, sealStart) === text.slice(sealStart);
  if (isSealed && sealStart < text.length) return text;
  const digits = digitsFor(text);
  const template: string[] = [];
  for (let index = 0; index < sealStart; index += 1) {
    const sort = index < prefix ? undefined : SORT_OF[text.charCodeAt(index)];
    template.push(sort === DIGITS ? digits : (sort ?? (text[index] as string)));
  }
  const head = fill(keyed, 'secret', template, 0, text);
  return head + sealFor(keyed, head + text.slice(sealStart), sealStart);
}

function sealFor(keyed: Keyed, text: string, start: number): string {
  const stream = keyed.stream(`seal secret ${text.slice(0, start)}`);
  const digits = digitsFor(text);
  let seal = '';
  for (let index = start; index < text.length; index += 1) {
    const sort = SORT_OF[text.charCodeAt(index)];
    const choices = sort === DIGITS ? digits : sort;
    seal += choices === undefined ? text[index] : choices[stream.below(choices.length)];
  }
  return seal;
}

/** The signature by its sort; the claims follow from it as JSON of the same length. A short header says only algorithms and stays. */
function jwt(keyed: Keyed, text: string): string {
  const [header = '', claims = '', signature = ''] = text.split('.');
  if (signature.length < 8) return secret(keyed, text, header.length + 4);
  const signed = secret(keyed, signature, 0);
  const head = header.length <= 64 ? header : claimsFor(keyed, `header ${signed}`, header.length);
  return `${head}.${claimsFor(keyed, signed, claims.length)}.${signed}`;
}

/** Base64url text of that length that decodes to a JSON object. */
function claimsFor(keyed: Keyed, label: string, length: number): string {
  const size = Math.floor((length * 3) / 4);
  const frame = '{"sub":""}';
  const letters = (count: number): string => fill(keyed, 'jwt', Array.from({ length: count }, () => LOWER), 0, `claims ${label}`);
  return size < frame.length ? letters(length) : Buffer.from(`{"sub":"${letters(size - frame.length)}"}`).toString('base64url');
}

/** The frame stays, with its line breaks; the body is replaced letter by letter. */
function privateKey(keyed: Keyed, text: string): string {
  const start = text.indexOf('-----', 5) + 5;
  const end = text.lastIndexOf('-----END');
  const body = text.slice(start, end < start ? text.length : end);
  return text.slice(0, start) + secret(keyed, body, 0) + text.slice(start + body.length);
}

/** A wallet of the same sort with a right check sum; hexadecimal ones in one case, which needs none (EIP-55). */
function coin(keyed: Keyed, text: string): string {
  switch (coinSort(text)) {
    case 'bech32': {
      const lower = text.toLowerCase();
      const template = [...'bc1', lower[3] as string, ...Array.from({ length: lower.length - 10 }, () => 'qpzry9x8gf2tvdw0s3jn54khce6mua7l')];
      const filled = sealed(keyed, 'crypto', lower.slice(0, -6), lower, template, 6);
      const made = filled + bech32Check(filled.slice(3));
      return text === lower ? made : made.toUpperCase();
    }
    case 'base58': {
      const payload = Buffer.from(readBase58(text) as Uint8Array).toString('hex');
      // A first digit from 8 keeps the length at 33 or 34 characters.
      const template = [payload[0] as string, payload[1] as string, '89abcdef', ...Array.from({ length: 39 }, () => '0123456789abcdef')];
      return writeBase58(Buffer.from(sealed(keyed, 'crypto', payload, payload, template, 8), 'hex'));
    }
    case 'hex': {
      const lower = text.toLowerCase();
      const filled = sealed(keyed, 'crypto', lower, lower, [...'0x', ...Array.from({ length: 40 }, () => '0123456789abcdef')], 8);
      return filled === lower ? text : filled;
    }
    case null:
      return text;
  }
}

/**
 * @param prefix characters at the start of a secret that only say whose it is
 * @param within redacts the text that an encoded value stands for
 */
export function surrogateFor(keyed: Keyed, kind: Kind, text: string, prefix: number, within: (text: string) => string): string {
  switch (kind) {
    case 'secret':
      return secret(keyed, text, prefix);
    case 'private_key':
      return privateKey(keyed, text);
    case 'jwt':
      return jwt(keyed, text);
    case 'email':
      return email(keyed, text);
    case 'iban':
      return iban(keyed, text);
    case 'card':
      return card(keyed, text);
    case 'ssn':
      return ssn(keyed, text);
    case 'national_id':
      return nationalId(keyed, text);
    case 'ipv6':
      return ipv6(keyed, text);
    case 'ipv4':
      return ipv4(keyed, text);
    case 'phone':
      return phone(keyed, text);
    case 'crypto':
      return coin(keyed, text);
    case 'encoded':
      return encodeLike(text, within(decodeBase64(text) ?? ''));
    case 'person':
    case 'address':
      return namesLike(keyed, kind, text);
  }
}
