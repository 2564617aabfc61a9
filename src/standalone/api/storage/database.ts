// The state file: every object as one row of JSON, and per kind the last version that changed it.
// Writes are one transaction each. Reads happen once, at the start: the tables live in memory.

import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

import { AmbitError } from '../../../runtime/errors.ts';
import { StatusError } from '../api-error.ts';

/** An object as stored. */
export interface Row {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** JSON text; null removes the row. */
  readonly body: string | null;
}

const layoutVersion = 1;

/** One open state file. Locked for other processes while it is open. */
export class Database implements Disposable {
  readonly #path: string;
  readonly #sqlite: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #mark: StatementSync;

  /** Opens or makes the file (`:memory:` keeps nothing). Throws AMB1205 if it is damaged. */
  constructor(path: string) {
    this.#path = path;
    const sqlite = openSqlite(path);
    this.#sqlite = sqlite;
    this.#begin = sqlite.prepare('BEGIN IMMEDIATE');
    this.#commit = sqlite.prepare('COMMIT');
    this.#put = sqlite.prepare(
      'INSERT INTO objects (kind, namespace, name, body) VALUES (?, ?, ?, ?) ' +
        'ON CONFLICT (kind, namespace, name) DO UPDATE SET body = excluded.body',
    );
    this.#remove = sqlite.prepare(
      'DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?',
    );
    this.#mark = sqlite.prepare(
      'INSERT INTO kinds (kind, version) VALUES (?, ?) ' +
        'ON CONFLICT (kind) DO UPDATE SET version = excluded.version',
    );
  }

  /** Every object. */
  rows(): { kind: string; body: string }[] {
    return this.#readAll('SELECT kind, body FROM objects') as { kind: string; body: string }[];
  }

  /** The version of the last change per kind, deletions included. */
  versions(): { kind: string; version: number }[] {
    return this.#readAll('SELECT kind, version FROM kinds') as { kind: string; version: number }[];
  }

  /** Stores one change. Throws a StatusError with AMB1204 when the disk does not take it; the file
   * is then as before. */
  write(row: Row, version: number): void {
    try {
      this.#begin.run();
      if (row.body === null) this.#remove.run(row.kind, row.namespace, row.name);
      else this.#put.run(row.kind, row.namespace, row.name, row.body);
      this.#mark.run(row.kind, version);
      this.#commit.run();
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK');
      throw this.#writeFailure(error);
    }
  }

  #writeFailure(error: unknown): StatusError {
    const text = error instanceof Error ? error.message : String(error);
    return new StatusError('AMB1204', {
      http: 507,
      reason: 'InsufficientStorage',
      message: `the state file ${this.#path} cannot be written: ${text}; free some space there and try again`,
      cause: error,
    });
  }

  #readAll(sql: string): unknown[] {
    try {
      return this.#sqlite.prepare(sql).all();
    } catch (error) {
      throw unreadable(this.#path, error);
    }
  }

  [Symbol.dispose](): void {
    if (this.#sqlite.isOpen) this.#sqlite.close();
  }
}

function openSqlite(path: string): DatabaseSync {
  let sqlite: DatabaseSync | undefined;
  try {
    // Secrets are in here: SQLite gives its other files the mode of this one.
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
    sqlite = new DatabaseSync(path);
    // One process only: two version counters on one file would spoil it.
    sqlite.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;',
    );
    const found = sqlite.prepare('PRAGMA user_version').get()?.['user_version'];
    if (found !== 0 && found !== layoutVersion) {
      throw new Error(`layout ${String(found)} is not ${layoutVersion}, which this version reads`);
    }
    const check = sqlite.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (check !== 'ok') throw new Error(String(check));
    sqlite.exec(
      'CREATE TABLE IF NOT EXISTS objects (kind TEXT, namespace TEXT, name TEXT, body TEXT NOT NULL, ' +
        'PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;' +
        'CREATE TABLE IF NOT EXISTS kinds (kind TEXT PRIMARY KEY, version INTEGER NOT NULL);' +
        `PRAGMA user_version = ${layoutVersion};`,
    );
    return sqlite;
  } catch (error) {
    sqlite?.close();
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): AmbitError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const remedy = why.includes('locked')
    ? 'another process has it open: stop that one first'
    : 'move it away to start empty';
  return new AmbitError('AMB1205', `the state file cannot be read: ${why}; ${remedy}`, {
    object: path,
    cause,
  });
}
