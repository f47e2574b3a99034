// The `ratchet` command as another terminal runs it. Asynchronously: the worker of a test may run in the test's own process.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { World } from './pipeline.ts';

export interface Ended {
  status: number;
  stdout: string;
  stderr: string;
}

export async function ratchetIn(world: Pick<World, 'dir' | 'home' | 'temporal'>, workload: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const env = { PATH: process.env['PATH'], HOME: world.dir, RATCHET_HOME: world.home, RATCHET_WORKLOADS: join(world.dir, 'workloads', `${workload}.yaml`), TEMPORAL_ADDRESS: world.temporal.address, TEMPORAL_TASK_QUEUE: `flow-test-${workload}`, ...more };
  return promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), ...args], { env }).then(
    (done) => ({ status: 0, ...done }),
    (error: { code: number; stdout: string; stderr: string }) => ({ status: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}
