// Answers as the gateway publishes them while a share is held back, straight into the store: no engine, by a table.
import type { MetadataStore } from '../../stores/ports.ts';
import type { LoadedWorkload } from '../../stores/workloads.ts';
import { newInteraction, schemaViolation } from '../contracts/records.ts';

/** `count` answers at the channel's generation, every tenth held back; of ten live ones `failing` fail, of those held back none. */
export async function storeDrawn(store: MetadataStore, { workload }: LoadedWorkload, { count, failing, from = 0 }: { count: number; failing: number; from?: number }): Promise<void> {
  const entry = await store.channel(workload.channel);
  if (entry?.holdback === undefined) throw new Error(`nothing is held back in ${workload.channel}`);
  const { generation, live, holdback } = entry;
  const interactions = Array.from({ length: count }, (_, index) => {
    const n = from + index;
    const arm = n % 10 === 9 ? 'holdback' : 'live';
    const fails = arm === 'live' && n % 10 < failing;
    return newInteraction(n, fails ? { findings: [schemaViolation] } : {}, {
      ...{ source: `urn:test:${workload.name}`, workload: workload.name, channel: workload.channel, generation },
      ...{ adapterDigest: arm === 'live' ? live : holdback.digest, session: `s${n}`, holdback: { arm, share: holdback.share } },
    });
  });
  await store.storeBatch({ interactions, corrections: [], deadLetters: [] });
}
