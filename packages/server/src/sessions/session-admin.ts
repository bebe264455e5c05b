import { isLive, type RevokedReason, type SessionRow } from '@latchkey/protocol/rotation'
import type { EventListener } from '../events.ts'
import type { SessionStore } from '../stores/store.ts'
import { type Session, toSession } from './session.ts'

export interface SessionAdminOptions {
  /** Milliseconds. */
  readonly idleTtl: number
  readonly emit: EventListener
}

/** What can be done with sessions without a token and without the server secret: list them, end them. */
export class SessionAdmin {
  readonly #store: SessionStore
  readonly #idleTtl: number
  readonly #emit: EventListener

  constructor(store: SessionStore, { idleTtl, emit }: SessionAdminOptions) {
    this.#store = store
    this.#idleTtl = idleTtl
    this.#emit = emit
  }

  /** Ends a session. True when this call ended it; false when it had ended or never was. @throws `store_unavailable` */
  async revoke(sid: string, reason: RevokedReason = 'revoked'): Promise<boolean> {
    const row = await this.#store.revoke(sid, reason)
    if (row !== null) this.announceEnd([row], reason)
    return row !== null
  }

  /** Ends all of a subject's sessions and returns how many that were. @throws `store_unavailable` */
  async revokeAll(subject: string, reason: RevokedReason = 'revoked'): Promise<number> {
    const rows = await this.#store.revokeAll(subject, reason)
    this.announceEnd(rows, reason)
    return rows.length
  }

  /** Ends everybody's sessions and returns how many that were. @throws `store_unavailable`, with some of them ended */
  async revokeEverything(reason: RevokedReason = 'revoked'): Promise<number> {
    let ended = 0
    for (;;) {
      const rows = await this.#store.revokeEverything(reason, REVOKE_BATCH)
      this.announceEnd(rows, reason)
      ended += rows.length
      if (rows.length < REVOKE_BATCH) return ended
    }
  }

  /** A subject's live sessions, newest first. @throws `store_unavailable` */
  async list(subject: string): Promise<readonly Session[]> {
    const { now, rows } = await this.#store.list(subject)
    return rows.filter((row) => isLive(row, now, this.#idleTtl)).map(toSession)
  }

  announceEnd(rows: readonly SessionRow[], reason: RevokedReason): void {
    for (const { subject, sid } of rows) this.#emit({ type: 'session_ended', subject, sid, reason })
  }
}

/** As many as one write may end while others wait for theirs. */
const REVOKE_BATCH = 2_000
