// How a request is answered: channel → adapter, forwarded as the client wrote it, answered under the channel's name, then recorded.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SpanStatusCode, type Span } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Digest, FinishReason } from '../core/contracts/index.ts';
import { nameOf } from '../core/digest.ts';
import { RatchetError, safeMessage } from '../core/errors.ts';
import { WrongModel, emptyAnswer, readAnswer, type Answer } from './answer.ts';
import type { Api } from './apis.ts';
import type { BodyReader } from './body.ts';
import type { Caller, Callers } from './callers.ts';
import type { Channels } from './channels.ts';
import { createControl, type Control } from './control.ts';
import { readHeaders } from './headers.ts';
import { drawArm } from './holdback.ts';
import { renamed, withAdded, withTopLevel } from './json-text.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Recorder } from './recorder.ts';
import { Refusal, badRequest, replicaNotReady, sendJsonText, sendRefusal } from './refusal.ts';
import type { Replicas } from './replicas.ts';
import { isObject, type Ask } from './request.ts';
import { StreamedAnswer } from './streamed-answer.ts';
import { startAnswerSpan, traceparentOf } from './tracing.ts';
import type { ServedWorkload, Turn } from './turn.ts';
import { UpstreamFailure, type Exchange, type Upstream } from './upstream.ts';

export interface AnsweringSettings {
  baseModel: string;
  workloads: ReadonlyMap<string, ServedWorkload>;
  allowBaseArm: boolean;
  /** Of the draw of arms; see `holdbackKey`. */
  drawKey: string;
  /** For the whole answer, and for the first piece of a streamed one. */
  timeoutMs: number;
  firstByteMs: number;
}

export interface AnsweringDeps {
  settings: AnsweringSettings;
  callers: Callers;
  bodies: BodyReader;
  channels: Channels;
  replicas: Replicas;
  upstream: Upstream;
  recorder: Recorder;
  logger: Logger;
  metrics: GatewayMetrics;
}

/** `<channel>@base` asks the base model itself, beside the channel's traffic. */
const BASE_ARM = '@base';
/** Replicas that are asked one after the other while none has begun to answer. */
const MAX_ATTEMPTS = 3;

/** What the client got; `otherwise`: how choices ended that did not say so themselves. */
interface Passed {
  answer: Answer;
  otherwise: FinishReason;
}

