// The OpenAI-compatible door: its HTTP server, its few paths, and its orderly end.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Interaction, InteractionEvent } from '../core/contracts/index.ts';
import { RatchetError, safeMessage } from '../core/errors.ts';
import { isLoopback, openHttpServer, type HttpServer, type TlsSettings } from '../stores/http-server.ts';
import type { MetadataStore, ServingTarget } from '../stores/ports.ts';
import { mayAdminister } from './admin.ts';
import { createAnswering } from './answering.ts';
import { CHAT, TEXT } from './apis.ts';
import { createBodyReader } from './body.ts';
import { createCallers } from './callers.ts';
import { createChannels } from './channels.ts';
import { holdbackKey } from './holdback.ts';
import { createMetrics, type GatewayMetrics } from './metrics.ts';
import { createRecorder } from './recorder.ts';
import { Refusal, sendJson, sendRefusal } from './refusal.ts';
import { createReplicas, type ReplicaReport, type ReplicasDeps } from './replicas.ts';
import type { ServedWorkload } from './turn.ts';
import { createUpstream } from './upstream.ts';

export interface GatewayDeps {
  store: Pick<MetadataStore, 'channel' | 'callerKeys'>;
  /** Where replicas are marked that may not answer; shared with the other gateways and the pipeline. */
  marks?: ReplicasDeps['marks'];
  isolation?: ReplicasDeps['isolation'];
  target: ServingTarget;
  /** By channel; other channels of the store are not served here. */
  workloads: ReadonlyMap<string, ServedWorkload>;
  /** Takes an interaction and returns at once (publish/publisher.ts). */
  publish: (event: InteractionEvent) => void;
  /** Key of the hash that stands for a person. */
  subjectKey: string;
  logger: Logger;
  metrics?: GatewayMetrics;
  host?: string;
  /** 0 takes a free one. */
  port?: number;
  tls?: TlsSettings;
  vllmApiKey?: string;
  /** Guards /internal and /metrics; without one only loopback callers are let in. */
  adminToken?: string;
  /** Lets anyone ask beyond loopback although no caller's key was ever made. */
  allowOpen?: boolean;
  /** Lets `<channel>@base` ask the base model beside the channel's traffic; such answers are not published. */
  allowBaseArm?: boolean;
  consentBasis?: Interaction['consentBasis'];
  retentionDays?: number;
  /** For a whole answer, and until the first piece of a streamed one. */
  timeoutMs?: number;
  firstByteMs?: number;
  maxBodyBytes?: number;
  /** Requests answered at once; one more is refused with 503. */
  maxInFlight?: number;
  pollMs?: number;
}

export interface Gateway {
  url: string;
  /** Requests being answered, by adapter digest or `base`. */
  inFlight(): Record<string, number>;
  replicas(): ReplicaReport[];
  /** Takes no more requests, waits for those in flight, then ends. Events still have to be flushed by their publisher. */
  close(drainMs?: number): Promise<void>;
}

/** Bodies that may be in memory at once, before they are whole. */
const MAX_HELD_BYTES = 268_435_456;
/** A connection costs memory before it has sent a byte. */
const MAX_CONNECTIONS = 8_192;
const SERVER = { requestTimeout: 30_000, headersTimeout: 15_000, keepAliveTimeout: 30_000, maxHeaderSize: 32_768, connectionsCheckingInterval: 5_000 };

