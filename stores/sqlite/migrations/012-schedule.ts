// What people set of schedules, every change of it.

export const schedule = /* sql */ `
CREATE TABLE schedule_changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  workload TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX schedule_changes_workload ON schedule_changes (workload, seq);
`;