export function createAnswering(deps: AnsweringDeps): (api: Api, req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const { settings, callers, bodies, channels, replicas, upstream, recorder, logger, metrics } = deps;

  return async function answer(api, req, res) {
    const startedAt = performance.now();
    let channel = 'none';
    let endInFlight = (): void => undefined;
    let span: Span | undefined;
    try {
      const time = new Date().toISOString();
      const caller = await callers.admit(req);
      const headers = readHeaders(req.headers);
      const body = await bodies.read(req);
      const ask = api.read(parseBody(body), headers.untrusted);
      const baseArm = settings.allowBaseArm && ask.model.endsWith(BASE_ARM);
      const asked = baseArm ? ask.model.slice(0, -BASE_ARM.length) : ask.model;
      const workload = settings.workloads.get(asked);
      const entry = workload === undefined ? null : await channels.current(asked);
      // No await between here and `begin`: whoever reads the generation must see this request counted.
      if (workload === undefined || entry === null) throw new Refusal(404, 'model_not_found', 'no such channel; GET /v1/models lists them', { param: 'model' });
      const tenant = caller.tenantOf(headers.tenant);
      const { mark: holdback, adapter } = baseArm ? { mark: undefined, adapter: null } : drawArm(entry, { ...headers, tenant }, settings.drawKey, replicas.serves, Date.now());
      endInFlight = channels.begin(adapter);
      channel = asked;
      const turn: Turn = { time, operation: api.operation, headers, tenant, ask, body, channel, workload, baseArm, adapter, generation: baseArm ? 0 : entry.generation, holdback };
      span = startAnswerSpan(turn);
      res.setHeader('x-ratchet-adapter', nameOf(adapter));
      res.setHeader('x-ratchet-generation', turn.generation);
      if (holdback !== undefined) res.setHeader('x-ratchet-arm', holdback.arm);
      res.setHeader('x-ratchet-interaction', headers.interaction);
      await answerTurn(api, turn, res, span, caller);
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
      metrics.answered(channel, status, (performance.now() - startedAt) / 1000);
    }
  };

  /** Asks replicas one after the other until one has begun to answer; what has begun is never asked twice. */
  async function answerTurn(api: Api, turn: Turn, res: ServerResponse, span: Span, caller: Caller): Promise<void> {
    const control = createControl(settings.timeoutMs, turn.ask.stream ? settings.firstByteMs : undefined);
    const left = (): void => {
      if (!res.writableFinished) control.abort('client_left');
    };
    res.once('close', left);
    if (res.destroyed) left();
    const model = turn.adapter ?? settings.baseModel;
    const hidesUsage = wantsNoUsage(turn.ask);
    const body = upstreamBody(turn, model, hidesUsage);
    const traceparent = traceparentOf(span);
    const failed = new Set<string>();
    try {
      for (let attempt = 1; ; attempt += 1) {
        const replica = await chooseAnother(turn.adapter, failed);
        const finish = ({ answer, otherwise }: Passed): void => {
          caller.charge(tokensOf(answer, body));
          span.setAttribute('gen_ai.response.finish_reasons', [answer.choices.get(0)?.finishReason ?? otherwise]);
          if (!turn.baseArm) recorder.record(turn, { answer, otherwise, engineBuild: replica.engineBuild, traceparent });
        };
        try {
          const exchange = await upstream.send(replica.url, api.path, body, traceparent === undefined ? {} : { traceparent }, control);
          if (exchange.status === 404 && turn.adapter !== null) {
            replicas.lost(replica.url, turn.adapter);
            await exchange.text();
            if (attempt < MAX_ATTEMPTS) {
              failed.add(replica.url);
              metrics.retries.inc();
              continue;
            }
          }
          if (exchange.status !== 200) return await passRefusal(exchange, turn, replica.url, model, res);
          return finish(exchange.streamed ? await passStream(exchange, turn, model, hidesUsage, res, control) : await passWhole(exchange, turn, model, res));
        } catch (error) {
          if (!(error instanceof UpstreamFailure)) throw error;
          // The client went away before there was an answer: that too is something that happened to an interaction.
          if (error.why === 'client_left') return finish({ answer: emptyAnswer(), otherwise: 'aborted' });
          if (error.why === 'timeout') throw new Refusal(504, 'upstream_timeout', `the engine did not answer within ${turn.ask.stream ? Math.min(settings.firstByteMs, settings.timeoutMs) : settings.timeoutMs} ms`);
          if (error.why === 'unreadable') throw new Refusal(502, 'upstream_error', 'the engine gave an answer that cannot be read');
          if (error.begun || attempt === MAX_ATTEMPTS) throw replicaNotReady('the connection to the replica broke');
        } finally {
          replica.release();
        }
        failed.add(replica.url);
        metrics.retries.inc();
      }
    } finally {
      control.done();
      res.off('close', left);
    }
  }

  /** One that has not failed this request, or else one that has: a lone replica may only have closed an idle connection. */
  async function chooseAnother(adapter: Digest | null, failed: ReadonlySet<string>) {
    if (failed.size === 0) return replicas.choose(adapter);
    return replicas.choose(adapter, failed).catch(() => replicas.choose(adapter));
  }

  /** An engine's refusal. What it says of the client's own request goes to the client, and nowhere else. */
  async function passRefusal(exchange: Exchange, turn: Turn, url: string, model: string, res: ServerResponse): Promise<void> {
    const text = await exchange.text();
    const { status } = exchange;
    if (status === 404) throw replicaNotReady('the replica does not serve the model of this channel; it is being loaded');
    if (status === 401 || status === 403) {
      logger.error({ replica: url, status }, 'the replica refuses the gateway: check VLLM_API_KEY');
      throw new Refusal(502, 'upstream_unauthorized', 'the engine refuses the gateway');
    }
    if (status >= 500) {
      logger.warn({ replica: url, status, channel: turn.channel }, 'the replica failed to answer');
      throw new Refusal(status === 503 ? 503 : 502, 'upstream_error', `the engine failed (status ${status})`, { retryAfterSeconds: 1 });
    }
    sendJsonText(res, status, text.replaceAll(model, turn.channel));
  }

  async function passWhole(exchange: Exchange, turn: Turn, model: string, res: ServerResponse): Promise<Passed> {
    const text = await exchange.text();
    const { answer, body } = orRefuse(() => readAnswer(text, model, turn.channel), turn);
    sendJsonText(res, 200, body);
    return { answer, otherwise: 'error' };
  }

  async function passStream(exchange: Exchange, turn: Turn, model: string, hidesUsage: boolean, res: ServerResponse, control: Control): Promise<Passed> {
    const streamed = new StreamedAnswer(model, turn.channel, hidesUsage);
    const write = async (text: string): Promise<void> => {
      if (text === '') return;
      if (!res.headersSent) res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
      if (!res.write(text) && !res.destroyed) await drained(res);
    };
    try {
      for await (const piece of exchange.pieces()) await write(orRefuse(() => streamed.push(piece), turn));
      await write(orRefuse(() => streamed.end(), turn));
    } catch (error) {
      if (!res.headersSent) throw error;
      // Also where what came cannot be read or passed on: the engine need not go on.
      const why = error instanceof UpstreamFailure ? error.why : 'unreadable';
      control.abort('unreadable');
      if (why === 'client_left') return { answer: streamed.answer, otherwise: 'aborted' };
      // In the middle of a stream an error can only be told as one of its events.
      res.end(`data: ${JSON.stringify({ error: { message: `the answer broke off (${why})`, type: 'server_error', param: null, code: 'upstream_error' } })}\n\n`);
      return { answer: streamed.answer, otherwise: 'error' };
    }
    res.end();
    return { answer: streamed.answer, otherwise: 'error' };
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

/** A stream whose client did not ask for its usage: we ask for it, record it, and leave it out of what the client sees. */
function wantsNoUsage({ stream, streamOptions }: Ask): boolean {
  if (!stream) return false;
  if (streamOptions === undefined || streamOptions === null) return true;
  // What is of the wrong type is the engine's to refuse.
  return isObject(streamOptions) && (streamOptions['include_usage'] ?? false) === false;
}

/** The client's own bytes but for the model's name, and for the usage of a stream. */
function upstreamBody({ body, ask }: Turn, model: string, addsUsage: boolean): string {
  const text = renamed(body, model);
  if (!addsUsage) return text;
  if (ask.streamOptions === undefined) return withAdded(text, 'stream_options', '{"include_usage":true}');
  return withTopLevel(text, 'stream_options', JSON.stringify({ ...(ask.streamOptions ?? {}), include_usage: true })) ?? text;
}

/** What an answer used; where its client left before the engine said so, about four characters a token. */
function tokensOf({ usage, choices }: Answer, request: string): number {
  if (usage) return usage.inputTokens + usage.outputTokens;
  return Math.ceil([...choices.values()].reduce((sum, { text }) => sum + text.length, request.length) / 4);
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
