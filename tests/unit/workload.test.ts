// A workload file with mistakes: all of them listed, each with its place.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('rule files', () => {
  const rule = 'rules:\n  - id: no-guarantee\n    kind: legal\n    forbid: ["guarantee*"]\n    examples:\n      passes: [Fine.]\n      fails: [We guarantee it.]\n';
  const named = `${minimal}detectors:\n  expect: text\n  ruleFiles: [rules.yaml]\n`;

  it('add their rules to those of the workload, and their content to its digest', async () => {
    await write('rules.yaml', rule);
    const inline = '  rules:\n    - { id: inline, forbid: [cheap], examples: { passes: [Fine.], fails: [cheap] } }\n';
    const first = await readWorkload(await write('named.yaml', `${named}${inline}`));
    expect(first.workload.detectors.rules.map(({ id }) => id)).toEqual(['inline', 'no-guarantee']);
    await write('rules.yaml', `# a comment\n${rule}`);
    expect((await readWorkload(join(dir, 'named.yaml'))).digest).toBe(first.digest);
    await write('rules.yaml', rule.replace('guarantee*', 'guarantee'));
    expect((await readWorkload(join(dir, 'named.yaml'))).digest).not.toBe(first.digest);
  });

  it('are read with all mistakes at once, each with its own file and line', async () => {
    await write('rules.yaml', `${rule}  - id: no-guarantee\n    forbid: [a]\n  - id: stars\n    forbid: ['*x*']\n  - id: nothing\n  - id: wrong-example\n    forbid: [cheap]\n    examples: { passes: [cheap], fails: [Fine.] }\n`);
    const inline = '  rules:\n    - { id: inline, forbid: [cheap] }\n';
    const { message } = await errorOf(readWorkload(await write('many.yaml', `${named}${inline}outputSchema: nowhere.json\n`)));
    expect(message.split('\n').map((line) => line.trim().replace(/^.*\/(?=\w+\.yaml)/, ''))).toEqual([
      '8 mistake(s):',
      'many.yaml:9:7 rule inline: examples: needs at least one example under passes',
      'many.yaml:9:7 rule inline: examples: needs at least one example under fails',
      'many.yaml:10:15 outputSchema: nowhere.json cannot be read',
      'rules.yaml:8:9 rule no-guarantee: id: another rule has this id',
      'rules.yaml:11:14 rule stars: forbid.0: the phrase takes one * in a word, at its beginning or its end',
      'rules.yaml:12:5 rule nothing: checks nothing: it needs forbid, require, requireAny, disclaimer, address, spelling, length, tone or links',
      'rules.yaml:15:26 rule wrong-example: examples.passes.0: example 1 of passes fails: forbidden phrase 1',
      'rules.yaml:15:42 rule wrong-example: examples.fails.0: example 1 of fails passes: nothing was found in it',
    ]);
  });

  it('are checked even where the workload has another mistake, and each file for itself', async () => {
    await write('rules.yaml', rule.replace('We guarantee it.', 'Hello.'));
    await write('broken-rules.yaml', 'rules: [a\n');
    await write('odd-rules.yaml', 'rules: []\ncolour: red\n');
    const { message } = await errorOf(readWorkload(await write('more.yaml', `${named.replace('rules.yaml', 'rules.yaml, broken-rules.yaml, odd-rules.yaml, absent.yaml')}colour: red\n`)));
    for (const place of ['more.yaml:8:1 colour: no such setting', 'rules.yaml:7:15 rule no-guarantee: examples.fails.0', 'broken-rules.yaml:', 'odd-rules.yaml:2:1 colour: no such setting', 'more.yaml:7:62 detectors.ruleFiles.3: ']) expect(message).toContain(place);
  });

  it('hold one persona between them, tried on its examples', async () => {
    const persona = 'persona:\n  lexicon: { required: [thou] }\n  examples:\n    passes: [Thou art late.]\n    fails: [Thou art late.]\n';
    await write('rules.yaml', persona);
    expect((await errorOf(readWorkload(await write('one-persona.yaml', named)))).message).toContain('rules.yaml:5:13 persona: examples.fails.0: example 1 of fails passes');
    await write('other.yaml', persona);
    const { message } = await errorOf(readWorkload(await write('two-personas.yaml', named.replace('rules.yaml', 'rules.yaml, other.yaml'))));
    expect(message).toContain('other.yaml:2:3 persona: another file or the workload itself has one already');
  });

  it('cannot grow without bound', async () => {
    await write('rules.yaml', `rules: [] #${'x'.repeat(3_000_000)}`);
    expect((await errorOf(readWorkload(await write('big.yaml', named)))).message).toContain('is larger than');
    await write('rules.yaml', 'a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\nrules: [*d, *d, *d, *d, *d, *d, *d]\n');
    expect((await errorOf(readWorkload(join(dir, 'big.yaml')))).message).toContain('rules.yaml:1:1 an alias');
    await write('rules.yaml', `rules: ${'['.repeat(100_000)}`);
    expect((await errorOf(readWorkload(join(dir, 'big.yaml')))).message).toContain('10 mistake(s)');
  });
});

it('is checked by `ratchet workload check`, which counts rules and examples', async () => {
  await write('rules.yaml', 'rules:\n  - { id: r, forbid: [cheap], examples: { passes: [Fine.], fails: [cheap, Cheap] } }\npersona:\n  lexicon: { required: [thou], forbidden: [okay] }\n  examples: { passes: [Thou art late.], fails: [Okay.] }\n');
  const file = await write('checked.yaml', `${minimal}detectors:\n  ruleFiles: [rules.yaml]\n`);
  const check = (...args: string[]) => spawnSync(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...args, 'workload', 'check', file], { env: { PATH: process.env['PATH'], RATCHET_HOME: dir }, encoding: 'utf8' });
  expect(check().stdout).toMatch(/rules +1 and a persona, 5 examples behave[\s\S]*No mistakes\./);
  expect(JSON.parse(check('--json').stdout)).toMatchObject([{ rules: 1, persona: true, examples: 5 }]);
  await write('rules.yaml', 'rules:\n  - { id: r, forbid: [cheap], examples: { passes: [Fine.], fails: [dear] } }\n');
  expect(check()).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/rules\.yaml:2:\d+ rule r: examples\.fails\.0/) as string });
});
