// What is known of replicas beyond what they say themselves, and rollbacks that Temporal has not heard of yet.

export const fleet = /* sql */ `
-- Append-only: the last row of a replica counts.
CREATE TABLE replica_marks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  replica TEXT NOT NULL,
  in_traffic INTEGER NOT NULL CHECK (in_traffic IN (0, 1)),
  cause TEXT NOT NULL CHECK (cause IN ('isolation', 'person')),
  reason TEXT NOT NULL,
  by TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE INDEX replica_marks_by_replica ON replica_marks (replica, seq);

CREATE TABLE replica_checks (
  replica TEXT PRIMARY KEY,
  at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rollbacks_to_record (
  channel TEXT NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (channel, generation)
) STRICT, WITHOUT ROWID;
`;
