// Settings: defaults, every mistake at once, and no secret in a message.
import { expect, it } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { parseConfig } from '../../workers/config.ts';

const errorOf = (env: Record<string, string>): RatchetError => {
  try {
    parseConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(RatchetError);
    return error as RatchetError;
  }
  throw new Error('it was accepted');
};

it('has defaults for everything', () => {
  const config = parseConfig({});
  expect(config.temporal.address).toBe('127.0.0.1:7233');
  expect(config.gateway).toMatchObject({ host: '127.0.0.1', port: 8080, allowBaseArm: false });
  expect(config.kafka.ssl).toBe(false);
});

it('takes lists, an empty variable as unset, and drops trailing slashes', () => {
  const config = parseConfig({ KAFKA_BROKERS: 'a:1, b:2', VLLM_REPLICAS: 'http://x:1/,http://y:2', LOG_LEVEL: '' });
  expect(config.kafka.brokers).toEqual(['a:1', 'b:2']);
  expect(config.vllm.replicas).toEqual(['http://x:1', 'http://y:2']);
  expect(config.logLevel).toBe('info');
});

it('reports all mistakes at once, by name and without values', () => {
  const error = errorOf({ GATEWAY_PORT: '99999', LOG_LEVEL: 'loud', RATCHET_ADMIN_TOKEN: 'hunter2', KAFKA_SASL_MECHANISM: 'plain' });
  expect(error.code).toBe('CONFIG_INVALID');
  for (const name of ['GATEWAY_PORT', 'LOG_LEVEL', 'RATCHET_ADMIN_TOKEN']) expect(error.message).toContain(name);
  expect(error.message).not.toContain('hunter2');
});

it('refuses SASL without TLS in production only', () => {
  const sasl = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' };
  expect(parseConfig(sasl).kafka.sasl).toEqual({ mechanism: 'plain', username: 'u', password: 'p' });
  expect(errorOf({ ...sasl, RATCHET_ENV: 'production' }).message).toContain('KAFKA_TLS');
  expect(parseConfig({ ...sasl, RATCHET_ENV: 'production', KAFKA_TLS: 'true' }).kafka.ssl).toBe(true);
});

it('knows a build of the pipeline worker only where one is named', () => {
  expect(parseConfig({ TEMPORAL_DEPLOYMENT_NAME: 'x', TEMPORAL_WORKER_BUILD_ID: '' }).temporal.version).toBeUndefined();
  expect(parseConfig({ TEMPORAL_WORKER_BUILD_ID: '2f1c', TEMPORAL_TASK_QUEUE: 'nights' }).temporal.version).toEqual({ deploymentName: 'nights', buildId: '2f1c' });
  expect(parseConfig({ TEMPORAL_WORKER_BUILD_ID: '2f1c', TEMPORAL_DEPLOYMENT_NAME: 'space/ratchet' }).temporal.version).toEqual({ deploymentName: 'space/ratchet', buildId: '2f1c' });
});

it('names a certificate file that cannot be read', () => {
  expect(errorOf({ TEMPORAL_TLS: 'true', TEMPORAL_TLS_CA: '/nowhere/ca.pem' }).message).toContain('TEMPORAL_TLS_CA');
});

it('takes one judge, without a password in its address, and no key over plain http in production', () => {
  expect(parseConfig({}).judge).toBeUndefined();
  expect(parseConfig({ JUDGE_URL: 'https://judge.example/base/', JUDGE_API_KEY: 'k' }).judge).toEqual({ url: 'https://judge.example/base', apiKey: 'k' });
  for (const wrong of ['ftp://x', 'judge', 'http://a:1,http://b:2']) expect(errorOf({ JUDGE_URL: wrong }).message).toContain('JUDGE_URL');
  // An address that is none is a mistake as any other.
  expect(errorOf({ RATCHET_WEBHOOK_URL: 'nowhere' }).message).toContain('RATCHET_WEBHOOK_URL');
  expect(errorOf({ JUDGE_URL: 'https://user:hunter2@judge.example' }).message).toMatch(/JUDGE_URL: no user or password in the address(?!.*hunter2)/);
  const plain = { JUDGE_URL: 'http://judge.example', JUDGE_API_KEY: 'k' };
  expect(parseConfig(plain).judge?.url).toBe('http://judge.example');
  expect(errorOf({ ...plain, RATCHET_ENV: 'production' }).message).toContain('without TLS');
  for (const url of ['http://127.0.0.1:9', 'http://localhost:9', 'http://[::1]:9']) expect(parseConfig({ ...plain, JUDGE_URL: url, RATCHET_ENV: 'production' }).judge?.url).toBe(url);
});
