import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigurationError } from '../config/read-settings.ts'
import { sqliteStore } from './sqlite/sqlite-store.ts'
import type { Store } from './store.ts'

/** Opens the store that a URL names: `sqlite:FILE` or `sqlite::memory:`. */
export function openStore(url: string): Store {
  const file = url.slice('sqlite:'.length)
  try {
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
    return sqliteStore(file)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigurationError(`LATCHKEY_STORE ${url} cannot be opened: ${reason}`, { cause })
  }
}
