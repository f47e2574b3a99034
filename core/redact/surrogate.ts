// Surrogates: values of the same format that stand for the real ones, the same for the same value and tenant key.
// Every surrogate ends in characters that follow from its others by the key, so that it is known again and never replaced twice.
import { createHmac } from 'node:crypto';

export const KINDS = ['secret', 'private_key', 'jwt', 'email', 'iban', 'card', 'ssn', 'ipv6', 'ipv4', 'phone'] as const;
export type Kind = (typeof KINDS)[number];

/** A stream of bytes that follows from key and label. */
class KeyedBytes {
  readonly #key: string;
  readonly #label: string;
  #block: Buffer;
  #blocks = 0;
  #used = 0;
  constructor(key: string, label: string) {
    this.#key = key;
    this.#label = label;
    this.#block = createHmac('sha256', key).update(label).digest();
  }
  next(): number {
    if (this.#used === this.#block.length) {
      this.#blocks += 1;
      this.#block = createHmac('sha256', this.#key).update(`${this.#blocks} ${this.#label}`).digest();
      this.#used = 0;
    }
    return this.#block[this.#used++] as number;
  }
  /** Whole number in [0, bound), bound at most 256; the bias of the remainder tells nothing about the value. */
  below(bound: number): number {
    return this.next() % bound;
  }
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
/** Letters and digits of the local part of an e-mail surrogate. */
const LOCAL = 'abcdefghijklmnopqrstuvwxyz234567';

/** Which characters may stand at a place of a surrogate; a place with one character is fixed. */
type Template = readonly string[];

/**
 * Fills a template: the first free places from the value's bytes, the last `seal` free places from the characters before.
 * @param value what the surrogate stands for; null: keep the characters of `from` at all but the sealed places
 */
function fill(key: string, kind: Kind, template: Template, seal: number, value: string | null, from = ''): string {
  const free: number[] = [];
  template.forEach((choices, index) => {
    if (choices.length > 1) free.push(index);
  });
  const headLength = Math.max(free.length - seal, 0);
  const characters = [...template.map((choices) => choices[0] as string)];
  const bytes = value === null ? null : new KeyedBytes(key, `value ${kind} ${value}`);
  for (const index of free.slice(0, headLength)) {
    const choices = template[index] as string;
    const kept = from[index] ?? '';
    if (bytes === null && !choices.includes(kept)) return '';
    characters[index] = bytes === null ? kept : (choices[bytes.below(choices.length)] as string);
  }
  const head = free.slice(0, headLength).map((index) => characters[index]).join('');
  const sealing = new KeyedBytes(key, `seal ${kind} ${head}`);
  for (const index of free.slice(headLength)) {
    const choices = template[index] as string;
    characters[index] = choices[sealing.below(choices.length)] as string;
  }
  return characters.join('');
}

/** The surrogate for `text`, or `text` itself where that is a surrogate of this key already. */
function sealed(key: string, kind: Kind, text: string, value: string, template: Template, seal: number): string {
  return fill(key, kind, template, seal, null, text) === text ? text : fill(key, kind, template, seal, value);
}

const isDigit = (character: string): boolean => character >= '0' && character <= '9';
const digitsOf = (text: string): string => text.replace(/\D/g, '');

/** Digits into the places of digits, so that separators stay. */
function regrouped(text: string, digits: string): string {
  let next = 0;
  return text.replace(/\d/g, () => digits[next++] as string);
}

function luhnDigit(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i += 1) {
    let digit = Number(body[body.length - 1 - i]);
    if (i % 2 === 0) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return String((10 - (sum % 10)) % 10);
}

export const passesLuhn = (digits: string): boolean => luhnDigit(digits.slice(0, -1)) === digits.at(-1);

/** ISO 7064 MOD 97-10 over letters and digits, letters counting from 10. */
export function mod97(text: string): number {
  let rest = 0;
  for (const character of text) {
    const value = parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest;
}

/** The first two digits say which network a card is of: schemas check them, people are not known by them. */
function card(key: string, text: string): string {
  const digits = digitsOf(text);
  const body = digits.slice(0, -1);
  const template = [...body].map((digit, index) => (index < 2 ? digit : DIGITS));
  const filled = sealed(key, 'card', body, digits, template, 5);
  return regrouped(text, filled + luhnDigit(filled));
}

function iban(key: string, text: string): string {
  const upper = text.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const country = upper.slice(0, 2);
  const account = upper.slice(4);
  const template = [...account].map((character) => (isDigit(character) ? DIGITS : LOWER.toUpperCase()));
  const filled = sealed(key, 'iban', account, upper, template, 5);
  const check = String(98 - mod97(`${filled}${country}00`)).padStart(2, '0');
  const whole = country + check + filled;
  let next = 0;
  const isLower = text.startsWith(country.toLowerCase());
  return text.replace(/[A-Za-z0-9]/g, () => (isLower ? (whole[next++] as string).toLowerCase() : (whole[next++] as string)));
}

/** Areas 001 to 665 without 000 and 666, groups from 10 and serials from 1000: none of them can be invalid. */
function ssn(key: string, text: string): string {
  const template = ['12345', DIGITS, DIGITS, DIGITS.slice(1), DIGITS, DIGITS.slice(1), DIGITS, DIGITS, DIGITS];
  return regrouped(text, sealed(key, 'ssn', digitsOf(text), digitsOf(text), template, 4));
}

/**
 * Country codes, trunk zeros and the leading one of North America stay; where a group starts with 2 to 9 so does its
 * surrogate's, which keeps area codes and exchanges possible.
 */
function phone(key: string, text: string): string {
  const digits = digitsOf(text);
  const isPlus = text.trimStart().startsWith('+');
  const isDoubleZero = digits.startsWith('00');
  const firstGroup = digitsOf(/^\D*\d+/.exec(text)?.[0] ?? '').length;
  const prefix = isDoubleZero ? 2 : 0;
  const kept = isPlus || isDoubleZero ? prefix + (digits[prefix] === '1' ? 1 : firstGroup > prefix && firstGroup <= prefix + 3 ? firstGroup - prefix : 2) : 0;
  /** Digits before the ten of a North American number. */
  const american = digits.length === 10 && !isPlus && !digits.startsWith('0') ? 0 : digits.length === 11 && digits.startsWith('1') ? 1 : -1;
  const template: string[] = [];
  let place = 0;
  let startsGroup = true;
  for (const character of text) {
    if (!isDigit(character)) {
      startsGroup = true;
      continue;
    }
    // Which digits may stand here must follow from the surrogate as it does from the value.
    const isAmericanGroup = american >= 0 && (place === american || place === american + 3);
    if (place < kept || (startsGroup && character < '2')) template.push(character);
    else if (place === 1 && digits.startsWith('0')) template.push('123456789');
    else if (startsGroup || isAmericanGroup) template.push(character < '2' ? '01' : '23456789');
    else template.push(DIGITS);
    startsGroup = false;
    place += 1;
  }
  const free = template.filter((choices) => choices.length > 1).length;
  // With or without the country's 1 it is the same number.
  return regrouped(text, sealed(key, 'phone', digits, american < 0 ? digits : digits.slice(american), template, Math.min(4, Math.floor(free / 2))));
}

const EMAIL_DOMAIN = '@example.net';
const MIN_LOCAL = 10;
const MAX_LOCAL = 40;

/** As long as the address where that leaves room for a name that is one of many. */
function email(key: string, text: string): string {
  const lower = text.toLowerCase();
  const localOf = (length: number): Template => [LOWER, ...Array.from({ length: length - 1 }, () => LOCAL)];
  if (lower.endsWith(EMAIL_DOMAIN)) {
    const local = text.slice(0, -EMAIL_DOMAIN.length);
    if (local.length >= MIN_LOCAL && local.length <= MAX_LOCAL && fill(key, 'email', localOf(local.length), 4, null, local) === local) return text;
  }
  const length = Math.min(Math.max(text.length - EMAIL_DOMAIN.length, MIN_LOCAL), MAX_LOCAL);
  return fill(key, 'email', localOf(length), 4, lower) + EMAIL_DOMAIN;
}

/** 198.18.0.0/15, reserved for benchmarks (RFC 2544): nobody's address. */
export const isReservedIpv4 = (text: string): boolean => /^198\.1[89]\./.test(text);

function ipv4(key: string, text: string): string {
  if (isReservedIpv4(text)) return text;
  const bytes = new KeyedBytes(key, `value ipv4 ${text}`);
  return `198.${18 + bytes.below(2)}.${bytes.next()}.${bytes.next()}`;
}

/** Under 2001:db8::/32, reserved for documentation (RFC 3849); the last two groups are the seal. */
function ipv6(key: string, text: string): string {
  const value = text.toLowerCase();
  const hex = '0123456789abcdef';
  const group = ['123456789abcdef', hex, hex, hex];
  const template = [...'2001:db8', ...Array.from({ length: 6 }, () => [':', ...group]).flat()];
  return sealed(key, 'ipv6', value, value, template, 8);
}

const SORTS = [DIGITS, 'abcdef', 'ghijklmnopqrstuvwxyz', 'ABCDEF', 'GHIJKLMNOPQRSTUVWXYZ'] as const;

/** Every letter and digit after the prefix by one of its own sort, so that a hexadecimal value stays hexadecimal. */
function secret(key: string, text: string, prefix: number): string {
  const template = [...text].map((character, index) => (index < prefix ? character : (SORTS.find((sort) => sort.includes(character)) ?? character)));
  const free = template.filter((choices) => choices.length > 1).length;
  return sealed(key, 'secret', text, text, template, Math.min(6, Math.floor(free / 2)));
}

/** The signature by its sort; the claims follow from it as JSON of the same length. A short header says only algorithms and stays. */
function jwt(key: string, text: string): string {
  const [header = '', claims = '', signature = ''] = text.split('.');
  if (signature.length < 8) return secret(key, text, header.length + 4);
  const signed = secret(key, signature, 0);
  const head = header.length <= 64 ? header : claimsFor(key, `header ${signed}`, header.length);
  return `${head}.${claimsFor(key, signed, claims.length)}.${signed}`;
}

/** Base64url text of that length that decodes to a JSON object. */
function claimsFor(key: string, label: string, length: number): string {
  const size = Math.floor((length * 3) / 4);
  const frame = '{"sub":""}';
  if (size < frame.length) return fill(key, 'jwt', Array.from({ length }, () => LOWER), 0, `claims ${label}`);
  const subject = fill(key, 'jwt', Array.from({ length: size - frame.length }, () => LOWER), 0, `claims ${label}`);
  return Buffer.from(`{"sub":"${subject}"}`).toString('base64url');
}

/** The frame stays, with its line breaks; the body is replaced letter by letter. */
function privateKey(key: string, text: string): string {
  const start = text.indexOf('-----', 5) + 5;
  const end = text.lastIndexOf('-----END');
  const body = text.slice(start, end < start ? text.length : end);
  return text.slice(0, start) + secret(key, body, 0) + text.slice(start + body.length);
}

/** @param prefix characters at the start of a secret that only say whose it is */
export function surrogateFor(key: string, kind: Kind, text: string, prefix: number): string {
  switch (kind) {
    case 'secret':
      return secret(key, text, prefix);
    case 'private_key':
      return privateKey(key, text);
    case 'jwt':
      return jwt(key, text);
    case 'email':
      return email(key, text);
    case 'iban':
      return iban(key, text);
    case 'card':
      return card(key, text);
    case 'ssn':
      return ssn(key, text);
    case 'ipv6':
      return ipv6(key, text);
    case 'ipv4':
      return ipv4(key, text);
    case 'phone':
      return phone(key, text);
  }
}
