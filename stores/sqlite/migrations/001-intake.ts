// What intake keeps: interactions, failures, corrections, dead letters, the split ledger and the case pool.

/** `sequence` numbers interactions and corrections in commit order: it is taken under the write lock. */
export const intake = /* sql */ `
CREATE TABLE sequence (only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL);
INSERT INTO sequence VALUES (1, 0);

CREATE TABLE interactions (
  seq INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
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
  "offset" TEXT,
  UNIQUE (source, id)
) STRICT;
CREATE INDEX interactions_by_workload ON interactions (workload, seq);

CREATE TABLE failures (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  interaction_seq INTEGER NOT NULL REFERENCES interactions (seq) ON DELETE CASCADE,
  workload TEXT NOT NULL,
  class TEXT NOT NULL,
  time TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX failures_by_class ON failures (workload, class, seq);
CREATE INDEX failures_of_interaction ON failures (interaction_seq);

-- ref_*: the corrected interaction. It may not be here yet; such a correction is parked.
CREATE TABLE corrections (
  seq INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  hmac TEXT NOT NULL,
  workload TEXT NOT NULL,
  ref_source TEXT NOT NULL,
  ref_id TEXT NOT NULL,
  body BLOB NOT NULL,
  topic TEXT,
  partition INTEGER,
  "offset" TEXT,
  UNIQUE (source, id)
) STRICT;
CREATE INDEX corrections_by_workload ON corrections (workload, seq);
CREATE INDEX corrections_of_interaction ON corrections (ref_source, ref_id);

CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  "offset" TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  hmac TEXT NOT NULL,
  at TEXT NOT NULL,
  UNIQUE (topic, partition, "offset", hmac)
) STRICT;

CREATE TABLE split_ledger (
  workload TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('train', 'eval')),
  cluster_function TEXT NOT NULL,
  key_id TEXT NOT NULL,
  PRIMARY KEY (workload, cluster_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER split_ledger_no_update BEFORE UPDATE ON split_ledger BEGIN SELECT RAISE(ABORT, 'the split ledger is append-only'); END;
CREATE TRIGGER split_ledger_no_delete BEFORE DELETE ON split_ledger BEGIN SELECT RAISE(ABORT, 'the split ledger is append-only'); END;

CREATE TABLE cases (
  case_digest TEXT NOT NULL PRIMARY KEY,
  workload TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  draw_order TEXT NOT NULL,
  label INTEGER NOT NULL,
  retired_by TEXT,
  body BLOB NOT NULL,
  UNIQUE (workload, cluster_id)
) STRICT;
CREATE INDEX cases_in_draw_order ON cases (workload, draw_order);
`;
