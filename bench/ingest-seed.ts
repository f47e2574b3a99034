// A store that has kept many records already, for the intake benchmark: copies of a few judged ones, each under a name, an identity and a cluster of its own.
import { randomBytes } from 'node:crypto';
import { createSorter, batchOf } from '../intake/sort.ts';
import type { NewInteraction } from '../stores/ports.ts';
import { openMetadataStore } from '../stores/sqlite/index.ts';
import { readWorkload } from '../stores/workloads.ts';
import type { Digest } from '../core/contracts/index.ts';
import { benchEvent } from './ingest-records.ts';

const PATTERNS = 2_000;
const BATCH = 2_000;

const randomDigest = (): Digest => `sha256:${randomBytes(32).toString('hex')}`;

/** Digests name nothing here: what a search for one costs does not depend on the text that is kept beside it. */
function copyOf(item: NewInteraction, n: number): NewInteraction {
  const { drawn, interaction, ledger } = item;
  return {
    ...item,
    digest: randomDigest(),
    interaction: { ...interaction, id: `seed-${n}` },
    hmac: randomBytes(32).toString('hex'),
    ledger: { ...ledger, clusterId: randomDigest() },
    drawn: drawn && { ...drawn, caseDigest: randomDigest(), drawOrder: randomBytes(32).toString('hex') },
    position: { topic: 'seed', partition: 0, offset: String(n) },
  };
}

/** @param workloadFile of the records that the benchmark sends */
export async function seedStore(path: string, workloadFile: string, rows: number): Promise<void> {
  const loaded = await readWorkload(workloadFile);
  const keys = { identity: 'identity', split: 'split', redaction: 'redaction', subject: 'subject', keyId: 'seed' };
  const limits = { maxBytes: 1_000_000, maxDepth: 64 };
  const sorter = createSorter({ keys, workloads: new Map([[loaded.workload.name, loaded]]), limits, logger: { warn: () => undefined }, clock: () => new Date(0) });
  const sorted = Array.from({ length: PATTERNS }, (_, n) => sorter.sort({ position: { topic: 'seed', partition: 0, offset: String(n) }, bytes: Buffer.from(JSON.stringify(benchEvent(n))) }));
  const patterns = batchOf(sorted).interactions;
  const store = await openMetadataStore(path);
  for (let from = 0; from < rows; from += BATCH) {
    const interactions = Array.from({ length: Math.min(BATCH, rows - from) }, (_, index) => copyOf(patterns[(from + index) % patterns.length] as NewInteraction, from + index));
    await store.storeBatch({ interactions, corrections: [], deadLetters: [] });
  }
  await store.close();
}
