// Run requests and runs. A request is claimed by one run, and by that run for good.
import { RunRecord, RunRequest } from '../../core/contracts/index.ts';
import type { MetadataStore } from '../ports.ts';
import { pack, unpack } from './body.ts';
import type { Database } from './database.ts';

interface RequestRow {
  id: string;
  claimed_by: string | null;
  body: Uint8Array;
}

const asRequest = (row: RequestRow): RunRequest => ({ ...RunRequest.parse(unpack(row.body)), claimedBy: row.claimed_by });
const asRun = (row: { body: Uint8Array }): RunRecord => RunRecord.parse(unpack(row.body));

export function runQueries(database: Database): Pick<MetadataStore, 'createRequest' | 'claimRequest' | 'saveRun' | 'run' | 'runs'> {
  return {
    async createRequest(request) {
      database.write(() =>
        database.run('INSERT INTO run_requests (id, workload, claimed_by, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING', request.id, request.workload, request.claimedBy, pack(request)),
      );
    },

    async claimRequest(workload, runId) {
      return database.write(() => {
        const claimed = database.get<RequestRow>('SELECT id, claimed_by, body FROM run_requests WHERE workload = ? AND claimed_by = ?', workload, runId);
        if (claimed) return asRequest(claimed);
        const oldest = database.get<RequestRow>('SELECT id, claimed_by, body FROM run_requests WHERE workload = ? AND claimed_by IS NULL ORDER BY seq LIMIT 1', workload);
        if (!oldest) return null;
        database.run('UPDATE run_requests SET claimed_by = ? WHERE id = ?', runId, oldest.id);
        return asRequest({ ...oldest, claimed_by: runId });
      });
    },

    async saveRun(run) {
      database.write(() =>
        database.run('INSERT INTO runs (run_id, workload, body) VALUES (?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET body = excluded.body', run.runId, run.workload, pack(run)),
      );
    },

    async run(runId) {
      const row = database.get<{ body: Uint8Array }>('SELECT body FROM runs WHERE run_id = ?', runId);
      return row ? asRun(row) : null;
    },

    /** Newest first. */
    async runs({ workload, limit }) {
      const rows =
        workload === undefined
          ? database.all<{ body: Uint8Array }>('SELECT body FROM runs ORDER BY seq DESC LIMIT ?', limit)
          : database.all<{ body: Uint8Array }>('SELECT body FROM runs WHERE workload = ? ORDER BY seq DESC LIMIT ?', workload, limit);
      return rows.map(asRun);
    },
  };
}
