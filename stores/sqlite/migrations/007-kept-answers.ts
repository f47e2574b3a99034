// Answers that later evaluations need not ask for again, by adapter, question, engine build and sampling.

export const keptAnswers = /* sql */ `
CREATE TABLE kept_answers (
  adapter_digest TEXT NOT NULL,
  engine_build TEXT NOT NULL,
  sampling_digest TEXT NOT NULL,
  question_digest TEXT NOT NULL,
  asked_in TEXT NOT NULL,
  answer_digest TEXT NOT NULL,
  latency_ms REAL NOT NULL,
  output_tokens INTEGER NOT NULL,
  PRIMARY KEY (adapter_digest, engine_build, sampling_digest, question_digest)
) STRICT, WITHOUT ROWID;
`;
