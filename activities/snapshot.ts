// Step 1: fixes what the run may look at, as a manifest of record digests up to the store's watermark.
import type { Digest, SnapshotManifest } from '../core/contracts/index.ts';
import { canonicalJson } from '../core/digest.ts';
import type { Deps, RunRef } from './deps.ts';
import { updateRun } from './runs.ts';

export interface TakeSnapshotInput {
  schemaVersion: 1;
  run: RunRef;
}

export interface TakeSnapshotOutput {
  schemaVersion: 1;
  manifestDigest: Digest;
  watermark: number;
  interactions: number;
  corrections: number;
}

export async function takeSnapshot(deps: Deps, { run }: TakeSnapshotInput): Promise<TakeSnapshotOutput> {
  await updateRun(deps, run.runId, { step: 'snapshot' });
  const watermark = await deps.store.watermark(run.workload);
  const { interactions, corrections } = await deps.store.digestsUpTo(run.workload, watermark);
  // Sorted, and without the watermark: the same records give the same digest, in whatever order they arrived.
  const manifest: SnapshotManifest = { schemaVersion: 1, workload: run.workload, interactions: interactions.toSorted(), corrections: corrections.toSorted() };
  const manifestDigest = await deps.blobs.put(Buffer.from(canonicalJson(manifest)));
  await updateRun(deps, run.runId, { manifestDigest });
  return { schemaVersion: 1, manifestDigest, watermark, interactions: interactions.length, corrections: corrections.length };
}
