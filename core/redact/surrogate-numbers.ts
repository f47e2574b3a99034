// Surrogates of numbers: the same grouping, right check digits, and ranges that are nobody's where such ranges exist.
import { nationalIdSort } from './accounts.ts';
import { dniLetter, ibanCheck, luhnDigit, mod11x10Digit, nirKey } from './checksums.ts';
import type { Keyed } from './keyed.ts';
import { callingCode } from './phones.ts';
import { digitsOf, DIGITS, fill, FROM_TWO, regrouped, sealed, UPPER, type Template } from './template.ts';

/** Issuer numbers of the cards that payment providers publish for tests, by the network's first digits. */
const TEST_ISSUERS: readonly (readonly [RegExp, string])[] = [
  [/^4/, '411111'], [/^5[1-5]/, '555555'], [/^2[2-7]/, '222300'], [/^34/, '343434'], [/^37/, '378282'], [/^6[045]/, '601111'], [/^35/, '353011'], [/^36/, '360066'], [/^38/, '385200'], [/^30/, '305693'], [/^62/, '620000'], [/^67/, '675964'],
];

/** A test card of the same network; of a network without one, a number with its first two digits. */
export function card(keyed: Keyed, text: string): string {
  const digits = digitsOf(text);
  const body = digits.slice(0, -1);
  const issuer = TEST_ISSUERS.find(([network]) => network.test(digits))?.[1];
  const fixed = issuer ?? digits.slice(0, 2);
  const template = [...fixed, ...Array.from({ length: body.length - fixed.length }, () => DIGITS)];
  // Hardly any value stands among the test cards, so that a short seal is enough to know a surrogate by.
  const filled = sealed(keyed, 'card', body, digits, template, issuer === undefined ? 5 : 2);
  return regrouped(text, filled + luhnDigit(filled));
}

/** Nines or X for the bank: no bank that we know of has them, and no registry keeps a range for tests. */
export function iban(keyed: Keyed, text: string): string {
  const upper = text.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const country = upper.slice(0, 2);
  const account = upper.slice(4);
  const template = [...account].map((character, index) => {
    const isNumber = DIGITS.includes(character);
    return index < 4 ? (isNumber ? '9' : 'X') : isNumber ? DIGITS : UPPER;
  });
  const filled = sealed(keyed, 'iban', account, upper, template, Math.min(5, Math.floor((account.length - 4) / 3)));
  const whole = country + ibanCheck(country, filled) + filled;
  let next = 0;
  const isLower = text.startsWith(country.toLowerCase());
  return text.replace(/[A-Za-z0-9]/g, () => (isLower ? (whole[next++] as string).toLowerCase() : (whole[next++] as string)));
}

/** Areas 100 to 599, groups from 10 and serials from 1000, none of which can be invalid; a taxpayer number stays one. */
export function ssn(keyed: Keyed, text: string): string {
  const digits = digitsOf(text);
  const template = digits.startsWith('9') ? ['9', DIGITS, DIGITS, '7', DIGITS, DIGITS.slice(1), DIGITS, DIGITS, DIGITS] : ['12345', DIGITS, DIGITS, DIGITS.slice(1), DIGITS, DIGITS.slice(1), DIGITS, DIGITS, DIGITS];
  return regrouped(text, sealed(keyed, 'ssn', digits, digits, template, 4));
}

/** An id of the same country with the same grouping and right check digits. */
export function nationalId(keyed: Keyed, text: string): string {
  const compact = text.replace(/[^A-Za-z0-9]/g, '').toUpperCase();
  const filled = nationalIdOf(keyed, compact);
  let next = 0;
  return text.replace(/[A-Za-z0-9]/g, (character) => {
    const made = filled[next++] as string;
    return character >= 'a' && character <= 'z' ? made.toLowerCase() : made;
  });
}

function nationalIdOf(keyed: Keyed, compact: string): string {
  const made = (text: string, template: Template, seal: number): string => sealed(keyed, 'national_id', text, compact, template, seal);
  switch (nationalIdSort(compact)) {
    case 'nir': {
      // Sex as it was; a month, a department and a commune that can be.
      const body = made(compact.slice(0, 13), [compact[0] as string, DIGITS, DIGITS, '0', '123456789', '12345678', DIGITS, '12345678', DIGITS, DIGITS, DIGITS, DIGITS, DIGITS], 3);
      return body + nirKey(body);
    }
    case 'dni': {
      const digits = made(compact.slice(0, 8), ['123456789', ...Array.from({ length: 7 }, () => DIGITS)], 3);
      return digits + dniLetter(digits);
    }
    case 'nie': {
      const digits = made(compact.slice(1, 8), Array.from({ length: 7 }, () => DIGITS), 3);
      return compact.slice(0, 1) + digits + dniLetter(`${'XYZ'.indexOf(compact.slice(0, 1))}${digits}`);
    }
    case 'nino':
      return made(compact, ['ABCEHJLMPRSW', 'ABCEHJLMPRSWXYZ'.replace(/[BKNT]/g, ''), ...Array.from({ length: 6 }, () => DIGITS), compact[8] as string], 3);
    case 'steuer_id':
      return taxId(keyed, compact);
    case null:
      return compact;
  }
}

