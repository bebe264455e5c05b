import { LatchkeyError } from '@latchkey/protocol/errors'
import {
  decodeRefreshToken,
  encodeRefreshToken,
  hashSessionKey,
  type RefreshTokenClaims,
  type RefreshTokenKey,
} from '@latchkey/protocol/refresh-token'
import {
  type Decision,
  type Delivery,
  type Device,
  decide,
  type RevokedReason,
  type SessionRow,
  sincePromotion,
} from '@latchkey/protocol/rotation'
import type { Span } from '@opentelemetry/api'
import { inSpan } from '../observability/spans.ts'
import type { CredentialGuard, NewSession, SessionStore } from '../stores/store.ts'
import type { AccessTokens, ExtraClaims } from './access-tokens.ts'
import { checkStart } from './check-start.ts'
import { type Session, toSession } from './session.ts'
import { SessionAdmin, type SessionAdminOptions } from './session-admin.ts'

export interface SessionsOptions extends SessionAdminOptions {
  readonly issuer: string
  /** Milliseconds. */
  readonly absoluteTtl: number
  /** Milliseconds; the protocol's H. */
  readonly turnEvery: number
  /** How many live sessions a subject may have; with one more, the least recently used ends. */
  readonly maxSessions: number
  /** The first makes tokens, all read them. */
  readonly refreshTokenKeys: readonly RefreshTokenKey[]
  readonly accessTokens: AccessTokens
  /** 128 random bits, base64url. */
  readonly randomId: () => string
  /** Milliseconds since 1970 on this machine; only for refusing what has long expired before the store is asked. */
  readonly now: () => number
}

export interface StartOptions {
  /** Whose session: opaque, stable, never given to somebody else later. Printable, up to 255 bytes in UTF-8. */
  readonly subject: string
  /** How the refresh token will come back; `cookie` unless said otherwise. It cannot be changed later. */
  readonly delivery?: Delivery
  /** What the session may do, space-separated (RFC 6749 §3.3). */
  readonly scope?: string
  /** How the user signed in (RFC 8176), as `['pwd']`. */
  readonly amr?: readonly string[]
  /** The client's `User-Agent`. */
  readonly userAgent?: string | undefined
}

export interface RefreshContext {
  /** Where the token was found; `cookie` unless said otherwise. */
  readonly arrivedIn?: 'cookie' | 'body'
  readonly userAgent?: string | undefined
}

/** What the client is to be given. */
export interface Tokens {
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  /** The refresh token to keep from now on; null: keep the one you have. */
  readonly refreshToken: string | null
  /** Seconds that the new refresh token lives if it is not used; null with no new one. */
  readonly refreshExpiresIn: number | null
  readonly session: Session
  /** What the refresh did; `start` for a new session. */
  readonly decision: 'start' | 'turn' | 'hold' | 'replay'
}

const MAX_USER_AGENT_LENGTH = 256

/** Each lost race means that another token of the session was promoted; so many in a row mean a store that is ill. */
const MAX_RACES = 8

/** The span's attribute that says what a refresh came to. */
const DECISION = 'latchkey.decision'

const REFUSALS = {
  invalid: 'refresh_token_invalid',
  expired: 'refresh_token_expired',
  revoked: 'session_revoked',
} as const

/** A session that is ready to be stored. */
export interface PreparedSession {
  readonly session: NewSession
  readonly key: string
  readonly claims: ExtraClaims
}

/** Sessions for any subject the application names: start, refresh, list, end. Knows nothing of accounts or HTTP. */
export class Sessions extends SessionAdmin {
  readonly #store: SessionStore
  readonly #options: SessionsOptions

  constructor(store: SessionStore, options: SessionsOptions) {
    super(store, options)
    this.#store = store
    this.#options = options
  }

  /**
   * Starts a session for a subject that has just signed in.
   *
   * @throws LatchkeyError `validation_failed` for options that cannot be, as a subject that is empty, `store_unavailable`
   *
   * @example
   * const { accessToken, refreshToken } = await latchkey.sessions.start({ subject: user.id })
   */
  async start(options: StartOptions): Promise<Tokens & { readonly refreshToken: string }> {
    const tokens = await this.startGuarded(options)
    if (tokens === null) throw new LatchkeyError('internal_error')
    return tokens
  }

