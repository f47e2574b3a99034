// Sends one request to a replica and hands its answer over in pieces or whole; says how it failed.
import { Pool, type Dispatcher } from 'undici';
import { RatchetError } from '../core/errors.ts';
import type { Control, Failure } from './control.ts';

export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly why: Failure;
  /** The head of an answer had come: nobody else may be asked. */
  readonly begun: boolean;
  constructor(why: Failure, begun: boolean) {
    super(why);
    this.why = why;
    this.begun = begun;
  }
}

/** An answer whose head has come. */
export interface Exchange {
  status: number;
  streamed: boolean;
  /** Pieces of the body, as fast as they are taken. @throws UpstreamFailure */
  pieces(): AsyncGenerator<Buffer>;
  /** @throws UpstreamFailure */
  text(): Promise<string>;
}

export interface Upstream {
  /** @throws UpstreamFailure when no head came */
  send(url: string, path: string, body: string, headers: Record<string, string>, control: Control): Promise<Exchange>;
  close(): Promise<void>;
}

/** What waits for a slow client before the engine is told to wait too, and the longest whole answer. */
const HIGH_WATER_BYTES = 262_144;
const MAX_ANSWER_BYTES = 67_108_864;
const CONNECTIONS = 1_024;

/** @param broken told of a connection that broke by itself */
export function createUpstream(urls: readonly string[], apiKey: string | undefined, broken: (url: string) => void): Upstream {
  // Time-outs are the control's; the engine itself queues what it cannot answer at once.
  const pools = new Map(urls.map((url) => [url, new Pool(url, { connections: CONNECTIONS, headersTimeout: 0, bodyTimeout: 0 })]));
  const always: Record<string, string> = { 'content-type': 'application/json', ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) };
  return {
    send: (url, path, body, headers, control) => {
      const pool = pools.get(url);
      if (pool === undefined) throw new RatchetError('INTERNAL', `no connection pool for ${url}`);
      return new Promise((resolve, reject) => {
        const why = control.why();
        if (why !== null) return reject(new UpstreamFailure(why, false));
        pool.dispatch({ method: 'POST', path, body, headers: { ...always, ...headers } }, new Reply(control, resolve, reject, () => broken(url)));
      });
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

/** undici's own streams would cost more than the rest of the way: this takes the parser's calls as they come. */
class Reply implements Dispatcher.DispatchHandler, Exchange {
  status = 0;
  streamed = false;
  readonly #control: Control;
  readonly #headCame: (exchange: Exchange) => void;
  readonly #noHead: (failure: UpstreamFailure) => void;
  readonly #broken: () => void;
  #controller: Dispatcher.DispatchController | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #state: 'open' | 'ended' | UpstreamFailure = 'open';
  #wake: (() => void) | null = null;

  constructor(control: Control, headCame: (exchange: Exchange) => void, noHead: (failure: UpstreamFailure) => void, broken: () => void) {
    this.#control = control;
    this.#headCame = headCame;
    this.#noHead = noHead;
    this.#broken = broken;
    // Also before it has a connection: what waits for one must not wait for its end.
    control.exchange = this;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state !== 'open') controller.abort(this.#state === 'ended' ? new Error('ended') : this.#state);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200) return;
    this.status = status;
    this.streamed = String(headers['content-type'] ?? '').startsWith('text/event-stream');
    this.#headCame(this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#control.firstByte();
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.streamed && this.#bytes > HIGH_WATER_BYTES) controller.pause();
    else if (this.#bytes > MAX_ANSWER_BYTES) return this.#control.abort('unreadable');
    if (this.streamed) this.#signal();
  }

  onResponseEnd(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#signal();
  }

  onResponseError(): void {
    this.cut();
  }

  async *pieces(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunks = this.#chunks;
      this.#chunks = [];
      this.#bytes = 0;
      for (const chunk of chunks) yield chunk;
      if (this.#chunks.length > 0) continue;
      if (this.#state === 'ended') return;
      if (this.#state !== 'open') throw this.#state;
      this.#controller?.resume();
      await this.#change();
    }
  }

  async text(): Promise<string> {
    while (this.#state === 'open') await this.#change();
    if (this.#state !== 'ended') throw this.#state;
    const [first, ...rest] = this.#chunks;
    return first === undefined ? '' : (rest.length === 0 ? first : Buffer.concat(this.#chunks)).toString('utf8');
  }

  readonly #change = (): Promise<void> => new Promise((resolve) => (this.#wake = resolve));

  #signal(): void {
    this.#wake?.();
    this.#wake = null;
  }

  cut(): void {
    if (this.#state !== 'open') return;
    const why = this.#control.why();
    if (why === null) this.#broken();
    this.#state = new UpstreamFailure(why ?? 'connection', this.status !== 0);
    this.#chunks = [];
    this.#controller?.abort(this.#state);
    this.#noHead(this.#state);
    this.#signal();
  }
}
