// Evaluations whose replicas stood the isolation check after they had answered. Answers that were kept before are asked once more.

export const confirmedEvaluations = /* sql */ `
CREATE TABLE confirmed_evaluations (
  evaluation_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
`;
