// Opens what is to be read: a file or standard input, plain or gzip, as JSON Lines or as JSON documents.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { RatchetError } from '../../core/errors.ts';
import { documentsOf } from './documents.ts';
import { linesOf, type Line } from './lines.ts';

/** Far above what a model writes; a longer line is a mistake or an attack. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;
const BLOCK_BYTES = 256 * 1024;

/**
 * The lines of a file in order, as a stream. Files that end in `.json` (or `.json.gz`) are JSON documents, all others JSON Lines.
 * @param name `-` is standard input
 * @throws REQUEST_INVALID when the file cannot be read, or ends within its compression
 */
export async function* readLines(name: string, stdin: Readable, maxBytes = MAX_LINE_BYTES): AsyncGenerator<Line[]> {
  const cut = /\.json(?:\.gz)?$/i.test(name) ? documentsOf : linesOf;
  try {
    yield* cut(await unpacked(name, stdin), { maxBytes });
  } catch (error) {
    if (error instanceof RatchetError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code?.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE') throw new RatchetError('REQUEST_INVALID', `${name}: the gzip data is damaged or cut off (${code})`);
    if (code !== undefined && /^E[A-Z]+$/.test(code)) throw new RatchetError('REQUEST_INVALID', `${name} cannot be read (${code})`);
    throw error;
  }
}

async function unpacked(name: string, stdin: Readable): Promise<AsyncIterable<Buffer>> {
  if (name !== '-') {
    // A pipe's bytes can be read once only; a file's first two say whether it is packed.
    const handle = await open(name);
    const stat = await handle.stat();
    if (stat.isFile()) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
      const stream = handle.createReadStream({ start: 0, highWaterMark: BLOCK_BYTES });
      return bytesRead === 2 && isGzip(buffer) ? gunzipped(stream) : stream;
    }
    await handle.close();
  }
  return unpackedStream(name === '-' ? stdin : createReadStream(name, { highWaterMark: BLOCK_BYTES }));
}

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

function gunzipped(stream: Readable): Readable {
  const gunzip = createGunzip({ chunkSize: BLOCK_BYTES });
  stream.once('error', (error) => gunzip.destroy(error));
  return stream.pipe(gunzip);
}

async function unpackedStream(stream: Readable): Promise<AsyncIterable<Buffer>> {
  const blocks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = await blocks.next();
  // The first block may be one byte.
  while (!head.done && head.value.length < 2) {
    const more = await blocks.next();
    if (more.done) break;
    head = { done: false, value: Buffer.concat([head.value, more.value]) };
  }
  async function* rest(): AsyncGenerator<Buffer> {
    try {
      for (let next = head; !next.done; next = await blocks.next()) yield next.value;
    } finally {
      // Whoever stops early must not have to wait for the other end of a pipe.
      stream.destroy();
    }
  }
  if (head.done || !isGzip(head.value)) return rest();
  return gunzipped(Readable.from(rest()));
}
