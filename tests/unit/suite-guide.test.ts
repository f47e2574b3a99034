// The files in docs/guides/write-a-suite.md are read as they stand.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSuite } from '../../stores/suites.ts';
import { readWorkload } from '../../stores/workloads.ts';

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/write-a-suite.md'), 'utf8');
const blocks = [...guide.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
const suites = blocks.filter((text) => text.startsWith('apiVersion'));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ratchet-suite-guide-'));
});
afterAll(() => rm(dir, { recursive: true }));

test('has five suites, and each can be read', async () => {
  expect(suites).toHaveLength(5);
  for (const [index, text] of suites.entries()) {
    await writeFile(join(dir, `${index}.yaml`), text);
    expect((await readSuite(join(dir, `${index}.yaml`))).suite.items.length).toBeGreaterThan(0);
  }
});

test('has parts of a workload that fit together', async () => {
  const [named, guards, judged] = blocks.filter((text) => !text.startsWith('apiVersion'));
  const file = join(dir, 'workload.yaml');
  await writeFile(file, `apiVersion: ratchet.dev/v1\nname: tickets\nchannel: tickets/production\nbaseModel: m\n${named?.replace('suites/format.yaml', '0.yaml')}${guards}`);
  expect((await readWorkload(file)).suites?.map(({ name }) => name)).toEqual(['ticket-format', 'over-defence', 'injection']);
  await writeFile(file, `apiVersion: ratchet.dev/v1\nname: tickets\nchannel: tickets/production\nbaseModel: m\nsuites: [4.yaml]\n${judged}`);
  expect((await readWorkload(file)).suites?.[0]?.judge?.model).toBe('judge-32b@5fe1a2c');
});
