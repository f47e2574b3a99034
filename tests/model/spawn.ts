// Starts run.ts: in a process of its own the workflows meet a stand-in for Temporal, and one planted fault at most.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Ran } from './run.ts';

export const SCHEDULES = Number(process.env['RATCHET_MODEL_SCHEDULES'] ?? 10_000);

export async function runSchedules(schedules: number, fault?: string): Promise<Ran> {
  const args = [join(import.meta.dirname, 'run.ts'), String(schedules), ...(fault === undefined ? [] : [fault])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as Ran;
}
