// Finds keys, tokens and passwords: by the prefixes their issuers give them, by their frame, or by the name they are assigned to.
import { isDigitCode, isWordAt } from './chain.ts';
import type { Span } from './kinds.ts';

const spanOf = (start: number, end: number, prefix = 0, cued = false): Span => ({ kind: 'secret', start, end, prefix, cued });

/** Prefixes stay: they say whose key it is, not which. A value is at least as long as its issuer makes them. */
const ISSUED = new RegExp(
  [
    '(?<![A-Za-z0-9_-])(?:(sk-(?:ant-|proj-|or-|svcacct-|admin-)?(?:[a-z]{2,6}\\d{2}-)?|[spr]k_(?:live|test)_|whsec_|github_pat_|gh[pousr]_|gl(?:pat|ptt|dt|rt|cbt|soat)-|xox[abceoprs]-|xapp-\\d-|hf_|npm_|pypi-|do[por]_v1_|shp(?:at|ca|pa|ss)_|AIza|ya29\\.|GOCSPX-|SG\\.|key-|lin_api_|r8_|gsk_|xai-|pplx-|nvapi-|tskey-[a-z]+-|dckr_pat_|PMAK-|sbp_|ATATT3x|ATCTT3x|atlasv1\\.|hvs\\.|hvb\\.|sntrys_|sntryu_|rubygems_|pul-|tok_live_|EAAC|glsa_|figd_|phc_|ops_)([A-Za-z0-9_.-]{16,400}={0,2})',
    '(AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z2-7]{16}(?![A-Za-z0-9])',
    '(AC|SK)[0-9a-f]{32}(?![A-Za-z0-9]))',
  ].join('|'),
  'g',
);
const SLACK_HOOK = /hooks\.slack\.com\/(?:services|workflows|triggers)\/([A-Za-z0-9/]{20,200})/;
const TELEGRAM = /(?<!\d)\d{8,10}:$/;

