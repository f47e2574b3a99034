// Keeps what intake brings, a batch in one transaction: interactions with their failures, corrections, dead letters.
import type { MetadataStore } from '../ports.ts';
import { BatchWriter, prepared } from './batch-writer.ts';
import type { Database } from './database.ts';

export function intakeQueries(database: Database): Pick<MetadataStore, 'storeBatch'> {
  return {
    async storeBatch(batch, meet) {
      const rows = prepared(batch);
      return database.write(() => new BatchWriter(database, meet).write(rows));
    },
  };
}
