// Finds personal data and secrets in running text by their form, and by their check digits where they have some.
import { isReservedIpv4, mod97, passesLuhn, type Kind } from './surrogate.ts';

export interface Span {
  kind: Kind;
  start: number;
  end: number;
  /** Characters at the start that only say whose a secret is. */
  prefix: number;
}

/** Nothing that we look for has neither of these: most texts end here. */
const WORTH_A_LOOK = /@|\d[\d ().\/-]{5}|[0-9a-fA-F]:[0-9a-fA-F:]|::|\d\.\d{1,3}\.\d|eyJ|-----BEGIN|(?:sk|pk|rk|xox[a-z]|gh[a-z]|glpat|hf|npm|pypi|AKIA|ASIA|AIza|ya29|SG|shp[a-z]{2}|dop_v1|key|AC|SK|github_pat)[-_.]?[A-Za-z0-9_]{8}|[Bb]earer |[Bb]asic |:\/\/[^\s\/]*:|[Ss]ecret|[Pp]assw|[Tt]oken|[Aa]pi.?[Kk]ey|API_KEY|TOKEN|SECRET|PASSW|IBAN|[A-Z]{2}\d{2}|[a-z]{2}\d{2}/;

const EMAIL = /(?<![\w.!#$%&'*+=?^`{|}~-])[A-Za-z0-9](?:[\w.!#$%&'*+=?^`{|}~-]{0,62}[\w+~$-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![\w-])|(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}](?:[\p{L}\p{N}._%+-]{0,62}[\p{L}\p{N}_+-])?@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/gu;

/** Each with the group of characters that stay. */
const SECRETS = new RegExp(
  [
    '(?<![\\w-])(sk-(?:ant-|proj-|or-|svcacct-)?(?:[a-z]{2,6}\\d{2}-)?|sk_(?:live|test)_|[pr]k_(?:live|test)_|whsec_|github_pat_|gh[pousr]_|glpat-|xox[abeoprs]-|xapp-|hf_|npm_|pypi-|dop_v1_|shp(?:at|ca|pa|ss)_|AIza|ya29\\.|SG\\.|key-|lin_api_|r8_|gsk_|pat-|tok_live_)[A-Za-z0-9_.-]{16,400}(?<![._-])(?![\\w])',
    '(?<![\\w])(AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z2-7]{16}(?![\\w])',
    '(?<![\\w])(AC|SK)[0-9a-f]{32}(?![\\w])',
  ].join('|'),
  'g',
);
const JWT = /(?<![\w.-])eyJ[\w-]{8,2000}\.[\w-]{4,8000}\.[\w-]{0,2000}(?![\w-])/g;
/** A token after the word that announces it; the word stays. */
const BEARER = /\b((?:Bearer|Basic)\s+)([A-Za-z0-9+/_.~-]{16,2000}={0,2})/gi;
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@"'<>]{0,100}:)([^\s:/@"'<>]{3,200})@/gi;
const ASSIGNED =
  /\b((?:[\w.-]{0,40}[_.-])?(?:secret[_-]?(?:access[_-]?)?key|passw(?:or)?d|passphrase|pwd|api[_ -]?key|access[_ -]?key|(?:auth|access|refresh|private)[_-]?token|client[_-]?secret|token|secret)["'`]{0,2}\s{0,4}(?:[=:]|is|are)\s{0,4}["'`]{0,2})([A-Za-z0-9+/_.~!@#$%^&*-]{8,400}={0,2})/gi;
const KEY_BLOCK = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g;
const MAX_KEY_BLOCK = 20_000;

const IBAN = /(?<![A-Za-z0-9])(?:[A-Z]{2}[ -]?\d{2}(?:[ -]?[A-Z0-9]){11,30}|[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30})/g;
/** Characters of an IBAN by country (ISO 13616 registry). */
const IBAN_LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const CARD = /(?<![\w.+-])(?:[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,7}|3[47]\d{2}([ -]?)\d{6}\2\d{5}|3(?:0[0-5]|[689]\d)\d([ -]?)\d{6}\3\d{4}|[4-6]\d{12,18})(?![\w]|[.-]\d)/g;
/** Issuer ranges in use; other numbers that pass Luhn by chance are order numbers. */
const CARD_ISSUER = /^(?:4|5[0-8]|6[0-9]|3[0-9]|2[2-7])/;

const SSN = /(?<![\w.+-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w]|[.-]\d)/g;
const SSN_NAMED = /\b(?:ssn|social security(?: (?:number|no\.?))?)["']?[^0-9\n]{0,16}(?!000|666|9\d\d)(\d{9})(?!\d)/gi;

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`(?<![\\w.-])(?<!\\b(?:v|ver|version|release|build|section|chapter|rev)\\.? ?)(?:${OCTET}\\.){3}${OCTET}(?![\\w]|\\.\\d|-\\d)`, 'gi');
const IPV6 = /(?<![\w:.])(?:[0-9a-fA-F]{1,4}:|:(?=:)){1,7}(?::|[0-9a-fA-F]{1,4}|:[0-9a-fA-F]{1,4})(?::[0-9a-fA-F]{1,4}){0,6}(?![\w:]|\.\d)/g;

const PHONE_END = '(?:\\s?(?:x|ext\\.?|extension)\\s?\\d{1,6})?(?![\\w]|[.-]\\d|%|°)';
const SEPARATOR = '[ .\\/-]?';
const PHONES: readonly RegExp[] = [
  // International: +49 (0)151 234 56 78, 0049 … Groups are parted by at least one character: a run of digits is read one way only.
  new RegExp(`(?<![\\w+.-])(?:\\+|00(?=[1-9]))${SEPARATOR}\\d{1,15}(?:${SEPARATOR}\\(\\d{1,5}\\)${SEPARATOR}\\d{1,12}|(?:[ ./-]| [/-] )\\d{1,12}){0,7}${PHONE_END}`, 'gi'),
  // North America: (415) 555-2671, 415-555-2671, 1.415.555.2671
  new RegExp(`(?<![\\w+.-])(?:1[ .-]?)?(?:\\([2-9]\\d{2}\\)[ .-]?|[2-9]\\d{2}([ .-]))[2-9]\\d{2}[ .-]\\d{4}${PHONE_END}`, 'gi'),
  // National with a trunk zero or an area code in parentheses: (020) 7946 0958, 030/123 45 67, 0151-23456789
  new RegExp(`(?<![\\w+.-])(?:\\(\\d{2,5}\\)[ ./-]?|0\\d{1,4}[ ./-])\\d{2,8}(?:[ ./-]\\d{2,8}){0,4}${PHONE_END}`, 'gi'),
];
/** Any grouping, where a word before it says what it is. */
const PHONE_NAMED = new RegExp(
  `\\b(?:tele)?(?:phone|fon)s?\\b|\\b(?:tel|mobile|cell|fax|handy|whats ?app|sms)\\b|\\b(?:call|dial|ring|text|reach|phone)(?: (?:me|us|him|her|them|back))?(?: (?:at|on|under))?\\b|\\b(?:contact|callback) ?(?:number|no)\\b`,
  'gi',
);
const PHONE_AFTER_NAME = new RegExp(`^(?:["'\`_:=#(]|\\s|\\b(?:number|no|nr|num|is|at|on|me|us|under|was|to|home|work)\\b|[.](?=\\s)){0,24}(\\+?(?:\\(\\d{1,5}\\)[ ./-]?)?\\d(?:\\d|[ ./-](?=\\d)){4,22}\\d)${PHONE_END}`, 'i');
const DATE_LIKE = /^(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d{2}|(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2})(?!\d)/;

const countDigits = (text: string): number => text.replace(/\D/g, '').length;
/** Without an extension: "ext. 12" is not a part of the number. */
const isPhone = (text: string, least: number): boolean => {
  const digits = countDigits(text.replace(/\s?(?:x|ext).*$/i, ''));
  return digits >= least && digits <= 16 && !DATE_LIKE.test(text) && !/^(\D*\d)\1*$/.test(text);
};

/** All values to be replaced, in order and without overlap: where two kinds claim the same characters, the one tried first wins. */
export function findSpans(text: string): Span[] {
  if (!WORTH_A_LOOK.test(text)) return [];
  const spans: Span[] = [];
  /** 1 for every character that belongs to a span. */
  let claimed: Uint8Array | null = null;
  const claim = (kind: Kind, start: number, end: number, prefix = 0): void => {
    claimed ??= new Uint8Array(text.length);
    for (let i = start; i < end; i += 1) if (claimed[i] === 1) return;
    claimed.fill(1, start, end);
    spans.push({ kind, start, end, prefix });
  };

  const block = (start: number, end: number): void => {
    claimed ??= new Uint8Array(text.length);
    claimed.fill(1, start, end);
  };

  if (text.includes('-----BEGIN')) {
    for (const found of text.matchAll(KEY_BLOCK)) {
      const body = found.index + found[0].length;
      const dashes = text.indexOf('-----', body);
      const isClosed = text.startsWith('-----END', dashes) && dashes - body <= MAX_KEY_BLOCK;
      // Cut off: as far as it looks like a key.
      const looksLikeKey = (): number => /^[A-Za-z0-9+/=\s]*/.exec(text.slice(body, dashes < 0 ? body + MAX_KEY_BLOCK : dashes))?.[0].trimEnd().length ?? 0;
      const length = isClosed ? dashes - body + (/^-----END [A-Z0-9 ]{1,60}-----/.exec(text.slice(dashes, dashes + 80))?.[0].length ?? 0) : looksLikeKey();
      claim('private_key', found.index, body + length);
    }
  }
  if (text.includes('eyJ')) for (const found of text.matchAll(JWT)) claim('jwt', found.index, found.index + found[0].length);
  for (const found of text.matchAll(SECRETS)) {
    const prefix = (found[1] ?? found[2] ?? found[3] ?? '').length;
    if (/\d/.test(found[0].slice(prefix)) || found[0].length >= 32) claim('secret', found.index, found.index + found[0].length, prefix);
  }
  for (const found of text.matchAll(BEARER)) {
    const [, word = '', token = ''] = found;
    const start = found.index + word.length;
    // "Basic subscriptions" is no name with a password.
    const isToken = word.toLowerCase().startsWith('basic') ? Buffer.from(token, 'base64').includes(':') : /\d/.test(token);
    if (isToken) claim('secret', start, start + token.length);
  }
  if (text.includes('://')) {
    for (const found of text.matchAll(URL_CREDENTIALS)) {
      const start = found.index + (found[1] as string).length;
      claim('secret', start, start + (found[2] as string).length);
    }
  }
  for (const found of text.matchAll(ASSIGNED)) {
    const value = found[2] as string;
    const start = found.index + (found[1] as string).length;
    const trimmed = value.replace(/[.!,]+$/, '');
    // Words and plain numbers are talk about a password, not one; the short words alone are often about other things.
    const least = /(?:^|[^a-z_-])(?:token|secret)["'`]{0,2}\s*(?:[=:]|is|are)\s*["'`]{0,2}$/i.test(found[1] as string) ? 16 : 8;
    if (/\d/.test(trimmed) && /[A-Za-z]/.test(trimmed) && trimmed.length >= least) claim('secret', start, start + trimmed.length);
  }
  if (text.includes('@')) for (const found of text.matchAll(EMAIL)) claim('email', found.index, found.index + found[0].length);
  if (!/\d/.test(text) && !text.includes('::')) return inOrder(spans);

  for (const found of text.matchAll(IBAN)) {
    const length = ibanLength(found[0]);
    if (length > 0 && !/[A-Za-z0-9]/.test(text[found.index + length] ?? '')) claim('iban', found.index, found.index + length);
  }
  for (const found of text.matchAll(CARD)) {
    const digits = found[0].replace(/\D/g, '');
    if (digits.length >= 13 && digits.length <= 19 && CARD_ISSUER.test(digits) && passesLuhn(digits)) claim('card', found.index, found.index + found[0].length);
  }
  for (const found of text.matchAll(SSN)) claim('ssn', found.index, found.index + found[0].length);
  for (const found of text.matchAll(SSN_NAMED)) claim('ssn', found.index + found[0].length - 9, found.index + found[0].length);
  if (text.includes(':')) for (const found of text.matchAll(IPV6)) if (isIpv6(found[0])) claim('ipv6', found.index, found.index + found[0].length);
  for (const found of text.matchAll(IPV4)) {
    const end = found.index + found[0].length;
    // An address that stays as it is, a surrogate above all, must not become a part of a telephone number beside it.
    if (/^(?:127\.|0\.0\.0\.0$|255\.255\.|169\.254\.)/.test(found[0]) || isReservedIpv4(found[0])) block(found.index, end);
    else claim('ipv4', found.index, end);
  }
  for (const pattern of PHONES) {
    for (const found of text.matchAll(pattern)) {
      // Zeros before an order number are no country prefix.
      const least = /^00\d+$/.test(found[0]) ? 12 : 8;
      if (isPhone(found[0], least)) claim('phone', found.index, found.index + found[0].length);
    }
  }
  for (const named of text.matchAll(PHONE_NAMED)) {
    const after = named.index + named[0].length;
    const found = PHONE_AFTER_NAME.exec(text.slice(after, after + 80));
    if (!found) continue;
    const end = after + found[0].length;
    const value = text.slice(after + found[0].indexOf(found[1] as string), end);
    if (isPhone(value, 7)) claim('phone', end - value.length, end);
  }
  return inOrder(spans);
}

const inOrder = (spans: Span[]): Span[] => spans.sort((a, b) => a.start - b.start);

/** Characters of the IBAN that `text` starts with, spaces included; 0 when it is none. */
function ibanLength(text: string): number {
  const length = IBAN_LENGTHS[text.slice(0, 2).toUpperCase()];
  if (length === undefined) return 0;
  let compact = '';
  let i = 0;
  for (; i < text.length && compact.length < length; i += 1) if (/[A-Za-z0-9]/.test(text[i] as string)) compact += (text[i] as string).toUpperCase();
  return compact.length === length && mod97(compact.slice(4) + compact.slice(0, 4)) === 1 ? i : 0;
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => half.split(':')).filter((group) => group !== '');
  if (!/[0-9]/.test(text) || !groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  if (halves.length === 1) return groups.length === 8;
  // "a::b" is a list in other languages; a short address is one where it starts like those in use.
  return groups.length <= 7 && (groups.length >= 3 || (groups.length === 2 && /^(?:2[0-9a-f]{3}|f[cde][0-9a-f]{2})$/i.test(groups[0] as string)));
}
