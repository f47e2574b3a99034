// What runs leave behind: truths, outcomes, documents by digest and the lineage between them.

export const evidence = /* sql */ `
CREATE TABLE truths (
  case_digest TEXT NOT NULL PRIMARY KEY REFERENCES cases (case_digest),
  truth TEXT NOT NULL,
  author TEXT NOT NULL,
  time TEXT NOT NULL
) STRICT;

CREATE TABLE outcomes (
  evaluation_id TEXT NOT NULL,
  case_digest TEXT NOT NULL,
  arm TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (evaluation_id, case_digest, arm)
) STRICT;

CREATE TABLE documents (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX documents_by_kind ON documents (kind, seq);
CREATE TRIGGER documents_no_update BEFORE UPDATE ON documents BEGIN SELECT RAISE(ABORT, 'documents are immutable'); END;
CREATE TRIGGER documents_no_delete BEFORE DELETE ON documents BEGIN SELECT RAISE(ABORT, 'documents are immutable'); END;

CREATE TABLE lineage (
  from_id TEXT NOT NULL,
  relation TEXT NOT NULL,
  to_id TEXT NOT NULL,
  from_kind TEXT NOT NULL,
  to_kind TEXT NOT NULL,
  PRIMARY KEY (from_id, relation, to_id, from_kind, to_kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX lineage_to ON lineage (to_id);
`;
