// The webhook: which addresses it goes to, what its signature says to a receiver, and what it does with odd ones.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../stores/webhook-address.ts';
import { createWebhook, type WebhookOptions } from '../../stores/webhook.ts';
import { parseConfig } from '../../workers/config.ts';
import { selfSigned } from '../support/certificate.ts';

const SECRET = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Got {
  headers: IncomingMessage['headers'];
  body: string;
}

async function receiver(answer: (got: Got, respond: (status: number, headers?: Record<string, string>, body?: string) => void) => void, tls?: { cert: string; key: string }): Promise<{ url: string; port: number; got: Got[] }> {
  const got: Got[] = [];
  const listener: RequestListener = (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const one = { headers: req.headers, body: Buffer.concat(chunks).toString() };
      got.push(one);
      answer(one, (status, headers = {}, body = '') => res.writeHead(status, headers).end(body));
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/hook`, port, got };
}

const notice = { id: 'msg_1', time: new Date('2026-01-02T03:04:05.678Z'), body: '{"type":"approval.waiting"}' };
const send = (options: Partial<WebhookOptions> & { url: string }): Promise<string> =>
  createWebhook({ secret: SECRET, allowPrivate: true, ...options })(notice).then(() => 'sent', (error: unknown) => (error as { code: string }).code);

/** The check as the Standard Webhooks specification describes it, written without a look at the sender. */
function accepts(secret: string, { headers, body }: Got, nowSeconds: number): boolean {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => String(headers[name]));
  if (Math.abs(nowSeconds - Number(timestamp)) > 300) return false;
  const expected = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64')).update([id, timestamp, body].join('.')).digest();
  return (signatures ?? '').split(' ').some((entry) => {
    const [version, value = ''] = entry.split(',');
    const given = Buffer.from(value, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

describe('an address', () => {
  it.each(['127.0.0.1', '127.9.9.9', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '192.0.0.8', '198.18.0.1', '224.0.0.1', '255.255.255.255', '240.0.0.1', '192.0.2.1',
    '::1', '::', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:0:1::1', '2001:db8::1', 'localhost', '', '0x7f.1', '127.1'])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '2606:4700::1111', '2a00:1450:4001::200e'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe('a message', () => {
  it('goes by TLS to the receiver whose certificate is trusted, under the name that it is for, and to no other', async () => {
    const made = selfSigned();
    const { url, port, got } = await receiver((_got, respond) => respond(204), made);
    const resolveAll = async () => [{ address: '127.0.0.1', family: 4 }];
    expect(await send({ url, ca: made.cert })).toBe('sent');
    expect(await send({ url: `https://localhost:${port}/hook`, ca: made.cert, resolveAll })).toBe('sent');
    expect(accepts(SECRET, got[1] ?? { headers: {}, body: '' }, Math.floor(notice.time.getTime() / 1000))).toBe(true);
    expect(await send({ url: `https://hooks.example:${port}/hook`, ca: made.cert, resolveAll })).toBe('WEBHOOK_UNAVAILABLE');
    expect(await send({ url, ca: selfSigned().cert })).toBe('WEBHOOK_UNAVAILABLE');
    expect(await send({ url })).toBe('WEBHOOK_UNAVAILABLE');
    expect(got).toHaveLength(2);
  });

  it('is signed so that a receiver can check it, and is old after five minutes', async () => {
    const { url, got } = await receiver((_got, respond) => respond(204));
    expect(await send({ url })).toBe('sent');
    const [one] = got;
    if (!one) throw new Error('nothing came');
    const at = Math.floor(notice.time.getTime() / 1000);
    expect(one.headers['webhook-id']).toBe('msg_1');
    expect(accepts(SECRET, one, at + 10)).toBe(true);
    expect(accepts(SECRET, one, at + 301)).toBe(false);
    expect(accepts(SECRET, { ...one, body: one.body.replace('waiting', 'ended') }, at)).toBe(false);
    expect(accepts(`whsec_${Buffer.from('another').toString('base64')}`, one, at)).toBe(false);
    expect(accepts(SECRET, { ...one, headers: { ...one.headers, 'webhook-id': 'msg_2' } }, at)).toBe(false);
  });

  it('goes to no private address, whether it is written so or a name leads there', async () => {
    const { url, port, got } = await receiver((_got, respond) => respond(204));
    expect(await send({ url, allowPrivate: false })).toBe('WEBHOOK_FORBIDDEN');
    for (const host of ['localhost', '[::1]', '2130706433', '0x7f000001', '127.1', '[::ffff:127.0.0.1]', '169.254.169.254', '0.0.0.0']) {
      expect([host, await send({ url: `http://${host}:${port}/`, allowPrivate: false, timeoutMs: 500 })]).toEqual([host, 'WEBHOOK_FORBIDDEN']);
    }
    const mixed = async () => [{ address: '8.8.8.8', family: 4 }, { address: '127.0.0.1', family: 4 }];
    expect(await send({ url: 'http://hooks.example', allowPrivate: false, resolveAll: mixed })).toBe('WEBHOOK_FORBIDDEN');
    expect(got).toEqual([]);
  });

  it('goes to the address that was checked, however often the name changes its mind', async () => {
    const { port, got } = await receiver((_got, respond) => respond(204));
    let asked = 0;
    const resolveAll = async () => [{ address: asked++ === 0 ? '127.0.0.1' : '127.0.0.2', family: 4 }];
    expect(await send({ url: `http://hooks.example:${port}/`, resolveAll })).toBe('sent');
    expect(asked).toBe(1);
    expect(got[0]?.headers.host).toBe(`hooks.example:${port}`);
  });

  it('follows no redirect, waits for no one and reads no long answer', async () => {
    const inner = await receiver((_got, respond) => respond(204));
    const outer = await receiver((_got, respond) => respond(307, { location: inner.url }));
    expect(await send({ url: outer.url })).toBe('WEBHOOK_UNAVAILABLE');
    expect(inner.got).toEqual([]);
    const silent = await receiver(() => undefined);
    expect(await send({ url: silent.url, timeoutMs: 200 })).toBe('WEBHOOK_UNAVAILABLE');
    const endless = await receiver((_got, respond) => respond(200, {}, 'x'.repeat(5_000_000)));
    expect(await send({ url: endless.url })).toBe('sent');
    expect(await send({ url: 'http://127.0.0.1:9/' })).toBe('WEBHOOK_UNAVAILABLE');
    for (const status of [400, 500, 301]) expect(await send({ url: (await receiver((_got, respond) => respond(status))).url })).toBe('WEBHOOK_UNAVAILABLE');
  });
});

