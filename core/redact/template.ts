// Fills a form with characters that follow from a value and the tenant's key. The last ones follow from those before, so that
// a surrogate is known again and never replaced twice.
import type { Keyed } from './keyed.ts';
import type { Kind } from './kinds.ts';

export const LOWER = 'abcdefghijklmnopqrstuvwxyz';
export const UPPER = LOWER.toUpperCase();
export const DIGITS = '0123456789';
export const FROM_TWO = '23456789';

/** Which characters may stand at each place; a place with one character is fixed. */
export type Template = readonly string[];

/**
 * @param seal how many of the free places, from the end, follow from the others
 * @param value what the surrogate stands for; null: keep the characters of `from` at all but the sealed places
 */
export function fill(keyed: Keyed, kind: Kind, template: Template, seal: number, value: string | null, from = ''): string {
  let free = 0;
  for (const choices of template) if (choices.length > 1) free += 1;
  const headLength = Math.max(free - seal, 0);
  let result = '';
  let head = '';
  let stream = value === null ? null : keyed.stream(`value ${kind} ${value}`);
  let place = 0;
  for (let i = 0; i < template.length; i += 1) {
    const choices = template[i] as string;
    if (choices.length === 1) {
      result += choices;
      continue;
    }
    if (place === headLength) stream = keyed.stream(`seal ${kind} ${head}`);
    let character: string;
    if (place >= headLength || stream !== null) character = choices[(stream as NonNullable<typeof stream>).below(choices.length)] as string;
    else {
      character = from[i] ?? '';
      if (!choices.includes(character) || character === '') return '';
    }
    if (place < headLength) head += character;
    result += character;
    place += 1;
  }
  return result;
}

/** The surrogate for `value`, or `text` itself where that is a surrogate of this key already. */
export function sealed(keyed: Keyed, kind: Kind, text: string, value: string, template: Template, seal: number): string {
  return fill(keyed, kind, template, seal, null, text) === text ? text : fill(keyed, kind, template, seal, value);
}

export const digitsOf = (text: string): string => text.replace(/\D/g, '');

/** Digits into the places of digits, so that separators stay. */
export function regrouped(text: string, digits: string): string {
  let next = 0;
  return text.replace(/\d/g, () => digits[next++] as string);
}
