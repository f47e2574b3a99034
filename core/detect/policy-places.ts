// Where a rule looks: the answer, a place in its JSON, the arguments of tool calls.
import type { ToolCall } from '../contracts/index.ts';
import type { AnswerString } from './answer-text.ts';

/** Text of the answer at a place; `names` of JSON members are no text of anybody's. */
export interface Place {
  /** It looks at tool calls and at nothing else. */
  isCallsOnly: boolean;
  covers(string: AnswerString, calls: readonly ToolCall[]): boolean;
}

const CALL = /^\/toolCalls\/(\d+)\/arguments(\/.*)?$/s;

/** The call that a string belongs to, and the pointer into its arguments; null: the string is the answer's own. */
function callOf(pointer: string | undefined, calls: readonly ToolCall[]): { name: string; inside: string } | null {
  if (calls.length === 0 || pointer === undefined) return null;
  const found = CALL.exec(pointer);
  const call = found ? calls[Number(found[1])] : undefined;
  return call ? { name: call.name, inside: found?.[2] ?? '' } : null;
}

/** True for the pointer itself and for what lies below it; `*` stands for one segment. */
function isAtOrBelow(pointer: string, segments: readonly string[]): boolean {
  const found = pointer.split('/').slice(1);
  return found.length >= segments.length && segments.every((segment, index) => segment === '*' || segment === found[index]);
}

function coversOne(place: string): Place['covers'] {
  if (place === 'answer') return (string, calls) => callOf(string.pointer, calls) === null;
  if (place.startsWith('/')) {
    const segments = place.split('/').slice(1);
    return (string, calls) => string.pointer !== undefined && callOf(string.pointer, calls) === null && isAtOrBelow(string.pointer, segments);
  }
  const [name = '', ...segments] = place.slice('tool:'.length).split('/');
  return (string, calls) => {
    const call = callOf(string.pointer, calls);
    return call !== null && (name === '*' || name === call.name) && isAtOrBelow(call.inside, segments);
  };
}

/** @param places as a rule names them; undefined: everywhere */
export function placeOf(places: string | readonly string[] | undefined): Place | null {
  if (places === undefined) return null;
  const names = typeof places === 'string' ? [places] : places;
  const all = names.map(coversOne);
  return { isCallsOnly: names.every((name) => name.startsWith('tool:')), covers: (string, calls) => all.some((covers) => covers(string, calls)) };
}

/** The first place that a rule names, where the text of an example stands. */
export const firstPlace = (places: string | readonly string[] | undefined): string => (typeof places === 'string' ? places : places?.[0]) ?? 'answer';
