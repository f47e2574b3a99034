// What the gateway says when it does not answer: OpenAI's error shape, so that every client library understands it.
import type { ServerResponse } from 'node:http';

/** A refused request. `message` names places and settings, never text of a prompt. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string;
  readonly param: string | null;
  readonly retryAfterSeconds: number | undefined;
  constructor(status: number, code: string, message: string, options: { param?: string; retryAfterSeconds?: number } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export const badRequest = (message: string, param?: string): Refusal => new Refusal(400, 'invalid_request', message, { param });

export const replicaNotReady = (message: string): Refusal => new Refusal(503, 'replica_not_ready', message, { retryAfterSeconds: 1 });

export function sendRefusal(res: ServerResponse, refusal: Refusal): void {
  if (res.headersSent || res.destroyed) return void res.destroy();
  const type = refusal.status >= 500 ? 'server_error' : refusal.status === 401 ? 'authentication_error' : 'invalid_request_error';
  if (refusal.retryAfterSeconds !== undefined) res.setHeader('retry-after', String(refusal.retryAfterSeconds));
  sendJson(res, refusal.status, { error: { message: refusal.message, type, param: refusal.param, code: refusal.code } });
}

export function sendJson(res: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
}
