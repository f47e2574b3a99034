// Candidates that were held, with the e-process that goes on for each: one open per channel.

export const held = /* sql */ `
CREATE TABLE gate_held (
  verdict_digest TEXT NOT NULL PRIMARY KEY,
  channel TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'promote', 'reject')),
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX gate_held_open ON gate_held (channel) WHERE status = 'open';
CREATE TRIGGER gate_held_ends_once BEFORE UPDATE ON gate_held WHEN OLD.status <> 'open' BEGIN SELECT RAISE(ABORT, 'an e-process ends once'); END;
CREATE TRIGGER gate_held_no_delete BEFORE DELETE ON gate_held BEGIN SELECT RAISE(ABORT, 'held candidates stay on record'); END;
`;
