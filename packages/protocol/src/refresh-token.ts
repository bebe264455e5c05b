/**
 * The refresh token: a compact JWS (`typ: rt+jwt`, `alg: HS256`). Its header is one constant per key, compared as text,
 * so nothing in a token ever chooses how it is checked (RFC 8725 §3.1).
 */
import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { encodeJson } from './compact.ts'
import { LatchkeyError } from './errors.ts'

/** Times are seconds since 1970 (RFC 7519 §2). */
export interface RefreshTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly sid: string
  /** The session's 128-bit secret, base64url: the same in all its tokens. The store keeps only its digest. */
  readonly key: string
  readonly gen: number
  readonly jti: string
  readonly iat: number
  readonly exp: number
}

/** A key that makes and reads refresh tokens, with the token header that goes with it. */
export interface RefreshTokenKey {
  readonly header: string
  readonly key: KeyObject
}

/** More than the longest issuer and subject need, and less than a cookie holds (RFC 6265 §6.1). */
export const MAX_REFRESH_TOKEN_LENGTH = 3800

/** Prepares an HMAC key; `kid` tells several server secrets apart while one replaces the other. */
export function refreshTokenKey(key: KeyObject, kid: string): RefreshTokenKey {
  return { header: encodeJson({ alg: 'HS256', typ: 'rt+jwt', kid }), key }
}

/**
 * @throws RangeError when issuer and subject make the token longer than `decodeRefreshToken` will read: better no session
 * than one that ends at its first refresh
 */
export function encodeRefreshToken(claims: RefreshTokenClaims, { header, key }: RefreshTokenKey): string {
  const signingInput = `${header}.${encodeJson(claims)}`
  const token = `${signingInput}.${mac(signingInput, key)}`
  if (token.length > MAX_REFRESH_TOKEN_LENGTH) throw new RangeError('issuer and subject make too long a refresh token')
  return token
}

/**
 * Reads an authentic token. Whether it has expired is for the caller to ask, because signing out with an expired token
 * still ends its session.
 *
 * @throws LatchkeyError `refresh_token_invalid` for whatever this issuer did not make, with nothing to tell one cause
 * from another
 */
export function decodeRefreshToken(
  token: string,
  keys: readonly RefreshTokenKey[],
  issuer: string,
): RefreshTokenClaims {
  if (token.length > MAX_REFRESH_TOKEN_LENGTH) throw new LatchkeyError('refresh_token_invalid')
  const headerEnd = token.indexOf('.')
  const payloadEnd = token.lastIndexOf('.')
  const used = keys.find(({ header }) => header.length === headerEnd && token.startsWith(header))
  if (used === undefined || payloadEnd === headerEnd) throw new LatchkeyError('refresh_token_invalid')
  if (!sameText(token.slice(payloadEnd + 1), mac(token.slice(0, payloadEnd), used.key))) {
    throw new LatchkeyError('refresh_token_invalid')
  }
  // The MAC covers the text as sent, so from here on this is a token we made.
  const claims: RefreshTokenClaims = JSON.parse(atob(fromUrlAlphabet(token.slice(headerEnd + 1, payloadEnd))))
  if (claims.iss !== issuer) throw new LatchkeyError('refresh_token_invalid')
  return claims
}

/** The digest of a session's secret, as its row keeps it. 128 random bits need no slow hash (RFC 9700 §4.14). */
export function hashSessionKey(key: string): string {
  return hash('sha256', key, 'base64url')
}

function mac(signingInput: string, key: KeyObject): string {
  return createHmac('sha256', key).update(signingInput).digest('base64url')
}

function sameText(given: string, expected: string): boolean {
  const a = Buffer.from(given)
  const b = Buffer.from(expected)
  return a.length === b.length && timingSafeEqual(a, b)
}

function fromUrlAlphabet(segment: string): string {
  return segment.replaceAll('-', '+').replaceAll('_', '/')
}