/** Secrets in a run of characters that keys are made of, from `start` to `end` of the text. */
export function secretsInToken(text: string, start: number, end: number, claim: (span: Span) => void): void {
  const token = text.slice(start, end);
  for (const found of token.matchAll(ISSUED)) {
    const prefix = (found[1] ?? found[3] ?? found[4] ?? '').length;
    const value = found[0].replace(/[._-]+$/, '');
    // A name such as key-value-store-settings has the form, too, but neither digits nor length.
    const body = value.slice(prefix);
    if (/\d/.test(body) || (/[A-Z]/.test(body) && (value.length >= 32 || (!/^(?:sk|key|pul)-$|\.$/.test(value.slice(0, prefix)) && !/[.-]/.test(body))))) claim(spanOf(start + found.index, start + found.index + value.length, prefix));
  }
  const hook = token.includes('hooks.slack') ? SLACK_HOOK.exec(token) : null;
  if (hook) claim(spanOf(start + hook.index + hook[0].length - (hook[1] as string).length, start + hook.index + hook[0].length));
  // A bot's token: its number, a colon and 35 characters.
  if (text[start - 1] === ':') {
    const number = TELEGRAM.exec(text.slice(Math.max(start - 12, 0), start));
    if (number && /^[\w-]{35}(?![\w-])/.test(token)) claim(spanOf(start - number[0].length, start + 35));
  }
  const scheme = /(?:^|[^A-Za-z])(bearer|basic|token|secret|key)["']?[ \t:]{1,4}$/i.exec(text.slice(Math.max(start - 14, 0), start))?.[1]?.toLowerCase();
  const credential = token.replace(/\.+$/, '');
  if (scheme !== undefined && isCredential(scheme, credential)) claim(spanOf(start, start + credential.length, 0, true));
}

/** "Basic subscriptions" is no name with a password, and what follows "token" in a sentence mostly none either. */
function isCredential(scheme: string, token: string): boolean {
  if (scheme === 'basic') return /^[A-Za-z0-9+/]+={0,2}$/.test(token) && Buffer.from(token.slice(0, 400), 'base64').includes(':');
  if (!/\d/.test(token) || !/[A-Za-z]/.test(token)) return false;
  // A path follows these words too, and so do names; a key is long and drawn by lot.
  if (scheme === 'secret' || scheme === 'key' || token.includes('/')) return token.length >= 32 && (/^[\da-f]+$/i.test(token) || (/^[A-Za-z0-9+/_=-]+$/.test(token) && (token.match(/[a-z]+|[A-Z]+|\d+/g) ?? []).length >= token.length / 3));
  return scheme === 'bearer' || token.length >= 20;
}

const JWT = /(?<![\w.-])eyJ[\w-]{8,2000}\.[\w-]{4,8000}\.[\w-]{0,2000}(?![\w-])/g;
export function jwtsIn(text: string, claim: (span: Span) => void): void {
  for (const found of text.matchAll(JWT)) claim({ kind: 'jwt', start: found.index, end: found.index + found[0].length, prefix: 0, cued: false });
}

const KEY_BLOCK = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g;
const MAX_KEY_BLOCK = 20_000;

export function keyBlocksIn(text: string, claim: (span: Span) => void): void {
  for (const found of text.matchAll(KEY_BLOCK)) {
    const body = found.index + found[0].length;
    const dashes = text.slice(body, body + MAX_KEY_BLOCK).indexOf('-----');
    const isClosed = dashes >= 0 && text.startsWith('-----END', body + dashes);
    // Cut off: as far as it looks like a key.
    const looksLikeKey = (): number => /^[A-Za-z0-9+/=\s]*/.exec(text.slice(body, body + (dashes < 0 ? MAX_KEY_BLOCK : dashes)))?.[0].trimEnd().length ?? 0;
    const length = isClosed ? dashes + (/^-----END [A-Z0-9 ]{1,60}-----/.exec(text.slice(body + dashes, body + dashes + 80))?.[0].length ?? 0) : looksLikeKey();
    claim({ kind: 'private_key', start: found.index, end: body + length, prefix: 0, cued: false });
  }
}

/** Whether the text ends inside the block of a private key. */
export function endsInKeyBlock(text: string): boolean {
  const begin = text.lastIndexOf('-----BEGIN');
  if (begin < 0 || text.length - begin > MAX_KEY_BLOCK) return false;
  const block = new RegExp(`^${KEY_BLOCK.source}[A-Za-z0-9+/=\\s]*$`);
  return block.test(text.slice(begin));
}

/** How much at the start of a text goes on with a private key that the text before leaves open: up to its end, or as far as it looks like one. */
export function keyBodyLength(text: string): number {
  const head = text.slice(0, MAX_KEY_BLOCK);
  const closed = /^[A-Za-z0-9+/=\s]*(?=-----END)/.exec(head);
  // Without a space there are no words in it.
  const whole = /^[A-Za-z0-9+/=\r\n]*$/.exec(head);
  return (closed ?? whole ?? /^[A-Za-z0-9+/=]*(?:\s*\n[A-Za-z0-9+/=]{40,})*/.exec(head))?.[0].length ?? 0;
}

/** The password between user and host, from the :// at `at`. */
export function urlPassword(text: string, at: number): Span | null {
  if (!/[A-Za-z0-9]/.test(text[at - 1] ?? '')) return null;
  const found = /^[^\s:/@"'<>]{0,100}:([^\s/"'<>]{3,200})@(?=[\w[.-])/.exec(text.slice(at + 3, at + 310));
  if (!found || (found[1] as string).startsWith('$') || (found[1] as string).startsWith('{')) return null;
  const end = at + 3 + found[0].length - 1;
  return spanOf(end - (found[1] as string).length, end, 0, true);
}

/** Names that end in one of these hold a password: even a short one with few sorts of characters is one. */
const PASSWORDS: ReadonlySet<string> = new Set(['password', 'passwd', 'passwort', 'passphrase', 'passcode', 'pwd', 'pw', 'pass', 'kennwort', 'contraseña', 'senha', 'wachtwoord', 'пароль']);
/** Names that hold a key, as the last word or the last two. */
const KEYS: ReadonlySet<string> = new Set('secret token apikey apitoken secretkey accesskey privatekey authtoken accesstoken refreshtoken idtoken sessiontoken clientsecret credential credentials bearer signature sig'.split(' '));
const KEY_QUALIFIERS: ReadonlySet<string> = new Set('api secret access private encryption signing auth account master service client session shared webhook application app subscription license deploy storage hmac jwt'.split(' '));

/** A letter, a number, _ . or - at that offset. */
const isNamed = (text: string, at: number): boolean => text[at] === '.' || text[at] === '-' || isWordAt(text, at) || (text.charCodeAt(at) >= 0x80 && /\p{N}/u.test(text[at] as string));

/** The name that ends at `end`, in lower case and in words: `AWS_SECRET_ACCESS_KEY` and `secretAccessKey` give the same. */
function nameBefore(text: string, end: number): string[] {
  let start = end;
  while (start > 0 && end - start < 48 && isNamed(text, start - 1)) start -= 1;
  return text
    .slice(start, end)
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[_.-]+/)
    .filter((word) => word !== '');
}

type Strength = 'password' | 'key' | 'token';

function strengthOf(words: readonly string[]): Strength | null {
  const last = (words.at(-1) ?? '').replace(/\d+$/, '');
  if (PASSWORDS.has(last)) return 'password';
  if ((last === 'key' || last === 'keys') && KEY_QUALIFIERS.has(words.at(-2) ?? '')) return 'key';
  if (KEYS.has(last)) return words.length === 1 && (last === 'token' || last === 'secret' || last === 'signature' || last === 'sig') ? 'token' : 'key';
  return null;
}

/** Last two letters of all names above: most names before a colon end otherwise. */
const ENDINGS = new Set([...PASSWORDS, ...KEYS, 'key', 'keys'].map((word) => word.slice(-2)));

/** The value after the : or = at `at`, when the name before it is that of a secret. */
export function assignedAt(text: string, at: number): Span | null {
  let nameEnd = at;
  if (text[at] === '=' && text[nameEnd - 1] === ':') nameEnd -= 1;
  while (nameEnd > 0 && at - nameEnd < 6 && `"'\`) ]\\`.includes(text[nameEnd - 1] as string)) nameEnd -= 1;
  // "password2" is one as well.
  const letters = isDigitCode(text.charCodeAt(nameEnd - 1)) ? nameEnd - 1 : nameEnd;
  if (!ENDINGS.has(text.slice(Math.max(letters - 2, 0), letters).toLowerCase())) return null;
  const words = nameBefore(text, nameEnd);
  const strength = strengthOf(words) ?? twoWords(text, nameEnd, words);
  if (strength === null) return null;
  let start = at + 1;
  while (start - at < 8 && /[ \t=>]/.test(text[start] ?? '')) start += 1;
  return valueFrom(text, start, strength);
}

/** "api key: …" in a sentence is two words. */
const twoWords = (text: string, end: number, words: readonly string[]): Strength | null =>
  words.length === 1 && (words[0] === 'key' || words[0] === 'token') && KEY_QUALIFIERS.has(/([A-Za-z]+) [A-Za-z]+$/.exec(text.slice(Math.max(end - 24, 0), end))?.[1]?.toLowerCase() ?? '') ? 'key' : null;

const SAID = /(?:pass(?:word|wort|phrase|code)|kennwort|contraseña|senha|pwd|(?:api|access|secret)[ _-]?key|(?:api|access|auth)[ _-]?token|token|secret) (?:is|ist|lautet|es|est|was|to|auf)(?: now| jetzt)?:? /gi;

/** "my password is …" */
export function saidIn(text: string, claim: (span: Span) => void): void {
  for (const found of text.matchAll(SAID)) {
    const words = found[0].toLowerCase();
    const span = valueFrom(text, found.index + found[0].length, /^(?:pass|kenn|contra|senha|pwd)/.test(words) ? 'password' : /key|api|access|auth/.test(words) ? 'key' : 'token');
    if (span && !/\s/.test(text.slice(span.start, span.end))) claim(span);
  }
}
export const HAS_SAID = /passw|passp|passc|kennwort|contrase|senha|pwd|token|secret|[_ -]key/i;

const MAX_VALUE = 400;
const LEAST: Readonly<Record<Strength, number>> = { password: 4, key: 8, token: 16 };

function valueFrom(text: string, start: number, strength: Strength): Span | null {
  const quote = /["'`]/.test(text[start] ?? '') ? (text[start] as string) : '';
  const from = start + quote.length;
  const window = text.slice(from, from + MAX_VALUE);
  let value = quote === '' ? (/^[^\s"'`<>,;|]+/.exec(window)?.[0] ?? '') : window.slice(0, Math.max(window.search(new RegExp(`[${quote}\n]`)), 0));
  if (quote === '') {
    value = value.replace(/&[A-Za-z_]{1,30}=.*$/s, '').replace(/[.?)\]}:]+$/, '');
  }
  return looksSecret(value, strength) ? spanOf(from, from + value.length, 0, true) : null;
}

/** Words and plain numbers are talk about a password, not one; so is a place that another program fills, and an e-mail address is found as such. */
function looksSecret(value: string, strength: Strength): boolean {
  if (value.length < LEAST[strength] || /^(?:[$%{[(<*]|\.{3}|xxx|process\.env|os\.|getenv|null|none|true|false)/i.test(value) || /^(.)\1*$/.test(value) || value.includes('://') || /@[^@]+\.\p{L}{2,24}$/u.test(value)) return false;
  const hasLetter = /\p{L}/u.test(value);
  const hasDigit = /\d/.test(value);
  if (strength === 'password') return /\s/.test(value) ? hasLetter && hasDigit && value.length <= 60 && !/^\s|\s$/.test(value) : hasLetter ? hasDigit || /[!@#$%^&*+?~]/.test(value) || /[a-z].*[A-Z].*[a-z]|[A-Z]{2}.*[a-z]|[a-z]{2}[A-Z]/.test(value) : value.length >= 6 && hasDigit && !/^\d+$/.test(value);
  if (!hasLetter || /\s/.test(value)) return false;
  return hasDigit || (value.length >= 20 && /[a-z]/.test(value) && /[A-Z]/.test(value));
}

/** Whether a value under this name would be taken for a secret. */
export const isSecretName = (name: string): boolean => strengthOf(nameBefore(name, name.length)) !== null;
