// Links between things, and the search for anything whose id starts with a given text.
import type { LineageLink, MetadataStore, NodeKind } from '../ports.ts';
import type { Database } from './database.ts';

interface Row {
  from_kind: NodeKind;
  from_id: string;
  relation: string;
  to_kind: NodeKind;
  to_id: string;
}

/** Inside a transaction that the caller holds. Links that are there already stay. */
export function addLinks(database: Database, links: readonly LineageLink[]): void {
  for (const { fromKind, from, relation, toKind, to } of links) {
    database.run('INSERT INTO lineage (from_kind, from_id, relation, to_kind, to_id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING', fromKind, from, relation, toKind, to);
  }
}

const asLink = (row: Row): LineageLink => ({ fromKind: row.from_kind, from: row.from_id, relation: row.relation, toKind: row.to_kind, to: row.to_id });

/** Every place where an id is kept, as (kind, column, table). */
const ID_COLUMNS: readonly (readonly [string, string, string])[] = [
  ["'interaction'", 'digest', 'interactions'],
  ["'failure'", 'id', 'failures'],
  ["'correction'", 'digest', 'corrections'],
  ['kind', 'digest', 'documents'],
  ["'run'", 'run_id', 'runs'],
  ["'request'", 'id', 'run_requests'],
  ["'channel_entry'", "channel || '@' || generation", 'channel_entries'],
  ['from_kind', 'from_id', 'lineage'],
  ['to_kind', 'to_id', 'lineage'],
];

export function lineageQueries(database: Database): Pick<MetadataStore, 'link' | 'linksFrom' | 'linksTo' | 'findIds'> {
  return {
    async link(links) {
      database.write(() => addLinks(database, links));
    },

    async linksFrom(id) {
      return database.all<Row>('SELECT * FROM lineage WHERE from_id = ? ORDER BY relation, to_id', id).map(asLink);
    },

    async linksTo(id) {
      return database.all<Row>('SELECT * FROM lineage WHERE to_id = ? ORDER BY relation, from_id', id).map(asLink);
    },

    async findIds(prefix, limit) {
      // A range, not LIKE: indexes serve it, and no character of the prefix means anything but itself.
      const end = `${prefix}\u{10FFFF}`;
      const selects = ID_COLUMNS.map(([kind, column, table]) => `SELECT ${kind} AS kind, ${column} AS id FROM ${table} WHERE ${column} >= ?1 AND ${column} < ?2`);
      return database.all<{ kind: NodeKind; id: string }>(`${selects.join(' UNION ')} ORDER BY id, kind LIMIT ?3`, prefix, end, limit).map(({ kind, id }) => ({ kind, id }));
    },
  };
}
