// Finds free ports of 127.0.0.1 for the servers of infra/dev.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

const LOWEST_PORT = 15_000;

/**
 * Returns `count` different ports that nobody listens on now. They lie below the kernel's ephemeral range: a port from
 * that range can be taken by any outgoing connection while its server restarts, and a client that retries against it may
 * even connect to itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  try {
    const span = ephemeralStart() - LOWEST_PORT;
    let port = LOWEST_PORT + Math.floor(Math.random() * span);
    for (let tries = 0; held.length < count && tries < span; tries += 1) {
      const server = await listen(port);
      if (server !== undefined) held.push(server);
      port = port + 1 < LOWEST_PORT + span ? port + 1 : LOWEST_PORT;
    }
    if (held.length < count) throw new Error(`found ${held.length} of ${count} free ports between ${LOWEST_PORT} and ${LOWEST_PORT + span}`);
    return held.map(portOf);
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Whether nobody listens on this port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening TCP server has a port');
  return address.port;
}

function ephemeralStart(): number {
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0]);
  // A machine with a very wide range leaves no room below it; then any port is as good as another.
  return first > LOWEST_PORT + 1_000 ? first : 61_000;
}
