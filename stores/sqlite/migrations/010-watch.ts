// What is watched after a promotion: the share held back, and the counts of both arms.

/** `cursor`: the last sequence number of intake that the watch has seen. `part`: window of the watch. `units` and callers' counts are kept while it is open. */
export const watch = /* sql */ `
CREATE TABLE holdbacks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  generation INTEGER NOT NULL,
  body BLOB NOT NULL,
  FOREIGN KEY (channel, generation) REFERENCES channel_entries (channel, generation)
) STRICT;
CREATE INDEX holdbacks_of_entry ON holdbacks (channel, generation, seq);
CREATE TRIGGER holdbacks_no_update BEFORE UPDATE ON holdbacks BEGIN SELECT RAISE(ABORT, 'holdbacks are append-only'); END;
CREATE TRIGGER holdbacks_no_delete BEFORE DELETE ON holdbacks BEGIN SELECT RAISE(ABORT, 'holdbacks are append-only'); END;

CREATE TABLE watches (
  channel TEXT NOT NULL,
  generation INTEGER NOT NULL,
  status TEXT NOT NULL,
  cursor INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (channel, generation)
) STRICT;

CREATE TABLE watch_units (
  channel TEXT NOT NULL,
  generation INTEGER NOT NULL,
  unit INTEGER NOT NULL,
  PRIMARY KEY (channel, generation, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE watch_counts (
  channel TEXT NOT NULL,
  generation INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('tenant', 'caller')),
  who TEXT NOT NULL,
  part INTEGER NOT NULL,
  share REAL NOT NULL,
  arm TEXT NOT NULL CHECK (arm IN ('live', 'holdback')),
  class TEXT NOT NULL,
  answers INTEGER NOT NULL,
  PRIMARY KEY (channel, generation, kind, who, class, part, share, arm)
) STRICT, WITHOUT ROWID;
`;
