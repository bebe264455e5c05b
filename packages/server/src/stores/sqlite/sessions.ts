import type { DatabaseSync } from 'node:sqlite'
import {
  DELIVERIES,
  decide,
  isYoung,
  REVOKED_REASONS,
  type RevokedReason,
  type SessionRow,
} from '@latchkey/protocol/rotation'
import type { CredentialGuard, NewSession, Promotion, PromotionOutcome, SessionStore } from '../store.ts'
import { type Columns, integer, oneOf, optionalInteger, optionalText, text } from './columns.ts'
import type { GroupedWriter } from './grouped-writer.ts'
import { reading } from './reading.ts'

export class SqliteSessions implements SessionStore {
  readonly #writer: GroupedWriter
  readonly #now: () => number
  readonly #statements: ReturnType<typeof prepare>
  /** Where `revokeEverything` goes on: from the beginning, it would read what it has revoked with every batch. */
  #swept = ''

  constructor(db: DatabaseSync, writer: GroupedWriter, now: () => number) {
    this.#writer = writer
    this.#now = now
    this.#statements = prepare(db)
  }

  start(session: NewSession, guard?: CredentialGuard): Promise<SessionRow | null> {
    return this.#writer.run('durable', () => {
      if (guard && this.#statements.guard.get(guard.accountId, guard.credentialVersion) === undefined) return null
      return this.startNow(session)
    })
  }

  /** For use inside a group: what accounts do to their sessions belongs to the same transaction. */
  startNow(session: NewSession): SessionRow {
    const now = this.#now()
    const { sid, subject, keyHash, delivery, scope, amr, device } = session
    const expiresAt = now + session.lifetime
    this.#statements.insert.run(
      sid,
      subject,
      keyHash,
      now,
      now,
      expiresAt,
      delivery,
      scope,
      JSON.stringify(amr),
      device.userAgent,
    )
    const fresh = { gen: 0, jti: null, promotedAt: now, createdAt: now, revokedAt: null, revokedReason: null }
    return { sid, subject, keyHash, delivery, scope, amr, device, expiresAt, ...fresh }
  }

  async promote(promotion: Promotion): Promise<PromotionOutcome> {
    const { sid, gen, jti, turnEvery, device } = promotion
    // What cannot turn is only read. The rest is read, decided and written under the write lock, in one transaction.
    if (isYoung(promotion, this.#now(), turnEvery)) return { ...(await this.find(sid)), promoted: false }
    return this.#writer.run('cheap', () => {
      const now = this.#now()
      const row = this.#read(sid)
      if (row === null || decide(row, promotion, now, turnEvery) !== 'turn') return { now, row, promoted: false }
      this.#statements.promote.run(gen, jti, now, device.userAgent, sid)
      return { now, row: { ...row, gen, jti, promotedAt: now, device }, promoted: true }
    })
  }

  find(sid: string): Promise<{ now: number; row: SessionRow | null }> {
    return reading(() => ({ now: this.#now(), row: this.#read(sid) }))
  }

  list(subject: string): Promise<{ now: number; rows: readonly SessionRow[] }> {
    return reading(() => {
      const now = this.#now()
      return { now, rows: this.#statements.list.all(subject, now).map(toRow) }
    })
  }

  revoke(sid: string, reason: RevokedReason): Promise<SessionRow | null> {
    return this.#writer.run('durable', () => {
      const columns = this.#statements.revoke.get(this.#now(), reason, sid)
      return columns === undefined ? null : toRow(columns)
    })
  }

  revokeAll(subject: string, reason: RevokedReason): Promise<readonly SessionRow[]> {
    return this.#writer.run('durable', () => this.revokeAllNow(subject, reason))
  }

  /** For use inside a group. */
  revokeAllNow(subject: string, reason: RevokedReason): readonly SessionRow[] {
    return this.#statements.revokeAll.all(this.#now(), reason, subject).map(toRow)
  }

  /** For use inside a group. */
  forgetDevicesNow(subject: string): void {
    this.#statements.forgetDevices.run(subject)
  }

  async trim(subject: string, keep: number, newest: string): Promise<readonly SessionRow[]> {
    const isOver = await reading(() => this.#statements.over.get(subject, this.#now(), newest, keep) !== undefined)
    if (!isOver) return []
    return this.#writer.run('durable', () => {
      const now = this.#now()
      return this.#statements.trim.all(now, 'session_limit', subject, now, newest, keep).map(toRow)
    })
  }

  revokeEverything(reason: RevokedReason, limit: number): Promise<readonly SessionRow[]> {
    return this.#writer.run('durable', () => {
      const now = this.#now()
      const revokeAfter = (sid: string, most: number) =>
        this.#statements.revokeEverything.all(now, reason, now, sid, most).map(toRow)
      const rows = [...revokeAfter(this.#swept, limit)]
      if (rows.length < limit) rows.push(...revokeAfter('', limit - rows.length))
      this.#swept = rows.length < limit ? '' : rows.reduce((last, { sid }) => (sid > last ? sid : last), '')
      return rows
    })
  }

  purge(keep: number, limit: number): Promise<number> {
    return this.#writer.run('cheap', () => {
      const before = this.#now() - keep
      const { changes } = this.#statements.purge.run(before, limit, before, limit, limit)
      return Number(changes)
    })
  }

  #read(sid: string): SessionRow | null {
    const columns = this.#statements.find.get(sid)
    return columns === undefined ? null : toRow(columns)
  }
}

