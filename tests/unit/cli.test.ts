// The command line as a person meets it: help, exit codes, errors with what to do next, JSON for machines.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openMetadataStore } from '../../stores/sqlite/index.ts';

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ratchet-cli-'));
  const store = await openMetadataStore(join(dir, 'home', 'ratchet.db'));
  await store.ensureChannel('tickets/production', '2026-01-01T00:00:00.000Z');
  await store.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function ratchet(...args: string[]) {
  const env = { PATH: process.env['PATH'], RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: 'examples/tickets/workload.yaml', TEMPORAL_ADDRESS: '127.0.0.1:9', VLLM_REPLICAS: 'http://127.0.0.1:9', KAFKA_BROKERS: '127.0.0.1:9', RATCHET_ACTOR: 'dana' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

it('shows help with examples and exit codes', () => {
  const { status, stdout } = ratchet('--help');
  expect(status).toBe(0);
  for (const text of ['Examples:', 'Exit codes:', 'rollback', 'trace']) expect(stdout).toContain(text);
  expect(ratchet('run', 'start', '--help').stdout).toContain('--approve');
});

it('answers a wrong command or option with usage, exit code 2', () => {
  expect(ratchet('frobnicate')).toMatchObject({ status: 2, stdout: '' });
  expect(ratchet('run', 'ls', '--limit', 'many')).toMatchObject({ status: 2 });
});

it('lists all mistakes of a workload file, exit code 2, also as JSON', () => {
  const file = join(dir, 'bad.yaml');
  writeFileSync(file, 'apiVersion: ratchet.dev/v1\nname: t\nchannel: nowhere\nbaseModel: m\ncolour: red\n');
  const text = ratchet('workload', 'check', file);
  expect(text.status).toBe(2);
  expect(text.stderr).toMatch(/2 mistake\(s\)[\s\S]*bad\.yaml:3:10[\s\S]*bad\.yaml:5:1/);
  const { error } = JSON.parse(ratchet('--json', 'workload', 'check', file).stderr) as { error: { code: string; next: string } };
  expect(error.code).toBe('WORKLOAD_INVALID');
  expect(error.next).toContain('ratchet workload check');
});

it('prints JSON alone on standard output', () => {
  const history = JSON.parse(ratchet('--json', 'channel').stdout) as { generation: number; live: string | null }[];
  expect(history).toMatchObject([{ generation: 0, live: null, action: 'created' }]);
  expect(JSON.parse(ratchet('--json', 'failures', 'ls').stdout)).toMatchObject({ counts: { interactions: 0 }, failures: [] });
  expect(JSON.parse(ratchet('--json', 'run', 'ls').stdout)).toEqual([]);
});

it('says that nothing is there with exit code 4', () => {
  for (const args of [['trace', 'abcdef'], ['run', 'show', 'nightly-1'], ['adapter', 'show', 'abcdef'], ['failures', 'show', 'abcdef'], ['channel', 'tickets/staging'], ['rollback']]) {
    const { status, stderr } = ratchet(...args);
    expect([args.join(' '), status]).toEqual([args.join(' '), 4]);
    expect(stderr).toMatch(/^ratchet: NOT_FOUND: /);
  }
});

it('takes a replica out of traffic and puts it back by hand, and says what is known of it', () => {
  const url = 'http://127.0.0.1:9';
  expect(JSON.parse(ratchet('--json', 'replica', 'remove', `${url}/`, '--reason', 'memory errors').stdout)).toEqual({ replica: url, inTraffic: false, changed: true });
  expect(ratchet('channel').stdout).toContain(`!! ${url}: away, taken_out (dana: memory errors)`);
  expect(JSON.parse(ratchet('--json', 'replica', 'return', url, '--reason', 'new memory').stdout)).toMatchObject({ inTraffic: true, changed: true });
  expect(ratchet('replica', 'return', 'http://127.0.0.1:8', '--reason', 'x')).toMatchObject({ status: 4 });
});

it('says that Temporal is away with exit code 6 and no stack trace', () => {
  const { status, stderr } = ratchet('run', 'start');
  expect(status).toBe(6);
  expect(stderr).toContain('TEMPORAL_UNAVAILABLE');
  expect(stderr).not.toContain('    at ');
});

it('names every wrong setting with exit code 2', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), 'run', 'ls'], { env: { PATH: process.env['PATH'], GATEWAY_PORT: 'x', LOG_LEVEL: 'loud' }, encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toMatch(/GATEWAY_PORT[\s\S]*LOG_LEVEL|LOG_LEVEL[\s\S]*GATEWAY_PORT/);
});

it('doctor names what is missing and how to get it', () => {
  const { status, stdout } = ratchet('--json', 'doctor');
  expect([3, 6]).toContain(status);
  const checks = JSON.parse(stdout) as { name: string; ok: boolean; hint: string | null }[];
  expect(checks.find((check) => check.name.startsWith('Temporal at'))).toMatchObject({ ok: false, hint: expect.stringContaining('ratchet dev') as string });
  expect(checks.find((check) => check.name === 'Node')).toMatchObject({ ok: true });
});
