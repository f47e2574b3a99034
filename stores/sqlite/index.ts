// The metadata store on SQLite: one file, shared by every process of one machine.
import type { MetadataStore } from '../ports.ts';
import { answerQueries } from './answers.ts';
import { approvalQueries } from './approvals.ts';
import { callerKeyQueries } from './caller-keys.ts';
import { caseQueries } from './cases.ts';
import { channelQueries } from './channel.ts';
import { deadLetterQueries } from './dead-letters.ts';
import { openDatabase, type Database, type DatabaseOptions } from './database.ts';
import { documentQueries } from './documents.ts';
import { fleetQueries } from './fleet.ts';
import { gateQueries } from './gate.ts';
import { intakeQueries } from './intake.ts';
import { lineageQueries } from './lineage.ts';
import { migrate } from './migrations.ts';
import { readingQueries } from './reading.ts';
import { runQueries } from './runs.ts';
import { scheduleQueries } from './schedule.ts';
import { totalsQueries } from './totals.ts';
import { watchQueries } from './watch.ts';

/**
 * Opens the store, brings its schema up to date and leaves it ready for every method of the port.
 * @param path the database file; it and its folder are created when missing
 * @throws STORE_UNAVAILABLE when the file cannot be used, CONFIG_INVALID when a newer build wrote it
 */
export async function openMetadataStore(path: string, options: DatabaseOptions = {}): Promise<MetadataStore> {
  const database = await openDatabase(path, options);
  try {
    migrate(database);
  } catch (error) {
    database.close();
    throw error;
  }
  return metadataStore(database);
}

/** The port over a database that has its schema. */
export function metadataStore(database: Database): MetadataStore {
  return {
    ...intakeQueries(database),
    ...deadLetterQueries(database),
    ...totalsQueries(database),
    ...readingQueries(database),
    ...caseQueries(database),
    ...answerQueries(database),
    ...documentQueries(database),
    ...lineageQueries(database),
    ...runQueries(database),
    ...gateQueries(database),
    ...channelQueries(database),
    ...fleetQueries(database),
    ...approvalQueries(database),
    ...watchQueries(database),
    ...callerKeyQueries(database),
    ...scheduleQueries(database),
    async close() {
      database.close();
    },
  };
}
