// A stub of vLLM for bench/gateway.ts: no model, it says so; it answers a chat in as little time as Node can. Run: node bench/gateway-upstream.ts
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const BASE = 'stub-base';
const loaded = new Set<string>();
/** About what a ticket's answer takes. */
const CONTENT = JSON.stringify(`I am a stub, no model. ${'{"route":"billing","priority":"normal"} '.repeat(8)}`);

const models = (): string => JSON.stringify({ object: 'list', data: [{ id: BASE, object: 'model', root: '/base', parent: null }, ...[...loaded].map((id) => ({ id, object: 'model', root: `/adapters/${id.replace('sha256:', '')}`, parent: BASE }))] });

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const body = Buffer.concat(chunks).toString('latin1');
    const json = (text: string): void => void res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
    switch (req.url) {
      case '/v1/chat/completions': {
        const model = /"model" ?: ?"([^"]*)"/.exec(body)?.[1] ?? BASE;
        return json(`{"id":"chatcmpl-stub","object":"chat.completion","created":1,"model":"${model}","choices":[{"index":0,"message":{"role":"assistant","content":${CONTENT},"tool_calls":[]},"finish_reason":"stop"}],"usage":{"prompt_tokens":210,"total_tokens":290,"completion_tokens":80}}`);
      }
      case '/v1/models': return json(models());
      case '/version': return json('{"version":"0.0.0-stub"}');
      case '/v1/load_lora_adapter': {
        loaded.add((JSON.parse(body) as { lora_name: string }).lora_name);
        return json('"Success"');
      }
      default: return json('{}');
    }
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
