import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigurationError } from '../config/read-settings.ts'
import { type SchemaStatus, sqliteSchema } from './sqlite/migrate.ts'
import { sqliteStore } from './sqlite/sqlite-store.ts'
import type { Store } from './store.ts'

/** Opens the store that a URL names: `sqlite:FILE` or `sqlite::memory:`. */
export function openStore(url: string): Store {
  const file = storeFile(url)
  return trying(url, () => {
    if (file !== undefined) mkdirSync(dirname(file), { recursive: true })
    return sqliteStore(file ?? MEMORY)
  })
}

/** How far a store's schema has come, without touching it. */
export function schemaOf(url: string): SchemaStatus {
  return trying(url, () => sqliteSchema(storeFile(url) ?? MEMORY))
}

/** The file that a store is in; undefined for one in memory. */
export function storeFile(url: string): string | undefined {
  const file = url.slice('sqlite:'.length)
  return file === MEMORY ? undefined : file
}

const MEMORY = ':memory:'

function trying<Result>(url: string, attempt: () => Result): Result {
  try {
    return attempt()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigurationError(`LATCHKEY_STORE ${url} cannot be opened: ${reason}`, { cause })
  }
}
