// What judges have found, by judge, case and answer.

export const keptJudgements = /* sql */ `
CREATE TABLE kept_judgements (
  judge_digest TEXT NOT NULL,
  case_digest TEXT NOT NULL,
  answer_digest TEXT NOT NULL,
  passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
  reason_digest TEXT NOT NULL,
  asked_in TEXT NOT NULL,
  PRIMARY KEY (judge_digest, case_digest, answer_digest)
) STRICT, WITHOUT ROWID;
`;
