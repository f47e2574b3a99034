// Takes adapters off the engine that nobody needs there. A run's result stands whatever comes of it.
import { log } from '@temporalio/workflow';
import type { RunRef } from '../activities/deps.ts';
import type { Digest } from '../core/contracts/index.ts';
import { endOf } from './failures.ts';
import { unloadAdapter, unloadFormer } from './steps.ts';

/** A candidate that was not promoted. */
export const withdraw = (run: RunRef, adapterDigest: Digest): Promise<void> => tolerant(unloadAdapter({ schemaVersion: 1, run, adapterDigest }));

/** What was live before, but for the adapters kept for a rollback. */
export const withdrawFormer = (run: RunRef): Promise<void> => tolerant(unloadFormer({ schemaVersion: 1, run }));

async function tolerant(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => log.warn('adapters stay loaded that nobody needs', { reason: endOf(error).reason }));
}
