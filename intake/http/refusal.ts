// What the door says when it takes a request not at all: a status, a stable code, a place, and what to do next.
import type { ServerResponse } from 'node:http';
import { RatchetError, type ErrorCode } from '../../core/errors.ts';

/** A request that is turned away as a whole. `message` names places and settings, never text of a record. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  readonly error: RatchetError;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, code: ErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.error = new RatchetError(code, message);
    this.headers = headers;
  }
}

/** Why one record is not taken, as the sender's client can show it. */
export const problem = ({ code, message, next }: RatchetError): { code: string; message: string; next: string } => ({ code, message, next });

export const statusOf = (error: RatchetError): number => (error.code === 'RECORD_TOO_BIG' ? 413 : error.code === 'KAFKA_UNAVAILABLE' ? 503 : 400);

export function sendJson(res: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent || res.destroyed) return void res.destroy();
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
}
