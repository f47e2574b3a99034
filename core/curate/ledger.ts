// Reads the append-only split ledger: which side a cluster is on, and the digest that names what was read.
import type { Digest, LedgerEntry } from '../contracts/index.ts';
import { canonicalJson, digestOfBytes } from '../digest.ts';

/** Names a set of ledger entries: the same whatever their order, and however often one is repeated. */
export function ledgerDigest(entries: readonly LedgerEntry[]): Digest {
  const lines = new Set(entries.map(canonicalJson));
  return digestOfBytes([...lines].sort().map((line) => `${line}\n`).join(''));
}

export function entriesByCluster(entries: readonly LedgerEntry[]): Map<Digest, LedgerEntry[]> {
  const byCluster = new Map<Digest, LedgerEntry[]>();
  for (const entry of entries) {
    const known = byCluster.get(entry.clusterId);
    if (known) known.push(entry);
    else byCluster.set(entry.clusterId, [entry]);
  }
  return byCluster;
}
