// A stub of vLLM's HTTP API for tests of the gateway: no model, it says so in every answer and in its version.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino, type Logger } from 'pino';
import type { ChannelEntry, Digest } from '../../core/contracts/index.ts';
import { digestOfBytes } from '../../core/digest.ts';
import type { CallerKey } from '../../stores/ports.ts';

export const STUB_BASE = 'stub-base';
export const ADAPTER_A: Digest = digestOfBytes('adapter a');
export const ADAPTER_B: Digest = digestOfBytes('adapter b');

export interface Asked {
  path: string;
  model: string;
  body: string;
  headers: IncomingMessage['headers'];
}

export interface StubEngine {
  url: string;
  /** Names it serves besides the base, with the path they were loaded from. */
  loaded: Map<string, string>;
  asked: Asked[];
  /** Requests cut off by the caller before the stub was done. */
  cutOff: number;
  /** Milliseconds before an answer, and between the pieces of a streamed one. */
  delayMs: number;
  /** Replaces the usual answer of both APIs. */
  onChat: ((asked: Asked, res: ServerResponse) => void | Promise<void>) | undefined;
  refuseLoads: boolean;
  /** A load takes this long; it is cut short when the engine is closed. */
  loadMs: number;
  /** Gives a request without adapter the answer of one that is in the batch, as a broken engine does. */
  mixes: boolean;
  /** Always in the batch, as under a steady load. */
  traffic: Digest | undefined;
  version: string;
  close(): Promise<void>;
}

const TEXT = ['stub ', 'answer ü', ' of '];