describe('its settings', () => {
  const wrong = (env: Record<string, string>): string => {
    try {
      parseConfig(env);
      return 'taken';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const url = { RATCHET_WEBHOOK_URL: 'https://hooks.example/ratchet', RATCHET_WEBHOOK_SECRET: SECRET };

  it('want https, a secret and no password in the address', () => {
    expect(parseConfig(url).webhook).toEqual({ url: url.RATCHET_WEBHOOK_URL, secret: SECRET, allowPrivate: false });
    expect(parseConfig({}).webhook).toBeUndefined();
    expect(wrong({ RATCHET_WEBHOOK_URL: url.RATCHET_WEBHOOK_URL })).toMatch(/RATCHET_WEBHOOK_SECRET/);
    expect(wrong({ ...url, RATCHET_WEBHOOK_URL: 'http://hooks.example' })).toMatch(/must be https/);
    expect(wrong({ ...url, RATCHET_WEBHOOK_URL: 'http://127.0.0.1:9000', RATCHET_WEBHOOK_ALLOW_PRIVATE: 'true' })).toBe('taken');
    expect(wrong({ ...url, RATCHET_WEBHOOK_URL: 'http://127.0.0.1:9000', RATCHET_WEBHOOK_ALLOW_PRIVATE: 'true', RATCHET_ENV: 'production' })).toMatch(/must be https/);
    expect(wrong({ ...url, RATCHET_WEBHOOK_URL: 'https://me:word@hooks.example' })).toMatch(/no user or password/);
    expect(wrong({ ...url, RATCHET_WEBHOOK_URL: 'ftp://hooks.example' })).toMatch(/RATCHET_WEBHOOK_URL/);
  });
});
