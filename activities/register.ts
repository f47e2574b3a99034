// Step 4b: takes a trained adapter into the books once its manifest and every byte it names are seen to be right.
import { AdapterManifest, type Digest } from '../core/contracts/index.ts';
import { digestOfJson } from '../core/digest.ts';
import { RatchetError } from '../core/errors.ts';
import type { Deps, RunRef } from './deps.ts';
import { readJsonBlob, readSettings, updateRun } from './runs.ts';

export interface RegisterAdapterInput {
  schemaVersion: 1;
  run: RunRef;
  adapterDigest: Digest;
  datasetDigest: Digest;
}

export interface RegisterAdapterOutput {
  schemaVersion: 1;
  adapterDigest: Digest;
}

export async function registerAdapter(deps: Deps, { run, adapterDigest, datasetDigest }: RegisterAdapterInput): Promise<RegisterAdapterOutput> {
  await updateRun(deps, run.runId, { step: 'register' });
  const { workload } = await readSettings(deps, run);
  const document = await readJsonBlob<unknown>(deps, adapterDigest);
  const parsed = AdapterManifest.safeParse(document);
  if (!parsed.success) throw new RatchetError('BLOB_CORRUPT', `manifest ${adapterDigest} breaks its contract at ${parsed.error.issues.map((issue) => issue.path.join('.')).join(', ')}`);
  const expected = { workload: workload.name, baseModel: workload.baseModel, datasetDigest, recipeDigest: digestOfJson(workload.recipe) };
  for (const [field, value] of Object.entries(expected)) {
    if (parsed.data[field] !== value) throw new RatchetError('BLOB_CORRUPT', `manifest ${adapterDigest} names another ${field} than run ${run.runId} asked for`);
  }
  // Reading a blob checks its digest.
  for (const file of Object.values(parsed.data.files)) await deps.blobs.get(file);
  const kept = await deps.store.putDocument('adapter', document);
  if (kept !== adapterDigest) throw new RatchetError('BLOB_CORRUPT', `manifest ${adapterDigest} is not in canonical form: its digest as JSON is ${kept}`);
  await deps.store.link([{ fromKind: 'run', from: run.runId, relation: 'produced', toKind: 'adapter', to: adapterDigest }]);
  await updateRun(deps, run.runId, { adapterDigest });
  return { schemaVersion: 1, adapterDigest };
}
