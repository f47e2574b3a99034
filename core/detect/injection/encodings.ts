// What a text says in another form: base64, base32, hexadecimal, binary, Morse, URL escapes, leet, spelled out, backwards, shifted alphabets.
import { flattened, flattener } from './text.ts';

/** Encodings are decoded up to this length: an answer that hides a word does so early. */
export const MAX_DECODE_LENGTH = 64 * 1024;

export interface Decoded {
  encoding: string;
  text: string;
}

export const reversed = (text: string): string => [...text].reverse().join('');

/** Shifts a-z and A-Z; 13 is rot13. */
export function shifted(text: string, by: number): string {
  return text.replace(/[a-z]/gi, (letter) => {
    const base = letter < 'a' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - base + by + 26) % 26) + base);
  });
}

/** The first letter for the last and so on. */
export const atbash = (text: string): string => text.replace(/[a-z]/gi, (letter) => String.fromCharCode((letter < 'a' ? 155 : 219) - letter.charCodeAt(0)));

/** Digits and signs read as the letters they stand for; i, l and 1 are one. */
export const unleeted = (text: string): string => text.toLowerCase().replace(/[013457@$!|li]/g, (sign) => ({ '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', $: 's', '!': 'i', '|': 'i', l: 'i', i: 'i' })[sign] ?? sign);

const flatUnleeted = flattener(unleeted);

const MORSE: Record<string, string> = { '.-': 'a', '-...': 'b', '-.-.': 'c', '-..': 'd', '.': 'e', '..-.': 'f', '--.': 'g', '....': 'h', '..': 'i', '.---': 'j', '-.-': 'k', '.-..': 'l', '--': 'm', '-.': 'n', '---': 'o', '.--.': 'p', '--.-': 'q', '.-.': 'r', '...': 's', '-': 't', '..-': 'u', '...-': 'v', '.--': 'w', '-..-': 'x', '-.--': 'y', '--..': 'z', '-----': '0', '.----': '1', '..---': '2', '...--': '3', '....-': '4', '.....': '5', '-....': '6', '--...': '7', '---..': '8', '----.': '9' };

/** RFC 4648, section 6; what is left over at the end is dropped. */
function fromBase32(token: string): string {
  const bits = [...token].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2))).toString('utf8');
}

const isReadable = (text: string): boolean => /[\p{L}\p{N}]/u.test(text) && !/[\x00-\x08\x0e-\x1f\ufffd]/.test(text);

/** Six bits of a base64 letter, by its code. */
const SEXTETS = new Int8Array(128).fill(-1);
[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].forEach((letter, bits) => (SEXTETS[letter.charCodeAt(0)] = bits));
SEXTETS.set([62], '-'.charCodeAt(0));
SEXTETS.set([63], '_'.charCodeAt(0));

/** Whether base64 from `start` to `end` may be text in UTF-8, but for its last bytes: most words are none within a few letters, and need no decoding. */
function mayBeText(text: string, start: number, end: number): boolean {
  let bits = 0;
  let read = 0;
  /** Whole characters, bytes that the last one lacks, and whether one was broken off. */
  let whole = 0;
  let lacking = 0;
  let isBroken = false;
  for (let at = start; at < end; at += 1) {
    bits = (bits << 6) | (SEXTETS[text.charCodeAt(at)] as number);
    read += 6;
    if (read < 8) continue;
    read -= 8;
    const byte = (bits >> read) & 0xff;
    if (byte < 0x80) {
      if (isBroken || lacking > 0 || !isTextByte(byte)) return false;
      whole += 1;
    } else if (byte < 0xc0 && lacking > 0) {
      lacking -= 1;
      if (lacking === 0) whole += 1;
    } else {
      isBroken ||= byte < 0xc0 || lacking > 0;
      if (isBroken && whole === 0) return false;
      lacking = byte < 0xc0 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
  }
  return whole > 0;
}

/** Of ASCII: no control but white space (see `isReadable`). */
const isTextByte = (byte: number): boolean => byte >= 0x0e ? byte >= 0x20 : byte >= 0x09;

/** The signs of encodings that take eight or more of them in a row, each with a byte of its own in a mask; of those beyond ASCII, all that any of them has. */
const ROW = { base64: 0, hex: 1, binary: 2, morse: 3 } as const;
const ROW_SIGNS: readonly [number, RegExp][] = [[ROW.base64, /[\w+/-]/], [ROW.hex, /[\da-fA-Fx\s:,\\]/], [ROW.binary, /[01]/], [ROW.morse, /[.·•\-–−_ /|]/]];
const BEYOND_ASCII = '·•–−\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff';
const ROW_MASKS = new Int32Array(0x10000);
for (const sign of [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), ...BEYOND_ASCII]) {
  for (const [row, signs] of ROW_SIGNS) if (signs.test(sign)) ROW_MASKS[sign.charCodeAt(0)] = (ROW_MASKS[sign.charCodeAt(0)] as number) | (0xff << (8 * row));
}

const MIN_BASE64 = 6;
/** From this length on a line of base64 may go on in the next. */
const WRAPPED = 60;
/** Signs of its alphabet with nothing of base64 beside them. */
const BASE32 = /^[A-Z2-7]{16,}$/;

interface Survey {
  has: (row: keyof typeof ROW) => boolean;
  /** Runs of base64 letters that may be text; null where one may be wrapped. */
  base64: readonly string[] | null;
  base32: readonly string[];
}

/**
 * One pass over a text for what may be encoded in it: most texts have nothing of the kind, and need no patterns. Each byte of `rows` counts
 * its sign's row in unary: a shift adds one, a foreign sign clears it (Baeza-Yates and Gonnet's shift-and).
 */
