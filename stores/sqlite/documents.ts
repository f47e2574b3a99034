// Small immutable JSON documents under their digest: datasets, adapter manifests, evaluations, verdicts, approvals.
import { AdapterManifest, Approval, Verdict, type Digest } from '../../core/contracts/index.ts';
import { digestOfJson } from '../../core/digest.ts';
import type { MetadataStore, NodeKind } from '../ports.ts';
import { pack, unpackChecked } from './body.ts';
import type { Database } from './database.ts';

interface Row {
  digest: Digest;
  kind: NodeKind;
  body: Uint8Array;
}

export function documentQueries(database: Database): Pick<MetadataStore, 'putDocument' | 'document' | 'documents' | 'adapter' | 'verdict' | 'approval'> {
  const read = (digest: Digest): { kind: NodeKind; document: unknown } | null => {
    const row = database.get<Row>('SELECT digest, kind, body FROM documents WHERE digest = ?', digest);
    return row ? { kind: row.kind, document: unpackChecked(row.body, row.digest) } : null;
  };
  const readAs = (kind: NodeKind, digest: Digest): unknown => {
    const found = read(digest);
    return found?.kind === kind ? found.document : undefined;
  };
  const parsedOrNull = <T>(document: unknown, contract: { parse(value: unknown): T }): T | null => (document === undefined ? null : contract.parse(document));

  return {
    async putDocument(kind, document) {
      const digest = digestOfJson(document);
      database.write(() => database.run('INSERT INTO documents (digest, kind, body) VALUES (?, ?, ?) ON CONFLICT (digest) DO NOTHING', digest, kind, pack(document)));
      return digest;
    },

    async document(digest) {
      return read(digest);
    },

    /** Newest first. */
    async documents(kind, limit) {
      return database
        .all<Row>('SELECT digest, kind, body FROM documents WHERE kind = ? ORDER BY seq DESC LIMIT ?', kind, limit)
        .map((row) => ({ digest: row.digest, document: unpackChecked(row.body, row.digest) }));
    },

    async adapter(digest) {
      return parsedOrNull(readAs('adapter', digest), AdapterManifest);
    },

    async verdict(digest) {
      return parsedOrNull(readAs('verdict', digest), Verdict);
    },

    async approval(digest) {
      return parsedOrNull(readAs('approval', digest), Approval);
    },
  };
}
