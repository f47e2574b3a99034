// Sends one chat request to a replica, under a deadline and under the client's patience, and says how it failed.
import { Pool, type Dispatcher } from 'undici';
import { RatchetError } from '../core/errors.ts';

export type Failure = 'client_left' | 'timeout' | 'connection' | 'unreadable';

export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly why: Failure;
  constructor(why: Failure) {
    super(why);
    this.why = why;
  }
}

export interface Exchange {
  status: number;
  streamed: boolean;
  /** Pieces of the body; throws UpstreamFailure. */
  body(): AsyncGenerator<Buffer>;
  text(): Promise<string>;
}

export interface Upstream {
  /** @throws UpstreamFailure when no status came */
  send(url: string, body: string, headers: Record<string, string>, control: Control): Promise<Exchange>;
  close(): Promise<void>;
}

/** The one place that knows why an exchange was cut off. */
export interface Control {
  signal: AbortSignal;
  why(): Failure | null;
  abort(why: Failure): void;
  done(): void;
}

export function createControl(timeoutMs: number): Control {
  const controller = new AbortController();
  let reason: Failure | null = null;
  const abort = (why: Failure): void => {
    if (reason !== null) return;
    reason = why;
    controller.abort();
  };
  const timer = setTimeout(() => abort('timeout'), timeoutMs);
  return { signal: controller.signal, why: () => reason, abort, done: () => clearTimeout(timer) };
}

export function createUpstream(urls: readonly string[], apiKey: string | undefined): Upstream {
  // Time-outs are the control's; the engine itself queues what it cannot answer at once.
  const pools = new Map(urls.map((url) => [url, new Pool(url, { connections: 512, headersTimeout: 0, bodyTimeout: 0 })]));
  const authorization: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };

  return {
    send: async (url, body, headers, control) => {
      const pool = pools.get(url);
      if (pool === undefined) throw new RatchetError('INTERNAL', `no connection pool for ${url}`);
      const failed = (): UpstreamFailure => {
        control.abort('connection');
        return new UpstreamFailure(control.why() ?? 'connection');
      };
      let reply: Dispatcher.ResponseData;
      try {
        reply = await pool.request({ method: 'POST', path: '/v1/chat/completions', body, headers: { 'content-type': 'application/json', ...authorization, ...headers }, signal: control.signal });
      } catch {
        throw failed();
      }
      async function* pieces(): AsyncGenerator<Buffer> {
        try {
          for await (const piece of reply.body) yield piece as Buffer;
        } catch {
          throw failed();
        }
      }
      return {
        status: reply.statusCode,
        streamed: String(reply.headers['content-type'] ?? '').startsWith('text/event-stream'),
        body: pieces,
        text: async () => {
          const chunks: Buffer[] = [];
          for await (const piece of pieces()) chunks.push(piece);
          return Buffer.concat(chunks).toString('utf8');
        },
      };
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}
