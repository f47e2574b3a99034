// Narrow indexes over random keys: a million records later, a new one still touches few pages, and they fit into memory.

/**
 * Digests and identities are random, so that every insert lands on another page of each of their indexes. Twelve hex digits
 * of a digest, or 48 bits of an identity, make such an index a fifth of the size; the whole value is compared in the row.
 * `identity_key()` is known to this step alone (stores/sqlite/migrations.ts); rows carry what it gave.
 * Triggers keep what UNIQUE kept: the second of two rows is ignored, as `ON CONFLICT DO NOTHING` would.
 * That an interaction showed a failure is in the failure's row: it needs no link beside it.
 */
export const narrowKeys = /* sql */ `
CREATE TABLE interactions_new (
  seq INTEGER PRIMARY KEY,
  digest TEXT NOT NULL,
  identity_key INTEGER NOT NULL,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  hmac TEXT NOT NULL,
  workload TEXT NOT NULL,
  adapter_digest TEXT,
  generation INTEGER NOT NULL,
  cluster_id TEXT NOT NULL,
  findings TEXT NOT NULL,
  body BLOB NOT NULL,
  topic TEXT,
  partition INTEGER,
  "offset" TEXT
) STRICT;
INSERT INTO interactions_new
  SELECT seq, digest, identity_key(source, id), source, id, hmac, workload, adapter_digest, generation, cluster_id, findings, body, topic, partition, "offset" FROM interactions ORDER BY seq;

CREATE TABLE failures_new (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  interaction_seq INTEGER NOT NULL REFERENCES interactions_new (seq) ON DELETE CASCADE,
  workload TEXT NOT NULL,
  class TEXT NOT NULL,
  time TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
INSERT INTO failures_new SELECT * FROM failures ORDER BY seq;
-- The child first: dropping a parent would delete its rows.
DROP TABLE failures;
DROP TABLE interactions;
ALTER TABLE interactions_new RENAME TO interactions;
ALTER TABLE failures_new RENAME TO failures;
CREATE INDEX interactions_by_workload ON interactions (workload, seq);
CREATE INDEX interactions_by_identity ON interactions (identity_key);
CREATE INDEX interactions_by_digest ON interactions (substr(digest, 8, 12));
CREATE INDEX failures_by_class ON failures (workload, class, seq);
CREATE INDEX failures_of_interaction ON failures (interaction_seq);
CREATE INDEX failures_by_id ON failures (substr(id, 8, 12));
CREATE TRIGGER interactions_once BEFORE INSERT ON interactions
  WHEN EXISTS (SELECT 1 FROM interactions WHERE identity_key = NEW.identity_key AND source = NEW.source AND id = NEW.id)
  BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER failures_once BEFORE INSERT ON failures
  WHEN EXISTS (SELECT 1 FROM failures WHERE substr(id, 8, 12) = substr(NEW.id, 8, 12) AND id = NEW.id)
  BEGIN SELECT RAISE(IGNORE); END;
DELETE FROM lineage WHERE relation = 'showed';

CREATE TABLE split_ledger_new (
  workload TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('train', 'eval')),
  cluster_function TEXT NOT NULL,
  key_id TEXT NOT NULL
) STRICT;
INSERT INTO split_ledger_new SELECT * FROM split_ledger;
DROP TABLE split_ledger;
ALTER TABLE split_ledger_new RENAME TO split_ledger;
CREATE INDEX split_ledger_by_cluster ON split_ledger (substr(cluster_id, 8, 12));
CREATE TRIGGER split_ledger_once BEFORE INSERT ON split_ledger
  WHEN EXISTS (SELECT 1 FROM split_ledger WHERE substr(cluster_id, 8, 12) = substr(NEW.cluster_id, 8, 12) AND cluster_id = NEW.cluster_id AND workload = NEW.workload)
  BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER split_ledger_no_update BEFORE UPDATE ON split_ledger BEGIN SELECT RAISE(ABORT, 'the split ledger is append-only'); END;
CREATE TRIGGER split_ledger_no_delete BEFORE DELETE ON split_ledger BEGIN SELECT RAISE(ABORT, 'the split ledger is append-only'); END;
`;
