// Callers' keys: made by the command line, kept as hashes, and what they allow at the door.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createBucket } from '../../gateway/rate-limit.ts';
import type { CallerKey } from '../../stores/ports.ts';
import { CHANNEL, errorOf, gatewayWorld, type GatewayWorld } from '../support/gateway-world.ts';
import { until } from '../support/until.ts';

let world: GatewayWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});
const PATH = '/v1/chat/completions';
const body = { model: CHANNEL, messages: [{ role: 'user', content: 'x' }] };
const key = (secret: string, more: Partial<CallerKey> = {}): CallerKey => ({
  ...{ id: `k_${secret}`, name: 'bot', hash: hash('sha256', secret, 'hex'), tenant: 'acme', mayNameTenant: false, requestsPerMinute: null, tokensPerMinute: null },
  ...{ createdAt: new Date(0).toISOString(), createdBy: 'dana', revokedAt: null, revokedBy: null, ...more },
});
const bearer = (secret: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${secret}`, ...more });

describe('at the door', () => {
  test('no key was ever made: programs of this machine are let in, web pages are not, and a tenant is believed', async () => {
    world = await gatewayWorld();
    expect((await world.post(PATH, body, { 'x-ratchet-tenant': 'any' })).status).toBe(200);
    const page = await world.post(PATH, body, { origin: 'http://evil.example' });
    expect([page.status, (await errorOf(page)).type]).toEqual([403, 'permission_error']);
    await world.published();
    expect(world.events[0]?.data['ratchet.tenant']).toBe('any');
  });

  test('the key decides the tenant; the header counts only where the key allows it', async () => {
    world = await gatewayWorld();
    world.slot.keys.push(key('rk_own'), key('rk_any', { mayNameTenant: true }));
    await until(async () => expect((await world?.post(PATH, body))?.status).toBe(401));
    world.events.length = 0;
    const ids: [string, string, string | undefined][] = [['a', 'rk_own', 'other'], ['b', 'rk_any', 'other'], ['c', 'rk_any', undefined]];
    for (const [id, secret, tenant] of ids) expect((await world.post(PATH, body, bearer(secret, { 'x-ratchet-interaction': id, ...(tenant ? { 'x-ratchet-tenant': tenant } : {}) }))).status).toBe(200);
    await world.published(3);
    expect(world.events.map(({ id, data }) => [id, data['ratchet.tenant']])).toEqual([['a', 'acme'], ['b', 'other'], ['c', 'acme']]);
    for (const { headers } of world.engines[0]?.asked ?? []) expect(headers.authorization).toBeUndefined();
    expect((await fetch(`${world.gateway.url}/v1/models`)).status).toBe(401);
    expect((await fetch(`${world.gateway.url}/healthz`)).status).toBe(200);
  });

  test('a wrong or revoked key is 401 in OpenAI’s shape, and the last revocation does not open the door', async () => {
    world = await gatewayWorld();
    const revoked = key('rk_1');
    world.slot.keys.push(revoked);
    const ask = async (headers: Record<string, string>) => (await world?.post(PATH, body, headers))?.status;
    await until(async () => expect(await ask({})).toBe(401));
    for (const headers of [{}, bearer('rk_2'), { authorization: 'rk_1' }, { authorization: 'Basic rk_1' }]) {
      const refused = await world.post(PATH, body, headers);
      expect([refused.status, await errorOf(refused)]).toMatchObject([401, { type: 'authentication_error', code: 'invalid_api_key' }]);
    }
    expect(await ask(bearer('rk_1'))).toBe(200);
    revoked.revokedAt = new Date().toISOString();
    await until(async () => expect(await ask(bearer('rk_1'))).toBe(401));
    expect(await ask({})).toBe(401);
  });

  test('limits of requests and of tokens are 429 with the time to wait', async () => {
    world = await gatewayWorld();
    world.slot.keys.push(key('rk_slow', { requestsPerMinute: 2 }), key('rk_tokens', { tokensPerMinute: 15 }));
    const ask = async (secret: string) => {
      const response = (await world?.post(PATH, body, bearer(secret))) as Response;
      return [response.status, response.headers.get('retry-after'), response.status === 200 ? await response.text() : await errorOf(response)] as const;
    };
    await until(async () => expect((await world?.post(PATH, body))?.status).toBe(401));
    expect([(await ask('rk_slow'))[0], (await ask('rk_slow'))[0]]).toEqual([200, 200]);
    expect(await ask('rk_slow')).toMatchObject([429, expect.stringMatching(/^(29|30)$/), { type: 'rate_limit_error', code: 'rate_limit_exceeded' }]);
    // Each answer uses ten tokens.
    expect([(await ask('rk_tokens'))[0], (await ask('rk_tokens'))[0]]).toEqual([200, 200]);
    expect(await ask('rk_tokens')).toMatchObject([429, expect.stringMatching(/^2[0-4]$/), {}]);
  });

  test('beyond loopback nobody is let in without a key, and nothing is said in plain, unless settings say so', async () => {
    await expect(gatewayWorld({ host: '0.0.0.0', tls: { mayBePlain: true } })).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('keys') as string });
    await expect(gatewayWorld({ host: '0.0.0.0', allowOpen: true })).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('TLS') as string });
    world = await gatewayWorld({ host: '0.0.0.0', allowOpen: true, tls: { mayBePlain: true } });
    expect(world.gateway.url).toContain('0.0.0.0');
  });
});

test('a bucket allows what a minute allows, fills evenly and remembers what was overdrawn', () => {
  const bucket = createBucket(60, 0);
  for (let n = 0; n < 60; n += 1) bucket.take(1, 0);
  expect([bucket.waitMs(0), bucket.waitMs(500), bucket.waitMs(1_000)]).toEqual([1_000, 500, 0]);
  bucket.take(11, 1_000);
  expect(bucket.waitMs(1_000)).toBe(11_000);
  expect(createBucket(60, 0).waitMs(1e9)).toBe(0);
});

test('the command line makes, lists and revokes keys, and keeps only their hashes', () => {
  const home = mkdtempSync(join(tmpdir(), 'ratchet-keys-'));
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), '--json', 'gateway-key', ...args], { env: { PATH: process.env['PATH'], RATCHET_HOME: home, RATCHET_ACTOR: 'dana' }, encoding: 'utf8' });
    return { status, stderr, json: stdout === '' ? null : (JSON.parse(stdout) as Record<string, unknown>) };
  };
  try {
    const made = run('new', 'bot', '--tenant', 'acme', '--requests-per-minute', '60');
    expect(made.json).toMatchObject({ name: 'bot', tenant: 'acme', mayNameTenant: false, requestsPerMinute: 60, tokensPerMinute: null, createdBy: 'dana', key: expect.stringMatching(/^rk_[\w-]{43}$/) as string });
    for (const file of readdirSync(home)) expect(readFileSync(join(home, file)).includes(String(made.json?.['key']))).toBe(false);
    expect(run('revoke', String(made.json?.['id'])).json).toMatchObject({ revokedBy: 'dana' });
    expect(run('ls').json).toMatchObject([{ name: 'bot', revokedBy: 'dana' }]);
    expect(run('revoke', 'nobody').status).toBe(4);
    expect(run('new', 'with space').status).toBe(2);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
