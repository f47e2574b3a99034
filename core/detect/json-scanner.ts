// Finds where a text stops being JSON (RFC 8259): JSON.parse says whether, this says where and what was expected.
// Iterative, so that no nesting overflows the stack; one pass, so that no text is slow.

export type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or ]' | 'comma or }' | 'digit' | 'escape' | 'four hex digits' | 'closing quote' | 'string without control characters';

export interface ScanFault {
  /** UTF-16 offset of the first code unit that no JSON text could have there. */
  offset: number;
  expected: Expected;
  /** The text ended where more was needed: it may only be cut off. */
  atEnd: boolean;
}

/** What a caller may want to hear of while the text is read. */
export interface ScanWatcher {
  open?(isObject: boolean): void;
  close?(): void;
  /** Offsets of the key with its quotes. */
  key?(start: number, end: number): void;
  number?(start: number, end: number): void;
}

export type ScanResult = { fault: ScanFault } | { fault: null; end: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const MINUS = 0x2d;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isHex = (code: number): boolean => isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);

/** Offset of the first code unit at or after `from` that is not JSON white space. */
export function skipSpace(text: string, from: number): number {
  let i = from;
  for (; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
  }
  return i;
}

/** A fault inside a string, number or word. */
class Fault {
  readonly offset: number;
  readonly expected: Expected;
  constructor(offset: number, expected: Expected) {
    this.offset = offset;
    this.expected = expected;
  }
}

function scanString(text: string, from: number): number | Fault {
  let i = from + 1;
  for (; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code < 0x20) return new Fault(i, 'string without control characters');
    if (code !== BACKSLASH) continue;
    i += 1;
    if (i >= text.length) return new Fault(i, 'escape');
    const escape = text[i] as string;
    if (escape === 'u') {
      for (let digit = 0; digit < 4; digit += 1) {
        i += 1;
        if (i >= text.length || !isHex(text.charCodeAt(i))) return new Fault(i, 'four hex digits');
      }
    } else if (!'"\\/bfnrt'.includes(escape)) return new Fault(i, 'escape');
  }
  return new Fault(text.length, 'closing quote');
}

function scanNumber(text: string, from: number): number | Fault {
  let i = from;
  const digits = (): boolean => {
    const start = i;
    while (isDigit(text.charCodeAt(i))) i += 1;
    return i > start;
  };
  if (text.charCodeAt(i) === MINUS) i += 1;
  if (text[i] === '0') i += 1;
  else if (!digits()) return new Fault(i, 'digit');
  if (text[i] === '.') {
    i += 1;
    if (!digits()) return new Fault(i, 'digit');
  }
  if (text[i] === 'e' || text[i] === 'E') {
    i += 1;
    if (text[i] === '+' || text[i] === '-') i += 1;
    if (!digits()) return new Fault(i, 'digit');
  }
  return i;
}

function scanWord(text: string, from: number, expected: Expected): number | Fault {
  const word = text[from] === 't' ? 'true' : text[from] === 'f' ? 'false' : 'null';
  for (let i = 0; i < word.length; i += 1) {
    if (from + i >= text.length) return new Fault(from + i, expected);
    if (text[from + i] !== word[i]) return new Fault(from, expected);
  }
  return from + word.length;
}

/**
 * Reads one JSON value that starts at or after `from` (white space before it is skipped; what follows it is not looked at).
 * @returns the offset after the value, or the first fault
 */
export function scanValue(text: string, from = 0, watcher: ScanWatcher = {}): ScanResult {
  /** For each open container: 1 for an object, 0 for an array. */
  let kinds = new Uint8Array(64);
  let depth = 0;
  let i = from;
  let expected: Expected = 'value';
  const fault = (offset: number, what: Expected): ScanResult => ({ fault: { offset, expected: what, atEnd: offset >= text.length } });

  for (;;) {
    i = skipSpace(text, i);
    if (i >= text.length) return fault(i, expected);
    const code = text.charCodeAt(i);
    let next: number | Fault;
    switch (expected) {
      case 'key':
      case 'key or }':
        if (code === CLOSE_BRACE && expected === 'key or }') {
          next = i + 1;
          depth -= 1;
          watcher.close?.();
          break;
        }
        if (code !== QUOTE) return fault(i, expected);
        next = scanString(text, i);
        if (typeof next !== 'number') return fault(next.offset, next.expected);
        watcher.key?.(i, next);
        i = next;
        expected = 'colon';
        continue;
      case 'colon':
        if (code !== COLON) return fault(i, expected);
        i += 1;
        expected = 'value';
        continue;
      case 'comma or ]':
      case 'comma or }': {
        const inObject: boolean = expected === 'comma or }';
        if (code === COMMA) {
          i += 1;
          expected = inObject ? 'key' : 'value';
          continue;
        }
        if (code !== (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) return fault(i, expected);
        next = i + 1;
        depth -= 1;
        watcher.close?.();
        break;
      }
      default:
        if (code === OPEN_BRACE || code === OPEN_BRACKET) {
          if (depth === kinds.length) {
            const grown = new Uint8Array(depth * 2);
            grown.set(kinds);
            kinds = grown;
          }
          kinds[depth] = code === OPEN_BRACE ? 1 : 0;
          depth += 1;
          watcher.open?.(code === OPEN_BRACE);
          i += 1;
          expected = code === OPEN_BRACE ? 'key or }' : 'value or ]';
          continue;
        }
        if (code === CLOSE_BRACKET && expected === 'value or ]') {
          next = i + 1;
          depth -= 1;
          watcher.close?.();
        } else if (code === QUOTE) next = scanString(text, i);
        else if (code === MINUS || isDigit(code)) {
          next = scanNumber(text, i);
          if (typeof next === 'number') watcher.number?.(i, next);
        } else if (code === 0x74 || code === 0x66 || code === 0x6e) next = scanWord(text, i, expected);
        else return fault(i, expected);
    }
    if (typeof next !== 'number') return fault(next.offset, next.expected);
    i = next;
    if (depth === 0) return { fault: null, end: i };
    expected = kinds[depth - 1] === 1 ? 'comma or }' : 'comma or ]';
  }
}