  /** As `start`, but only while the credential that was checked is still the account's: else null. */
  async startGuarded(
    options: StartOptions,
    guard?: CredentialGuard,
  ): Promise<(Tokens & { readonly refreshToken: string }) | null> {
    const prepared = await this.prepare(options)
    const row = await this.#store.start(prepared.session, guard)
    return row === null ? null : this.begin(prepared, row)
  }

  /**
   * All of a session that can be made before it is stored, the application's claims included: what may fail, fails before
   * anything has been changed. For those who store it together with something else.
   */
  async prepare(options: StartOptions): Promise<PreparedSession> {
    checkStart(options)
    const { subject, delivery = 'cookie', scope = null, amr = [], userAgent } = options
    const { randomId, absoluteTtl: lifetime, accessTokens } = this.#options
    const [sid, key] = [randomId(), randomId()]
    const device = toDevice(userAgent)
    return {
      session: { sid, subject, keyHash: hashSessionKey(key), lifetime, delivery, scope, amr, device },
      key,
      claims: await accessTokens.extraClaims({ subject, sid, scope }),
    }
  }

  /** The tokens of a prepared session that has been stored. */
  async begin({ key, claims }: PreparedSession, row: SessionRow): Promise<Tokens & { readonly refreshToken: string }> {
    this.#options.emit({ type: 'session_started', subject: row.subject, sid: row.sid })
    await this.#endSurplus(row)
    const access = this.#options.accessTokens.issue(row, row.createdAt, claims)
    return { ...access, ...this.#successor(row, key, 0, row.createdAt), session: toSession(row), decision: 'start' }
  }

  /** Somebody who has just signed in is not refused because an older session could not be ended: the next one ends it. */
  async #endSurplus({ subject, sid }: SessionRow): Promise<void> {
    try {
      this.announceEnd(await this.#store.trim(subject, this.#options.maxSessions, sid), 'session_limit')
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error
    }
  }

  /**
   * Exchanges a refresh token (the protocol of `@latchkey/protocol/rotation`).
   *
   * @throws LatchkeyError `refresh_token_invalid`, `refresh_token_expired`, `refresh_token_reused` (the session has then
   * been ended), `session_revoked`, `store_unavailable` (nothing was changed)
   *
   * @example
   * const { accessToken, refreshToken } = await latchkey.sessions.refresh(cookie, { userAgent: req.headers['user-agent'] })
   */
  refresh(refreshToken: string, context: RefreshContext = {}): Promise<Tokens> {
    return inSpan('latchkey.refresh', (span) => this.#refresh(refreshToken, context, span))
  }

  async #refresh(
    refreshToken: string,
    { arrivedIn = 'cookie', userAgent }: RefreshContext,
    span: Span,
  ): Promise<Tokens> {
    const claims = this.#readPresented(refreshToken, span)
    const { sid, sub: subject, gen, jti } = claims
    const { turnEvery } = this.#options
    const issuedAt = claims.iat * 1000
    const presented = { sid, subject, keyHash: hashSessionKey(claims.key), gen, jti, issuedAt, arrivedIn }
    const device = toDevice(userAgent)
    for (let attempt = 0; attempt < MAX_RACES; attempt++) {
      const { promoted, row, now } = await this.#store.promote({ ...presented, turnEvery, device })
      const decision = promoted ? 'turn' : decide(row, presented, now, turnEvery)
      // Another request won the race to promote, and the rules, read again, still say turn.
      if (decision === 'turn' && !promoted) continue
      span.setAttribute(DECISION, decision)
      return await this.#answer(decision, row, claims, now, device)
    }
    throw new LatchkeyError('store_unavailable', { retryAfter: 1 })
  }

  /**
   * Ends the session that a refresh token belongs to, however old the token is: superseded and expired ones end it too.
   * What is no token of ours ends nothing.
   */
  async revokeByToken(refreshToken: string, reason: RevokedReason): Promise<boolean> {
    const claims = this.#readOrNull(refreshToken)
    if (claims === null) return false
    const { row } = await this.#store.find(claims.sid)
    const isItsToken = row !== null && row.keyHash === hashSessionKey(claims.key) && row.subject === claims.sub
    return isItsToken && (await this.revoke(claims.sid, reason))
  }

  /** The row behind an access token, for routes that ask the store: null when the session has ended. */
  async findLive(sid: string): Promise<SessionRow | null> {
    const { now, row } = await this.#store.find(sid)
    return row !== null && row.revokedAt === null && now < row.expiresAt ? row : null
  }

  async #answer(
    decision: Decision,
    row: SessionRow | null,
    claims: RefreshTokenClaims,
    now: number,
    device: Device,
  ): Promise<Tokens> {
    const { gen } = claims
    if (row === null || decision === 'invalid') throw this.#refuse('invalid', claims)
    const { subject, sid } = row
    switch (decision) {
      case 'revoked':
      case 'expired':
        throw this.#refuse(decision, claims)
      case 'reuse':
        await this.revoke(sid, 'reused')
        this.#options.emit({ type: 'refresh_token_reused', subject, sid, gen })
        throw new LatchkeyError('refresh_token_reused')
      case 'hold':
        this.#options.emit({ type: 'session_held', subject, sid, gen })
        break
      case 'replay': {
        const late = sincePromotion(row, now) >= Math.max(this.#options.turnEvery, LATE_AFTER)
        const otherDevice = kindOf(device) !== kindOf(row.device)
        this.#options.emit({ type: 'session_replayed', subject, sid, gen, late, otherDevice })
        break
      }
      case 'turn':
        this.#options.emit({ type: 'session_turned', subject, sid, gen })
        break
    }
    const access = this.#options.accessTokens.issue(row, now, await this.#options.accessTokens.extraClaims(row))
    const kept = { refreshToken: null, refreshExpiresIn: null }
    const refresh = decision === 'hold' ? kept : this.#successor(row, claims.key, gen, now)
    return { ...access, ...refresh, session: toSession(row), decision }
  }

  /** A token of the generation after `gen`. It lives for `idleTtl`, but never beyond its session. */
  #successor(row: SessionRow, key: string, gen: number, now: number) {
    const { issuer: iss, idleTtl, refreshTokenKeys, randomId } = this.#options
    const [signingKey] = refreshTokenKeys
    if (signingKey === undefined) throw new Error('there is no server secret')
    const iat = Math.floor(now / 1000)
    const exp = Math.floor(Math.min(now + idleTtl, row.expiresAt) / 1000)
    const { subject: sub, sid } = row
    const refreshToken = encodeRefreshToken({ iss, sub, sid, key, gen: gen + 1, jti: randomId(), iat, exp }, signingKey)
    return { refreshToken, refreshExpiresIn: Math.max(0, exp - iat) }
  }

