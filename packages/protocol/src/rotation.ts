/**
 * The rotation protocol, whole. A session is one row; its refresh token turns itself over as it is used.
 *
 * A token names a generation (`gen`). The row names the generation last *promoted*: the newest one a client has been
 * seen to hold. Presenting a newer one promotes it and yields a successor; presenting the promoted one again (the
 * answer was lost, two tabs raced) yields another successor; presenting anything older, or a sibling that lost the race
 * to be promoted, is reuse: two parties hold this session, so it ends.
 *
 * There is no grace period for superseded tokens. What takes its place is the *hold*: for `turnEvery` after its issue a
 * successor gets access tokens without turning, so that before it is promoted, whatever still carried its predecessor or
 * a sibling (a request or an answer on its way, a browser that comes back with a slightly old cookie) has arrived.
 */

/** How the refresh token travels, fixed when the session starts. `cookies` keeps the access token in a cookie as well. */
export const DELIVERIES = ['cookie', 'body', 'cookies'] as const
export type Delivery = (typeof DELIVERIES)[number]

/** What is known of the device a session was last seen on. */
export interface Device {
  readonly userAgent: string | null
}

/** One session: one sign-in on one device. All times are milliseconds since 1970 on the store's clock. */
export interface SessionRow {
  readonly sid: string
  readonly subject: string
  /** SHA-256 (base64url) of the secret that all of this session's refresh tokens carry. */
  readonly keyHash: string
  /** The promoted generation; 0 until the first refresh. */
  readonly gen: number
  /** The promoted token's id; null until the first refresh. */
  readonly jti: string | null
  readonly promotedAt: number
  readonly createdAt: number
  readonly expiresAt: number
  readonly revokedAt: number | null
  readonly revokedReason: RevokedReason | null
  readonly delivery: Delivery
  /** Space-separated (RFC 6749 §3.3); null when the application uses no scopes. */
  readonly scope: string | null
  /** Authentication methods (RFC 8176) of the sign-in. */
  readonly amr: readonly string[]
  readonly device: Device
}

/** Why a session was ended by somebody, rather than by time. */
export const REVOKED_REASONS = [
  'signed_out',
  'signed_out_everywhere',
  'reused',
  'replaced',
  'password_changed',
  'account_disabled',
  'account_deleted',
  'session_limit',
  'revoked',
] as const
export type RevokedReason = (typeof REVOKED_REASONS)[number]

/** An authentic refresh token as presented: its signature, `iss`, `typ` and `exp` have been checked already. */
export interface PresentedToken {
  readonly sid: string
  readonly subject: string
  readonly keyHash: string
  readonly gen: number
  readonly jti: string
  /** Its `iat`, in milliseconds: the store's time when it was issued. */
  readonly issuedAt: number
  readonly arrivedIn: 'cookie' | 'body'
}

/**
 * - `hold`: issue an access token; the client keeps the refresh token it has.
 * - `turn`: promote the presented token (one compare-and-set) and issue an access token and a successor.
 * - `replay`: issue an access token and another successor; nothing is written.
 * - `reuse`: revoke the session.
 * - `invalid`, `revoked`, `expired`: refuse; nothing is written.
 */
export type Decision = 'invalid' | 'revoked' | 'expired' | 'hold' | 'turn' | 'replay' | 'reuse'

/** A row of the table. Rules read top to bottom; the first that holds decides. `turnEvery` is in milliseconds. */
export interface Rule {
  readonly decision: Decision
  readonly holds: (row: SessionRow, token: PresentedToken, now: number, turnEvery: number) => boolean
}

export const RULES: readonly Rule[] = [
  { decision: 'invalid', holds: (row, token) => !belongsTo(row, token) },
  { decision: 'revoked', holds: (row) => row.revokedAt !== null },
  { decision: 'expired', holds: (row, _token, now) => now >= row.expiresAt },
  {
    decision: 'hold',
    holds: (row, token, now, turnEvery) => token.gen > row.gen && isYoung(token, now, turnEvery),
  },
  { decision: 'turn', holds: (row, token) => token.gen > row.gen },
  { decision: 'replay', holds: (row, token) => token.gen === row.gen && token.jti === row.jti },
  { decision: 'reuse', holds: () => true },
]

/**
 * What to do with an authentic refresh token.
 *
 * @param row the session's row, or null when the store has none
 * @param now the store's time, in milliseconds
 * @param turnEvery how long a successor is held from its issue, in milliseconds; 0 turns at every use
 *
 * @example
 * decide(row, token, Date.now(), 60_000) // 'turn'
 */
export function decide(
  row: SessionRow | null,
  token: PresentedToken,
  now: number,
  turnEvery: number,
  rules: readonly Rule[] = RULES,
): Decision {
  if (row === null) return 'invalid'
  for (const rule of rules) if (rule.holds(row, token, now, turnEvery)) return rule.decision
  return 'reuse'
}

/** Whether a token is too young to turn; a session's first never is. A clock that went back counts as no time at all. */
export function isYoung(
  { gen, issuedAt }: Pick<PresentedToken, 'gen' | 'issuedAt'>,
  now: number,
  turnEvery: number,
): boolean {
  return gen > 1 && Math.max(0, now - issuedAt) < turnEvery
}

/** Milliseconds since the row's last promotion; a clock that went back counts as no time at all. */
export function sincePromotion(row: SessionRow, now: number): number {
  return Math.max(0, now - row.promotedAt)
}

/**
 * Whether some token of this session may still be usable: it has neither been revoked nor reached its absolute limit,
 * and its newest possible successor (issued as late as `idle` after the last promotion) has not expired.
 */
export function isLive(row: SessionRow, now: number, idle: number): boolean {
  return row.revokedAt === null && now < row.expiresAt && now < row.promotedAt + 2 * idle
}

function belongsTo(row: SessionRow, token: PresentedToken): boolean {
  const deliveredIn = row.delivery === 'body' ? 'body' : 'cookie'
  return (
    token.sid === row.sid &&
    token.keyHash === row.keyHash &&
    token.subject === row.subject &&
    token.arrivedIn === deliveredIn
  )
}