function survey(text: string): Survey {
  let rows = 0;
  let seen = 0;
  let start = 0;
  let base64: string[] | null = [];
  const base32: string[] = [];
  const end = (at: number): void => {
    if (at - start < MIN_BASE64) return;
    if (at - start >= WRAPPED) base64 = null;
    else if (mayBeText(text, start, at)) base64?.push(text.slice(start, at));
    if (at - start >= 16 && BASE32.test(text.slice(start, at))) base32.push(text.slice(start, at));
  };
  for (let at = 0; at < text.length; at += 1) {
    const mask = ROW_MASKS[text.charCodeAt(at)] as number;
    rows = ((rows << 1) | 0x01010101) & mask;
    seen |= rows;
    if ((mask & 0xff) === 0) {
      end(at);
      start = at + 1;
    }
  }
  end(text.length);
  return { has: (row) => (seen & (0x80 << (8 * ROW[row]))) !== 0, base64, base32 };
}

const hasUrlEscapes = (text: string): boolean => text.includes('%') && /%[0-9a-fA-F]{2}/.test(text);
const hasCharacterEscapes = (text: string): boolean => (text.includes('\\u') || text.includes('&#')) && /\\u[0-9a-fA-F]{4}|&#x?[0-9a-fA-F]{2,6};/.test(text);

/** Readable stretches of a text in base64, base32, hexadecimal, binary, Morse, URL or character escapes, as plain text. */
export function decodedStretches(text: string): Decoded[] {
  const found: Decoded[] = [];
  const slice = text.slice(0, MAX_DECODE_LENGTH);
  const keep = (encoding: string, plain: string): void => {
    if (isReadable(plain)) found.push({ encoding, text: plain });
  };
  const { has, base64, base32 } = survey(slice);
  // A wrapped block is one: line breaks inside it are no part of the alphabet.
  const tokens = base64 ?? (slice.match(/(?:[A-Za-z0-9+/_-]{60,}\r?\n)*[A-Za-z0-9+/_-]{6,}/g) ?? []).filter((token) => token.includes('\n') || mayBeText(token, 0, token.length));
  for (const token of tokens) keep('base64', Buffer.from(token, 'base64').toString('utf8').replace(/\ufffd+$/, ''));
  for (const token of base32) keep('base32', fromBase32(token));
  if (has('hex')) for (const [token] of slice.matchAll(/[0-9a-fA-F]{2}[\s:,]{0,2}(?:(?:\\x|0x)?[0-9a-fA-F]{2}[\s:,]{0,2}){3,}/g)) keep('hex', Buffer.from(token.replace(/\\x|0x|[\s:,]/g, ''), 'hex').toString('utf8'));
  if (has('binary')) for (const [token] of slice.matchAll(/(?:\b[01]{8}\b\s?){3,}/g)) keep('binary', String.fromCharCode(...token.trim().split(/\s/).map((byte) => parseInt(byte, 2))));
  if (has('morse')) {
    for (const [token] of slice.matchAll(/(?:[.·•\-–−_]{1,6}[ /|]{1,3}){5,}[.·•\-–−_]{0,6}/g)) {
      const letters = token.replace(/[·•]/g, '.').replace(/[–−_]/g, '-').trim().split(/\s*[/|]\s*|\s{3}/).map((word) => word.split(/\s+/).map((sign) => MORSE[sign] ?? '').join(''));
      keep('morse', letters.join(' '));
    }
  }
  if (hasUrlEscapes(slice)) keep('url', slice.replace(/\+/g, ' ').replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8')));
  if (hasCharacterEscapes(slice)) keep('escapes', slice.replace(/\\u([0-9a-fA-F]{4})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16))).replace(/&#(x?)([0-9a-fA-F]{2,5});/g, (_, hex: string, code: string) => String.fromCharCode(parseInt(code, hex ? 16 : 10))));
  return found;
}

/** Words written with gaps, one character at a time: "O R C H I D". */
export const spelledOut = (flat: string): string => !/ \S \S /u.test(flat) ? '' : [...flat.matchAll(/(?<![\p{L}\p{N}])(?:[\p{L}\p{N}] ){3,}[\p{L}\p{N}](?![\p{L}\p{N}])/gu)].map(([run]) => run.replaceAll(' ', '')).join(' ');

/** Every other way in which the words of a value may stand in a text, as haystacks to look for it in; each made once, when asked for. */
export class Haystacks {
  readonly #text: string;
  readonly #flat: string;
  #decoded?: readonly Decoded[];
  #spelled?: string;
  #unleeted?: string;
  #compact?: string;
  /** @param flat the same text, flattened */
  constructor(text: string, flat: string) {
    this.#text = text;
    this.#flat = flat;
  }
  get isEscaped(): boolean {
    return hasUrlEscapes(this.#text) || hasCharacterEscapes(this.#text);
  }
  get decoded(): readonly Decoded[] {
    return (this.#decoded ??= decodedStretches(this.#text).map(({ encoding, text }) => ({ encoding, text: flattened(text) })));
  }
  get spelled(): string {
    return (this.#spelled ??= spelledOut(this.#flat));
  }
  /** Empty where no letter stands beside a digit or sign that may be one. */
  get unleeted(): string {
    return (this.#unleeted ??= /[a-z][013457@$!|]|[013457@$!|][a-z]/i.test(this.#text) ? flatUnleeted(this.#text) : '');
  }
  get compact(): string {
    return (this.#compact ??= this.#flat.length < MAX_DECODE_LENGTH ? this.#flat.replaceAll(' ', '') : '');
  }
}
