// Ingest signs in to a real Kafka that asks for TLS and SASL, and is told apart from one that may not.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { javaBin } from '../../infra/dev/paths.ts';
import { IntakeWorld, eventNo, interactionsIn, until } from '../support/intake.ts';

const dir = mkdtempSync(join(tmpdir(), 'ratchet-tls-'));
const [keyStore, cert] = [join(dir, 'key.p12'), join(dir, 'cert.pem')];
const world = new IntakeWorld();
const user = { username: 'ingest', password: 'for-this-test-alone' };

beforeAll(async () => {
  // The tool of the Java runtime that Kafka runs on: no machine needs OpenSSL for this.
  const keytool = (...args: string[]) => execFileSync(join(dirname(javaBin()), 'keytool'), [...args, '-alias', 'test', '-keystore', keyStore, '-storetype', 'PKCS12', '-storepass', user.password], { stdio: 'ignore' });
  keytool('-genkeypair', '-keyalg', 'RSA', '-keysize', '2048', '-dname', 'CN=ratchet test', '-ext', 'san=ip:127.0.0.1', '-validity', '2');
  keytool('-exportcert', '-rfc', '-file', cert);
  await world.start({ keyStore, keyStorePassword: user.password, caFile: cert, ...user });
}, 90_000);
afterAll(async () => {
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const tls = { KAFKA_TLS: 'true', KAFKA_TLS_CA: cert };
const signIn = (mechanism: string, password = user.password) => ({ KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: user.username, KAFKA_SASL_PASSWORD: password });

it.each(['plain', 'scram-sha-512'])('reads by TLS and SASL %s in production', async (mechanism) => {
  const place = await world.newPlace();
  await world.send(place.topics.interactions, [eventNo(1), eventNo(2)]);
  const ingest = await world.startIngest(place, { ...tls, ...signIn(mechanism), RATCHET_ENV: 'production' });
  await until('the records', async () => (await interactionsIn(place)) === 2);
  await ingest.worker.stop();
  expect(await ingest.worker.exited).toMatchObject({ code: 0 });
});

it.each([
  ['a wrong password', { ...tls, ...signIn('plain', 'wrong-SECRET') }],
  ['an authority that it does not know', { KAFKA_TLS: 'true', ...signIn('plain') }],
])('waits and says so with %s, which it does not repeat', async (_, env) => {
  const place = await world.newPlace();
  const ingest = await world.startIngest(place, env);
  await until('the message', async () => ingest.log().includes('Kafka is away, trying again'));
  expect(await (await fetch(`${ingest.url}/healthz`)).text()).toContain('KAFKA_UNAVAILABLE');
  await ingest.worker.stop();
  expect(ingest.log()).not.toContain('SECRET');
  expect(ingest.log()).not.toContain('    at ');
});

it('does not start in production with SASL and without TLS', async () => {
  const place = await world.newPlace();
  const ingest = await world.startIngest(place, { ...signIn('plain'), RATCHET_ENV: 'production' });
  expect(await ingest.worker.exited).toMatchObject({ code: 2 });
  expect(ingest.log()).toContain('KAFKA_TLS');
});