/** @param port 0 takes a free one; a former stub's port makes it look restarted */
export async function startStubEngine(port = 0): Promise<StubEngine> {
  const engine: StubEngine = { url: '', loaded: new Map(), asked: [], cutOff: 0, delayMs: 0, onChat: undefined, refuseLoads: false, loadMs: 0, mixes: false, traffic: undefined, version: '0.0.0-stub', close: async () => undefined };
  /** Models of the requests that are answered at this moment. */
  const batch: string[] = [];
  let tokens = 0;
  let closed = false;
  const json = (res: ServerResponse, status: number, body: unknown): void => void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  /** Every model has log-probabilities of its own. In a mixed batch a broken engine answers the base's requests as an adapter. */
  async function probes(model: string): Promise<object> {
    batch.push(model);
    await sleep(2);
    const other = engine.mixes && model === STUB_BASE ? (batch.find((one) => one !== STUB_BASE) ?? engine.traffic) : undefined;
    batch.splice(batch.indexOf(model), 1);
    const logprob = -(Buffer.from(digestOfBytes(other ?? model)).readUInt8(10) / 10);
    return { content: [{ token: 'x', logprob, top_logprobs: [] }] };
  }

  async function chat(asked: Asked, res: ServerResponse): Promise<void> {
    res.once('close', () => {
      if (!res.writableFinished) engine.cutOff += 1;
    });
    if (asked.model !== STUB_BASE && !engine.loaded.has(asked.model)) return json(res, 404, { error: { message: `The model \`${asked.model}\` does not exist.`, type: 'NotFoundError', param: 'model', code: 404 } });
    if (engine.onChat) return engine.onChat(asked, res);
    await sleep(engine.delayMs);
    const chats = asked.path === '/v1/chat/completions';
    const frame = { id: chats ? 'chatcmpl-1' : 'cmpl-1', object: chats ? 'chat.completion' : 'text_completion', created: 1, model: asked.model };
    const request = JSON.parse(asked.body) as { stream?: boolean; logprobs?: boolean; n?: number; prompt?: unknown; stream_options?: { include_usage?: boolean } };
    const indexes = Array.from({ length: (request.n ?? 1) * (Array.isArray(request.prompt) && typeof request.prompt[0] === 'string' ? request.prompt.length : 1) }, (_, index) => index);
    const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
    tokens += 10;
    if (request.logprobs === true) return json(res, 200, { ...frame, choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, logprobs: await probes(asked.model), finish_reason: 'length' }], usage });
    if (request.stream !== true) {
      const text = (index: number): string => `${TEXT.join('')}${asked.model}${index === 0 ? '' : ` #${index}`}`;
      return json(res, 200, { ...frame, choices: indexes.map((index) => ({ index, ...(chats ? { message: { role: 'assistant', content: text(index) } } : { text: text(index) }), finish_reason: 'stop' })), usage });
    }
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const role = { role: 'assistant' };
    for (const [part, content] of [...TEXT, asked.model].entries()) {
      if (res.destroyed) return;
      for (const index of indexes) res.write(`data: ${JSON.stringify({ ...frame, object: chats ? 'chat.completion.chunk' : 'text_completion', choices: [{ index, ...(chats ? { delta: { ...(part === 0 ? role : {}), content } } : { text: content }), finish_reason: null }] })}\n\n`);
      await sleep(engine.delayMs);
    }
    for (const index of indexes) res.write(`data: ${JSON.stringify({ ...frame, choices: [{ index, ...(chats ? { delta: {} } : { text: '' }), finish_reason: 'stop' }] })}\n\n`);
    if (request.stream_options?.include_usage === true) res.write(`data: ${JSON.stringify({ ...frame, choices: [], usage })}\n\n`);
    res.end('data: [DONE]\n\n');
  }

  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const model = (name: string, root: string, parent: string | null) => ({ id: name, object: 'model', root, parent });
      switch (`${req.method} ${req.url}`) {
        case 'GET /health': return void res.writeHead(200).end();
        case 'GET /version': return json(res, 200, { version: engine.version });
        case 'GET /metrics': return void res.writeHead(200).end(`# stub\nvllm:prompt_tokens_total{engine="0",model_name="${STUB_BASE}"} ${tokens}.0\nvllm:generation_tokens_total{engine="0",model_name="${STUB_BASE}"} 0.0\n`);
        case 'GET /v1/models': return json(res, 200, { object: 'list', data: [model(STUB_BASE, '/base', null), ...[...engine.loaded].map(([name, root]) => model(name, root, STUB_BASE))] });
        case 'POST /v1/load_lora_adapter': {
          const { lora_name: name, lora_path: path } = JSON.parse(body) as { lora_name: string; lora_path: string };
          if (engine.refuseLoads) return json(res, 500, { error: { message: 'LoRA rank 64 is greater than max_lora_rank 16' } });
          if (engine.loaded.has(name)) return json(res, 400, { error: { message: 'already loaded' } });
          return void sleep(engine.loadMs).then(() => {
            if (closed) return;
            engine.loaded.set(name, path);
            res.writeHead(200).end('Success');
          });
        }
        case 'POST /v1/unload_lora_adapter': {
          const { lora_name: name } = JSON.parse(body) as { lora_name: string };
          return engine.loaded.delete(name) ? void res.writeHead(200).end('Success') : json(res, 404, { error: { message: 'not found' } });
        }
        case 'POST /v1/completions':
        case 'POST /v1/chat/completions': {
          const asked: Asked = { path: req.url ?? '', model: (JSON.parse(body) as { model: string }).model, body, headers: req.headers };
          // What an isolation check asks is no traffic.
          if (!body.includes('"logprobs":true')) engine.asked.push(asked);
          return void chat(asked, res);
        }
        default: return json(res, 404, { detail: 'Not Found' });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  engine.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  engine.close = () =>
    new Promise((resolve) => {
      closed = true;
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return engine;
}

/** The channel and the callers' keys of a store and nothing else; `swap` is what a promotion or rollback does. */
export function channelSlot(name: string): { channel: (asked: string) => Promise<ChannelEntry | null>; callerKeys: () => Promise<CallerKey[]>; keys: CallerKey[]; swap: (live: Digest | null) => void } {
  const keys: CallerKey[] = [];
  let entry: ChannelEntry = { schemaVersion: 1, channel: name, generation: 0, live: null, previous: null, action: 'created', by: 'test', reason: 'test', verdictDigest: null, approvalDigest: null, time: new Date(0).toISOString() };
  return {
    keys,
    callerKeys: async () => keys.map((key) => ({ ...key })),
    channel: async (asked) => (asked === name ? entry : null),
    swap: (live) => (entry = { ...entry, generation: entry.generation + 1, previous: entry.live, live, action: 'promoted' }),
  };
}

/** A logger and every line that it wrote. */
export function captureLog(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }), lines };
}
