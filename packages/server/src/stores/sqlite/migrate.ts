import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const FOLDER = join(import.meta.dirname, '../../../migrations/sqlite')

/**
 * Brings the schema up to date: applies, in one transaction, every numbered file that `user_version` does not count yet.
 * Several processes may do it at once; the write lock lets one through at a time.
 *
 * @throws Error when the database is newer than this program
 */
export function migrate(db: DatabaseSync, folder = FOLDER): void {
  const files = migrationsIn(folder)
  if (versionOf(db) === files.length) return
  db.exec('BEGIN IMMEDIATE')
  try {
    const version = versionOf(db)
    if (version > files.length) {
      throw new Error(`the database has schema ${version}, this program knows ${files.length}: use a newer latchkey`)
    }
    for (const file of files.slice(version)) db.exec(readFileSync(join(folder, file), 'utf8'))
    db.exec(`PRAGMA user_version = ${files.length}`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** How far a database's schema has come, and how far this program would bring it. */
export interface SchemaStatus {
  readonly current: number
  readonly latest: number
}

/** Looks without touching: a file that is not there stays away, and has schema 0. */
export function sqliteSchema(file: string): SchemaStatus {
  const latest = migrationsIn(FOLDER).length
  if (!existsSync(file)) return { current: 0, latest }
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return { current: versionOf(db), latest }
  } finally {
    db.close()
  }
}

function migrationsIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .sort()
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0)
}
