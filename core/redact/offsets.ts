// Where a place of the raw text lies in the redacted one.

/** One replaced stretch: where it stood, and where its surrogate stands. */
export interface Edit {
  from: number;
  to: number;
  storedFrom: number;
  storedTo: number;
}

/** The edits of each pass over a text, in the order of the passes; within a pass in the order of the text. */
export type OffsetMap = readonly (readonly Edit[])[];

/**
 * Offsets of the redacted text for a range of the raw one, in UTF-16 code units. A range that begins or ends within a
 * replaced value takes the whole surrogate in, since no part of one stands for a part of the other.
 */
export function mapRange(map: OffsetMap, start: number, end: number): { start: number; end: number } {
  let range = { start, end };
  for (const edits of map) range = { start: mapOffset(edits, range.start, 'storedFrom'), end: mapOffset(edits, range.end, range.end === range.start ? 'storedFrom' : 'storedTo') };
  return range;
}

function mapOffset(edits: readonly Edit[], offset: number, within: 'storedFrom' | 'storedTo'): number {
  // The last edit that starts before the offset.
  let low = 0;
  let high = edits.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edits[middle] as Edit).from < offset) low = middle + 1;
    else high = middle;
  }
  const edit = edits[low - 1];
  if (edit === undefined) return offset;
  return offset < edit.to ? edit[within] : offset + edit.storedTo - edit.to;
}
