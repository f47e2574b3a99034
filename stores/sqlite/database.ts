// One SQLite connection: the pragmas, cached statements, write transactions, and what its errors mean to us.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { RatchetError } from '../../core/errors.ts';

/** Primary result codes that mean "the store cannot work now": BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB. */
const UNAVAILABLE = new Set([5, 6, 7, 8, 10, 11, 13, 14, 26]);
const BUSY = 5;

/**
 * Keys are digests, so each new row touches a page anywhere in every index. A larger cache keeps the upper pages in memory;
 * fewer checkpoints write a page once that many batches changed. The log is cut back to its usual size after a long reader.
 */
const FOR_MILLIONS_OF_ROWS = ['PRAGMA cache_size = -65536', 'PRAGMA wal_autocheckpoint = 16384', 'PRAGMA journal_size_limit = 134217728'];

export interface DatabaseOptions {
  /** How long a write waits for another process's write. */
  busyTimeoutMs?: number;
  /** Called in every transaction before it is committed; a test may end the process here. */
  beforeCommit?: () => void;
}

/** SQLite is synchronous here: what runs inside `write` cannot be interleaved with anything else of this process. */
export class Database {
  readonly path: string;
  readonly #connection: DatabaseSync;
  readonly #beforeCommit: () => void;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, connection: DatabaseSync, beforeCommit: () => void = () => undefined) {
    this.path = path;
    this.#connection = connection;
    this.#beforeCommit = beforeCommit;
  }

  /** `Row` names the columns that the statement selects; SQLite has no types of its own to check it against. */
  all<Row extends object>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#prepared(sql).all(...values) as Row[]);
  }

  get<Row extends object>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#prepared(sql).get(...values) as Row | undefined);
  }

  /** Returns how many rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#guard(() => Number(this.#prepared(sql).run(...values).changes));
  }

  /** Several statements without values, such as a migration. */
  exec(sql: string): void {
    this.#guard(() => this.#connection.exec(sql));
  }

  /** A function for statements of this connection alone. */
  define(name: string, work: (...values: string[]) => number): void {
    this.#guard(() => this.#connection.function(name, { deterministic: true }, work as (...values: SQLInputValue[]) => SQLInputValue));
  }

  /** Runs `work` in one transaction that holds the write lock from its start: all of it is kept, or nothing. */
  write<T>(work: () => T): T {
    return this.#guard(() => {
      this.#connection.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#beforeCommit();
        this.#connection.exec('COMMIT');
        return result;
      } catch (error) {
        // A full disk has rolled it back already.
        if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
        throw error;
      }
    });
  }

  close(): void {
    if (this.#connection.isOpen) this.#connection.close();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asRatchetError(error, this.path);
    }
  }
}

/** Opens the file, creating it and its folder when missing. Throws STORE_UNAVAILABLE. */
export async function openDatabase(path: string, options: DatabaseOptions = {}): Promise<Database> {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const connection = new DatabaseSync(path, { timeout: options.busyTimeoutMs ?? 5_000, enableForeignKeyConstraints: true });
    await enableWal(connection);
    connection.exec('PRAGMA synchronous = FULL');
    for (const pragma of FOR_MILLIONS_OF_ROWS) connection.exec(pragma);
    return new Database(path, connection, options.beforeCommit);
  } catch (error) {
    throw asRatchetError(error, path);
  }
}

/** SQLite does not wait for other processes while it changes the journal mode, so we do. */
async function enableWal(connection: DatabaseSync): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      connection.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (primaryCode(error) !== BUSY || attempt === 40) throw error;
      await sleep(50);
    }
  }
}

function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/** SQLite's own messages may quote what was bound; its fixed text for the code does not. */
function asRatchetError(error: unknown, path: string): unknown {
  if (error instanceof RatchetError) return error;
  const code = primaryCode(error);
  if (code !== undefined) {
    const text = String((error as { errstr?: unknown }).errstr);
    return new RatchetError(UNAVAILABLE.has(code) ? 'STORE_UNAVAILABLE' : 'INTERNAL', `${path}: ${text}`, { cause: error });
  }
  const { code: name } = error as NodeJS.ErrnoException;
  if (name !== undefined && /^E[A-Z]+$/.test(name)) return new RatchetError('STORE_UNAVAILABLE', `${path}: ${name}`, { cause: error });
  return error;
}
