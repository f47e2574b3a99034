// The HTTP door for teams without Kafka: takes what Kafka would take, and says 202 only when Kafka has it.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { RatchetError, safeMessage } from '../../core/errors.ts';
import { isLoopback, openHttpServer, type TlsSettings } from '../../stores/http-server.ts';
import type { AcceptOptions } from '../accept.ts';
import type { ParsedRecord } from '../parse.ts';
import type { RecordSink } from '../produce.ts';
import { createBodyReader } from './body.ts';
import type { DoorMetrics } from './metrics.ts';
import { mediaTypeOf, recordsIn, type Brought } from './records.ts';
import { problem, Refused, sendJson, statusOf } from './refusal.ts';

export interface DoorOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Any of them opens the door; none: only in development, and only on loopback. */
  tokens: readonly string[];
  environment: 'development' | 'production';
  tls: TlsSettings;
  maxBodyBytes: number;
  accept: AcceptOptions;
  sink: Pick<RecordSink, 'send'>;
  metrics: DoorMetrics;
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

export interface Door {
  url: string;
  /** Takes no more requests and waits for those under way. */
  close(): Promise<void>;
}

const PATHS: ReadonlyMap<string, ParsedRecord['kind']> = new Map([
  ['/v1/interactions', 'interaction'],
  ['/v1/corrections', 'correction'],
]);
/** Bodies that may be in memory at once. */
const MAX_HELD_BYTES = 128_000_000;
const MAX_CONNECTIONS = 1_000;
const SERVER = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 30_000, maxHeaderSize: 16_384 };
const RETRY_AFTER_SECONDS = '5';

/** @throws CONFIG_INVALID when it would be open to strangers or eavesdroppers, or cannot listen */
export async function startDoor(options: DoorOptions): Promise<Door> {
  const { host, port, tls, metrics, logger, sink } = options;
  if (options.tokens.length === 0 && !(options.environment === 'development' && isLoopback(host))) {
    throw new RatchetError('CONFIG_INVALID', 'API_TOKEN: must be set, unless RATCHET_ENV is development and API_HOST is a loopback address');
  }
  const mayEnter = createGuard(options.tokens);
  const bodies = createBodyReader(options.maxBodyBytes, MAX_HELD_BYTES);

  async function take(req: IncomingMessage, kind: ParsedRecord['kind']): Promise<{ status: number; body: unknown }> {
    if (!mayEnter(req)) throw new Refused(401, 'UNAUTHORIZED', 'no valid token', { 'www-authenticate': 'Bearer' });
    const mediaType = mediaTypeOf(req.headers['content-type'], req.headers['content-encoding']);
    const bytes = await bodies.read(req);
    try {
      const brought = recordsIn(bytes, mediaType, kind, options.accept);
      await sink.send(brought.items.flatMap((item) => ('accepted' in item ? [item.accepted] : [])));
      for (const item of brought.items) metrics.records.inc({ kind, result: 'accepted' in item ? 'accepted' : item.error.code });
      return answerTo(brought);
    } finally {
      bodies.release(bytes.length);
    }
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url?.split('?', 1)[0] ?? '/';
    const kind = PATHS.get(path);
    const stop = metrics.seconds.startTimer({ path: kind === undefined ? 'other' : path });
    try {
      if (kind === undefined) throw new Refused(404, 'NOT_FOUND', `the door takes POST ${[...PATHS.keys()].join(' and POST ')}`);
      if (req.method !== 'POST') throw new Refused(405, 'REQUEST_INVALID', 'send records with POST', { allow: 'POST' });
      const { status, body } = await take(req, kind);
      sendJson(res, status, body);
    } catch (error) {
      const refused = refusalFor(error);
      if (refused.status >= 500) logger.warn({ path, status: refused.status }, safeMessage(error instanceof Refused ? error.error : error));
      // What still comes of a body that is not wanted is thrown away, so that the sender gets to read the answer.
      req.resume();
      sendJson(res, refused.status, { error: problem(refused.error) }, refused.headers);
    } finally {
      stop();
      metrics.requests.inc({ path: kind === undefined ? 'other' : path, status: res.statusCode });
    }
  }

  const active = new Set<Promise<void>>();
  const server = await openHttpServer({
    ...{ host, port, setting: 'API', tls, logger, server: SERVER, maxConnections: MAX_CONNECTIONS },
    onRequest: (req, res) => {
      // A broken connection shows as an early end; without listeners it would end the process.
      res.on('error', () => undefined);
      const work = answer(req, res).finally(() => active.delete(work));
      active.add(work);
    },
  });
  return { url: server.url, close: () => server.close(Promise.all(active)) };
}

/** One event: taken, or refused for its reason. A batch: each by its index, and harmless to send again as a whole. */
function answerTo({ isBatch, items }: Brought): { status: number; body: unknown } {
  const errors = items.flatMap((item) => ('error' in item ? [item.error] : []));
  const counts = { accepted: items.length - errors.length, refused: errors.length };
  const [first] = errors;
  if (!isBatch) return first === undefined ? { status: 202, body: counts } : { status: statusOf(first), body: { error: problem(first) } };
  const results = items.map((item, index) => ('error' in item ? { index, status: statusOf(item.error), error: problem(item.error) } : { index, status: 202 }));
  return { status: first === undefined ? 202 : counts.accepted > 0 ? 207 : 400, body: { ...counts, results } };
}

function refusalFor(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof RatchetError) return new Refused(statusOf(error), error.code, error.message, error.code === 'KAFKA_UNAVAILABLE' ? { 'retry-after': RETRY_AFTER_SECONDS } : {});
  return new Refused(500, 'INTERNAL', 'the request could not be handled');
}

/** Compares hashes, so that neither the time taken nor the length tells anything about a token. */
function createGuard(tokens: readonly string[]): (req: IncomingMessage) => boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = tokens.map(hash);
  return ({ headers }) => {
    // Without a token the door is for programs of this machine: a web page that a browser has open here is none.
    if (wanted.length === 0) return headers.origin === undefined;
    const given = hash(/^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? '');
    return wanted.map((one) => timingSafeEqual(one, given)).includes(true);
  };
}
