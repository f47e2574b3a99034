// Totals that intake keeps as it writes, so that no question counts millions of rows; and what became of dead letters.

/** '' stands for the base model: NULL is never equal to itself, and would make two rows of one adapter. */
export const totals = /* sql */ `
CREATE TABLE answer_totals (
  workload TEXT NOT NULL,
  adapter_digest TEXT NOT NULL,
  generation INTEGER NOT NULL,
  answers INTEGER NOT NULL,
  failing INTEGER NOT NULL,
  PRIMARY KEY (workload, adapter_digest, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE class_totals (
  workload TEXT NOT NULL,
  adapter_digest TEXT NOT NULL,
  generation INTEGER NOT NULL,
  class TEXT NOT NULL,
  answers INTEGER NOT NULL,
  PRIMARY KEY (workload, adapter_digest, generation, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE workload_totals (
  workload TEXT NOT NULL PRIMARY KEY,
  corrections INTEGER NOT NULL,
  parked INTEGER NOT NULL,
  cases INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter_totals (
  reason TEXT NOT NULL PRIMARY KEY,
  open INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO answer_totals
  SELECT workload, coalesce(adapter_digest, ''), generation, count(*), sum(EXISTS (SELECT 1 FROM failures AS f WHERE f.interaction_seq = i.seq))
  FROM interactions AS i GROUP BY 1, 2, 3;
INSERT INTO class_totals
  SELECT i.workload, coalesce(i.adapter_digest, ''), i.generation, f.class, count(DISTINCT i.seq)
  FROM failures AS f JOIN interactions AS i ON i.seq = f.interaction_seq GROUP BY 1, 2, 3, 4;
INSERT INTO workload_totals
  SELECT workload, sum(correction), sum(parked), sum(eval_case) FROM (
    SELECT workload, 1 AS correction, NOT EXISTS (SELECT 1 FROM interactions AS i WHERE i.source = c.ref_source AND i.id = c.ref_id) AS parked, 0 AS eval_case FROM corrections AS c
    UNION ALL SELECT workload, 0, 0, 1 FROM cases
  ) GROUP BY workload;
INSERT INTO dead_letter_totals SELECT reason, count(*) FROM dead_letters GROUP BY reason;

ALTER TABLE dead_letters ADD COLUMN state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed'));
ALTER TABLE dead_letters ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN replayed_at TEXT;
ALTER TABLE dead_letters ADD COLUMN replayed_by TEXT;
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE state = 'open';
CREATE INDEX dead_letters_open_by_reason ON dead_letters (reason, id) WHERE state = 'open';
`;
