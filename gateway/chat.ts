// /v1/chat/completions: channel → adapter, forwarded as the client wrote it, answered under the channel's name, then published.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SpanStatusCode, type Span } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { InteractionEvent } from '../core/contracts/index.ts';
import { RatchetError, safeMessage } from '../core/errors.ts';
import { StreamedAnswer, WrongModel, readAnswer, type Answer } from './answer.ts';
import { readBody } from './body.ts';
import { nameOf, type Channels } from './channels.ts';
import { readChatRequest } from './chat-request.ts';
import { readHeaders } from './headers.ts';
import { drawArm, holdbackKey } from './holdback.ts';
import { withTopLevel } from './json-text.ts';
import type { GatewayMetrics } from './metrics.ts';
import { Refusal, badRequest, replicaNotReady, sendRefusal } from './refusal.ts';
import type { Replicas } from './replicas.ts';
import { startChatSpan, traceparentOf } from './tracing.ts';
import { eventOf, type EventSettings, type Outcome, type ServedWorkload, type Turn } from './turn.ts';
import { UpstreamFailure, createControl, type Control, type Exchange, type Upstream } from './upstream.ts';

export interface ChatSettings extends EventSettings {
  workloads: ReadonlyMap<string, ServedWorkload>;
  allowBaseArm: boolean;
  timeoutMs: number;
  maxBodyBytes: number;
}

export interface ChatDeps {
  settings: ChatSettings;
  channels: Channels;
  replicas: Replicas;
  upstream: Upstream;
  publish: (event: InteractionEvent) => void;
  logger: Logger;
  metrics: GatewayMetrics;
}

/** `<channel>@base` asks the base model itself, beside the channel's traffic. */
const BASE_ARM = '@base';

const NO_ANSWER: Answer = { text: '', toolCalls: [], finishReason: null, usage: undefined, responseId: undefined };

type Passed = Pick<Outcome, 'answer' | 'finishReason'>;

