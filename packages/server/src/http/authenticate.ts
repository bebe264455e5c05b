import { type AccessTokenClaims, MAX_ACCESS_TOKEN_LENGTH } from '@latchkey/protocol/access-token'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { Delivery } from '@latchkey/protocol/rotation'
import type { AccessTokens } from '../sessions/access-tokens.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { Carrier, HeaderReader } from './carrier.ts'
import type { Cookies } from './cookies.ts'
import { assertTrustedOrigin } from './csrf.ts'

/** Who calls, as a protected route sees it. */
export interface Auth {
  readonly subject: string
  readonly sid: string
  readonly scope: string | null
  /** How this session's refresh token travels. */
  readonly delivery: Delivery
  /** When the user last signed in, in seconds since 1970. */
  readonly authTime: number
  readonly claims: AccessTokenClaims
}

export interface AuthenticateOptions {
  /** The route needs all of these scopes, space-separated (RFC 6750 §3.1). */
  readonly scope?: string
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method)
}

/** Checks access tokens against their signature and their session's row, so that an ended session is refused at once. */
export class Authenticator {
  readonly #accessTokens: AccessTokens
  readonly #sessions: Sessions
  readonly #cookies: Cookies
  readonly #allowedOrigins: ReadonlySet<string>

  constructor(accessTokens: AccessTokens, sessions: Sessions, cookies: Cookies, allowedOrigins: ReadonlySet<string>) {
    this.#accessTokens = accessTokens
    this.#sessions = sessions
    this.#cookies = cookies
    this.#allowedOrigins = allowedOrigins
  }

  /**
   * @throws LatchkeyError `access_token_missing`, `access_token_invalid`, `access_token_expired`,
   * `authorization_malformed`, `session_revoked`, `insufficient_scope`, `csrf_rejected`, `store_unavailable`
   */
  async authenticate(request: Carrier, { scope }: AuthenticateOptions = {}): Promise<Auth> {
    const bearer = readBearer(request.headers)
    const token = bearer ?? this.#cookies.read(request.headers.get('cookie')).accessToken
    if (token === undefined) throw new LatchkeyError('access_token_missing')
    if (bearer === undefined && !isSafeMethod(request.method)) {
      assertTrustedOrigin(request.headers, this.#allowedOrigins, true)
    }
    const claims = await this.#accessTokens.verify(token)
    const row = await this.#sessions.findLive(claims.sid)
    if (row === null || row.subject !== claims.sub) throw new LatchkeyError('session_revoked')
    // A token that was put where scripts cannot read it is not taken from where they can write, nor the reverse.
    if ((row.delivery === 'cookies') !== (bearer === undefined)) throw new LatchkeyError('access_token_invalid')
    if (scope !== undefined) assertScope(claims.scope, scope)
    return {
      subject: claims.sub,
      sid: claims.sid,
      scope: claims.scope ?? null,
      delivery: row.delivery,
      authTime: claims.auth_time ?? 0,
      claims,
    }
  }
}

/**
 * The token of the Authorization header (RFC 6750 §2.1); undefined without the header, or with another scheme.
 *
 * @throws LatchkeyError `authorization_malformed`, `access_token_invalid` when it is too long to be one
 */
export function readBearer(headers: HeaderReader): string | undefined {
  const header = headers.get('authorization')
  if (header === null || !/^bearer(?: |$)/i.test(header)) return undefined
  if (header.length > MAX_ACCESS_TOKEN_LENGTH) throw new LatchkeyError('access_token_invalid')
  const [, token] = /^bearer +([^\s,]+)$/i.exec(header) ?? []
  if (token === undefined) throw new LatchkeyError('authorization_malformed')
  return token
}

function assertScope(granted: string | undefined, needed: string): void {
  const has = new Set(granted?.split(' '))
  if (!needed.split(' ').every((scope) => has.has(scope))) {
    throw new LatchkeyError('insufficient_scope', { scope: needed })
  }
}
