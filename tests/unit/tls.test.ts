// TLS at the HTTP door and the gateway: real clients, files that change, and files that are wrong.
import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHttpServer, type HttpServer, type HttpServerOptions } from '../../stores/http-server.ts';
import { parseConfig } from '../../workers/config.ts';
import { selfSigned } from '../support/certificate.ts';
import { gatewayWorld } from '../support/gateway-world.ts';
import { until } from '../support/until.ts';

const dir = mkdtempSync(join(tmpdir(), 'ratchet-https-'));
const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
const put = ({ cert, key }: { cert: string; key: string }) => (writeFileSync(files.cert, cert), writeFileSync(files.key, key));
const logged: unknown[][] = [];
const logger = { info: (...line: unknown[]) => void logged.push(line), warn: (...line: unknown[]) => void logged.push(line) };
let made: ReturnType<typeof selfSigned>;
let server: HttpServer | undefined;

const open = async (over: Partial<HttpServerOptions> = {}): Promise<HttpServer> =>
  (server = await openHttpServer({ ...{ host: '127.0.0.1', port: 0, setting: 'API', tls: { files, mayBePlain: false, pollMs: 20 }, logger }, onRequest: (req, res) => res.end(req.url), ...over }));
const portOf = (url: string): number => Number(new URL(url).port);
/** GET by a client that trusts this certificate alone. */
async function get(url: string, ca: string, headers: Record<string, string> = {}): Promise<{ status: number | undefined; body: string }> {
  const req = request(url, { ca, headers, agent: false });
  const answered = once(req, 'response') as Promise<[import('node:http').IncomingMessage]>;
  req.end();
  const [response] = await answered;
  return { status: response.statusCode, body: (await response.toArray()).join('') };
}
/** What one handshake sees: the protocol, and which certificate it was shown. */
async function handshake(url: string, maxVersion: SecureVersion = 'TLSv1.3') {
  const socket = connectTls({ port: portOf(url), host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' });
  await once(socket, 'secureConnect');
  const shown = { protocol: socket.getProtocol(), fingerprint: createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex') };
  socket.destroy();
  return shown;
}

beforeEach(() => {
  logged.length = 0;
  put((made = selfSigned()));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a server with a certificate', () => {
  it('answers clients that check it, and no others', async () => {
    const { url } = await open();
    expect(url).toMatch(/^https:/);
    expect(await get(`${url}/x`, made.cert)).toEqual({ status: 200, body: '/x' });
    await expect(get(`${url}/x`, selfSigned().cert)).rejects.toThrow(/self.signed|certificate/);
    await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
    expect(await get(`${url}/y`, made.cert)).toEqual({ status: 200, body: '/y' });
  });

  it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
    const { url } = await open();
    expect((await handshake(url)).protocol).toBe('TLSv1.3');
    expect((await handshake(url, 'TLSv1.2')).protocol).toBe('TLSv1.2');
    await expect(handshake(url, 'TLSv1.1')).rejects.toMatchObject({ code: expect.stringMatching(/ERR_SSL/) as string });
  });

  it('shows a new certificate when both files are new, and the former one until then', async () => {
    const { url } = await open();
    const next = selfSigned();
    const replace = (path: string, text: string) => (writeFileSync(`${path}.new`, text), renameSync(`${path}.new`, path));
    replace(files.cert, next.cert);
    await until(() => expect(JSON.stringify(logged)).toContain('is not the key'));
    expect((await handshake(url)).fingerprint).toBe(made.fingerprint);
    replace(files.key, next.key);
    await until(async () => expect((await handshake(url)).fingerprint).toBe(next.fingerprint));
    expect(await get(url, next.cert)).toMatchObject({ status: 200 });
    await expect(handshake(url, 'TLSv1.1')).rejects.toThrow();
    // Files that go away take nothing with them.
    rmSync(files.key);
    await until(() => expect(JSON.stringify(logged)).toContain('cannot be read'));
    expect((await handshake(url)).fingerprint).toBe(next.fingerprint);
  });

  it('ends although a client never finishes its handshake', async () => {
    const { url } = await open();
    const socket = connect(portOf(url), '127.0.0.1');
    await once(socket, 'connect');
    const ended = once(socket, 'close');
    const began = Date.now();
    await server?.close();
    await ended;
    expect(Date.now() - began).toBeLessThan(8_000);
  });

  it('is the gateway as well', async () => {
    const world = await gatewayWorld({ tls: { files, mayBePlain: false } });
    try {
      expect(await get(`${world.gateway.url}/v1/models`, made.cert)).toMatchObject({ status: 200, body: expect.stringContaining('tickets/production') as string });
    } finally {
      await world.close();
    }
  });
});

describe('beyond loopback', () => {
  it('is plain only where the settings allow it', async () => {
    const plain = (env: Record<string, string>) => open({ host: '0.0.0.0', tls: parseConfig(env).tls });
    await expect(plain({ RATCHET_ENV: 'production' })).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^API_HOST: .*RATCHET_TLS_CERT.*RATCHET_TLS_PROXY/) as string });
    for (const env of [{}, { RATCHET_ENV: 'production', RATCHET_TLS_PROXY: 'true' }] as Record<string, string>[]) {
      expect((await plain(env)).url).toMatch(/^http:/);
      await server?.close();
    }
    expect((await plain({ RATCHET_ENV: 'production', RATCHET_TLS_CERT: files.cert, RATCHET_TLS_KEY: files.key })).url).toMatch(/^https:/);
    await server?.close();
    expect((await open({ tls: parseConfig({ RATCHET_ENV: 'production' }).tls })).url).toMatch(/^http:\/\/127/);
  });
});

