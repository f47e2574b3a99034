// Whose keys may decide, and promotions that wait for a decision.

export const approvals = /* sql */ `
CREATE TABLE approver_keys (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  key_id TEXT NOT NULL UNIQUE,
  body BLOB NOT NULL,
  revoked BLOB
) STRICT;
CREATE TRIGGER approver_keys_revoke_only BEFORE UPDATE ON approver_keys
  WHEN OLD.revoked IS NOT NULL OR NEW.revoked IS NULL OR NEW.key_id <> OLD.key_id OR NEW.body <> OLD.body
  BEGIN SELECT RAISE(ABORT, 'a key is enrolled once and revoked once'); END;
CREATE TRIGGER approver_keys_no_delete BEFORE DELETE ON approver_keys BEGIN SELECT RAISE(ABORT, 'enrolled keys are append-only'); END;

CREATE TABLE waiting_promotions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  promotion_id TEXT NOT NULL UNIQUE,
  channel TEXT NOT NULL,
  body BLOB NOT NULL,
  ended BLOB
) STRICT;
CREATE INDEX waiting_promotions_open ON waiting_promotions (channel, seq) WHERE ended IS NULL;
CREATE TRIGGER waiting_promotions_end_only BEFORE UPDATE ON waiting_promotions
  WHEN OLD.ended IS NOT NULL OR NEW.ended IS NULL OR NEW.promotion_id <> OLD.promotion_id OR NEW.body <> OLD.body
  BEGIN SELECT RAISE(ABORT, 'a promotion waits once and ends once'); END;
CREATE TRIGGER waiting_promotions_no_delete BEFORE DELETE ON waiting_promotions BEGIN SELECT RAISE(ABORT, 'promotions are append-only'); END;
`;
