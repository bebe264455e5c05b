/**
 * The access token: a JWT in the profile of RFC 9068, checked in two steps around the signature. `readAccessToken`
 * accepts the exact form and header that Latchkey issues; `checkAccessTokenClaims` the claims, each with its type. What
 * stands between, verifying the signature under the key that `kid` names, belongs to the caller.
 */
import { decodeJsonObject, splitCompact } from './compact.ts'
import { LatchkeyError } from './errors.ts'

export const SIGNATURE_ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number]

/** Times are seconds since 1970 (RFC 7519 §2). Further members come from the application's claims callback. */
export interface AccessTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | readonly string[]
  readonly client_id: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
  readonly sid: string
  readonly auth_time?: number
  readonly amr?: readonly string[]
  readonly scope?: string
  readonly [claim: string]: unknown
}

export interface AccessTokenForm {
  readonly alg: SignatureAlgorithm
  readonly kid: string
  readonly signingInput: string
  /** base64url */
  readonly signature: string
  /** Not yet to be believed: the signature has not been verified. */
  readonly unverifiedClaims: Readonly<Record<string, unknown>>
}

/** Claims that Latchkey sets itself; a claims callback cannot. */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  'iss',
  'sub',
  'aud',
  'client_id',
  'iat',
  'nbf',
  'exp',
  'jti',
  'sid',
  'auth_time',
  'amr',
  'acr',
  'scope',
  'cnf',
  '__proto__',
])

export const MAX_ACCESS_TOKEN_LENGTH = 8192

const HEADER_MEMBERS: ReadonlySet<string> = new Set(['alg', 'typ', 'kid'])

/**
 * Reads a token's form and header. A header with any member but `alg`, `typ` and `kid` is not one of ours, which
 * disposes of `crit`, `b64`, `zip` and of keys sent along (`jwk`, `jku`, `x5u`, `x5c`).
 *
 * @throws LatchkeyError `access_token_invalid`
 */
export function readAccessToken(token: string): AccessTokenForm {
  const parts = splitCompact(token, MAX_ACCESS_TOKEN_LENGTH)
  const header = parts && decodeJsonObject(parts.header)
  const unverifiedClaims = parts && decodeJsonObject(parts.payload)
  if (!header || !unverifiedClaims) throw invalid()
  if (!Object.keys(header).every((member) => HEADER_MEMBERS.has(member))) throw invalid()
  const { alg, typ, kid } = header
  const algorithm = SIGNATURE_ALGORITHMS.find((known) => known === alg)
  if (algorithm === undefined || !isAccessTokenType(typ)) throw invalid()
  if (typeof kid !== 'string' || kid === '') throw invalid()
  return {
    alg: algorithm,
    kid,
    signingInput: parts.signingInput,
    signature: parts.signature,
    unverifiedClaims,
  }
}

export interface AccessTokenExpectations {
  readonly issuer: string
  /** The API that asks: must be among the token's audiences. */
  readonly audience: string
  /** Seconds since 1970. */
  readonly now: number
  /** How far the issuer's clock may be ahead of ours, in seconds. */
  readonly clockSkew: number
}

/**
 * Checks the claims of a token whose signature holds (RFC 9068 §4, RFC 8725 §3).
 *
 * @throws LatchkeyError `access_token_expired` when everything but its time is right, else `access_token_invalid`
 */
export function checkAccessTokenClaims(
  claims: Readonly<Record<string, unknown>>,
  { issuer, audience, now, clockSkew }: AccessTokenExpectations,
): AccessTokenClaims {
  if (!hasAccessTokenShape(claims)) throw invalid()
  if (claims.iss !== issuer || !includesAudience(claims.aud, audience)) throw invalid()
  // Asks for what must hold, so that a clock or a skew that is NaN lets nothing through.
  const latestStart = now + clockSkew
  if (!(claims.iat <= latestStart)) throw invalid()
  if (claims.nbf !== undefined && !(isNumericDate(claims.nbf) && claims.nbf <= latestStart)) throw invalid()
  if (now >= claims.exp) throw new LatchkeyError('access_token_expired')
  return claims
}

function hasAccessTokenShape(claims: Readonly<Record<string, unknown>>): claims is AccessTokenClaims {
  const { iss, sub, aud, client_id, iat, exp, jti, sid, auth_time, amr, scope } = claims
  return (
    [iss, sub, client_id, jti, sid].every((claim) => typeof claim === 'string' && claim !== '') &&
    (typeof aud === 'string' || isStringArray(aud)) &&
    isNumericDate(iat) &&
    isNumericDate(exp) &&
    (auth_time === undefined || isNumericDate(auth_time)) &&
    (amr === undefined || isStringArray(amr)) &&
    (scope === undefined || typeof scope === 'string')
  )
}

function includesAudience(aud: string | readonly string[], audience: string): boolean {
  return typeof aud === 'string' ? aud === audience : aud.includes(audience)
}

/** The last second that RFC 3339 can write: 9999-12-31T23:59:59Z. */
const LAST_NUMERIC_DATE = 253_402_300_799

/** A time before the year 10000, so that neither 1e400 nor milliseconds taken for seconds mean "never". */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LAST_NUMERIC_DATE
}

function isStringArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')
}

function isAccessTokenType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(?:application\/)?at\+jwt$/i.test(typ)
}

function invalid(): LatchkeyError {
  return new LatchkeyError('access_token_invalid')
}