export function createChatHandler(deps: ChatDeps): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const { settings, channels, replicas, upstream, logger, metrics } = deps;
  const drawKey = holdbackKey(settings.subjectKey);

  return async function chat(req, res) {
    const startedAt = performance.now();
    let channel = 'none';
    let endInFlight = (): void => undefined;
    let span: Span | undefined;
    try {
      const time = new Date().toISOString();
      const headers = readHeaders(req.headers);
      const body = await readBody(req, settings.maxBodyBytes);
      const fields = readChatRequest(parseBody(body), headers.untrusted);
      const baseArm = settings.allowBaseArm && fields.model.endsWith(BASE_ARM);
      const asked = baseArm ? fields.model.slice(0, -BASE_ARM.length) : fields.model;
      const workload = settings.workloads.get(asked);
      const entry = workload === undefined ? null : await channels.current(asked);
      // No await between here and `begin`: whoever reads the generation must see this request counted.
      if (workload === undefined || entry === null) throw new Refusal(404, 'model_not_found', 'no such channel; GET /v1/models lists them', { param: 'model' });
      const { mark: holdback, adapter } = baseArm ? { mark: undefined, adapter: null } : drawArm(entry, headers, drawKey, replicas.serves, Date.now());
      endInFlight = channels.begin(adapter);
      channel = asked;
      const turn: Turn = { time, headers, fields, body, channel, workload, baseArm, adapter, generation: baseArm ? 0 : entry.generation, holdback };
      span = startChatSpan(channel, headers.traceparent);
      span.setAttributes({ 'ratchet.adapter.digest': nameOf(adapter), 'ratchet.generation': turn.generation });
      res.setHeader('x-ratchet-adapter', nameOf(adapter));
      res.setHeader('x-ratchet-generation', turn.generation);
      res.setHeader('x-ratchet-interaction', headers.interaction);
      if (holdback !== undefined) res.setHeader('x-ratchet-arm', holdback.arm);
      await answerTurn(turn, res, span);
    } catch (error) {
      // What is left of the body is not waited for.
      if (!req.complete && !res.headersSent) res.setHeader('connection', 'close');
      refuse(res, error, channel);
      span?.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Refusal ? error.code : 'internal' });
    } finally {
      endInFlight();
      const status = res.writableFinished || res.writableEnded ? String(res.statusCode) : '499';
      span?.setAttribute('http.response.status_code', Number(status));
      span?.end();
      metrics.requests.inc({ channel, status });
      metrics.seconds.observe({ channel }, (performance.now() - startedAt) / 1000);
    }
  };

  async function answerTurn(turn: Turn, res: ServerResponse, span: Span): Promise<void> {
    const replica = await replicas.choose(turn.adapter);
    const control = createControl(settings.timeoutMs);
    const left = (): void => {
      if (!res.writableFinished) control.abort('client_left');
    };
    res.once('close', left);
    if (res.destroyed) left();
    const traceparent = traceparentOf(span);
    const finish = (passed: Passed): Promise<void> => {
      span.setAttribute('gen_ai.response.finish_reasons', [passed.finishReason]);
      return publish(turn, { ...passed, engineBuild: replica.engineBuild, traceparent });
    };
    try {
      const model = turn.adapter ?? settings.baseModel;
      const body = withTopLevel(turn.body, 'model', JSON.stringify(model)) ?? turn.body;
      const exchange = await upstream.send(replica.url, body, traceparent === undefined ? {} : { traceparent }, control);
      if (exchange.status !== 200) return await passRefusal(exchange, turn, replica.url, model, res);
      await finish(exchange.streamed ? await passStream(exchange, turn, model, res, control) : await passWhole(exchange, turn, model, res));
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      // The client went away before there was an answer: that too is something that happened to an interaction.
      if (error.why === 'client_left') return await finish({ answer: NO_ANSWER, finishReason: 'aborted' });
      throw error.why === 'timeout' ? new Refusal(504, 'upstream_timeout', `the engine did not answer within ${settings.timeoutMs} ms`) : replicaNotReady('the connection to the replica broke');
    } finally {
      if (control.why() === 'connection') replicas.down(replica.url);
      control.done();
      res.off('close', left);
      replica.release();
    }
  }

  /** An engine's refusal. What it says of the client's own request goes to the client, and nowhere else. */
  async function passRefusal(exchange: Exchange, turn: Turn, url: string, model: string, res: ServerResponse): Promise<void> {
    const text = await exchange.text();
    const { status } = exchange;
    if (status === 404) {
      if (turn.adapter !== null) replicas.lost(url, turn.adapter);
      throw replicaNotReady('the replica does not serve the model of this channel; it is being loaded');
    }
    if (status === 401 || status === 403) {
      logger.error({ replica: url, status }, 'the replica refuses the gateway: check VLLM_API_KEY');
      throw new Refusal(502, 'upstream_unauthorized', 'the engine refuses the gateway');
    }
    if (status >= 500) {
      logger.warn({ replica: url, status, channel: turn.channel }, 'the replica failed to answer');
      throw new Refusal(status === 503 ? 503 : 502, 'upstream_error', `the engine failed (status ${status})`, { retryAfterSeconds: 1 });
    }
    const bytes = Buffer.from(text.replaceAll(model, turn.channel));
    res.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
  }

  async function passWhole(exchange: Exchange, turn: Turn, model: string, res: ServerResponse): Promise<Passed> {
    const text = await exchange.text();
    const read = orRefuse(() => readAnswer(text, model, turn.channel), turn);
    const bytes = Buffer.from(read.body);
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes);
    return { answer: read.answer, finishReason: read.answer.finishReason ?? 'error' };
  }

  async function passStream(exchange: Exchange, turn: Turn, model: string, res: ServerResponse, control: Control): Promise<Passed> {
    const streamed = new StreamedAnswer(model, turn.channel);
    const write = async (text: string): Promise<void> => {
      if (text === '') return;
      if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
      if (!res.write(text) && !res.destroyed) await drained(res);
    };
    try {
      for await (const piece of exchange.body()) await write(orRefuse(() => streamed.push(piece), turn));
      await write(orRefuse(() => streamed.end(), turn));
    } catch (error) {
      if (!res.headersSent) throw error;
      // Also where what came cannot be read or passed on: the engine need not go on.
      const why = error instanceof UpstreamFailure ? error.why : 'unreadable';
      control.abort('unreadable');
      // In the middle of a stream an error can only be told as one of its events.
      if (why !== 'client_left') res.end(`data: ${JSON.stringify({ error: { message: `the answer broke off (${why})`, type: 'server_error', param: null, code: 'upstream_error' } })}\n\n`);
      return { answer: streamed.answer, finishReason: why === 'client_left' ? 'aborted' : 'error' };
    }
    res.end();
    return { answer: streamed.answer, finishReason: streamed.failed ? 'error' : (streamed.answer.finishReason ?? 'error') };
  }

  function orRefuse<T>(read: () => T, turn: Turn): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof WrongModel) {
        logger.error({ channel: turn.channel, adapter: nameOf(turn.adapter) }, 'the engine answered as another model than the one asked for: the answer was thrown away');
        throw replicaNotReady('the engine answered as another model; the answer was thrown away');
      }
      throw new Refusal(502, 'upstream_error', 'the engine gave an answer that cannot be read');
    }
  }

  /** Behind the answer's back: whatever goes wrong here is logged, the client has its answer. */
  async function publish(turn: Turn, outcome: Outcome): Promise<void> {
    if (turn.baseArm) return;
    await nextTurn();
    try {
      deps.publish(eventOf(turn, outcome, settings));
    } catch (error) {
      metrics.lost.inc({ reason: 'not_built' });
      logger.error({ channel: turn.channel, error: safeMessage(error) }, 'an interaction could not be published');
    }
  }

  function refuse(res: ServerResponse, error: unknown, channel: string): void {
    if (error instanceof Refusal) return sendRefusal(res, error);
    if (error instanceof RatchetError && error.retryable && error.code !== 'INTERNAL') {
      logger.error({ channel, error: safeMessage(error) }, 'a request could not be answered');
      return sendRefusal(res, new Refusal(503, error.code.toLowerCase(), error.next, { retryAfterSeconds: 1 }));
    }
    logger.error({ channel, error: safeMessage(error) }, 'a request failed');
    sendRefusal(res, new Refusal(500, 'internal', 'the gateway failed'));
  }
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest('the body is not JSON');
  }
}

/** Resolves when the client took what was written, or went away. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.once('drain', done);
    res.once('close', done);
  });
}
