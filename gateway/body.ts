// Reads a request's body up to a limit.
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/** @throws Refusal 413 as soon as the limit is passed; nothing more is kept */
export async function readBody(req: IncomingMessage, limitBytes: number): Promise<string> {
  const tooBig = (): Refusal => new Refusal(413, 'request_too_large', `the body is over the limit of ${limitBytes} bytes`);
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) throw tooBig();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) {
        // What still comes is thrown away.
        chunks.length = 0;
        reject(tooBig());
      } else chunks.push(chunk);
    });
    req.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    req.once('close', () => reject(new Refusal(400, 'request_incomplete', 'the request ended before its body did')));
  });
}
