// Finds the numbers that carry check digits or a fixed form: cards, bank accounts, and the ids that states give to people.
import { digitsBetween, groupLength, hasGroups, isWordAt, tiedLeft, tiedRight, type Chain } from './chain.ts';
import { dniLetter, mod11x10Digit, mod97, nirKey, passesLuhn } from './checksums.ts';
import type { Cue } from './cues.ts';
import type { Kind, Span } from './kinds.ts';

const spanOf = (kind: Kind, start: number, end: number, cued = false): Span => ({ kind, start, end, prefix: 0, cued });

/** Issuer ranges in use and their lengths; other numbers that pass Luhn by chance are order numbers. */
const CARD_ISSUERS: readonly RegExp[] = [
  /^4(?:\d{12}|\d{15}|\d{18})$/, // Visa
  /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|220[0-4])\d+$(?<=^\d{16})/, // Mastercard, Mir
  /^3[47]\d{13}$/, // American Express
  /^3(?:0[0-5]|[689]\d)\d+$(?<=^(?:\d{14}|\d{16}))/, // Diners Club
  /^35(?:2[89]|[3-8]\d)\d{12,15}$/, // JCB
  /^(?:6011|62|64[4-9]|65|60|81|82|508)\d+$(?<=^\d{16,19})/, // Discover, UnionPay, RuPay
  /^(?:5[0678]|6[0-9])\d{10,17}$/, // Maestro
];
const isCard = (digits: string): boolean => digits.length >= 13 && digits.length <= 19 && passesLuhn(digits) && CARD_ISSUERS.some((issuer) => issuer.test(digits));

const CARD_GROUPS: readonly (readonly number[])[] = [[4, 4, 4, 4, 3], [4, 4, 4, 4, 2], [4, 4, 4, 4], [4, 6, 5], [4, 6, 4], [4, 4, 5], [4, 4, 4, 1], [4, 4, 4, 2], [4, 4, 4, 3], [6, 13]];

export function cardAt(text: string, chain: Chain, cue: () => Cue | null): Span | null {
  const start = chain.starts[0] as number;
  const first = groupLength(chain, 0);
  if (text[start - 1] === '+') return null;
  if (first >= 13 && first <= 19) {
    const end = chain.ends[0] as number;
    const left = tiedLeft(text, start);
    const right = tiedRight(text, end);
    if ((left !== '' && left !== ' ') || (right !== '' && right !== ' ' && right !== '/')) return null;
    if (isWordAt(text, end) || !isCard(text.slice(start, end))) return null;
    const announced = cue();
    return announced === 'other' || announced === 'id' ? null : spanOf('card', start, end);
  }
  if (first !== 4 && first !== 6) return null;
  for (const groups of CARD_GROUPS) {
    if (!hasGroups(text, chain, groups)) continue;
    const end = chain.ends[groups.length - 1] as number;
    const separator = text[chain.ends[0] as number] as string;
    // Part of a longer number in groups, such as a parcel's; a year or an expiry beside a card is none.
    const isTied = (tiedLeft(text, start) === separator && isGroupOfFour(text, start - 5) && !isYear(text, start - 5)) || (tiedRight(text, end) === separator && isGroupOfFour(text, end + 1) && cue() === 'other');
    if (!isTied && !isWordAt(text, end) && isCard(digitsBetween(text, start, end))) return spanOf('card', start, end);
  }
  return null;
}

const isGroupOfFour = (text: string, at: number): boolean => at >= 0 && /^\d{4}(?!\d)/.test(text.slice(at, at + 5));

const isYear = (text: string, at: number): boolean => /^(?:19|20)/.test(text.slice(at, at + 2)) && tiedLeft(text, at) === '';

/** Characters of an IBAN by country (ISO 13616 registry). */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
    .split(' ')
    .map((entry): [string, number] => [entry.slice(0, 2), Number(entry.slice(2))]),
);
const isUpper = (code: number): boolean => code >= 65 && code <= 90;
const isAsciiLetter = (code: number): boolean => isUpper(code & ~32) && code >= 65;
const IBAN_SEPARATOR = /[ \-.\u00a0\u202f]/;

/** @param digits offset of the check digits; the country stands before them */
export function ibanAt(text: string, digits: number): Span | null {
  let start = digits - 2;
  const before = text.charCodeAt(digits - 1);
  if (!isAsciiLetter(before)) {
    // "DE 89 3704 …" is written in capitals.
    if (start < 1 || !isUpper(text.charCodeAt(digits - 2)) || !IBAN_SEPARATOR.test(text[digits - 1] as string)) return null;
    start -= 1;
  }
  if (start < 0 || isWordAt(text, start - 1)) return null;
  const length = IBAN_LENGTHS.get(text.slice(start, start + 2).toUpperCase());
  if (length === undefined) return null;
  const isLower = text.charCodeAt(start) >= 97;
  let compact = text.slice(start, start + 2).toUpperCase();
  let i = digits;
  while (compact.length < length) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) compact += text[i];
    else if (isLower ? code >= 97 && code <= 122 : code >= 65 && code <= 90) compact += (text[i] as string).toUpperCase();
    else if (!(i < text.length && IBAN_SEPARATOR.test(text[i] as string) && isWordAt(text, i - 1))) return null;
    i += 1;
  }
  return isWordAt(text, i) || mod97(compact.slice(4) + compact.slice(0, 4)) !== 1 ? null : spanOf('iban', start, i);
}

