// Links between things, and the search for anything whose id starts with a given text.
import type { LineageLink, MetadataStore, NodeKind } from '../ports.ts';
import type { Database } from './database.ts';
import { digestIs, digestRange } from './keys.ts';

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

/** A failure's row says which interaction showed it: a million links less. */
const SHOWED = `SELECT 'interaction' AS from_kind, i.digest AS from_id, 'showed' AS relation, 'failure' AS to_kind, f.id AS to_id
  FROM interactions AS i JOIN failures AS f ON f.interaction_seq = i.seq`;
const LINKS = 'SELECT from_kind, from_id, relation, to_kind, to_id FROM lineage';

/** Digests with an index over a part of them. */
const DIGEST_COLUMNS: readonly (readonly [string, string, string])[] = [
  ["'interaction'", 'digest', 'interactions'],
  ["'failure'", 'id', 'failures'],
];

/** Every other place where an id is kept, as (kind, column, table). */
const ID_COLUMNS: readonly (readonly [string, string, string])[] = [
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
      return database.all<Row>(`${LINKS} WHERE from_id = ?1 UNION ALL ${SHOWED} WHERE ${digestIs('i.digest', '?1')} ORDER BY relation, to_id`, id).map(asLink);
    },

    async linksTo(id) {
      return database.all<Row>(`${LINKS} WHERE to_id = ?1 UNION ALL ${SHOWED} WHERE ${digestIs('f.id', '?1')} ORDER BY relation, from_id`, id).map(asLink);
    },

    async findIds(prefix, limit) {
      // A range, not LIKE: indexes serve it, and no character of the prefix means anything but itself.
      const end = `${prefix}\u{10FFFF}`;
      const select = ([kind, column, table]: readonly [string, string, string]): string => `SELECT ${kind} AS kind, ${column} AS id FROM ${table} WHERE ${column} >= ?1 AND ${column} < ?2`;
      const selects = [...ID_COLUMNS.map(select), ...DIGEST_COLUMNS.map((place) => `${select(place)} AND substr(${place[1]}, 8, 12) BETWEEN ?4 AND ?5`)];
      return database.all<{ kind: NodeKind; id: string }>(`${selects.join(' UNION ')} ORDER BY id, kind LIMIT ?3`, prefix, end, limit, ...digestRange(prefix)).map(({ kind, id }) => ({ kind, id }));
    },
  };
}
