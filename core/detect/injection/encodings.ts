// What a text says in another form: base64, hexadecimal, binary, Morse, URL escapes, leet, spelled out, backwards, shifted alphabets.
import { remembered } from '../../remembered.ts';
import { normalised } from './text.ts';

/** Encodings are decoded up to this length: an answer that hides a word does so early. */
const MAX_DECODE_LENGTH = 64 * 1024;

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

const MORSE: Record<string, string> = { '.-': 'a', '-...': 'b', '-.-.': 'c', '-..': 'd', '.': 'e', '..-.': 'f', '--.': 'g', '....': 'h', '..': 'i', '.---': 'j', '-.-': 'k', '.-..': 'l', '--': 'm', '-.': 'n', '---': 'o', '.--.': 'p', '--.-': 'q', '.-.': 'r', '...': 's', '-': 't', '..-': 'u', '...-': 'v', '.--': 'w', '-..-': 'x', '-.--': 'y', '--..': 'z', '-----': '0', '.----': '1', '..---': '2', '...--': '3', '....-': '4', '.....': '5', '-....': '6', '--...': '7', '---..': '8', '----.': '9' };

const isReadable = (text: string): boolean => /[\p{L}\p{N}]/u.test(text) && !/[\x00-\x08\x0e-\x1f\ufffd]/.test(text);

/** Six bits of a base64 letter. */
const SEXTETS = new Map([...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].map((letter, bits) => [letter, bits]));
SEXTETS.set('-', 62).set('_', 63);

/** Whether base64 begins like text, by its first two bytes: most words do not, and need no decoding. */
function mayBeText(token: string): boolean {
  const [a = 0, b = 0, c = 0] = [SEXTETS.get(token[0] ?? ''), SEXTETS.get(token[1] ?? ''), SEXTETS.get(token[2] ?? '')];
  const first = (a << 2) | (b >> 4);
  const second = ((b & 15) << 4) | (c >> 2);
  if (first < 0x80) return isTextByte(first) && (second < 0x80 ? isTextByte(second) : second >= 0xc2);
  return first >= 0xc2 && second >= 0x80 && second < 0xc0;
}

/** Of ASCII: no control but white space (see `isReadable`). */
const isTextByte = (byte: number): boolean => byte >= 0x0e ? byte >= 0x20 : byte >= 0x09;

/** Readable stretches of a text in base64, hexadecimal, binary, Morse, URL or character escapes, as plain text. */
export function decodedStretches(text: string): Decoded[] {
  const found: Decoded[] = [];
  const slice = text.slice(0, MAX_DECODE_LENGTH);
  const keep = (encoding: string, plain: string): void => {
    if (isReadable(plain)) found.push({ encoding, text: plain });
  };
  // A wrapped block is one: line breaks inside it are no part of the alphabet.
  for (const [token] of slice.matchAll(/(?:[A-Za-z0-9+/_-]{60,}\r?\n)*[A-Za-z0-9+/_-]{6,}={0,2}/g)) if (mayBeText(token)) keep('base64', Buffer.from(token, 'base64').toString('utf8').replace(/\ufffd+$/, ''));
  for (const [token] of slice.matchAll(/(?:(?:\\x|0x|\b)?[0-9a-fA-F]{2}[\s:,]{0,2}){4,}/g)) keep('hex', Buffer.from(token.replace(/\\x|0x|[\s:,]/g, ''), 'hex').toString('utf8'));
  for (const [token] of slice.matchAll(/(?:\b[01]{8}\b\s?){3,}/g)) keep('binary', String.fromCharCode(...token.trim().split(/\s/).map((byte) => parseInt(byte, 2))));
  for (const [token] of slice.matchAll(/(?:[.·•\-–−_]{1,6}[ /|]{1,3}){5,}[.·•\-–−_]{0,6}/g)) {
    const letters = token.replace(/[·•]/g, '.').replace(/[–−_]/g, '-').trim().split(/\s*[/|]\s*|\s{3}/).map((word) => word.split(/\s+/).map((sign) => MORSE[sign] ?? '').join(''));
    keep('morse', letters.join(' '));
  }
  if (/%[0-9a-fA-F]{2}/.test(slice)) keep('url', slice.replace(/\+/g, ' ').replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8')));
  if (/\\u[0-9a-fA-F]{4}|&#x?[0-9a-fA-F]{2,6};/.test(slice)) keep('escapes', slice.replace(/\\u([0-9a-fA-F]{4})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16))).replace(/&#(x?)([0-9a-fA-F]{2,5});/g, (_, hex: string, code: string) => String.fromCharCode(parseInt(code, hex ? 16 : 10))));
  return found;
}

/** Words written with gaps, one character at a time: "O R C H I D". */
export const spelledOut = (flat: string): string => [...flat.matchAll(/(?<![\p{L}\p{N}])(?:[\p{L}\p{N}] ){3,}[\p{L}\p{N}](?![\p{L}\p{N}])/gu)].map(([run]) => run.replaceAll(' ', '')).join(' ');

/** Every other way in which the words of a value may stand in a text, with the haystack they are looked for in. */
export interface Haystacks {
  decoded: readonly string[];
  encodings: readonly string[];
  spelled: string;
  unleeted: string;
  compact: string;
}

export const haystacksOf = remembered((text): Haystacks => {
  const flat = normalised(text);
  const decoded = decodedStretches(text);
  return {
    decoded: decoded.map((stretch) => normalised(stretch.text)),
    encodings: decoded.map((stretch) => stretch.encoding),
    spelled: spelledOut(flat),
    unleeted: /[a-z][013457@$!|]|[013457@$!|][a-z]/i.test(text) ? normalised(unleeted(text)) : '',
    compact: flat.length < MAX_DECODE_LENGTH ? flat.replaceAll(' ', '') : '',
  };
});
