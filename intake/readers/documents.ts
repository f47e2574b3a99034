// Cuts a JSON file into its documents: the elements of one array, or objects one after another, however they are indented.
import { isUtf8 } from 'node:buffer';
import { RatchetError } from '../../core/errors.ts';
import type { Line, LineOptions } from './lines.ts';

const [SPACE, NEWLINE, QUOTE, COMMA, BACKSLASH, BRACKET, UNBRACKET, BRACE, UNBRACE] = [0x20, 0x0a, 0x22, 0x2c, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Yields the documents that end in each block; a document's number is that of the line it starts on. A fault inside of a document
 * is found where it is parsed; one that leaves brackets open takes what follows with it, up to the size limit.
 */
export async function* documentsOf(source: AsyncIterable<Buffer>, { maxBytes }: LineOptions): AsyncGenerator<Line[]> {
  let line = 1;
  let startedOn = 1;
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  /** Depth of the documents: 1 inside of an array, else 0. */
  let base: 0 | 1 | undefined;
  let pending: Buffer[] = [];
  let bytes = 0;
  const keep = (part: Buffer): void => {
    bytes += part.length;
    if (bytes <= maxBytes) pending.push(part);
    else pending = [];
  };
  const take = (): Line => {
    const whole = Buffer.concat(pending);
    const refused = bytes > maxBytes ? new RatchetError('RECORD_TOO_BIG', `${bytes} bytes, at most ${maxBytes}`) : isUtf8(whole) ? undefined : new RatchetError('RECORD_NOT_JSON', 'not UTF-8');
    pending = [];
    bytes = 0;
    return refused === undefined ? { line: startedOn, text: whole.toString('utf8') } : { line: startedOn, error: refused };
  };

  for await (const block of source) {
    const found: Line[] = [];
    /** Where the document under way starts in this block; -1 between documents. */
    let from = bytes > 0 ? 0 : -1;
    for (let at = 0; at < block.length; at += 1) {
      const byte = block[at] as number;
      if (byte === NEWLINE) line += 1;
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isInString = false;
        continue;
      }
      if (base === undefined) {
        if (byte <= SPACE || byte > 0x7f) continue;
        base = byte === BRACKET ? 1 : 0;
        if (base === 1) {
          depth = 1;
          continue;
        }
      }
      const isBetween = depth <= base && from < 0;
      if (isBetween && (byte <= SPACE || byte === COMMA || byte === UNBRACKET || byte === UNBRACE)) continue;
      if (isBetween) {
        from = at;
        startedOn = line;
      }
      if (byte === QUOTE) isInString = true;
      else if (byte === BRACE || byte === BRACKET) depth += 1;
      else if (byte === UNBRACE || byte === UNBRACKET) {
        depth -= 1;
        if (depth <= base) {
          depth = base;
          keep(block.subarray(from, at + 1));
          found.push(take());
          from = -1;
        }
      } else if (depth === base && (byte === COMMA || byte === NEWLINE)) {
        // What stands here without brackets is no document; it is handed on to be refused.
        keep(block.subarray(from, at));
        found.push(take());
        from = -1;
      }
    }
    if (from >= 0) keep(block.subarray(from));
    if (found.length > 0) yield found;
  }
  if (bytes > 0) yield [take()];
}