describe('wrong files', () => {
  const encrypted = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string;
  it.each<[string, () => void, RegExp]>([
    ['no certificate file', () => rmSync(files.cert), /^RATCHET_TLS_CERT: the file .*cert\.pem cannot be read \(ENOENT\)$/],
    ['no key file', () => rmSync(files.key), /^RATCHET_TLS_KEY: the file .*key\.pem cannot be read \(ENOENT\)$/],
    ['a folder', () => (rmSync(files.key), renameSync(mkdtempSync(join(dir, 'd')), files.key)), /^RATCHET_TLS_KEY: .*\(EISDIR\)$/],
    ['no certificate in it', () => writeFileSync(files.cert, 'SECRET'), /^RATCHET_TLS_CERT: .*cert\.pem holds no certificate in PEM form/],
    ['the two exchanged', () => put({ cert: made.key, key: made.cert }), /^RATCHET_TLS_CERT: .* holds no certificate/],
    ['no key in it', () => writeFileSync(files.key, 'SECRET'), /^RATCHET_TLS_KEY: .*key\.pem holds no private key/],
    ['a key with a passphrase', () => writeFileSync(files.key, encrypted()), /^RATCHET_TLS_KEY: .* passphrase/],
    ['the key of another certificate', () => writeFileSync(files.key, selfSigned().key), /^RATCHET_TLS_KEY: .*key\.pem is not the key of the first certificate in .*cert\.pem$/],
  ])('%s is refused by name', async (_, spoil, message) => {
    spoil();
    const refused = (await open().catch((error: unknown) => error)) as Error & { code: string };
    rmSync(files.key, { recursive: true, force: true });
    expect(refused).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string });
    expect(refused.message).not.toMatch(/SECRET|PRIVATE KEY/);
  });

  it('end the process with exit code 2, and `ratchet doctor` names them before', () => {
    expect(() => parseConfig({ RATCHET_TLS_KEY: files.key })).toThrow(/RATCHET_TLS_CERT/);
    writeFileSync(files.key, selfSigned().key);
    const workload = join(dir, 'workload.yaml');
    writeFileSync(workload, 'apiVersion: ratchet.dev/v1\nname: tickets\nchannel: tickets/production\nbaseModel: base\n');
    const env = { PATH: process.env['PATH'], RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: workload, KAFKA_BROKERS: '127.0.0.1:9', API_PORT: '0', RATCHET_TLS_CERT: files.cert, RATCHET_TLS_KEY: files.key };
    const root = join(import.meta.dirname, '../..');
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'workers/api.ts')], { env, encoding: 'utf8' });
    expect([status, stderr]).toEqual([2, expect.stringContaining('RATCHET_TLS_KEY')]);
    // A certificate that has ended is no reason not to start: it may be replaced at any time.
    put(selfSigned(-1));
    const { stdout } = spawnSync(process.execPath, [join(root, 'cli/main.ts'), '--json', 'doctor'], { env: { ...env, TEMPORAL_ADDRESS: '127.0.0.1:9', VLLM_REPLICAS: 'http://127.0.0.1:9' }, encoding: 'utf8' });
    expect((JSON.parse(stdout) as { name: string }[]).find(({ name }) => name === 'TLS certificate')).toMatchObject({ ok: false, found: expect.stringMatching(/^expired at 20/) as string });
  }, 60_000);
});
