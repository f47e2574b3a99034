// A lock that ends with its process, however that ends: SQLite's, which the operating system holds. Node has no other.
import { DatabaseSync } from 'node:sqlite';

/** @returns how to let go; null when another process (or this one) holds it, or the folder is gone */
export function tryLock(path: string): (() => void) | null {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    const held = database;
    return () => held.close();
  } catch {
    database?.close();
    return null;
  }
}
