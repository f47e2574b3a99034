// The named baseline of bench/gateway.ts: the proxy that everybody writes first, pipes on both sides and nothing else. Run: node bench/gateway-bare-proxy.ts UPSTREAM_PORT PORT
import { Agent, createServer, request } from 'node:http';

const [upstream, port] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 1_024 });

createServer((req, res) => {
  const onward = request({ host: '127.0.0.1', port: upstream, path: req.url, method: req.method, headers: req.headers, agent }, (reply) => {
    res.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(res);
  });
  onward.on('error', () => res.writeHead(502).end());
  req.pipe(onward);
}).listen(port, '127.0.0.1');
