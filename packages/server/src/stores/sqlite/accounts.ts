import type { DatabaseSync } from 'node:sqlite'
import type { SessionRow } from '@latchkey/protocol/rotation'
import type { Account, AccountStore, NewAccount, NewSession, PasswordChange } from '../store.ts'
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

  create(account: NewAccount): Promise<Account | null> {
    return this.#writer.run('durable', () => this.#createNow(account))
  }

  createSignedIn(account: NewAccount, session: NewSession): Promise<{ account: Account; session: SessionRow } | null> {
    return this.#writer.run('durable', () => {
      const created = this.#createNow(account)
      return created === null ? null : { account: created, session: this.#sessions.startNow(session) }
    })
  }

  #createNow({ id, email, username, passwordHash, profile, createdAt }: NewAccount): Account | null {
    const json = JSON.stringify(profile)
    const columns = this.#statements.create.get(id, email, username, passwordHash, json, createdAt ?? this.#now())
    return columns === undefined ? null : toAccount(columns)
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
    session?: NewSession,
  ): Promise<PasswordChange | null> {
    return this.#writer.run('durable', () => {
      const { changes } = this.#statements.changePassword.run(passwordHash, id, credentialVersion)
      if (changes === 0) return null
      // A link that was made for the password before is no good for the new one.
      this.#statements.deleteReset.run(id)
      const ended = this.#sessions.revokeAllNow(id, 'password_changed')
      const started = session === undefined ? null : this.#sessions.startNow(session)
      return { credentialVersion: credentialVersion + 1, ended, started }
    })
  }

  rehash(id: string, from: string, to: string): Promise<boolean> {
    return this.#writer.run('durable', () => this.#statements.rehash.run(to, id, from).changes === 1)
  }

  createReset(id: string, digest: string, lifetime: number): Promise<number | null> {
    return this.#writer.run('durable', () => {
      const expiresAt = this.#now() + lifetime
      return this.#statements.createReset.run(digest, expiresAt, id).changes === 1 ? expiresAt : null
    })
  }

  findReset(digest: string): Promise<Account | null> {
    return reading(() => toAccountOrNull(this.#statements.findReset.get(digest, this.#now())))
  }

  redeemReset(digest: string, passwordHash: string): Promise<readonly SessionRow[] | null> {
    return this.#writer.run('durable', () => {
      const reset = this.#statements.takeReset.get(digest, this.#now())
      if (reset === undefined) return null
      const id = text(reset, 'account_id')
      this.#statements.setPassword.run(passwordHash, id)
      return this.#sessions.revokeAllNow(id, 'password_changed')
    })
  }

  forgetResets(): Promise<number> {
    return this.#writer.run('durable', () => Number(this.#statements.forgetResets.run().changes))
  }

  setDisabled(id: string, isDisabled: boolean): Promise<readonly SessionRow[] | null> {
    return this.#writer.run('durable', () => {
      const { changes } = this.#statements.setDisabled.run(isDisabled ? this.#now() : null, id)
      if (changes === 0) return null
      if (isDisabled) this.#statements.deleteReset.run(id)
      return isDisabled ? this.#sessions.revokeAllNow(id, 'account_disabled') : []
    })
  }

  list(after: string, limit: number): Promise<readonly Account[]> {
    return reading(() => this.#statements.list.all(after, limit).map(toAccount))
  }

  delete(id: string): Promise<readonly SessionRow[] | null> {
    return this.#writer.run('durable', () => {
      if (this.#statements.delete.run(id).changes === 0) return null
      this.#statements.deleteReset.run(id)
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
    rehash: db.prepare('UPDATE accounts SET password_hash = ? WHERE id = ? AND password_hash = ?'),
    createReset: db.prepare(`
      INSERT OR REPLACE INTO password_resets (digest, account_id, expires_at)
      SELECT ?, id, ? FROM accounts WHERE id = ? AND disabled_at IS NULL`),
    findReset: db.prepare(`
      SELECT accounts.* FROM accounts JOIN password_resets ON account_id = id
      WHERE digest = ? AND expires_at > ? AND disabled_at IS NULL`),
    takeReset: db.prepare(`
      DELETE FROM password_resets WHERE digest = ? AND expires_at > ?
        AND account_id IN (SELECT id FROM accounts WHERE disabled_at IS NULL)
      RETURNING account_id`),
    setPassword: db.prepare(`
      UPDATE accounts SET password_hash = ?, credential_version = credential_version + 1 WHERE id = ?`),
    setDisabled: db.prepare('UPDATE accounts SET disabled_at = ? WHERE id = ?'),
    list: db.prepare('SELECT * FROM accounts WHERE id > ? ORDER BY id LIMIT ?'),
    forgetResets: db.prepare('DELETE FROM password_resets'),
    deleteReset: db.prepare('DELETE FROM password_resets WHERE account_id = ?'),
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