/** A subject's live sessions but the last used ones. */
const BEYOND = `
  FROM sessions WHERE subject = ? AND revoked_at IS NULL AND expires_at > ?
  ORDER BY sid = ? DESC, promoted_at DESC, created_at DESC LIMIT -1 OFFSET ?`

function prepare(db: DatabaseSync) {
  return {
    guard: db.prepare('SELECT 1 FROM accounts WHERE id = ? AND credential_version = ? AND disabled_at IS NULL'),
    insert: db.prepare(`
      INSERT INTO sessions
        (sid, subject, key_hash, gen, promoted_at, created_at, expires_at, delivery, scope, amr, user_agent)
      VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)`),
    promote: db.prepare('UPDATE sessions SET gen = ?, jti = ?, promoted_at = ?, user_agent = ? WHERE sid = ?'),
    find: db.prepare('SELECT * FROM sessions WHERE sid = ?'),
    list: db.prepare(`
      SELECT * FROM sessions WHERE subject = ? AND revoked_at IS NULL AND expires_at > ? ORDER BY created_at DESC, sid`),
    revoke: db.prepare(`
      UPDATE sessions SET revoked_at = ?, revoked_reason = ? WHERE sid = ? AND revoked_at IS NULL RETURNING *`),
    revokeAll: db.prepare(`
      UPDATE sessions SET revoked_at = ?, revoked_reason = ? WHERE subject = ? AND revoked_at IS NULL RETURNING *`),
    over: db.prepare(`SELECT sid ${BEYOND}`),
    trim: db.prepare(`
      UPDATE sessions SET revoked_at = ?, revoked_reason = ? WHERE sid IN (SELECT sid ${BEYOND}) RETURNING *`),
    revokeEverything: db.prepare(`
      UPDATE sessions SET revoked_at = ?, revoked_reason = ?
      WHERE sid IN (
        SELECT sid FROM sessions WHERE revoked_at IS NULL AND expires_at > ? AND sid > ? ORDER BY sid LIMIT ?)
      RETURNING *`),
    forgetDevices: db.prepare('UPDATE sessions SET user_agent = NULL WHERE subject = ?'),
    // Two lookups by index; an OR would scan the table.
    purge: db.prepare(`
      DELETE FROM sessions WHERE sid IN (
        SELECT * FROM (SELECT sid FROM sessions WHERE revoked_at < ? LIMIT ?)
        UNION
        SELECT * FROM (SELECT sid FROM sessions WHERE expires_at < ? LIMIT ?)
        LIMIT ?)`),
  }
}

function toRow(columns: Columns): SessionRow {
  return {
    sid: text(columns, 'sid'),
    subject: text(columns, 'subject'),
    keyHash: text(columns, 'key_hash'),
    gen: integer(columns, 'gen'),
    jti: optionalText(columns, 'jti'),
    promotedAt: integer(columns, 'promoted_at'),
    createdAt: integer(columns, 'created_at'),
    expiresAt: integer(columns, 'expires_at'),
    revokedAt: optionalInteger(columns, 'revoked_at'),
    revokedReason: columns.revoked_reason === null ? null : oneOf(columns, 'revoked_reason', REVOKED_REASONS),
    delivery: oneOf(columns, 'delivery', DELIVERIES),
    scope: optionalText(columns, 'scope'),
    amr: JSON.parse(text(columns, 'amr')),
    device: { userAgent: optionalText(columns, 'user_agent') },
  }
}
