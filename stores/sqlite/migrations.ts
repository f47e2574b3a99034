// Brings the file to the schema that this build knows: numbered steps, each applied once, all in one transaction.
import { RatchetError } from '../../core/errors.ts';
import type { Database } from './database.ts';
import { identityKey } from './keys.ts';
import { intake } from './migrations/001-intake.ts';
import { evidence } from './migrations/002-evidence.ts';
import { control } from './migrations/003-control.ts';
import { totals } from './migrations/004-totals.ts';
import { narrowKeys } from './migrations/005-narrow-keys.ts';
import { fleet } from './migrations/006-fleet.ts';
import { keptAnswers } from './migrations/007-kept-answers.ts';
import { held } from './migrations/008-held.ts';
import { approvals } from './migrations/009-approvals.ts';
import { watch } from './migrations/010-watch.ts';
import { callerKeys } from './migrations/011-caller-keys.ts';
import { schedule } from './migrations/012-schedule.ts';
import { keptJudgements } from './migrations/013-kept-judgements.ts';
import { confirmedEvaluations } from './migrations/014-confirmed-evaluations.ts';

/** Only ever appended to: step n brings version n - 1 to version n. */
export const STEPS: readonly string[] = [intake, evidence, control, totals, narrowKeys, fleet, keptAnswers, held, approvals, watch, callerKeys, schedule, keptJudgements, confirmedEvaluations];

/** Throws CONFIG_INVALID when a newer build has written the file. */
export function migrate(database: Database, steps = STEPS): void {
  const versionOf = (): number => database.get<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM schema_migrations')?.version ?? 0;
  const isCurrent = (): boolean => database.get("SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations'") !== undefined && versionOf() === steps.length;
  // Without a write: a process must be able to start while another one holds the write lock.
  if (isCurrent()) return;
  database.exec('CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT');
  database.define('identity_key', identityKey);
  database.write(() => {
    const version = versionOf();
    if (version > steps.length) {
      throw new RatchetError('CONFIG_INVALID', `RATCHET_HOME: ${database.path} has schema ${version}, this build knows up to ${steps.length}: use the newer build`);
    }
    steps.slice(version).forEach((sql, index) => {
      database.exec(sql);
      database.run("INSERT INTO schema_migrations VALUES (?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", version + index + 1);
    });
  });
}
