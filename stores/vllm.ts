// The serving engine, seen through vLLM's own HTTP API: state, load and unload of adapters, chat.
import { basename } from 'node:path';
import { Agent, request as httpRequest, type Dispatcher } from 'undici';
import { Digest } from '../core/contracts/index.ts';
import { RatchetError } from '../core/errors.ts';
import { checkReplica, type Quiet } from './isolation.ts';
import type { ChatAnswer, ChatRequest, LoadOptions, ReplicaState, ServingTarget } from './ports.ts';

export interface VllmTargetOptions {
  /** Base URLs without a path. */
  replicas: readonly string[];
  apiKey: string | undefined;
  /** The name under which every replica serves the base model. */
  baseModel: string;
  /** What the replicas were started with (`--max-lora-rank`): their API does not tell. */
  maxLoraRank: number;
  /** The folder of an adapter on the replicas' disk, its files checked against their digests (stores/adapters.ts). */
  materialize: (adapter: Digest) => Promise<string>;
}

/** State, load and unload are small calls; a load reads the weights. */
const CONTROL_TIMEOUT_MS = 5_000;
const LOAD_TIMEOUT_MS = 60_000;
const CHAT_TIMEOUT_MS = 120_000;

interface Reply {
  status: number;
  body: unknown;
}

interface CallOptions {
  timeoutMs: number;
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** The answer is text, not JSON. */
  raw?: boolean;
}

interface ModelCard {
  id: string;
  root: string;
  parent: string | null;
}

