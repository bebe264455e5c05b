/**
 * The strict form of a compact JWS (RFC 7515 §7.1): three non-empty segments of canonical base64url, JSON objects that
 * are UTF-8 without a byte order mark and name no member twice. Libraries accept more than that (padding, white space,
 * flipped spare bits, the last of two members); this is checked before any of them is asked.
 */

export interface CompactParts {
  readonly header: string
  readonly payload: string
  readonly signature: string
  /** What the signature covers: `header.payload` as sent. */
  readonly signingInput: string
}

const SEGMENT = /^[A-Za-z0-9_-]+$/

/** Splits a compact JWS, or returns null when its form is not exactly right. */
export function splitCompact(token: string, maxLength: number): CompactParts | null {
  if (token.length > maxLength) return null
  const parts = token.split('.')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) return null
  if (!isCanonicalBase64url(header) || !isCanonicalBase64url(payload) || !isCanonicalBase64url(signature)) return null
  return { header, payload, signature, signingInput: `${header}.${payload}` }
}

/** Non-empty base64url without padding whose spare bits are zero, so that one value has one spelling (RFC 4648 §3.5). */
export function isCanonicalBase64url(text: string): boolean {
  if (!SEGMENT.test(text)) return false
  const rest = text.length % 4
  if (rest === 1) return false
  if (rest === 0) return true
  const spareBits = rest === 2 ? 0b1111 : 0b11
  return (sextet(text.charCodeAt(text.length - 1)) & spareBits) === 0
}

/** Decodes a base64url segment that holds a JSON object; null when it holds anything else. */
export function decodeJsonObject(segment: string): Record<string, unknown> | null {
  try {
    const bytes = Uint8Array.from(atob(segment.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const value = parseJsonStrictly(text)
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}

/** Encodes a value as a base64url segment of JSON. Text outside ASCII is escaped, which JSON allows everywhere. */
export function encodeJson(value: unknown): string {
  const json = JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return btoa(json).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/**
 * `JSON.parse`, but a member named twice in one object is an error (RFC 8259 §4 leaves its meaning open, and two readers
 * that choose differently can be played against each other).
 *
 * Names are read here rather than counted afterwards, and handed on in their shortest spelling, because V8 takes an
 * escaped name for an earlier one that begins with a backslash: https://github.com/nodejs/node/issues/63785
 *
 * @throws SyntaxError
 */
export function parseJsonStrictly(text: string): unknown {
  const value: unknown = JSON.parse(text) // First, because only on valid JSON is the search below sure to be linear.
  const open: Set<string>[] = []
  const respelled = text.replace(BRACES_AND_STRINGS, (token: string, colon: string | undefined) => {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    if (colon === undefined) return token
    const spelling = token.slice(0, -colon.length)
    const name: string = spelling.includes('\\') ? JSON.parse(spelling) : spelling.slice(1, -1)
    const names = open.at(-1)
    if (names?.has(name)) throw new SyntaxError('a member is named twice')
    names?.add(name)
    return spelling.includes('\\') ? JSON.stringify(name) + colon : token
  })
  return respelled === text ? value : JSON.parse(respelled)
}

/** In JSON, a string with a colon after it is a member's name. */
const BRACES_AND_STRINGS = /[{}]|"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sextet(code: number): number {
  if (code >= 97) return code - 71
  if (code === 95) return 63
  if (code >= 65) return code - 65
  if (code === 45) return 62
  return code + 4
}
