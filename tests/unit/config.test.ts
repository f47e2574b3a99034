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

it('names a certificate file that cannot be read', () => {
  expect(errorOf({ TEMPORAL_TLS: 'true', TEMPORAL_TLS_CA: '/nowhere/ca.pem' }).message).toContain('TEMPORAL_TLS_CA');
});