/** US social security numbers, and the taxpayer numbers that look like them (9xx-50-xxxx and up). */
export function ssnAt(text: string, chain: Chain, cue: () => Cue | null): Span | null {
  const start = chain.starts[0] as number;
  if (groupLength(chain, 0) === 9) {
    const end = chain.ends[0] as number;
    return isSsn(text.slice(start, end)) && !isWordAt(text, end) && cue() === 'ssn' ? spanOf('ssn', start, end, true) : null;
  }
  if (!hasGroups(text, chain, [3, 2, 4])) return null;
  const end = chain.ends[2] as number;
  const separator = text[chain.ends[0] as number] as string;
  if (isWordAt(text, end) || !isSsn(digitsBetween(text, start, end))) return null;
  if (cue() === 'ssn') return spanOf('ssn', start, end, true);
  if ((separator !== '-' && separator !== ' ') || tiedLeft(text, start) === separator || tiedRight(text, end) === separator) return null;
  const announced = cue();
  return announced === 'other' || announced === 'phone' ? null : spanOf('ssn', start, end);
}

const isSsn = (digits: string): boolean => /^(?!000|666|9\d\d)\d{3}(?!00)\d\d(?!0000)\d{4}$|^9\d\d[5-9]\d(?!0000)\d{4}$/.test(digits);

/** Letters with which no national insurance number starts, first and second, and pairs that were never given (HMRC NIM39110). */
const NINO = /^(?![DFIQUV]|.[DFIOQUV]|BG|GB|KN|NK|NT|TN|ZZ)[A-Z]{2}$/;

export type NationalIdSort = 'nir' | 'steuer_id' | 'dni' | 'nie' | 'nino';

/** Which country's id this is, by its form and check digits; the surrogate must be of the same. */
export function nationalIdSort(text: string): NationalIdSort | null {
  const compact = text.replace(/[^A-Za-z0-9]/g, '').toUpperCase();
  if (/^[12]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)\d{10}$/.test(compact)) return nirKey(compact.slice(0, 13)) === compact.slice(13) ? 'nir' : null;
  if (/^[1-9]\d{10}$/.test(compact)) return hasTaxIdDigits(compact.slice(0, 10)) && mod11x10Digit(compact.slice(0, 10)) === compact[10] ? 'steuer_id' : null;
  if (/^\d{8}[A-Z]$/.test(compact)) return dniLetter(compact.slice(0, 8)) === compact[8] ? 'dni' : null;
  if (/^[XYZ]\d{7}[A-Z]$/.test(compact)) return dniLetter(`${'XYZ'.indexOf(compact[0] as string)}${compact.slice(1, 8)}`) === compact[8] ? 'nie' : null;
  return /^[A-Z]{2}\d{6}[A-D]$/.test(compact) && NINO.test(compact.slice(0, 2)) ? 'nino' : null;
}

/** Of the first ten digits one comes twice or three times, all others once at most (§ 139b AO). */
function hasTaxIdDigits(digits: string): boolean {
  const distinct = new Set(digits).size;
  return distinct === 9 || distinct === 8;
}

export function nationalIdAt(text: string, chain: Chain, cue: () => Cue | null): Span | null {
  const start = chain.starts[0] as number;
  const first = groupLength(chain, 0);
  const last = (index: number): number => chain.ends[index] as number;
  const tied = (end: number): boolean => tiedLeft(text, start) === '-' || tiedRight(text, end) === '-';
  const checked = (from: number, end: number, sort: NationalIdSort, cued = false): Span | null => (isWordAt(text, from - 1) || isWordAt(text, end) || nationalIdSort(text.slice(from, end)) !== sort ? null : spanOf('national_id', from, end, cued));

  if (first === 15 && !tied(last(0))) return checked(start, last(0), 'nir');
  if (first === 1 && hasGroups(text, chain, [1, 2, 2, 2, 3, 3, 2])) return checked(start, last(6), 'nir');
  if (first === 11 || (first === 2 && hasGroups(text, chain, [2, 3, 3, 3]))) {
    const announced = cue();
    return announced === 'tax_id' || announced === 'id' ? checked(start, first === 11 ? last(0) : last(3), 'steuer_id', true) : null;
  }
  if (first === 8) return checked(start, last(0) + (text[last(0)] === '-' ? 2 : 1), 'dni');
  if (first === 7) return checked(start - (text[start - 1] === '-' ? 2 : 1), last(0) + (text[last(0)] === '-' ? 2 : 1), 'nie');
  const inPairs = first === 2 && hasGroups(text, chain, [2, 2, 2]);
  if (first !== 6 && !inPairs) return null;
  const end = inPairs ? last(2) : last(0);
  return checked(start - (text[start - 1] === ' ' ? 3 : 2), end + (text[end] === ' ' ? 2 : 1), 'nino');
}
