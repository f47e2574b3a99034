// Made-up values for the redaction benchmark, right by their own rules, and look-alikes that are nobody's. Shares no code with the redactor.

/** Draws that follow from the seed alone (mulberry32). */
export class Draw {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  /** Whole number from `from` to `to`, both included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from + 1));
  }
  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T;
  }
  chance(share: number): boolean {
    return this.unit() < share;
  }
  from(alphabet: string, length: number): string {
    let text = '';
    for (let i = 0; i < length; i += 1) text += alphabet[this.int(0, alphabet.length - 1)];
    return text;
  }
  digits(length: number): string {
    return this.from('0123456789', length);
  }
  /** `N` 2 to 9, `D` 0 to 9, `P` 1 to 9; everything else stands for itself. */
  shape(pattern: string): string {
    return pattern.replace(/[NDP]/g, (sort) => this.from(sort === 'N' ? '23456789' : sort === 'P' ? '123456789' : '0123456789', 1));
  }
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();
const ALNUM = `${LOWER}${UPPER}0123456789`;
const HEX = '0123456789abcdef';
const URLSAFE = `${ALNUM}-_`;

export type ValueKind = 'card' | 'iban' | 'email' | 'phone' | 'ip' | 'ssn' | 'national_id' | 'key';

/** `needsCue`: nothing but the words around it can tell what it is. */
export interface Value {
  kind: ValueKind;
  text: string;
  needsCue: boolean;
  /** Text that belongs directly before and after the value, as in `password=…`. */
  before: string;
  after: string;
}

const value = (kind: ValueKind, text: string, needsCue = false, before = '', after = ''): Value => ({ kind, text, needsCue, before, after });

const grouped = (text: string, groups: readonly number[], separator: string): string => {
  const parts: string[] = [];
  let at = 0;
  for (const size of groups) {
    if (at < text.length) parts.push(text.slice(at, at + size));
    at += size;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts.join(separator);
};

function withLuhn(body: string): string {
  for (let check = 0; check < 10; check += 1) {
    const number = `${body}${check}`;
    let sum = 0;
    for (let i = 0; i < number.length; i += 1) {
      const digit = Number(number[number.length - 1 - i]);
      sum += i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
    }
    if (sum % 10 === 0) return number;
  }
  throw new Error('one digit always fits');
}

export function card(draw: Draw): Value {
  const [prefix, length, groups] = draw.pick<readonly [string, number, readonly number[]]>([
    ['4', 16, [4, 4, 4, 4]], ['4', 16, [4, 4, 4, 4]], ['4', 16, [4, 4, 4, 4]], [`5${draw.int(1, 5)}`, 16, [4, 4, 4, 4]], [`5${draw.int(1, 5)}`, 16, [4, 4, 4, 4]],
    [String(draw.int(2221, 2720)), 16, [4, 4, 4, 4]], [draw.pick(['34', '37']), 15, [4, 6, 5]], [draw.pick(['34', '37']), 15, [4, 6, 5]],
    [draw.pick(['6011', '644', '649', '65']), 16, [4, 4, 4, 4]], [draw.pick(['300', '305', '36', '38']), 14, [4, 6, 4]], [String(draw.int(3528, 3589)), 16, [4, 4, 4, 4]],
    ['62', 16, [4, 4, 4, 4]], ['62', 19, [4, 4, 4, 4, 3]], [draw.pick(['5018', '5020', '5038', '6304', '6759', '6761']), draw.pick([16, 18, 19]), [4, 4, 4, 4, 3]],
  ]);
  const number = withLuhn(prefix + draw.digits(length - prefix.length - 1));
  const separator = draw.pick(['', '', ' ', ' ', '-', '\u00a0']);
  return value('card', separator === '' ? number : grouped(number, groups, separator));
}

/** Account numbers: n digits, a upper-case letters, c either (ISO 13616). */
const IBAN_SHAPES = 'AT16n BE12n BG4a6n8c CH5n12c CY8n16c CZ20n DE18n DK14n EE16n ES20n FI14n FR10n11c2n GB4a14n GR7n16c HR17n HU24n IE4a14n IT1a10n12c LT16n LU3n13c LV4a13c MT4a5n18c NL4a10n NO11n PL24n PT21n RO4a16c SA2n18c SE20n SI15n SK20n TR6n16c AE19n IL19n';

export function iban(draw: Draw): Value {
  const shape = draw.pick(IBAN_SHAPES.split(' '));
  const country = shape.slice(0, 2);
  let account = '';
  for (const [, count = '', sort] of shape.slice(2).matchAll(/(\d+)([nac])/g)) account += draw.from(sort === 'n' ? '0123456789' : sort === 'a' ? UPPER : draw.chance(0.8) ? '0123456789' : `0123456789${UPPER}`, Number(count));
  const numeric = [...`${account}${country}00`].map((character) => parseInt(character, 36)).join('');
  const check = String(98n - (BigInt(numeric) % 97n)).padStart(2, '0');
  const whole = country + check + account;
  const style = draw.pick(['compact', 'compact', 'space', 'space', 'space', 'dash', 'lower', 'nbsp']);
  if (style === 'compact') return value('iban', whole);
  if (style === 'lower') return value('iban', whole.toLowerCase());
  return value('iban', (whole.match(/.{1,4}/g) ?? []).join(style === 'dash' ? '-' : style === 'nbsp' ? '\u00a0' : ' '));
}

const FIRST = ['anna', 'ben', 'carla', 'dmitri', 'elif', 'fatima', 'george', 'hiro', 'ines', 'jonas', 'kofi', 'lena', 'maria', 'noor', 'oscar', 'priya', 'quentin', 'rosa', 'sven', 'tariq', 'uma', 'viktor', 'wanda', 'xu', 'yara', 'zoe', 'jörg', 'zoë', 'rené', 'łukasz'];
const LAST = ['smith', 'garcia', 'müller', 'kowalski', 'nguyen', 'rossi', 'dubois', 'jensen', "o'brien", 'van-dyk', 'tanaka', 'singh', 'okafor', 'haddad', 'silva', 'popescu', 'novak', 'berg', 'li', 'costa'];
const ascii = (text: string): string => text.normalize('NFD').replace(/ł/g, 'l').replace(/[^\x21-\x7e]/g, '');
const COMPANY = ['acme', 'northwind', 'blue-river', 'initech', 'kaufhaus', 'lumen', 'papyrus', 'umbra', 'vertex4', 'x1', 'mail', 'post', 'web', 'data-works', 'alpen'];
const TOP = ['com', 'com', 'com', 'org', 'net', 'de', 'fr', 'co.uk', 'io', 'com.br', 'photography', 'edu', 'gov.au', 'it', 'pl', 'info'];

export function email(draw: Draw): Value {
  const first = draw.pick(FIRST);
  const last = draw.pick(LAST);
  const plain = ascii(`${first}.${last.replace(/'/g, '')}`);
  const local = draw.pick([
    () => plain, () => plain, () => ascii(first) + draw.int(1, 99), () => `${ascii(first)}_${ascii(last.replace(/'/g, ''))}`, () => ascii(first[0] ?? 'a') + ascii(last), () => `${plain}+${draw.pick(['news', 'shop2', 'a-b'])}`,
    () => plain.toUpperCase(), () => draw.from(LOWER, draw.int(1, 3)), () => `${ascii(first)}-${draw.digits(4)}`, () => `${first}.${last.replace(/'/g, '')}`, () => `"${ascii(first)} ${ascii(last.replace(/'/g, ''))}"`, () => `${ascii(first)}.o'brien`,
  ])();
  const company = draw.pick(COMPANY);
  const domain = draw.pick([
    () => `${company}.${draw.pick(TOP)}`, () => `${company}.${draw.pick(TOP)}`, () => `${company}.${draw.pick(TOP)}`, () => `mail.${company}.${draw.pick(TOP)}`, () => `eu-1.smtp.${company}.${draw.pick(TOP)}`,
    () => `${draw.pick(['bücher', 'müller-söhne', 'пример', '例え'])}.${draw.pick(['de', 'com', 'рф'])}`, () => `xn--${draw.from(LOWER, 6)}-${draw.from(`${LOWER}0123456789`, 3)}.de`, () => `${company.toUpperCase()}.COM`,
  ])();
  return value('email', `${local}@${domain}`);
}

/** [country code, trunk prefix of national numbers, shapes of the national number without it]; `-` stands for the separator. */
const PLANS: readonly (readonly [string, string, readonly string[]])[] = [
  ['44', '0', ['20-7DDD-DDDD', '161-NDD-DDDD', '7PDD-DDDDDD', '7DDD-DDD-DDD']], ['49', '0', ['30-NDDDDDD', '89-NDD-DD-DD', '151-NDD-DDDDD', '176-NDDDDDDD', '6221-NDDDDD']],
  ['33', '0', ['1-DD-DD-DD-DD', '6-DD-DD-DD-DD', '4-DD-DD-DD-DD']], ['34', '', ['6DD-DDD-DDD', '91D-DD-DD-DD']], ['39', '', ['06-NDDD-DDDD', '3ND-DDD-DDDD', '02-NDDDDDDD']],
  ['31', '0', ['20-NDD-DDDD', '6-NDDD-DDDD']], ['32', '0', ['2-NDD-DD-DD', '47P-DD-DD-DD']], ['41', '0', ['44-NDD-DD-DD', '79-NDD-DD-DD']], ['43', '0', ['1-NDDDDDD', '664-NDDDDDD']],
  ['48', '', ['NDD-DDD-DDD', '22-NDD-DD-DD']], ['46', '0', ['8-NDD-DDD-DD', '70-NDD-DD-DD']], ['45', '', ['ND-DD-DD-DD']], ['47', '', ['9DD-DD-DDD', '22-DD-DD-DD']], ['358', '0', ['9-NDDD-DDDD', '40-NDD-DDDD']],
  ['351', '', ['91D-DDD-DDD', '21N-DDD-DDD']], ['353', '0', ['1-NDD-DDDD', '87-NDD-DDDD']], ['61', '0', ['2-9DDD-DDDD', '4DD-DDD-DDD']], ['64', '0', ['9-NDD-DDDD', '21-NDD-DDD']], ['91', '0', ['9DDDD-DDDDD', '22-NDDD-DDDD']],
  ['81', '0', ['3-NDDD-DDDD', '90-NDDD-DDDD']], ['86', '0', ['10-NDDD-DDDD', '13D-DDDD-DDDD']], ['55', '0', ['11-9DDDD-DDDD', '21-NDDD-DDDD']], ['52', '', ['55-NDDD-DDDD']], ['27', '0', ['11-NDD-DDDD', '82-NDD-DDDD']],
  ['90', '0', ['532-NDD-DD-DD', '212-NDD-DD-DD']], ['7', '8', ['9PD-DDD-DD-DD', '495-NDD-DD-DD']], ['380', '0', ['44-NDD-DDDD', '67-NDD-DD-DD']], ['82', '0', ['2-NDDD-DDDD', '10-NDDD-DDDD']], ['65', '', ['6DDD-DDDD', '9DDD-DDDD']],
  ['852', '', ['2DDD-DDDD', '9DDD-DDDD']], ['972', '0', ['3-NDD-DDDD', '52-NDD-DDDD']], ['971', '0', ['4-NDD-DDDD', '50-NDD-DDDD']],
];
const american = (draw: Draw): string => draw.shape('NDD-NDD-DDDD').replace(/^(.)11/, '$125').replace(/-(.)11-/, '-$134-');

export function phone(draw: Draw): Value {
  const extension = draw.chance(0.08) ? draw.pick([` ext. ${draw.digits(3)}`, ` x${draw.digits(4)}`, ` ext ${draw.digits(2)}`, ` extension ${draw.digits(3)}`]) : '';
  if (draw.chance(0.35)) {
    const [area = '', exchange = '', line = ''] = american(draw).split('-');
    const style = draw.int(0, 9);
    const text = [`(${area}) ${exchange}-${line}`, `${area}-${exchange}-${line}`, `${area}.${exchange}.${line}`, `${area} ${exchange} ${line}`, `+1 ${area} ${exchange} ${line}`, `+1-${area}-${exchange}-${line}`, `+1 (${area}) ${exchange}-${line}`, `1-${area}-${exchange}-${line}`, `+1${area}${exchange}${line}`, `${area}${exchange}${line}`][style] as string;
    return value('phone', text + extension, style === 9);
  }
  const [country, trunk, shapes] = draw.pick(PLANS);
  const national = draw.shape(draw.pick(shapes));
  const separator = draw.pick([' ', ' ', ' ', '-', '.']);
  const [area = '', ...rest] = national.split('-');
  const subscriber = rest.join(separator);
  if (draw.chance(0.55)) {
    const text = draw.pick([
      `+${country} ${area}${separator}${subscriber}`, `+${country} ${area}${separator}${subscriber}`, `+${country}${national.replace(/-/g, '')}`, `00${country} ${area}${separator}${subscriber}`, `+${country}-${area}-${rest.join('-')}`,
      trunk === '0' ? `+${country} (0)${area} ${subscriber}` : `+${country} (${area}) ${subscriber}`, `00${country}${national.replace(/-/g, '')}`, `+${country} ${area}${rest.join('')}`,
    ]);
    return value('phone', text + extension);
  }
  if (trunk === '' || trunk === '8') return value('phone', draw.pick([`${trunk}${trunk && ' '}${area}${separator}${subscriber}`, `${trunk}${national.replace(/-/g, '')}`]) + extension, true);
  const compact = draw.chance(0.2);
  const text = compact ? `${trunk}${area}${rest.join('')}` : draw.pick([`${trunk}${area}${separator}${subscriber}`, `(${trunk}${area}) ${subscriber}`, `${trunk}${area}/${rest.join(' ')}`, `${trunk}${area}-${rest.join('')}`]);
  return value('phone', text + extension, compact);
}

export function ip(draw: Draw): Value {
  if (draw.chance(0.6)) {
    const first = draw.pick([10, 172, 192, draw.int(1, 126), draw.int(128, 168), draw.int(170, 197), draw.int(199, 223)]);
    const address = `${first}.${first === 172 ? draw.int(16, 31) : first === 192 ? 168 : draw.int(0, 255)}.${draw.int(0, 255)}.${draw.int(1, 254)}`;
    return value('ip', address, false, '', draw.pick(['', '', '', '', `:${draw.int(80, 65000)}`, '/24']));
  }
  const group = (): string => draw.int(1, 0xffff).toString(16);
  const start = draw.pick([`2${draw.from('0123456', 1)}${draw.from(HEX, 2)}`, 'fe80', 'fd12', '2a02', '2001']);
  const wide = (): string => draw.from(HEX, 4);
  const address = draw.pick([
    () => `${start}:${Array.from({ length: 7 }, wide).join(':')}`, () => `${start}:${Array.from({ length: 7 }, group).join(':')}`, () => `${start}:${group()}:${group()}::${draw.int(1, 99)}`, () => `${start}::${group()}:${group()}:${group()}:${group()}`,
    () => `${start}::${group()}`, () => `${start}:${group()}:${group()}:${group()}::`, () => `${start}:${group()}::${group()}`, () => `::ffff:${draw.int(11, 126)}.${draw.int(0, 255)}.${draw.int(0, 255)}.${draw.int(1, 254)}`,
  ])();
  const text = draw.chance(0.2) ? address.toUpperCase() : address;
  return value('ip', text, false, ...(draw.chance(0.1) ? (['[', ']:443'] as const) : (['', draw.chance(0.1) ? '/64' : ''] as const)));
}

export function ssn(draw: Draw): Value {
  let area = draw.int(1, 899);
  if (area === 666) area = 667;
  const parts = [String(area).padStart(3, '0'), String(draw.int(1, 99)).padStart(2, '0'), String(draw.int(1, 9999)).padStart(4, '0')];
  const separator = draw.pick(['-', '-', '-', '-', ' ', '']);
  return value('ssn', parts.join(separator), separator === '');
}

const remainder = (text: string, modulus: bigint): number => Number(BigInt(text) % modulus);

/** Ids of other countries, with the check digits that their laws prescribe. */
const NATIONAL_IDS: readonly ((draw: Draw) => Value)[] = [
  // France: 13 digits and 97 minus their remainder.
  (draw) => {
    const body = `${draw.int(1, 2)}${draw.digits(2)}${String(draw.int(1, 12)).padStart(2, '0')}${String(draw.int(1, 95)).padStart(2, '0')}${String(draw.int(1, 989)).padStart(3, '0')}${draw.digits(3)}`;
    const whole = body + String(97 - remainder(body, 97n)).padStart(2, '0');
    return value('national_id', draw.chance(0.5) ? whole : grouped(whole, [1, 2, 2, 2, 3, 3, 2], ' '));
  },
  // Spain: the letter of the remainder by 23; foreigners' start with X, Y or Z for 0, 1 or 2.
  (draw) => {
    const letter = (number: number): string => 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23] as string;
    if (draw.chance(0.5)) {
      const number = draw.int(10_000_000, 99_999_999);
      return value('national_id', `${number}${draw.pick(['', '-'])}${letter(number)}`);
    }
    const lead = draw.int(0, 2);
    const digits = draw.digits(7);
    return value('national_id', `${'XYZ'[lead]}${draw.pick(['', '-'])}${digits}${draw.pick(['', '-'])}${letter(Number(`${lead}${digits}`))}`);
  },
  // United Kingdom: no check digit, but a form of its own.
  (draw) => {
    const letters = `${draw.from('ABCEHJLMPRSTWXY', 1)}${draw.from('ACEHJKLMPRSTWXYZ', 1)}`;
    const parts = [letters, draw.digits(2), draw.digits(2), draw.digits(2), draw.from('ABCD', 1)];
    return value('national_id', parts.join(draw.pick(['', ' '])));
  },
  // Germany: ISO 7064 MOD 11,10; of ten digits exactly one comes twice.
  (draw) => {
    const order = [...'0123456789'].sort(() => draw.unit() - 0.5);
    if (order[0] === '0') order.push(order.shift() as string);
    const spare = draw.int(1, 9);
    order[spare] = order[(spare + draw.int(1, 8)) % 10] as string;
    let product = 10;
    for (const digit of order) {
      const sum = (Number(digit) + product) % 10 || 10;
      product = (sum * 2) % 11;
    }
    const whole = order.join('') + String((11 - product) % 10);
    return draw.chance(0.5) ? value('national_id', whole, true) : value('national_id', grouped(whole, [2, 3, 3, 3], ' '), true);
  },
];
export const nationalId = (draw: Draw): Value => draw.pick(NATIONAL_IDS)(draw);

const PASSWORDS = ['Tr0ub4dor&3', 'hunter2!Blue', 'Sommer2024!', 'p@ssW0rd99', 'correct-horse7-battery', 'zX9$kLm2#Qw', 'Qwertz!123', 'n3verG0nna', 'M1lch&Honig', 'blau_Wal_77'];
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const base64url = (text: string): string => Buffer.from(text).toString('base64url');

const KEYS: readonly ((draw: Draw) => Value)[] = [
  (draw) => value('key', `${draw.pick(['AKIA', 'ASIA'])}${draw.from(`${UPPER}234567`, 16)}`),
  (draw) => value('key', draw.from(`${ALNUM}+/`, 40), true, draw.pick(['aws_secret_access_key = ', 'AWS_SECRET_ACCESS_KEY=', '"SecretAccessKey": "']), ''),
  (draw) => value('key', `${draw.pick(['ghp_', 'gho_', 'ghs_'])}${draw.from(ALNUM, 36)}`),
  (draw) => value('key', `github_pat_${draw.from(ALNUM, 22)}_${draw.from(ALNUM, 59)}`),
  (draw) => value('key', `glpat-${draw.from(URLSAFE, 19)}${draw.from(ALNUM, 1)}`),
  (draw) => value('key', `xox${draw.pick(['b', 'p'])}-${draw.digits(12)}-${draw.digits(12)}-${draw.from(ALNUM, 24)}`),
  (draw) => value('key', `T${draw.from(`${UPPER}0123456789`, 10)}/B${draw.from(`${UPPER}0123456789`, 10)}/${draw.from(ALNUM, 24)}`, true, 'https://hooks.slack.com/services/', ''),
  (draw) => value('key', `${draw.pick(['sk_live_', 'rk_live_', 'sk_test_'])}${draw.from(ALNUM, draw.pick([24, 32, 99]))}`),
  (draw) => value('key', `AIza${draw.from(URLSAFE, 34)}${draw.from(ALNUM, 1)}`),
  (draw) => value('key', `GOCSPX-${draw.from(URLSAFE, 27)}${draw.from(ALNUM, 1)}`),
  (draw) => value('key', `sk-${draw.from(ALNUM, 48)}`),
  (draw) => value('key', `sk-proj-${draw.from(URLSAFE, 73)}${draw.from(ALNUM, 1)}`),
  (draw) => value('key', `sk-ant-api03-${draw.from(URLSAFE, 92)}AA`),
  (draw) => value('key', `hf_${draw.from(LOWER + UPPER, 34)}`),
  (draw) => value('key', `npm_${draw.from(ALNUM, 36)}`),
  (draw) => value('key', `SG.${draw.from(URLSAFE, 21)}a.${draw.from(URLSAFE, 42)}b`),
  (draw) => value('key', `${draw.digits(10)}:AA${draw.from(URLSAFE, 32)}x`),
  (draw) => value('key', `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify({ sub: draw.digits(9), name: draw.pick(FIRST), iat: draw.int(1_600_000_000, 1_800_000_000) }))}.${draw.from(URLSAFE, 42)}x`),
  (draw) => {
    const sort = draw.pick(['RSA ', 'EC ', '', 'OPENSSH ', 'ENCRYPTED ']);
    const lines = Array.from({ length: draw.int(3, 12) }, () => draw.from(`${ALNUM}+/`, 64)).join('\n');
    return value('key', `-----BEGIN ${sort}PRIVATE KEY-----\n${lines}\n${draw.from(ALNUM, 30)}==\n-----END ${sort}PRIVATE KEY-----`);
  },
  (draw) => value('key', draw.from(ALNUM, draw.int(24, 64)), true, draw.pick(['Authorization: Bearer ', 'authorization: bearer ', '-H "Authorization: Bearer '])),
  (draw) => value('key', base64(`${draw.pick(FIRST)}:${draw.pick(PASSWORDS)}`), true, 'Authorization: Basic '),
  (draw) => value('key', draw.pick([...PASSWORDS.map((word) => word.replace(/[@#&]/g, 'x')), draw.from(ALNUM, 16)]), true, draw.pick(['postgres://app:', 'https://deploy:', 'mongodb+srv://root:', 'amqp://guest:', 'redis://:']), draw.pick(['@db.internal:5432/app', '@10.0.4.7/x', '@cluster0.acme.net/test'])),
  (draw) => value('key', draw.pick(PASSWORDS), true, draw.pick(['password=', 'password: ', 'my password is ', 'PASSWORD=', 'pwd: ', '"password": "', 'Passwort: ', 'db_password = '])),
  (draw) => value('key', draw.from(ALNUM, draw.int(20, 40)), true, draw.pick(['api_key: ', 'API_KEY=', 'api-key=', '"apiKey": "', 'x-api-key: ', 'client_secret=', 'access_token=', 'auth_token: ', 'SECRET_KEY=', 'token="'])),
  (draw) => value('key', draw.from(HEX, draw.pick([32, 40, 64])), true, draw.pick(['api_key=', 'secret: ', 'apikey: ', 'client_secret: ', 'ENCRYPTION_KEY='])),
  (draw) => value('key', `${draw.from(`${ALNUM}+/`, 86)}==`, true, 'DefaultEndpointsProtocol=https;AccountName=store;AccountKey=', ';EndpointSuffix=core.windows.net'),
];
export function key(draw: Draw): Value {
  const made = draw.pick(KEYS)(draw);
  return made.before.endsWith('"') ? { ...made, after: `"${made.after}` } : made;
}

/** Look-alikes: each is nobody's, though its form is close to one of the kinds. */
export const LOOKALIKES: Readonly<Record<string, (draw: Draw) => string>> = {
  'order number': (draw) => draw.pick([`order ${draw.digits(10)}`, `order #${draw.digits(8)}`, `Order no. ${draw.shape('PDD-DDDDDDD-DDDDDDD')}`, `order ${draw.digits(16)}`, `Bestellung ${draw.shape('PDDDDDDDD')}`, `PO ${draw.shape('45DDDDDDDD')}`, `ORD-${draw.digits(5)}-${draw.digits(4)}`, `invoice 2024-${draw.digits(4)}-${draw.digits(3)}`, `ticket ${draw.shape('PDDDDDD')}`, `case number ${draw.shape('0DDDDDDD')}`]),
  date: (draw) => {
    const [day, month, year] = [String(draw.int(1, 28)).padStart(2, '0'), String(draw.int(1, 12)).padStart(2, '0'), draw.int(1990, 2030)];
    return draw.pick([`${year}-${month}-${day}`, `${day}.${month}.${year}`, `${month}/${day}/${year}`, `${day}-${month}-${year}`, `${year}/${month}/${day} ${draw.int(10, 23)}:${draw.int(10, 59)}`, `${year}-${month}-${day}T10:${draw.int(10, 59)}:00.000Z`, `${day}.${month}.${year} - ${month}.${day}.${year + 1}`, `${year}${month}${day}`, `${year} ${month} ${day}`]);
  },
  version: (draw) => draw.pick([`version ${draw.int(1, 9)}.${draw.int(0, 20)}.${draw.int(0, 20)}.${draw.int(0, 250)}`, `v${draw.int(1, 20)}.${draw.int(0, 20)}.${draw.int(0, 99)}`, `Chrome/${draw.int(90, 130)}.0.${draw.int(1000, 6999)}.${draw.int(10, 250)}`, `node ${draw.int(10, 24)}.${draw.int(0, 20)}.${draw.int(0, 9)}`, `release ${draw.int(1, 9)}.${draw.int(0, 9)}.${draw.int(0, 9)}.${draw.int(0, 9)}`, `section ${draw.int(1, 9)}.${draw.int(1, 9)}.${draw.int(1, 9)}.${draw.int(1, 9)}`, `firmware ${draw.int(1, 9)}.${draw.int(10, 99)}.${draw.int(0, 99)}.${draw.int(0, 9)}`]),
  ISBN: (draw) => draw.pick([`ISBN 978-${draw.digits(1)}-${draw.digits(2)}-${draw.digits(6)}-${draw.digits(1)}`, `ISBN-13: 978${draw.digits(10)}`, `ISBN 0-${draw.digits(3)}-${draw.digits(5)}-${draw.from('0123456789X', 1)}`, `ISBN ${draw.digits(10)}`, `ISSN ${draw.shape('DDDD-DDDD')}`, `978-${draw.digits(1)}-${draw.digits(4)}-${draw.digits(4)}-${draw.digits(1)}`]),
  tracking: (draw) => draw.pick([`1Z${draw.from(`${UPPER}0123456789`, 6)}${draw.digits(10)}`, `tracking ${draw.digits(12)}`, `tracking number 94${draw.digits(20)}`, `tracking 94${draw.digits(2)} ${draw.shape('DDDD DDDD DDDD DDDD DD')}`, `RB${draw.digits(9)}DE`, `parcel ${draw.digits(14)}`, `Sendungsnummer 00340${draw.digits(15)}`]),
  price: (draw) => draw.pick([`$${draw.int(1, 9)},${draw.digits(3)}.${draw.digits(2)}`, `${draw.int(1, 9)}.${draw.digits(3)}.${draw.digits(3)},${draw.digits(2)} EUR`, `${draw.int(10, 99)} ${draw.digits(3)} ${draw.digits(3)} zł`, `€ ${draw.int(10, 999)}.${draw.digits(2)}`, `USD ${draw.shape('PDDDDDD')}.00`, `${draw.int(1, 999)},${draw.digits(3)},${draw.digits(3)} views`]),
  hash: (draw) => draw.pick([draw.from(HEX, 40), draw.from(HEX, 64), draw.from(HEX, 32), `sha256:${draw.from(HEX, 64)}`, `commit ${draw.from(HEX, 7)}`, `etag "${draw.from(HEX, 32)}"`, `sha512-${draw.from(`${ALNUM}+/`, 86)}==`, `md5 ${draw.from(HEX, 32)}`]),
  uuid: (draw) => draw.pick([`${draw.from(HEX, 8)}-${draw.from(HEX, 4)}-4${draw.from(HEX, 3)}-a${draw.from(HEX, 3)}-${draw.from(HEX, 12)}`, `request ${draw.digits(8)}-${draw.digits(4)}-4${draw.digits(3)}-9${draw.digits(3)}-${draw.digits(12)}`]),
  other: (draw) => draw.pick([`${draw.int(10, 23)}:${draw.int(10, 59)}:${draw.int(10, 59)}`, `48.${draw.digits(4)}, 2.${draw.digits(4)}`, `epoch ${draw.int(1_500_000_000, 1_900_000_000)}`, `${draw.int(1_500_000_000, 1_900_000_000)}${draw.digits(3)}`, `${draw.int(100, 999)}x${draw.int(100, 999)} px`, `EAN 40${draw.digits(11)}`, `MAC ${Array.from({ length: 6 }, () => draw.from(HEX, 2)).join(':')}`, `std::vector<int> ${draw.pick(['a', 'b'])}::size`, `@${draw.pick(COMPANY)} on ${draw.int(2, 9)} May`, `git@github.com:${draw.pick(COMPANY)}/repo.git`, `npm i left-pad@${draw.int(1, 9)}.${draw.int(0, 9)}.0`, `10-12-2024-17`, `ratio 16:9, score ${draw.int(1, 99)}-${draw.int(1, 99)}`, `the password is required`, `token count: ${draw.digits(5)}`, `max_tokens=${draw.digits(4)}`, `secret santa ${draw.int(2020, 2030)}`, `SKU ${draw.shape('DDD-DDD-DDD')}`, `part ${draw.shape('PDD.DDD.DDD')}`, `GPS ${draw.shape('PD.DDDDDD')} ${draw.shape('PD.DDDDDD')}`, `room 0${draw.digits(3)}`, `pages ${draw.shape('PDD-PDD')}`, `primary_key=user_id_${draw.digits(2)}`, `article ${draw.shape('DDDDDDDD')}`]),
};
