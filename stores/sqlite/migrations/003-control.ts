// What decides: run requests, runs, the gate's ledger of decisions, channels and promotions under way.

export const control = /* sql */ `
CREATE TABLE run_requests (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  workload TEXT NOT NULL,
  claimed_by TEXT,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX run_requests_open ON run_requests (workload, seq) WHERE claimed_by IS NULL;
CREATE UNIQUE INDEX run_requests_claim ON run_requests (workload, claimed_by) WHERE claimed_by IS NOT NULL;

CREATE TABLE runs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL UNIQUE,
  workload TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX runs_by_workload ON runs (workload, seq);

-- The policy of a period is the one of its first decision; a change waits for the next period.
CREATE TABLE gate_periods (
  channel TEXT NOT NULL,
  start TEXT NOT NULL,
  days INTEGER NOT NULL,
  policy_digest TEXT NOT NULL,
  decisions INTEGER NOT NULL,
  PRIMARY KEY (channel, start)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER gate_periods_no_update BEFORE UPDATE ON gate_periods BEGIN SELECT RAISE(ABORT, 'a period keeps its policy'); END;
CREATE TRIGGER gate_periods_no_delete BEFORE DELETE ON gate_periods BEGIN SELECT RAISE(ABORT, 'periods are append-only'); END;

CREATE TABLE gate_decisions (
  run_id TEXT NOT NULL PRIMARY KEY,
  channel TEXT NOT NULL,
  period_start TEXT NOT NULL,
  number INTEGER NOT NULL,
  at TEXT NOT NULL,
  verdict_digest TEXT,
  UNIQUE (channel, period_start, number),
  FOREIGN KEY (channel, period_start) REFERENCES gate_periods (channel, start)
) STRICT;
CREATE TRIGGER gate_decisions_close_once BEFORE UPDATE ON gate_decisions
  WHEN OLD.verdict_digest IS NOT NULL OR NEW.run_id <> OLD.run_id OR NEW.number <> OLD.number OR NEW.period_start <> OLD.period_start
  BEGIN SELECT RAISE(ABORT, 'a decision is taken once'); END;
CREATE TRIGGER gate_decisions_no_delete BEFORE DELETE ON gate_decisions BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TABLE channel_entries (
  channel TEXT NOT NULL,
  generation INTEGER NOT NULL,
  live TEXT,
  body BLOB NOT NULL,
  PRIMARY KEY (channel, generation)
) STRICT;
CREATE TRIGGER channel_entries_no_update BEFORE UPDATE ON channel_entries BEGIN SELECT RAISE(ABORT, 'channel history is append-only'); END;
CREATE TRIGGER channel_entries_no_delete BEFORE DELETE ON channel_entries BEGIN SELECT RAISE(ABORT, 'channel history is append-only'); END;

CREATE TABLE promotion_intents (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  channel TEXT NOT NULL,
  candidate TEXT NOT NULL,
  expected_generation INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed')),
  at TEXT NOT NULL
) STRICT;
`;
