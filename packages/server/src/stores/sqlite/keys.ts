import type { DatabaseSync } from 'node:sqlite'
import type { KeySet, KeyStore, StoredKey } from '../store.ts'
import { integer, text } from './columns.ts'
import type { GroupedWriter } from './grouped-writer.ts'
import { reading } from './reading.ts'

export class SqliteKeys implements KeyStore {
  readonly #writer: GroupedWriter
  readonly #now: () => number
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: DatabaseSync, writer: GroupedWriter, now: () => number) {
    this.#writer = writer
    this.#now = now
    this.#statements = prepare(db)
  }

  read(): Promise<KeySet & { now: number }> {
    return reading(() => {
      const columns = this.#statements.read.get() ?? {}
      return { now: this.#now(), version: integer(columns, 'version'), keys: JSON.parse(text(columns, 'keys')) }
    })
  }

  replace(version: number, keys: readonly StoredKey[]): Promise<boolean> {
    return this.#writer.run('durable', () => {
      const { changes } = this.#statements.replace.run(JSON.stringify(keys), version)
      return changes === 1
    })
  }
}

function prepare(db: DatabaseSync) {
  return {
    read: db.prepare('SELECT version, keys FROM signing_keys'),
    replace: db.prepare('UPDATE signing_keys SET keys = ?, version = version + 1 WHERE version = ?'),
  }
}