/** Six different digits from the value, four more of which one repeats: that is the rule of these numbers. */
function taxId(keyed: Keyed, compact: string): string {
  const complete = (head: string): string => {
    const stream = keyed.stream(`seal national_id ${head}`);
    const left = [...DIGITS].filter((digit) => !head.includes(digit));
    let body = head;
    while (body.length < 9) body += left.splice(stream.below(left.length), 1)[0] as string;
    body += body[stream.below(9)] as string;
    return body + mod11x10Digit(body);
  };
  const own = compact.slice(0, 6);
  if (new Set(own).size === 6 && complete(own) === compact) return compact;
  const stream = keyed.stream(`value national_id ${compact}`);
  const left = [...DIGITS];
  let head = left.splice(1 + stream.below(9), 1)[0] as string;
  while (head.length < 6) head += left.splice(stream.below(left.length), 1)[0] as string;
  return complete(head);
}

/**
 * Ranges kept for fiction: 555-0100 to 0199 in North America, 07700 900 and 020 7946 0 in the United Kingdom (Ofcom), 06 39 98 and
 * 01 99 00 in France (ARCEP). `digits` are the national ones. Elsewhere no range is known that keeps the form.
 */
function fictional(code: string, digits: string): Template | null {
  switch (code) {
    case '1':
      return digits.length === 10 ? [FROM_TWO, DIGITS, DIGITS, ...'55501', DIGITS, DIGITS] : null;
    case '44':
      return digits.length === 10 ? [...(digits.startsWith('7') ? '7700900' : '2079460'), DIGITS, DIGITS, DIGITS] : null;
    case '33':
      return digits.length === 9 ? [...(/^[67]/.test(digits) ? '63998' : '19900'), DIGITS, DIGITS, DIGITS, DIGITS] : null;
    default:
      return null;
  }
}

export function phone(keyed: Keyed, written: string): string {
  // An extension is dialled within a company: it is kept where it stands, for the number before it tells nothing any more.
  const extension = /\s?(?:x|ext\.?|extension|durchwahl|poste)\s?\d{1,6}$/i.exec(written)?.[0] ?? '';
  const text = written.slice(0, written.length - extension.length);
  const digits = digitsOf(text);
  const international = text.trimStart().startsWith('+') ? 0 : digits.startsWith('00') ? 2 : -1;
  const code = international < 0 ? '' : callingCode(digits.slice(international));
  // Where the national number starts, with or without the code and the trunk's zero in front of it.
  let lead = international < 0 ? 0 : international + code.length;
  let country = code;
  if (international < 0 && /^1?[2-9]\d{2}[2-9]\d{6}$/.test(digits)) {
    country = '1';
    lead = digits.length - 10;
  } else if (international < 0 && /^0\d([ .-])\d\d\1\d\d\1\d\d\1\d\d$/.test(text)) {
    country = '33';
    lead = 1;
  } else if ((country === '44' || country === '33') && digits[lead] === '0') lead += 1;
  const national = digits.slice(lead);
  const reserved = fictional(country, national);
  if (reserved !== null) {
    const isReserved = reserved.every((choices, index) => choices.includes(national[index] as string));
    return regrouped(text, digits.slice(0, lead) + (isReserved ? national : fill(keyed, 'phone', reserved, 0, national))) + extension;
  }
  return regrouped(text, sealedPhone(keyed, text, digits, lead)) + extension;
}

/** Country code and trunk zeros stay; where a group starts with 2 to 9 so does its surrogate's, which keeps area codes possible. */
function sealedPhone(keyed: Keyed, text: string, digits: string, kept: number): string {
  const template: string[] = [];
  // Where a North American area and exchange would stand: what are none must not become them.
  const area = kept + (digits.length === 11 && digits.startsWith('1') ? 1 : 0);
  let startsGroup = true;
  for (const character of text) {
    if (!DIGITS.includes(character)) {
      startsGroup = true;
      continue;
    }
    const place = template.length;
    // Which digits may stand here must follow from the surrogate as it does from the value.
    if (place < kept || (startsGroup && character < '2') || (place === kept && character < '2')) template.push(character);
    else if (place === 1 && digits.startsWith('0')) template.push('123456789');
    else template.push(startsGroup || place === area || place === area + 3 ? (character < '2' ? '01' : FROM_TWO) : DIGITS);
    startsGroup = false;
  }
  const free = template.filter((choices) => choices.length > 1).length;
  return sealed(keyed, 'phone', digits, digits, template, Math.min(4, Math.floor(free / 2)));
}