/** @throws CONFIG_INVALID when strangers could ask or listen in, or it cannot listen itself */
export async function startGateway(deps: GatewayDeps): Promise<Gateway> {
  const { store, target, workloads, logger, host = '127.0.0.1', port = 0, metrics = createMetrics(), maxInFlight = 2_048 } = deps;
  const callers = await createCallers({ store, logger });
  if (callers.isOpen() && !isLoopback(host) && deps.allowOpen !== true) {
    callers.close();
    throw new RatchetError('CONFIG_INVALID', 'GATEWAY_HOST: beyond loopback callers need keys: make one with `ratchet gateway-key new`, or set GATEWAY_ALLOW_OPEN=true where something else keeps strangers out');
  }
  const names = [...workloads.keys()];
  const channels = createChannels(store, names);
  const replicas = createReplicas({ target, channels, names, logger, metrics, pollMs: deps.pollMs ?? 1_000, marks: deps.marks, isolation: deps.isolation });
  const upstream = createUpstream(target.replicas, deps.vllmApiKey, (url) => replicas.down(url));
  const { subjectKey, consentBasis = 'contract', retentionDays = 90, timeoutMs = 120_000, firstByteMs = 60_000 } = deps;
  const recorder = createRecorder({ settings: { baseModel: target.baseModel, subjectKey, consentBasis, retentionDays }, publish: deps.publish, logger, metrics });
  const answer = createAnswering({
    settings: { baseModel: target.baseModel, workloads, allowBaseArm: deps.allowBaseArm ?? false, drawKey: holdbackKey(subjectKey), timeoutMs, firstByteMs },
    ...{ callers, bodies: createBodyReader(deps.maxBodyBytes ?? 1_048_576, MAX_HELD_BYTES), channels, replicas, upstream, recorder, logger, metrics },
  });

  async function entries() {
    const found = await Promise.all(names.map((name) => channels.current(name)));
    return found.filter((entry) => entry !== null);
  }

  async function models(req: IncomingMessage, res: ServerResponse): Promise<void> {
    await callers.admit(req);
    const data = (await entries()).map((entry) => ({ id: entry.channel, object: 'model', created: Math.floor(Date.parse(entry.time) / 1000), owned_by: 'ratchet' }));
    sendJson(res, 200, { object: 'list', data });
  }

  /** Ready: every channel has a healthy replica that serves its live adapter. Who may not administer learns only that. */
  async function readiness(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const report = replicas.report();
    const list = (await entries()).map(({ channel, generation, live }) => ({
      channel,
      generation,
      ready: report.some((replica) => replica.inTraffic && (live === null || !replica.missing.includes(live))),
    }));
    const ready = list.length > 0 && list.every((one) => one.ready);
    sendJson(res, ready ? 200 : 503, mayAdminister(req, deps.adminToken) ? { ready, channels: list, replicas: report } : { ready });
  }

  /** What the unload of a former adapter waits for: every gateway on the new generation, nothing in flight on the old one. */
  async function generation(req: IncomingMessage, res: ServerResponse): Promise<void> {
    assertAdmin(req);
    const list = (await entries()).map((entry) => ({ channel: entry.channel, generation: entry.generation, live: entry.live }));
    sendJson(res, 200, { channels: list, inFlight: channels.inFlight() });
  }

  async function metricsPage(req: IncomingMessage, res: ServerResponse): Promise<void> {
    assertAdmin(req);
    const text = await metrics.registry.metrics();
    res.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text);
  }

  function assertAdmin(req: IncomingMessage): void {
    if (!mayAdminister(req, deps.adminToken)) throw new Refusal(401, 'unauthorized', 'send the admin token in the Authorization header');
  }

  /** The whole list: what is not here, the engine's own load and unload first of all, nobody reaches through this door. */
  function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    switch (`${req.method} ${req.url?.split('?', 1)[0]}`) {
      case `POST ${CHAT.path}`: return answer(CHAT, req, res);
      case `POST ${TEXT.path}`: return answer(TEXT, req, res);
      case 'GET /v1/models': return models(req, res);
      case 'GET /healthz': return Promise.resolve(sendJson(res, 200, { healthy: true }));
      case 'GET /readyz': return readiness(req, res);
      case 'GET /internal/generation': return generation(req, res);
      case 'GET /metrics': return metricsPage(req, res);
      default: return Promise.reject(new Refusal(404, 'not_found', `no such path or method; the gateway serves POST ${CHAT.path}, POST ${TEXT.path} and GET /v1/models`));
    }
  }

  let closing = false;
  const active = new Set<Promise<void>>();
  const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
    if (closing) res.setHeader('connection', 'close');
    // A broken connection shows as `close`; without a listener it would end the process.
    res.on('error', () => undefined);
    // Whoever asks for its health or its numbers is answered all the same.
    if (active.size >= maxInFlight && req.method === 'POST') return overloaded(req, res);
    const work = route(req, res)
      .catch((error: unknown) => {
        if (!(error instanceof Refusal)) logger.error({ error: safeMessage(error) }, 'a request failed');
        sendRefusal(res, error instanceof Refusal ? error : new Refusal(503, 'unavailable', 'the gateway cannot read its store'));
      })
      .finally(() => active.delete(work));
    active.add(work);
  };

  function overloaded(req: IncomingMessage, res: ServerResponse): void {
    metrics.answered('none', '503', 0);
    req.resume();
    sendRefusal(res, new Refusal(503, 'overloaded', `the gateway answers ${maxInFlight} requests already`, { retryAfterSeconds: 1 }));
  }

  let server: HttpServer;
  try {
    server = await openHttpServer({ host, port, setting: 'GATEWAY', tls: deps.tls ?? { mayBePlain: false }, logger, server: SERVER, maxConnections: MAX_CONNECTIONS, onRequest });
  } catch (error) {
    callers.close();
    replicas.close();
    throw error;
  }

  return {
    url: server.url,
    inFlight: channels.inFlight,
    replicas: replicas.report,
    close: async (drainMs = 10_000) => {
      closing = true;
      callers.close();
      replicas.close();
      const deadline = new AbortController();
      await server.close(Promise.race([Promise.all(active), sleep(drainMs, undefined, { signal: deadline.signal }).catch(() => undefined)]));
      deadline.abort();
      await Promise.all(active);
      recorder.flush();
      await upstream.close();
    },
  };
}
