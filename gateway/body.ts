// Reads request bodies up to a limit each, and up to a limit together, so that many callers cannot fill the memory.
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

export interface BodyReader {
  /** @throws Refusal 413 as soon as a body passes its limit, 503 while too much is being read; nothing more is kept then */
  read(req: IncomingMessage): Promise<string>;
}

export function createBodyReader(limitBytes: number, totalBytes: number): BodyReader {
  const tooBig = (): Refusal => new Refusal(413, 'request_too_large', `the body is over the limit of ${limitBytes} bytes`);
  let held = 0;
  return {
    read: (req) => {
      if (Number(req.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooBig());
      return new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        let size = 0;
        let open = true;
        const settle = (): void => {
          if (open) held -= size;
          open = false;
        };
        const refuse = (refusal: Refusal): void => {
          // What still comes is thrown away.
          settle();
          chunks.length = 0;
          reject(refusal);
        };
        req.on('data', (chunk: Buffer) => {
          if (!open) return;
          size += chunk.length;
          held += chunk.length;
          if (size > limitBytes) return refuse(tooBig());
          if (held > totalBytes) return refuse(new Refusal(503, 'overloaded', 'too many requests are being read', { retryAfterSeconds: 1 }));
          chunks.push(chunk);
        });
        req.once('end', () => {
          if (!open) return;
          settle();
          const [first, ...rest] = chunks;
          resolve(first === undefined ? '' : (rest.length === 0 ? first : Buffer.concat(chunks)).toString('utf8'));
        });
        req.once('close', () => {
          if (open) refuse(new Refusal(400, 'request_incomplete', 'the request ended before its body did'));
        });
      });
    },
  };
}
