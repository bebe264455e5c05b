import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { AccountStore, KeyStore, SessionStore, Store } from '../store.ts'
import { SqliteAccounts } from './accounts.ts'
import { GroupedWriter } from './grouped-writer.ts'
import { SqliteKeys } from './keys.ts'
import { migrate } from './migrate.ts'
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
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    migrate(db)
    this.#db = db
    this.#writer = new GroupedWriter(db)
    const sessions = new SqliteSessions(db, this.#writer, now)
    this.sessions = guarded(sessions)
    this.accounts = guarded(new SqliteAccounts(db, this.#writer, sessions, now))
    this.keys = guarded(new SqliteKeys(db, this.#writer, now))
  }

  async ping(): Promise<void> {
    try {
      this.#db.prepare('SELECT 1 FROM sessions LIMIT 1').get()
    } catch (cause) {
      throw unavailable(cause)
    }
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

/** Whatever the engine throws becomes `store_unavailable`, in one place. */
function guarded<Part extends object>(part: Part): Part {
  return new Proxy(part, {
    get(target, name) {
      const member = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        try {
          return await member.apply(target, args)
        } catch (error) {
          throw error instanceof LatchkeyError ? error : unavailable(error)
        }
      }
    },
  })
}

function unavailable(cause: unknown): LatchkeyError {
  return new LatchkeyError('store_unavailable', { retryAfter: 1, cause })
}
