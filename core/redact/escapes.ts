// Looks through the escapes of JSON strings: redaction must see the text that they stand for, and write where they stand.

export interface Unescaped {
  text: string;
  /** Offset in the written text of each character of `text`, and one more for the end; null where both are the same. */
  offsets: Int32Array | null;
}

/** A run of backslashes counts as one escape, so that JSON inside a JSON string is seen through as well. */
const ESCAPE = /(?<!\\)\\+(?:u([0-9a-fA-F]{4})|(["/bfnrt]))/g;
const CONTROL: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Also right for text that is no JSON: a replaced stretch is always a whole number of escapes. */
export function unescaped(written: string): Unescaped {
  if (!written.includes('\\')) return { text: written, offsets: null };
  const offsets = new Int32Array(written.length + 1);
  const pieces: string[] = [];
  let length = 0;
  let from = 0;
  const copy = (to: number): void => {
    pieces.push(written.slice(from, to));
    for (let i = from; i < to; i += 1) offsets[length++] = i;
  };
  for (const found of written.matchAll(ESCAPE)) {
    copy(found.index);
    const [whole, hex, letter] = found;
    pieces.push(hex === undefined ? (CONTROL[letter as string] ?? (letter as string)) : String.fromCharCode(parseInt(hex, 16)));
    offsets[length++] = found.index;
    from = found.index + whole.length;
  }
  copy(written.length);
  offsets[length] = written.length;
  return { text: pieces.join(''), offsets: offsets.subarray(0, length + 1) };
}

/** Unchanged characters stay as they were written: a key block keeps its escaped line breaks. Surrogates need no escape. */
export function rewritten(written: string, offsets: Int32Array | null, start: number, value: string, surrogate: string): string {
  if (offsets === null || surrogate.length !== value.length) return surrogate;
  let result = '';
  for (let i = 0; i < value.length; i += 1) result += value[i] === surrogate[i] ? written.slice(offsets[start + i], offsets[start + i + 1]) : surrogate[i];
  return result;
}
