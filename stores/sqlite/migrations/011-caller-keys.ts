// Keys of the gateway's callers: hashes and limits, never the keys themselves.

export const callerKeys = /* sql */ `
CREATE TABLE caller_keys (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  may_name_tenant INTEGER NOT NULL,
  requests_per_minute INTEGER,
  tokens_per_minute INTEGER,
  created_at TEXT NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at TEXT,
  revoked_by TEXT
) STRICT;
`;
