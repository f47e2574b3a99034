// Brings the file to the schema that this build knows: numbered steps, each applied once, all in one transaction.
import { RatchetError } from '../../core/errors.ts';
import type { Database } from './database.ts';
import { intake } from './migrations/001-intake.ts';
import { evidence } from './migrations/002-evidence.ts';
import { control } from './migrations/003-control.ts';

/** Only ever appended to: step n brings version n - 1 to version n. */
const STEPS: readonly string[] = [intake, evidence, control];

/** Throws CONFIG_INVALID when a newer build has written the file. */
export function migrate(database: Database): void {
  database.exec('CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT');
  database.write(() => {
    const version = database.get<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM schema_migrations')?.version ?? 0;
    if (version > STEPS.length) {
      throw new RatchetError('CONFIG_INVALID', `RATCHET_HOME: ${database.path} has schema ${version}, this build knows up to ${STEPS.length}: use the newer build`);
    }
    STEPS.slice(version).forEach((sql, index) => {
      database.exec(sql);
      database.run("INSERT INTO schema_migrations VALUES (?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", version + index + 1);
    });
  });
}
