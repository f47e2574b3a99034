// Keys of the gateway's callers. A revoked key stays, so that its id still says whose it was.
import { RatchetError } from '../../core/errors.ts';
import type { CallerKey, MetadataStore } from '../ports.ts';
import type { Database } from './database.ts';

type Row = Omit<CallerKey, 'mayNameTenant'> & { mayNameTenant: number };

const COLUMNS = 'id, name, hash, tenant, may_name_tenant AS mayNameTenant, requests_per_minute AS requestsPerMinute, tokens_per_minute AS tokensPerMinute, created_at AS createdAt, created_by AS createdBy, revoked_at AS revokedAt, revoked_by AS revokedBy';
const asKey = (row: Row): CallerKey => ({ ...row, mayNameTenant: row.mayNameTenant === 1 });

export function callerKeyQueries(database: Database): Pick<MetadataStore, 'addCallerKey' | 'callerKeys' | 'revokeCallerKey'> {
  return {
    async addCallerKey(key) {
      database.write(() =>
        database.run(
          'INSERT INTO caller_keys (id, name, hash, tenant, may_name_tenant, requests_per_minute, tokens_per_minute, created_at, created_by, revoked_at, revoked_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          ...[key.id, key.name, key.hash, key.tenant, key.mayNameTenant ? 1 : 0, key.requestsPerMinute, key.tokensPerMinute, key.createdAt, key.createdBy, key.revokedAt, key.revokedBy],
        ),
      );
    },

    async callerKeys() {
      return database.all<Row>(`SELECT ${COLUMNS} FROM caller_keys ORDER BY seq`).map(asKey);
    },

    async revokeCallerKey(id, by, at) {
      return database.write(() => {
        database.run('UPDATE caller_keys SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL', at, by, id);
        const row = database.get<Row>(`SELECT ${COLUMNS} FROM caller_keys WHERE id = ?`, id);
        if (!row) throw new RatchetError('NOT_FOUND', `no caller's key ${id}`);
        return asKey(row);
      });
    },
  };
}
