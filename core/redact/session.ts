// What one text or one interaction has shown so far: surrogates given, and values to be looked for again.
import type { Keyed } from './keyed.ts';
import type { Kind } from './kinds.ts';
import type { Edit } from './offsets.ts';
import { compact, hashOf, isNumber, type ReplacedValue } from './replaced.ts';

export interface Session {
  replaced: number;
  /** Surrogates by kind and value. */
  surrogates: Map<string, string>;
  /** Those made here: they need no second look. */
  made: Set<string>;
  /** Values as they stood in the text, looked for again where no word gives them away. */
  known: Map<string, string>;
  values: Map<string, ReplacedValue>;
}

export const newSession = (): Session => ({ replaced: 0, surrogates: new Map(), made: new Set(), known: new Map(), values: new Map() });

/** Values that are looked for again; a record with more of them is a list, where each stands with its like. */
const MAX_KNOWN = 100;
const MAX_VALUES = 50;

/** Keeps a replaced value: to be looked for again in other places, and hashed for later answers. */
export function remember(session: Session, keyed: Keyed, kind: Kind, value: string, surrogate: string, cued: boolean): void {
  if (session.known.size < MAX_KNOWN && (cued || isNumber(kind))) {
    session.known.set(value, surrogate);
    if (isNumber(kind)) session.known.set(compact(value), compact(surrogate));
  }
  if (!cued || session.values.size >= MAX_VALUES) return;
  const plain = isNumber(kind) ? compact(value) : value;
  const hash = hashOf(keyed, kind, plain);
  session.values.set(hash, { kind, hash, length: plain.length, surrogate: isNumber(kind) ? compact(surrogate) : surrogate });
}

/** A number that only the words around it gave away in one place stands without them in another. */
export function replaceKnown(text: string, session: Session, passes?: Edit[][]): string {
  let result = text;
  for (const [value, surrogate] of session.known) {
    if (value.length < 7 || value === surrogate || !result.includes(value)) continue;
    const whole = new RegExp(`(?<![\\p{L}\\p{N}])${value.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'gu');
    const edits: Edit[] = [];
    let shift = 0;
    result = result.replace(whole, (found: string, at: number) => {
      edits.push({ from: at, to: at + found.length, storedFrom: at + shift, storedTo: at + shift + surrogate.length });
      shift += surrogate.length - found.length;
      session.replaced += 1;
      return surrogate;
    });
    if (edits.length > 0) passes?.push(edits);
  }
  return result;
}
