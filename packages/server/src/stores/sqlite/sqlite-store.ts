import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { AccountStore, KeyStore, SessionStore, Store } from '../store.ts'
import { SqliteAccounts } from './accounts.ts'
import { GroupedWriter } from './grouped-writer.ts'
import { SqliteKeys } from './keys.ts'
import { migrate } from './migrate.ts'
import { reading } from './reading.ts'
import { SqliteSessions } from './sessions.ts'

export interface SqliteStoreOptions {
  /** The store's clock, in milliseconds since 1970; for tests. */
  readonly now?: () => number
  /** How long to wait for another process's write, in milliseconds. The event loop stands still meanwhile. */
  readonly busyTimeout?: number
}

/**
 * The embedded store: one file (`:memory:` for none), any number of processes on one machine. Opens the database and
 * brings its schema up to date.
 *
 * @throws Error when the file cannot be opened, or comes from a newer version
 *
 * @example
 * const store = sqliteStore('latchkey.db')
 */
export function sqliteStore(file: string, options: SqliteStoreOptions = {}): SqliteStore {
  return new SqliteStore(file, options)
}

export class SqliteStore implements Store {
  readonly name = 'sqlite'
  /** As given: where the embedded default keeps its secret beside. */
  readonly file: string
  readonly sessions: SessionStore
  readonly accounts: AccountStore
  readonly keys: KeyStore
  readonly #db: DatabaseSync
  readonly #writer: GroupedWriter

  constructor(file: string, { now = Date.now, busyTimeout = 2000 }: SqliteStoreOptions) {
    this.file = file
    if (file !== ':memory:') keepPrivate(file)
    const db = new DatabaseSync(file, { timeout: busyTimeout })
    try {
      switchToWal(db, busyTimeout)
      db.exec(
        `PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${WAL_PAGES}`,
      )
      migrate(db)
    } catch (error) {
      db.close()
      throw error
    }
    this.#db = db
    this.#writer = new GroupedWriter(db)
    const sessions = new SqliteSessions(db, this.#writer, now)
    this.sessions = sessions
    this.accounts = new SqliteAccounts(db, this.#writer, sessions, now)
    this.keys = new SqliteKeys(db, this.#writer, now)
  }

  ping(): Promise<void> {
    return reading(() => {
      this.#db.prepare('SELECT 1 FROM sessions LIMIT 1').get()
    })
  }

  async close(): Promise<void> {
    if (!this.#db.isOpen) return
    this.#writer.flush()
    this.#db.close()
  }
}

/** The file is made so that only its owner can read it; SQLite gives the files beside it the same mode. */
function keepPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
}

/** The upper pages of a large table stay in memory; SQLite's own 2 MB hold no more than some five thousand sessions. */
const CACHE_KIB = 65_536

/** Checkpoints come at 32 MB rather than 4: they gather more writes to the same page, and stop the server less often. */
const WAL_PAGES = 8_000

const SQLITE_BUSY = 5

/** Of processes that open a new file at once, one makes the switch. SQLite tells the others "busy" without any wait. */
function switchToWal(db: DatabaseSync, patience: number): void {
  const deadline = performance.now() + patience
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      const isBusy = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
      if (!isBusy || performance.now() >= deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}
