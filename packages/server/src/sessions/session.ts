import type { Delivery, Device, SessionRow } from '@latchkey/protocol/rotation'

/** A session as its user may see it. Times are milliseconds since 1970. */
export interface Session {
  readonly sid: string
  readonly subject: string
  readonly delivery: Delivery
  readonly scope: string | null
  readonly createdAt: number
  /** When its refresh token last turned. */
  readonly lastUsedAt: number
  readonly expiresAt: number
  readonly device: Device
}

export function toSession(row: SessionRow): Session {
  const { sid, subject, delivery, scope, createdAt, promotedAt, expiresAt, device } = row
  return { sid, subject, delivery, scope, createdAt, lastUsedAt: promotedAt, expiresAt, device }
}
