// `ratchet import` without a server: what would be published, what is not taken and why.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { correctionEvent, interactionEvent } from '../../core/events.ts';
import { TIME, interactionNo } from '../contracts/records.ts';

const dir = mkdtempSync(join(tmpdir(), 'ratchet-import-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function ratchet(lines: (object | string)[], ...args: string[]) {
  const file = join(dir, 'records.jsonl');
  writeFileSync(file, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
  const env = { PATH: process.env['PATH'], RATCHET_HOME: join(dir, 'home'), RATCHET_WORKLOADS: 'examples/tickets/workload.yaml', KAFKA_BROKERS: '127.0.0.1:9' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), '--json', 'import', ...args, file], { env, encoding: 'utf8' });
  return { status, stderr, stdout, report: stdout === '' ? undefined : (JSON.parse(stdout) as { calls: number; published: number; badLines: number; bad: { line: number; code: string; message: string }[] }) };
}
const transcript = (text: string) => ({ messages: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: text }] });

it('counts what would be published and lists what would not, without its text', () => {
  const event = interactionEvent(interactionNo(1));
  const correction = correctionEvent({ source: '/p', id: 'k', time: TIME, workload: 'tickets', interaction: { source: '/a', id: 'i' }, answer: '{}', author: 'dana', authority: 'person' });
  const { status, report, stdout } = ratchet([event, correction, transcript('hello'), transcript('cut \ud83d'), 'SECRET', { ...event, time: 'SECRET' }, { output: 'SECRET' }, '{"a":'.repeat(600)], '--dry-run', '--time', TIME);
  expect(status).toBe(1);
  expect(report).toMatchObject({ dryRun: true, lines: 8, calls: 4, published: 4, badLines: 4, badByCode: { RECORD_NOT_JSON: 1, RECORD_CONTRACT: 2, RECORD_TOO_DEEP: 1 } });
  expect(report?.bad.map(({ line }) => line)).toEqual([5, 6, 7, 8]);
  expect(stdout).not.toContain('SECRET');
});

it('does not guess a time', () => {
  expect(ratchet([transcript('hello')], '--dry-run').report?.bad).toMatchObject([{ line: 1, message: expect.stringContaining('--time') as string }]);
  expect(ratchet([transcript('hello')], '--dry-run', '--time', 'yesterday').status).toBe(2);
});

it('says that Kafka does not answer, exit code 6', () => {
  const { status, stderr } = ratchet([transcript('hello')], '--time', TIME);
  expect([status, stderr]).toEqual([6, expect.stringContaining('KAFKA_UNAVAILABLE')]);
});
