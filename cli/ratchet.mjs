#!/usr/bin/env node
// Starts the CLI under the pinned Node 24, whatever Node runs this file.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = join(root, 'node_modules/.bin/node');
if (!existsSync(node)) {
  console.error('ratchet is not set up yet. Run: npm run setup');
  process.exit(3);
}
const { status, signal } = spawnSync(node, [join(root, 'cli/main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(signal ? 130 : (status ?? 1));
