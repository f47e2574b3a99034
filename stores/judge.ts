// A judge model behind an OpenAI-compatible API: asked at temperature 0, and refused when it is not the model that was pinned.
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request as httpRequest } from 'undici';
import { RatchetError } from '../core/errors.ts';
import type { JudgeModel, JudgeRequest } from './ports.ts';

export interface JudgeOptions {
  /** Base URL, to which `/v1/…` is appended. */
  url: string;
  apiKey: string | undefined;
  /** Pauses before each retry, in ms; more of them where the API says that it is asked too often. */
  pausesMs?: readonly number[];
  limitedPausesMs?: readonly number[];
}

const PAUSES_MS = [500, 2_000, 8_000];
const LIMITED_PAUSES_MS = [1_000, 4_000, 15_000, 30_000, 60_000, 60_000, 60_000];
const MODELS_TIMEOUT_MS = 10_000;
const ROOT_HOLDS_MS = 10_000;
const MAX_BODY_BYTES = 1_048_576;
/** Statuses by which an engine turns one question down: too long for it, or refused by a filter. */
const TURNED_DOWN = new Set([400, 413, 422]);

/** No word of a question or an answer is in any error: statuses, names of ours and the host alone. */
export function createJudge(options: JudgeOptions): JudgeModel {
  const { url, apiKey, pausesMs = PAUSES_MS, limitedPausesMs = LIMITED_PAUSES_MS } = options;
  const { host } = new URL(url);
  const agent = new Agent({ connections: 64, headersTimeout: 0, bodyTimeout: 0 });
  /** By model; asked again after a while, since an engine may come back with other weights under the same name. */
  const roots = new Map<string, { root: string | null; atMs: number }>();

  async function call(method: 'GET' | 'POST', path: string, timeoutMs: number, signal?: AbortSignal, body?: unknown): Promise<{ status: number; body: unknown }> {
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const reply = await httpRequest(`${url}${path}`, {
        method,
        dispatcher: agent,
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      let [text, bytes] = ['', 0];
      const decoder = new TextDecoder();
      for await (const chunk of reply.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > MAX_BODY_BYTES) return { status: reply.statusCode, body: null };
        text += decoder.decode(chunk, { stream: true });
      }
      return { status: reply.statusCode, body: parsed(text + decoder.decode()) };
    } catch (error) {
      // A caller's own abort stays what it is.
      signal?.throwIfAborted();
      const code = (error as { code?: unknown } | null)?.code;
      // Whoever needs longer than this once needs it again.
      if (deadline.aborted) throw new Refused('JUDGE_UNAVAILABLE', `the judge at ${host} did not answer within ${timeoutMs} ms`);
      throw new RatchetError('JUDGE_UNAVAILABLE', `the judge at ${host} did not answer (${typeof code === 'string' ? code : 'the connection broke'})`);
    }
  }

  /** Tries again what may pass: no connection, too many requests, a fault of the server's. */
  async function patiently<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        const pauseMs = (error instanceof Limited ? limitedPausesMs : pausesMs)[attempt];
        if (pauseMs === undefined || !(error instanceof RatchetError && error.code === 'JUDGE_UNAVAILABLE') || error instanceof Refused) throw error;
        await sleep(pauseMs, undefined, signal ? { signal } : {});
      }
    }
  }

  function answered(status: number, model: string): RatchetError {
    if (status === 401 || status === 403) return new Refused('JUDGE_UNAVAILABLE', `the judge at ${host} answered ${status}: check JUDGE_API_KEY`);
    if (status === 404) return new Refused('JUDGE_UNAVAILABLE', `the judge at ${host} answered 404: it does not serve ${model}`);
    if (status === 429) return new Limited('JUDGE_UNAVAILABLE', `the judge at ${host} answered 429 for too long: lower evaluation.concurrency`);
    const passing = status >= 500 || status === 408;
    return new (passing ? RatchetError : Refused)('JUDGE_UNAVAILABLE', `the judge at ${host} answered ${status}`);
  }

  /** What vLLM says that the model was read from. */
  async function rootOf(model: string, signal?: AbortSignal): Promise<string | null> {
    const known = roots.get(model);
    if (known !== undefined && performance.now() - known.atMs < ROOT_HOLDS_MS) return known.root;
    const { status, body } = await call('GET', '/v1/models', MODELS_TIMEOUT_MS, signal);
    if (status !== 200) throw answered(status, model);
    const cards = field(body, 'data');
    const root = field((Array.isArray(cards) ? (cards as unknown[]) : []).find((card) => field(card, 'id') === model), 'root');
    const found = typeof root === 'string' ? root : null;
    roots.set(model, { root: found, atMs: performance.now() });
    return found;
  }

  function assertPinned(what: string, pinned: string, found: unknown): void {
    if (found === pinned) return;
    // What it says of itself is shown cut: it comes from outside.
    const shown = typeof found === 'string' ? `"${found.replaceAll(/[^\w.:/@-]+/g, ' ').slice(0, 100)}"` : 'none';
    throw new RatchetError('JUDGE_MISMATCH', `the judge at ${host} reports the ${what} ${shown}, pinned is "${pinned}"`);
  }

  async function askOnce({ model, reports, messages, responseFormat, maxTokens, seed }: JudgeRequest, timeoutMs: number, signal?: AbortSignal): Promise<string | null> {
    if (reports?.root !== undefined) assertPinned('root', reports.root, await rootOf(model, signal));
    const body = { model, messages, response_format: responseFormat, max_tokens: maxTokens, seed, temperature: 0, stream: false };
    const reply = await call('POST', '/v1/chat/completions', timeoutMs, signal, body);
    if (TURNED_DOWN.has(reply.status)) return null;
    if (reply.status !== 200) throw answered(reply.status, model);
    assertPinned('model', model, field(reply.body, 'model'));
    if (reports?.fingerprint !== undefined) assertPinned('system_fingerprint', reports.fingerprint, field(reply.body, 'system_fingerprint'));
    const choices = field(reply.body, 'choices');
    const content = field(field(Array.isArray(choices) ? (choices as unknown[])[0] : undefined, 'message'), 'content');
    return typeof content === 'string' ? content : null;
  }

  return { ask: (request, { timeoutMs, signal }) => patiently(signal, () => askOnce(request, timeoutMs, signal)) };
}

/** An answer that no retry changes. */
class Refused extends RatchetError {}

/** Too many requests: nothing is wrong with this one. */
class Limited extends RatchetError {}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const field = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined);
