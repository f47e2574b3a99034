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

/** OpenAI's names where its clients look for one. */
const TYPES: Readonly<Record<number, string>> = { 401: 'authentication_error', 403: 'permission_error', 429: 'rate_limit_error' };

export function sendRefusal(res: ServerResponse, refusal: Refusal): void {
  if (res.headersSent || res.destroyed) return void res.destroy();
  const type = refusal.status >= 500 ? 'server_error' : (TYPES[refusal.status] ?? 'invalid_request_error');
  if (refusal.retryAfterSeconds !== undefined) res.setHeader('retry-after', String(refusal.retryAfterSeconds));
  sendJson(res, refusal.status, { error: { message: refusal.message, type, param: refusal.param, code: refusal.code } });
}

export const sendJson = (res: ServerResponse, status: number, body: unknown): void => sendJsonText(res, status, JSON.stringify(body));

/** As text: head and body leave in one write. */
export function sendJsonText(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}
