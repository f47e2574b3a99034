// A workload file with mistakes: all of them listed, each with its place.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { readWorkload, readWorkloads } from '../../stores/workloads.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ratchet-workload-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function write(name: string, text: string): Promise<string> {
  const file = join(dir, name);
  await writeFile(file, text);
  return file;
}

async function errorOf(promise: Promise<unknown>): Promise<RatchetError> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(RatchetError);
  return error as RatchetError;
}

const minimal = 'apiVersion: ratchet.dev/v1\nname: t\nchannel: t/production\nbaseModel: m\n';

it('reads the example workloads', async () => {
  const loaded = await readWorkloads(['examples/tickets/workload.yaml', 'examples/echo/workload.yaml']);
  expect([...loaded.keys()]).toEqual(['tickets', 'echo']);
  expect(loaded.get('tickets')?.outputSchema).toBeTypeOf('object');
});

it('fills defaults in, but digests the document as written', async () => {
  const plain = await readWorkload(await write('plain.yaml', minimal));
  const spaced = await readWorkload(await write('spaced.yaml', `# a comment\n${minimal}`));
  const spelled = await readWorkload(await write('spelled.yaml', `${minimal}minNewExamples: 50\n`));
  expect(plain.workload.gate.alpha).toBe(0.05);
  expect(spaced.digest).toBe(plain.digest);
  expect(spelled.workload).toEqual(plain.workload);
  expect(spelled.digest).not.toBe(plain.digest);
});

it('lists every mistake with line and column', async () => {
  const file = await write('bad.yaml', 'apiVersion: ratchet.dev/v1\nname: Bad Name\nchannel: production\nbaseModel: m\ngate:\n  alpha: 0.9\n  guards:\n    - { id: g, kind: mood, margin: 0.1 }\nrecipe:\n  learningRate: fast\ncolour: red\n');
  const { code, message } = await errorOf(readWorkload(file));
  expect(code).toBe('WORKLOAD_INVALID');
  expect(message).toContain('6 mistake(s)');
  for (const place of [':2:7 name', ':3:10 channel', ':6:10 gate.alpha', ':8:22 gate.guards.0.kind', ':10:17 recipe.learningRate', ':11:1 colour: no such setting']) expect(message).toContain(place);
});

it('says where YAML itself is broken', async () => {
  const { message } = await errorOf(readWorkload(await write('broken.yaml', 'name: [a\nchannel: "x\n')));
  expect(message).toMatch(/broken\.yaml:\d+:\d+ /);
});

it('checks the output schema that the file names', async () => {
  const absent = await write('schema.yaml', `${minimal}outputSchema: nowhere.json\n`);
  expect((await errorOf(readWorkload(absent))).message).toContain(':5:15 outputSchema: nowhere.json cannot be read');
  await writeFile(join(dir, 'list.json'), '[]');
  expect((await errorOf(readWorkload(await write('list.yaml', `${minimal}outputSchema: list.json\n`)))).message).toContain('is not a JSON object');
});

it('refuses two workloads with one channel', async () => {
  const one = await write('one.yaml', minimal);
  const two = await write('two.yaml', minimal.replace('name: t', 'name: other'));
  expect((await errorOf(readWorkloads([one, two]))).code).toBe('WORKLOAD_INVALID');
});

it('refuses a failure_class guard without its class', async () => {
  const file = await write('guard.yaml', `${minimal}gate:\n  guards:\n    - { id: g, kind: failure_class, margin: 0.1 }\n`);
  expect((await errorOf(readWorkload(file))).message).toContain(':7:7 gate.guards.0.class');
});
