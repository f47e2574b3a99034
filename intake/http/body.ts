// Reads request bodies up to a limit each, and up to a limit together, so that many senders cannot fill the memory.
import type { IncomingMessage } from 'node:http';
import { Refused } from './refusal.ts';

export interface BodyReader {
  /** @throws Refused 413 over the limit of one body, 503 while too much is under way */
  read(req: IncomingMessage): Promise<Buffer>;
  /** To be called when the body is no longer needed. */
  release(bytes: number): void;
}

export function createBodyReader(maxBytes: number, maxTotalBytes: number): BodyReader {
  let held = 0;
  return {
    async read(req) {
      const tooBig = (): Refused => new Refused(413, 'RECORD_TOO_BIG', `the body is over the limit of ${maxBytes} bytes (API_MAX_BODY_BYTES)`);
      if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooBig();
      const chunks: Buffer[] = [];
      let size = 0;
      try {
        // The socket stays open when we stop early: the refusal goes back over it.
        for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
          size += chunk.length;
          held += chunk.length;
          if (size > maxBytes) throw tooBig();
          if (held > maxTotalBytes) throw new Refused(503, 'KAFKA_UNAVAILABLE', 'too many records are under way', { 'retry-after': '1' });
          chunks.push(chunk);
        }
        if (!req.complete) throw new Refused(400, 'REQUEST_INVALID', 'the request ended before its body did');
        return Buffer.concat(chunks);
      } catch (error) {
        held -= size;
        throw error instanceof Refused ? error : new Refused(400, 'REQUEST_INVALID', 'the request ended before its body did');
      }
    },
    release: (bytes) => {
      held -= bytes;
    },
  };
}
