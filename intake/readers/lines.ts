// Cuts a stream of bytes into lines of text, block by block: memory holds one block and the longest line that is allowed.
import { isUtf8 } from 'node:buffer';
import { RatchetError } from '../../core/errors.ts';

/** A line that may be judged, or why it may not. Numbers count from 1, blank lines included. */
export type Line = { line: number; text: string } | { line: number; error: RatchetError };

export interface LineOptions {
  /** Longer lines are refused one by one; what follows them is read. */
  maxBytes: number;
}

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Yields the lines of each block that came, in order, without the blank ones. A last line needs no newline. */
export async function* linesOf(source: AsyncIterable<Buffer>, { maxBytes }: LineOptions): AsyncGenerator<Line[]> {
  let number = 1;
  /** The start of a line whose end has not come yet. */
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let isFirst = true;
  const refused = (bytes: number): Line => ({ line: number, error: new RatchetError('RECORD_TOO_BIG', `${bytes} bytes, at most ${maxBytes}`) });

  const keep = (bytes: Buffer): void => {
    pendingBytes += bytes.length;
    if (pendingBytes <= maxBytes) pending.push(bytes);
    else pending = [];
  };

  function* whole(): Generator<Line> {
    if (pendingBytes > maxBytes) {
      yield refused(pendingBytes);
      number += 1;
    } else {
      const bytes = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending);
      yield* cut(withoutMark(bytes));
    }
    pending = [];
    pendingBytes = 0;
  }

  /** A mark at the start of a file is an editor's; anywhere else it is part of a line. */
  function withoutMark(bytes: Buffer): Buffer {
    const marked = isFirst && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK);
    isFirst = false;
    return marked ? bytes.subarray(3) : bytes;
  }

  /** Whole lines, the last one with or without its newline. */
  function* cut(bytes: Buffer): Generator<Line> {
    if (isUtf8(bytes)) {
      const text = bytes.toString('utf8');
      for (let from = 0; from < text.length; number += 1) {
        const end = text.indexOf('\n', from);
        const line = text.slice(from, end < 0 ? text.length : end);
        from = end < 0 ? text.length : end + 1;
        if (!isBlank(line)) yield line.length > maxBytes ? refused(line.length) : { line: number, text: line };
      }
      return;
    }
    for (let from = 0; from < bytes.length; number += 1) {
      const end = bytes.indexOf(NEWLINE, from);
      const line = bytes.subarray(from, end < 0 ? bytes.length : end);
      from = end < 0 ? bytes.length : end + 1;
      if (!isUtf8(line)) yield { line: number, error: new RatchetError('RECORD_NOT_JSON', 'not UTF-8') };
      else if (!isBlank(line.toString('utf8'))) yield { line: number, text: line.toString('utf8') };
    }
  }

  for await (const block of source) {
    const first = block.indexOf(NEWLINE);
    if (first < 0) {
      keep(block);
      continue;
    }
    const lines: Line[] = [];
    keep(block.subarray(0, first + 1));
    lines.push(...whole());
    const last = block.lastIndexOf(NEWLINE);
    for (const line of cut(block.subarray(first + 1, last + 1))) lines.push(line);
    if (last + 1 < block.length) keep(block.subarray(last + 1));
    if (lines.length > 0) yield lines;
  }
  if (pendingBytes > 0) yield [...whole()];
}

const isBlank = (line: string): boolean => (line.charCodeAt(0) > 0x20 ? false : line.trim() === '');
