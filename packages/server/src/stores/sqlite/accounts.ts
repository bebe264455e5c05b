import type { DatabaseSync } from 'node:sqlite'
import type { SessionRow } from '@latchkey/protocol/rotation'
import type { Account, AccountStore, NewAccount } from '../store.ts'
import { type Columns, integer, optionalInteger, optionalText, text } from './columns.ts'
import type { GroupedWriter } from './grouped-writer.ts'
import { reading } from './reading.ts'
import type { SqliteSessions } from './sessions.ts'

export class SqliteAccounts implements AccountStore {
  readonly #writer: GroupedWriter
  readonly #sessions: SqliteSessions
  readonly #now: () => number
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: DatabaseSync, writer: GroupedWriter, sessions: SqliteSessions, now: () => number) {
    this.#writer = writer
    this.#sessions = sessions
    this.#now = now
    this.#statements = prepare(db)
  }

  async create({ id, email, username, passwordHash, profile }: NewAccount): Promise<Account | null> {
    // Before the group, so that a profile that is no JSON fails nobody else's write.
    const json = JSON.stringify(profile)
    return this.#writer.run('durable', () => {
      const columns = this.#statements.create.get(id, email, username, passwordHash, json, this.#now())
      return columns === undefined ? null : toAccount(columns)
    })
  }

  findById(id: string): Promise<Account | null> {
    return reading(() => toAccountOrNull(this.#statements.findById.get(id)))
  }

  findByEmail(email: string): Promise<Account | null> {
    return reading(() => toAccountOrNull(this.#statements.findByEmail.get(email)))
  }

  findByUsername(username: string): Promise<Account | null> {
    return reading(() => toAccountOrNull(this.#statements.findByUsername.get(username)))
  }

  changePassword(
    id: string,
    credentialVersion: number,
    passwordHash: string,
  ): Promise<{ credentialVersion: number; ended: readonly SessionRow[] } | null> {
    return this.#writer.run('durable', () => {
      const { changes } = this.#statements.changePassword.run(passwordHash, id, credentialVersion)
      if (changes === 0) return null
      return {
        credentialVersion: credentialVersion + 1,
        ended: this.#sessions.revokeAllNow(id, 'password_changed'),
      }
    })
  }

  delete(id: string): Promise<readonly SessionRow[] | null> {
    return this.#writer.run('durable', () => {
      if (this.#statements.delete.run(id).changes === 0) return null
      const ended = this.#sessions.revokeAllNow(id, 'account_deleted')
      this.#sessions.forgetDevicesNow(id)
      return ended
    })
  }
}

function prepare(db: DatabaseSync) {
  return {
    create: db.prepare(`
      INSERT INTO accounts (id, email, username, password_hash, credential_version, profile, created_at)
      VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING RETURNING *`),
    findById: db.prepare('SELECT * FROM accounts WHERE id = ?'),
    findByEmail: db.prepare('SELECT * FROM accounts WHERE email = ?'),
    findByUsername: db.prepare('SELECT * FROM accounts WHERE username = ?'),
    changePassword: db.prepare(`
      UPDATE accounts SET password_hash = ?, credential_version = credential_version + 1
      WHERE id = ? AND credential_version = ?`),
    delete: db.prepare('DELETE FROM accounts WHERE id = ?'),
  }
}

function toAccountOrNull(columns: Columns | undefined): Account | null {
  return columns === undefined ? null : toAccount(columns)
}

function toAccount(columns: Columns): Account {
  return {
    id: text(columns, 'id'),
    email: optionalText(columns, 'email'),
    username: optionalText(columns, 'username'),
    passwordHash: text(columns, 'password_hash'),
    credentialVersion: integer(columns, 'credential_version'),
    profile: JSON.parse(text(columns, 'profile')),
    createdAt: integer(columns, 'created_at'),
    disabledAt: optionalInteger(columns, 'disabled_at'),
  }
}
