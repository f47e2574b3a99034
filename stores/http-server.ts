// The HTTP servers of our processes: one way to bind, to speak TLS, and to end.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { isIP, type AddressInfo, type Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import type { Logger } from 'pino';
import { RatchetError, safeMessage } from '../core/errors.ts';

export interface TlsFiles {
  /** Path of a PEM file: the certificate, then those between it and its authority. */
  cert: string;
  /** Path of a PEM file: its private key, without a passphrase. */
  key: string;
}

export interface TlsSettings {
  files?: TlsFiles;
  /** Whether it may speak plain HTTP beyond loopback: in development, or where something in front ends TLS. */
  mayBePlain: boolean;
  /** Between two looks at the files. */
  pollMs?: number;
}

export interface HttpServerOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** How the names of its settings begin: `API` for API_HOST and API_PORT. */
  setting: string;
  tls: TlsSettings;
  logger?: Pick<Logger, 'info' | 'warn'>;
  server?: ServerOptions;
  maxConnections?: number;
  onRequest: RequestListener;
}

export interface HttpServer {
  url: string;
  /** Takes no more connections, waits for `drained`, and ends what is still open then. */
  close(drained?: Promise<unknown>): Promise<void>;
}

/** Kubernetes and ACME clients replace files by links: reading them works where change events do not, and misses no change at the start. */
const POLL_MS = 10_000;
const MIN_VERSION: SecureVersion = 'TLSv1.2';
const HANDSHAKE_MS = 10_000;

/** @throws CONFIG_INVALID when it cannot listen, its certificate cannot be used, or it would be plain beyond loopback */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, setting, tls, onRequest } = options;
  const { files } = tls;
  if (files === undefined && !tls.mayBePlain && !isLoopback(host)) {
    throw new RatchetError('CONFIG_INVALID', `${setting}_HOST: beyond loopback it speaks TLS in production: set RATCHET_TLS_CERT and RATCHET_TLS_KEY, or RATCHET_TLS_PROXY=true where a proxy in front ends TLS`);
  }
  let seen = files && bytesOf(files);
  const server = files === undefined ? createServer({ ...options.server }, onRequest) : createTlsServer({ ...options.server, ...readTls(files).context, handshakeTimeout: HANDSHAKE_MS }, onRequest);
  if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections;
  // Also those in the middle of a handshake, which the server does not count as its own yet.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new RatchetError('CONFIG_INVALID', `${setting}_HOST, ${setting}_PORT: cannot listen on ${host}:${port} (${error.code})`)));
    server.listen(port, host, resolve);
  });
  const look = (): void => {
    if (files === undefined || !('setSecureContext' in server)) return;
    const now = bytesOf(files);
    if (now === seen) return;
    seen = now;
    try {
      const { context, validTo } = readTls(files);
      server.setSecureContext(context);
      options.logger?.info({ validTo }, 'the TLS certificate was read again');
    } catch (error) {
      // One file may have been replaced and the other not yet: what was good goes on.
      options.logger?.warn({ error: safeMessage(error) }, 'the new TLS certificate cannot be used; the former one stays');
    }
  };
  const looks = files === undefined ? undefined : setInterval(look, tls.pollMs ?? POLL_MS).unref();
  const address = server.address() as AddressInfo;
  return {
    url: `${files === undefined ? 'http' : 'https'}://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    close: async (drained) => {
      clearInterval(looks);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await drained;
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** @throws CONFIG_INVALID naming the file that cannot be used, and why; never what is in it */
export function readTls(files: TlsFiles): { context: SecureContextOptions; validTo: string } {
  const [cert, key] = [contentOf(files.cert, 'RATCHET_TLS_CERT'), contentOf(files.key, 'RATCHET_TLS_KEY')];
  const certificate = attempt(() => new X509Certificate(cert), `RATCHET_TLS_CERT: ${files.cert} holds no certificate in PEM form`);
  const privateKey = attempt(() => createPrivateKey(key), `RATCHET_TLS_KEY: ${files.key} holds no private key in PEM form, or one with a passphrase, which nobody could give at start`);
  if (!certificate.checkPrivateKey(privateKey)) throw new RatchetError('CONFIG_INVALID', `RATCHET_TLS_KEY: ${files.key} is not the key of the first certificate in ${files.cert}`);
  const context = { cert, key, minVersion: MIN_VERSION };
  attempt(() => createSecureContext(context), `RATCHET_TLS_CERT, RATCHET_TLS_KEY: TLS cannot be spoken with ${files.cert} and ${files.key}`);
  return { context, validTo: certificate.validToDate.toISOString() };
}

/** Of both; a file that is not there has none. */
const bytesOf = ({ cert, key }: TlsFiles): string =>
  [cert, key].map((path) => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return '';
    }
  }).join('\0');

function contentOf(path: string, name: string): Buffer {
  return attempt(() => readFileSync(path), `${name}: the file ${path} cannot be read`);
}

function attempt<T>(act: () => T, message: string): T {
  try {
    return act();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new RatchetError('CONFIG_INVALID', code === undefined ? message : `${message} (${code})`);
  }
}

/** @param host as a setting or as a URL writes it */
export const isLoopback = (host: string): boolean => ['localhost', '::1', '[::1]'].includes(host) || (isIP(host) === 4 && host.startsWith('127.'));