  #refuse(reason: keyof typeof REFUSALS, claims: RefreshTokenClaims | null): LatchkeyError {
    this.#options.emit({ type: 'refresh_refused', subject: claims?.sub ?? null, sid: claims?.sid ?? null, reason })
    return new LatchkeyError(REFUSALS[reason])
  }

  /** Refuses what need not be asked of the store. */
  #readPresented(refreshToken: string, span: Span): RefreshTokenClaims {
    const claims = this.#readOrNull(refreshToken)
    if (claims !== null && claims.exp * 1000 > this.#options.now()) return claims
    const reason = claims === null ? 'invalid' : 'expired'
    span.setAttribute(DECISION, reason)
    throw this.#refuse(reason, claims)
  }

  #readOrNull(refreshToken: string): RefreshTokenClaims | null {
    try {
      return decodeRefreshToken(refreshToken, this.#options.refreshTokenKeys, this.#options.issuer)
    } catch {
      return null
    }
  }
}

/** A replay is worth a second look when it comes after the last honest answer can still have been under way. */
const LATE_AFTER = 60_000

function toDevice(userAgent: string | undefined): Device {
  return { userAgent: userAgent === undefined ? null : userAgent.slice(0, MAX_USER_AGENT_LENGTH) }
}

/** What stays of a user agent over its updates. */
function kindOf({ userAgent }: Device): string {
  return (userAgent ?? '').replace(/[\d._]+/g, '')
}
