// The OpenAI-compatible door: its HTTP server, its few paths, and its orderly end.
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Interaction, InteractionEvent } from '../core/contracts/index.ts';
import { safeMessage } from '../core/errors.ts';
import type { MetadataStore, ServingTarget } from '../stores/ports.ts';
import { createChannels } from './channels.ts';
import { createChatHandler } from './chat.ts';
import { createMetrics, type GatewayMetrics } from './metrics.ts';
import { Refusal, sendJson, sendRefusal } from './refusal.ts';
import { createReplicas, type ReplicaReport, type ReplicasDeps } from './replicas.ts';
import type { ServedWorkload } from './turn.ts';
import { createUpstream } from './upstream.ts';

export interface GatewayDeps {
  store: Pick<MetadataStore, 'channel'>;
  /** Where replicas are marked that may not answer; shared with the other gateways and the pipeline. */
  marks?: ReplicasDeps['marks'];
  isolation?: ReplicasDeps['isolation'];
  target: ServingTarget;
  /** By channel; other channels of the store are not served here. */
  workloads: ReadonlyMap<string, ServedWorkload>;
  /** Takes an interaction and returns at once (gateway/publisher.ts). */
  publish: (event: InteractionEvent) => void;
  /** Key of the hash that stands for a person. */
  subjectKey: string;
  logger: Logger;
  metrics?: GatewayMetrics;
  host?: string;
  /** 0 takes a free one. */
  port?: number;
  vllmApiKey?: string;
  /** Guards /internal; without one only loopback callers are let in. */
  adminToken?: string;
  /** Lets `<channel>@base` ask the base model beside the channel's traffic; such answers are not published. */
  allowBaseArm?: boolean;
  consentBasis?: Interaction['consentBasis'];
  retentionDays?: number;
  timeoutMs?: number;
  maxBodyBytes?: number;
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

export async function startGateway(deps: GatewayDeps): Promise<Gateway> {
  const { store, target, workloads, logger, host = '127.0.0.1', port = 0, metrics = createMetrics() } = deps;
  const names = [...workloads.keys()];
  const channels = createChannels(store, names);
  const replicas = createReplicas({ target, channels, names, logger, metrics, pollMs: deps.pollMs ?? 1_000, marks: deps.marks, isolation: deps.isolation });
  const upstream = createUpstream(target.replicas, deps.vllmApiKey);
  const chat = createChatHandler({
    settings: {
      baseModel: target.baseModel,
      workloads,
      subjectKey: deps.subjectKey,
      allowBaseArm: deps.allowBaseArm ?? false,
      consentBasis: deps.consentBasis ?? 'contract',
      retentionDays: deps.retentionDays ?? 90,
      timeoutMs: deps.timeoutMs ?? 120_000,
      maxBodyBytes: deps.maxBodyBytes ?? 1_048_576,
    },
    channels,
    replicas,
    upstream,
    publish: deps.publish,
    logger,
    metrics,
  });

  async function entries() {
    const found = await Promise.all(names.map((name) => channels.current(name)));
    return found.filter((entry) => entry !== null);
  }

  async function models(res: ServerResponse): Promise<void> {
    const data = (await entries()).map((entry) => ({ id: entry.channel, object: 'model', created: Math.floor(Date.parse(entry.time) / 1000), owned_by: 'ratchet' }));
    sendJson(res, 200, { object: 'list', data });
  }

  /** Ready: every channel has a healthy replica that serves its live adapter. */
  async function readiness(res: ServerResponse): Promise<void> {
    const report = replicas.report();
    const list = (await entries()).map(({ channel, generation, live }) => ({
      channel,
      generation,
      ready: report.some((replica) => replica.inTraffic && (live === null || !replica.missing.includes(live))),
    }));
    const ready = list.length > 0 && list.every((one) => one.ready);
    sendJson(res, ready ? 200 : 503, { ready, channels: list, replicas: report });
  }

  /** What the unload of a former adapter waits for: every gateway on the new generation, nothing in flight on the old one. */
  async function generation(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (!mayAdminister(req, deps.adminToken)) throw new Refusal(401, 'unauthorized', 'send the admin token in the Authorization header');
    const list = (await entries()).map((entry) => ({ channel: entry.channel, generation: entry.generation, live: entry.live }));
    sendJson(res, 200, { channels: list, inFlight: channels.inFlight() });
  }

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url?.split('?')[0];
    switch (`${req.method} ${path}`) {
      case 'POST /v1/chat/completions': return chat(req, res);
      case 'GET /v1/models': return models(res);
      case 'GET /healthz': return sendJson(res, 200, { healthy: true });
      case 'GET /readyz': return readiness(res);
      case 'GET /internal/generation': return generation(req, res);
      case 'GET /metrics': {
        const text = await metrics.registry.metrics();
        return void res.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text);
      }
      default: throw new Refusal(404, 'not_found', 'no such path or method; the gateway serves POST /v1/chat/completions and GET /v1/models');
    }
  }

  let closing = false;
  const active = new Set<Promise<void>>();
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 15_000, keepAliveTimeout: 30_000 }, (req, res) => {
    if (closing) res.setHeader('connection', 'close');
    // A broken connection shows as `close`; without a listener it would end the process.
    res.on('error', () => undefined);
    const work = route(req, res)
      .catch((error: unknown) => {
        if (!(error instanceof Refusal)) logger.error({ error: safeMessage(error) }, 'a request failed');
        sendRefusal(res, error instanceof Refusal ? error : new Refusal(503, 'unavailable', 'the gateway cannot read its store'));
      })
      .finally(() => active.delete(work));
    active.add(work);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;

  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    inFlight: channels.inFlight,
    replicas: replicas.report,
    close: async (drainMs = 10_000) => {
      closing = true;
      replicas.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const deadline = new AbortController();
      await Promise.race([Promise.all(active), sleep(drainMs, undefined, { signal: deadline.signal }).catch(() => undefined)]);
      deadline.abort();
      server.closeAllConnections();
      await Promise.all([...active, closed]);
      await upstream.close();
    },
  };
}

function mayAdminister(req: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(req.socket.remoteAddress ?? '');
  const given = Buffer.from(req.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