export function createVllmTarget(options: VllmTargetOptions): ServingTarget {
  const { baseModel, materialize } = options;
  const replicas = options.replicas.map((url) => url.replace(/\/+$/, ''));
  const agent = new Agent({ connections: 256, headersTimeout: 0, bodyTimeout: 0 });
  const busy = new Map(replicas.map((url) => [url, 0]));
  /** By replica and engine build. */
  const quietOf = new Map<string, Quiet>();

  async function call(replica: string, method: Dispatcher.HttpMethod, path: string, { timeoutMs, body, signal, raw = false }: CallOptions): Promise<Reply> {
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const reply = await httpRequest(`${replica}${path}`, {
        method,
        dispatcher: agent,
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = await reply.body.text();
      return { status: reply.statusCode, body: raw ? answer : parsed(answer) };
    } catch (error) {
      // A caller's own abort stays what it is.
      signal?.throwIfAborted();
      const why = deadline.aborted ? `did not answer within ${timeoutMs} ms` : `did not answer (${reasonOf(error)})`;
      throw new RatchetError('SERVING_UNAVAILABLE', `${method} ${path} on ${replica} ${why}`);
    }
  }

  async function models(replica: string, options: { timeoutMs?: number; signal?: AbortSignal | undefined } = {}): Promise<ModelCard[]> {
    const { status, body } = await call(replica, 'GET', '/v1/models', { timeoutMs: CONTROL_TIMEOUT_MS, ...options });
    if (status !== 200) throw refused(replica, 'GET /v1/models', status);
    const cards = list(field(body, 'data'));
    return cards.map((card) => ({ id: text(field(card, 'id')), root: text(field(card, 'root')), parent: field(card, 'parent') === null ? null : text(field(card, 'parent')) }));
  }

  async function stateOf(url: string, timeoutMs: number): Promise<ReplicaState> {
    try {
      const [health, cards, version] = await Promise.all([
        call(url, 'GET', '/health', { timeoutMs }),
        models(url, { timeoutMs }),
        call(url, 'GET', '/version', { timeoutMs }),
      ]);
      const ours = cards.filter(isOurs);
      return {
        url,
        healthy: health.status === 200 && cards.some((card) => card.id === baseModel),
        engineBuild: `vllm-${text(field(version.body, 'version')) || 'unknown'}`,
        adapters: ours.map(({ id, root }) => ({ digest: id, root })),
        ...strangersOf(cards.filter((card) => card.id !== baseModel && !ours.includes(card))),
      };
    } catch {
      return { url, healthy: false, engineBuild: 'vllm-unknown', adapters: [] };
    }
  }

  /** A digest whose weights come from the folder of that digest: folders are immutable, so the name says what answers. */
  const isOurs = ({ id, root, parent }: ModelCard): boolean => Digest.safeParse(id).success && parent === baseModel && basename(root) === id.slice('sha256:'.length);

  /** Whether the replica serves the adapter from this folder. A name with another folder is never taken for it. */
  async function serves(replica: string, adapter: Digest, folder: string, signal?: AbortSignal): Promise<boolean> {
    const card = (await models(replica, { signal })).find(({ id }) => id === adapter);
    if (card === undefined) return false;
    if (card.root === folder && card.parent === baseModel) return true;
    throw new RatchetError('ADAPTER_LOAD_FAILED', `${replica} serves ${adapter} from ${card.root} on ${String(card.parent)}, expected ${folder} on ${baseModel}: restart the replica`);
  }

  async function loadOn(replica: string, adapter: Digest, folder: string, signal?: AbortSignal): Promise<void> {
    if (await serves(replica, adapter, folder, signal)) return;
    const { status, body } = await call(replica, 'POST', '/v1/load_lora_adapter', { timeoutMs: LOAD_TIMEOUT_MS, body: { lora_name: adapter, lora_path: folder }, signal });
    if (status === 401 || status >= 502) throw refused(replica, 'POST /v1/load_lora_adapter', status);
    // A refusal because another process was first is no failure: what is served decides.
    if (await serves(replica, adapter, folder, signal)) return;
    const hint = status === 404 ? '; is VLLM_ALLOW_RUNTIME_LORA_UPDATING set, and does the replica see the folder?' : '';
    throw new RatchetError('ADAPTER_LOAD_FAILED', `${replica} answered ${status} to the load of ${adapter} from ${folder}${said(body)}${hint}`);
  }

  async function unloadOn(replica: string, adapter: Digest): Promise<void> {
    const { status } = await call(replica, 'POST', '/v1/unload_lora_adapter', { timeoutMs: CONTROL_TIMEOUT_MS, body: { lora_name: adapter } });
    // 404: it is not there (any more), which is what was asked for, unless the call itself is not allowed.
    const left = status === 200 ? false : (await models(replica)).some(({ id }) => id === adapter);
    if (left) throw refused(replica, 'POST /v1/unload_lora_adapter', status);
  }

  function leastBusy(): string {
    const [first] = [...busy].sort(([, a], [, b]) => a - b);
    if (first === undefined) throw new RatchetError('CONFIG_INVALID', 'VLLM_REPLICAS names no replica');
    return first[0];
  }

  /** One non-streamed answer as vLLM gives it. */
  async function complete(replica: string, adapter: Digest | null, body: Record<string, unknown>, timeoutMs: number, signal?: AbortSignal, path = '/v1/chat/completions'): Promise<unknown> {
    const model = adapter ?? baseModel;
    busy.set(replica, (busy.get(replica) ?? 0) + 1);
    try {
      const reply = await call(replica, 'POST', path, { timeoutMs, signal, body: { ...body, model } });
      if (reply.status === 404) throw new RatchetError(adapter === null ? 'SERVING_UNAVAILABLE' : 'ADAPTER_NOT_SERVED', `${replica} does not serve ${model}`);
      if (reply.status !== 200) throw refused(replica, `POST ${path}`, reply.status);
      const answeredBy = field(reply.body, 'model');
      if (answeredBy !== model) throw new RatchetError('ADAPTER_NOT_SERVED', `${replica} was asked for ${model} and answered by another model`);
      return reply.body;
    } finally {
      busy.set(replica, (busy.get(replica) ?? 1) - 1);
    }
  }

  async function tokensServed(replica: string): Promise<number | null> {
    const { status, body } = await call(replica, 'GET', '/metrics', { timeoutMs: CONTROL_TIMEOUT_MS, raw: true });
    return status === 200 ? tokensIn(text(body)) : null;
  }

  async function isolationOf(replica: string, adapters: readonly Digest[]): Promise<{ replica: string; prompts: number; arms: number; tokens: number }> {
    const { engineBuild } = await stateOf(replica, CONTROL_TIMEOUT_MS);
    const key = `${replica} ${engineBuild}`;
    const quiet = quietOf.get(key) ?? new Map<string, never>();
    const before = await tokensServed(replica).catch(() => null);
    const { alone, ...result } = await checkReplica(replica, adapters, (adapter, body) => complete(replica, adapter, body, CHAT_TIMEOUT_MS), quiet);
    const after = await tokensServed(replica).catch(() => null);
    // By its own count it answered nobody else meanwhile: the arms that were asked alone were alone.
    if (before !== null && after !== null && after - before === result.tokens) quietOf.set(key, new Map([...alone, ...quiet]));
    return result;
  }

  return {
    replicas,
    baseModel,
    maxLoraRank: options.maxLoraRank,
    state: ({ timeoutMs = CONTROL_TIMEOUT_MS } = {}) => Promise.all(replicas.map((url) => stateOf(url, timeoutMs))),
    load: async (adapter, { replicas: some = replicas, onLoaded, signal }: LoadOptions = {}) => {
      const folder = await materialize(adapter);
      await onAll(some, async (replica) => {
        await loadOn(replica, adapter, folder, signal);
        onLoaded?.(replica);
      });
    },
    unload: async (adapter, { replicas: some = replicas } = {}) => {
      await onAll(some, (replica) => unloadOn(replica, adapter));
    },
    checkIsolation: (adapters, { replicas: some = replicas } = {}) => onAll(some, (replica) => isolationOf(replica, adapters)),
    tokensServed,
    chat: async (request, { replica = leastBusy(), timeoutMs = CHAT_TIMEOUT_MS, signal } = {}) => {
      signal?.throwIfAborted();
      const startedAt = performance.now();
      const body = await complete(replica, request.adapter, chatBody(request), timeoutMs, signal);
      return { ...answerOf(replica, body), latencyMs: performance.now() - startedAt };
    },
    logprob: async ({ adapter, text: prompt }, { replica = leastBusy(), timeoutMs = CHAT_TIMEOUT_MS, signal } = {}) => {
      signal?.throwIfAborted();
      const startedAt = performance.now();
      const body = await complete(replica, adapter, { prompt, max_tokens: 1, temperature: 0, prompt_logprobs: 0 }, timeoutMs, signal, '/v1/completions');
      return { ...logprobOf(replica, body), latencyMs: performance.now() - startedAt };
    },
  };
}

/** Every replica gets its turn, also after another one failed; then the first failure is thrown. */
async function onAll<T>(replicas: readonly string[], work: (replica: string) => Promise<T>): Promise<T[]> {
  const results = await Promise.allSettled(replicas.map(work));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

const strangersOf = (cards: readonly ModelCard[]): { strangers?: string[] } => (cards.length === 0 ? {} : { strangers: cards.map(({ id }) => id) });

/** Prompt and generated tokens of vLLM's Prometheus text; null when it counts neither. */
export function tokensIn(metrics: string): number | null {
  const samples = [...metrics.matchAll(/^vllm:(?:prompt|generation)_tokens_total(?:\{[^}\n]*\})? ([0-9.eE+]+)/gm)];
  return samples.length === 0 ? null : samples.reduce((sum, [, value]) => sum + Number(value), 0);
}

function chatBody(request: ChatRequest): Record<string, unknown> {
  return {
    messages: request.messages,
    tools: request.tools,
    response_format: request.responseFormat,
    temperature: request.temperature,
    top_p: request.topP,
    max_tokens: request.maxTokens,
    seed: request.seed,
    logprobs: request.logprobs,
  };
}

function answerOf(replica: string, body: unknown): Omit<ChatAnswer, 'latencyMs'> {
  const choice = list(field(body, 'choices'))[0];
  const message = field(choice, 'message');
  if (message === undefined) throw new RatchetError('SERVING_UNAVAILABLE', `${replica} gave an answer without a message`);
  const toolCalls = list(field(message, 'tool_calls')).map((item) => {
    const call = field(item, 'function');
    return { name: text(field(call, 'name')), arguments: text(field(call, 'arguments')) };
  });
  const usage = field(body, 'usage');
  return {
    text: text(field(message, 'content')),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    finishReason: text(field(choice, 'finish_reason')) || 'error',
    inputTokens: Number(field(usage, 'prompt_tokens') ?? 0),
    outputTokens: Number(field(usage, 'completion_tokens') ?? 0),
  };
}

/** One entry a token of the prompt; the first has none, since nothing goes before it. */
function logprobOf(replica: string, body: unknown): { logprob: number; tokens: number } {
  const [, ...entries] = list(field(list(field(body, 'choices'))[0], 'prompt_logprobs'));
  const values = entries.map((entry) => Object.values((entry ?? {}) as Record<string, unknown>).map((token) => field(token, 'logprob'))[0]);
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length === 0 || numbers.length < values.length) throw new RatchetError('SERVING_UNAVAILABLE', `${replica} gave a text without its log-probabilities`);
  return { logprob: numbers.reduce((sum, value) => sum + value, 0), tokens: numbers.length };
}

/** An HTTP status that is no answer. vLLM's own words are left out: they may quote the request. */
function refused(replica: string, what: string, status: number): RatchetError {
  const message = `${replica} answered ${status} to ${what}`;
  if (status === 401 || status === 403) return new RatchetError('UNAUTHORIZED', `${message}: check VLLM_API_KEY`);
  return new RatchetError(status >= 500 || status === 408 || status === 429 ? 'SERVING_UNAVAILABLE' : 'REQUEST_INVALID', message);
}

/** vLLM's words about a load: paths and ranks, nothing of a request. */
function said(body: unknown): string {
  const message = text(field(field(body, 'error'), 'message'));
  return message ? `: ${message.split('\n')[0]?.slice(0, 300)}` : '';
}

function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'the connection broke';
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

const field = (value: unknown, name: string): unknown => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
