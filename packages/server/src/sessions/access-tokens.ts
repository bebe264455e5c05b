import {
  type AccessTokenClaims,
  checkAccessTokenClaims,
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

/** Verified tokens are remembered, so that a token's signature is checked once. */
const CACHE_SIZE = 10_000

/** Issues and verifies access tokens (RFC 9068). Whether a token's session still lives is for the caller to ask. */
export class AccessTokens {
  readonly #options: AccessTokensOptions
  readonly #verified = new Map<string, AccessTokenClaims>()

  constructor(options: AccessTokensOptions) {
    this.#options = options
  }

  /** `now` is the store's time that the rules were read at, in milliseconds. */
  async issue(row: SessionRow, now: number): Promise<{ accessToken: string; expiresIn: number }> {
    const { issuer, audience, accessTtl, claims, randomId } = this.#options
    const { subject, sid, scope, amr, createdAt, expiresAt } = row
    const iat = Math.floor(now / 1000)
    const exp = Math.floor(Math.min(now + accessTtl, expiresAt) / 1000)
    const extra = claims === undefined ? undefined : allowed(await claims({ subject, sid, scope }))
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
    return { accessToken: `${signingInput}.${key.sign(signingInput)}`, expiresIn: exp - iat }
  }

  /** @throws LatchkeyError `access_token_invalid`, `access_token_expired` */
  async verify(token: string): Promise<AccessTokenClaims> {
    const now = Math.floor(this.#options.now() / 1000)
    const known = this.#verified.get(token)
    if (known !== undefined) {
      if (now < known.exp) return known
      this.#verified.delete(token)
      throw new LatchkeyError('access_token_expired')
    }
    const claims = await this.#read(token, () => now)
    this.#remember(token, claims)
    return claims
  }

  /** The session of an authentic token, expired or not, for signing out; undefined for anything else. */
  async sessionOf(token: string | undefined): Promise<string | undefined> {
    if (token === undefined) return undefined
    try {
      return (await this.#read(token, ({ iat }) => Number(iat))).sid
    } catch (error) {
      if (error instanceof LatchkeyError && error.code === 'access_token_invalid') return undefined
      throw error
    }
  }

  /** Checks a token as it stood at a given time, in seconds. */
  async #read(token: string, at: (claims: Readonly<Record<string, unknown>>) => number): Promise<AccessTokenClaims> {
    const { issuer, audience, keys } = this.#options
    const { alg, kid, signingInput, signature, unverifiedClaims } = readAccessToken(token)
    const key = await keys.find(kid)
    if (key === undefined || key.alg !== alg || !key.verify(signingInput, signature)) {
      throw new LatchkeyError('access_token_invalid')
    }
    return checkAccessTokenClaims(unverifiedClaims, {
      issuer,
      audience,
      now: at(unverifiedClaims),
      clockSkew: CLOCK_SKEW,
    })
  }

  #remember(token: string, claims: AccessTokenClaims): void {
    if (this.#verified.size >= CACHE_SIZE) {
      const [oldest] = this.#verified.keys()
      if (oldest !== undefined) this.#verified.delete(oldest)
    }
    this.#verified.set(token, claims)
  }
}

function allowed(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const reserved = Object.keys(claims).find((claim) => RESERVED_CLAIMS.has(claim))
  if (reserved !== undefined) throw new Error(`the claims callback may not set ${reserved}: latchkey does`)
  return claims
}
