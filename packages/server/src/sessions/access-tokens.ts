import {
  type AccessTokenClaims,
  checkAccessTokenClaims,
  MAX_ACCESS_TOKEN_LENGTH,
  RESERVED_CLAIMS,
  readAccessToken,
} from '@latchkey/protocol/access-token'
import { encodeJson } from '@latchkey/protocol/compact'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { SessionRow } from '@latchkey/protocol/rotation'
import type { KeyRing } from '../keys/key-ring.ts'

/** Adds claims to every access token. Called at sign-in and at every refresh; keep it quick. */
export type ClaimsCallback = (session: {
  readonly subject: string
  readonly sid: string
  readonly scope: string | null
}) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>

export interface AccessTokensOptions {
  readonly issuer: string
  readonly audience: string
  /** Milliseconds. */
  readonly accessTtl: number
  readonly keys: KeyRing
  readonly claims: ClaimsCallback | undefined
  readonly randomId: () => string
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The `client_id` of first-party sign-ins (RFC 9068 §2.2 asks for one). */
export const FIRST_PARTY_CLIENT_ID = 'first-party'

/** How far another node's clock may be ahead of this one's, in seconds (RFC 7519 §4.1.4). */
const CLOCK_SKEW = 60

/** What a cookie holds beside its name (RFC 6265 §6.1). */
const MAX_COOKIE_TOKEN_LENGTH = 4_000

/** Verified tokens are remembered, so that a token's signature is checked once. */
const CACHE_SIZE = 10_000

export type ExtraClaims = Readonly<Record<string, unknown>> | undefined

interface Verified {
  readonly kid: string
  readonly claims: AccessTokenClaims
}

/** Issues and verifies access tokens (RFC 9068). Whether a token's session still lives is for the caller to ask. */
export class AccessTokens {
  readonly #options: AccessTokensOptions
  readonly #verified = new Map<string, Verified>()

  constructor(options: AccessTokensOptions) {
    this.#options = options
  }

  /** What the application adds to the tokens of a session. @throws what its callback throws */
  async extraClaims({ subject, sid, scope }: Pick<SessionRow, 'subject' | 'sid' | 'scope'>): Promise<ExtraClaims> {
    const { claims } = this.#options
    return claims === undefined ? undefined : allowed(await claims({ subject, sid, scope }))
  }

  /** `now` is the store's time that the rules were read at, in milliseconds. */
  issue(row: SessionRow, now: number, extra?: ExtraClaims): { accessToken: string; expiresIn: number } {
    const { issuer, audience, accessTtl, randomId } = this.#options
    const { subject, sid, scope, amr, delivery, createdAt, expiresAt } = row
    const iat = Math.floor(now / 1000)
    const exp = Math.floor(Math.min(now + accessTtl, expiresAt) / 1000)
    const token = {
      ...extra,
      iss: issuer,
      sub: subject,
      aud: audience,
      client_id: FIRST_PARTY_CLIENT_ID,
      iat,
      exp,
      jti: randomId(),
      sid,
      auth_time: Math.floor(createdAt / 1000),
      ...(amr.length > 0 && { amr }),
      ...(scope !== null && { scope }),
    }
    const key = this.#options.keys.active
    const signingInput = `${key.header}.${encodeJson(token)}`
    const accessToken = `${signingInput}.${key.sign(signingInput)}`
    const longest = delivery === 'cookies' ? MAX_COOKIE_TOKEN_LENGTH : MAX_ACCESS_TOKEN_LENGTH
    if (accessToken.length > longest) throw new RangeError('the claims callback makes too long an access token')
    return { accessToken, expiresIn: exp - iat }
  }

  /** @throws LatchkeyError `access_token_invalid`, `access_token_expired` */
  async verify(token: string): Promise<AccessTokenClaims> {
    const now = Math.floor(this.#options.now() / 1000)
    const known = this.#verified.get(token)
    // A key that was pulled has taken its tokens with it: they are read anew, and refused.
    if (known !== undefined && this.#options.keys.has(known.kid)) {
      if (now < known.claims.exp) return known.claims
      this.#verified.delete(token)
      throw new LatchkeyError('access_token_expired')
    }
    this.#verified.delete(token)
    const verified = await this.#read(token, () => now)
    this.#remember(token, verified)
    return verified.claims
  }

  /** The session of an authentic token, expired or not, for signing out; undefined for anything else. */
  async sessionOf(token: string | undefined): Promise<string | undefined> {
    if (token === undefined) return undefined
    try {
      return (await this.#read(token, ({ iat }) => Number(iat))).claims.sid
    } catch (error) {
      if (error instanceof LatchkeyError && error.code === 'access_token_invalid') return undefined
      throw error
    }
  }

  /** Checks a token as it stood at a given time, in seconds. */
  async #read(token: string, at: (claims: Readonly<Record<string, unknown>>) => number): Promise<Verified> {
    const { issuer, audience, keys } = this.#options
    const { alg, kid, signingInput, signature, unverifiedClaims } = readAccessToken(token)
    const key = await keys.find(kid)
    if (key === undefined || key.alg !== alg || !key.verify(signingInput, signature)) {
      throw new LatchkeyError('access_token_invalid')
    }
    const now = at(unverifiedClaims)
    return { kid, claims: checkAccessTokenClaims(unverifiedClaims, { issuer, audience, now, clockSkew: CLOCK_SKEW }) }
  }

  #remember(token: string, verified: Verified): void {
    if (this.#verified.size >= CACHE_SIZE) {
      const [oldest] = this.#verified.keys()
      if (oldest !== undefined) this.#verified.delete(oldest)
    }
    this.#verified.set(token, { ...verified, claims: freeze(verified.claims) })
  }
}

/** The same claims are handed to every request that brings the token. */
function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) freeze(part)
  return Object.freeze(value)
}

function allowed(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const reserved = Object.keys(claims).find((claim) => RESERVED_CLAIMS.has(claim))
  if (reserved !== undefined) throw new Error(`the claims callback may not set ${reserved}: latchkey does`)
  return claims
}
