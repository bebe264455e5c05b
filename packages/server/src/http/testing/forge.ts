/** Makes tokens that nobody should accept. */
import type { Latchkey } from '../../latchkey.ts'

/** A segment's content: an object is JSON, text and bytes are taken as they are. */
export type Content = Readonly<Record<string, unknown>> | string | Uint8Array

export function segment(content: Content): string {
  const isBytes = typeof content === 'string' || content instanceof Uint8Array
  return Buffer.from(isBytes ? content : JSON.stringify(content)).toString('base64url')
}

/** A token's parts, taken apart and put together otherwise. */
export class Forge {
  readonly token: string
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly headerSegment: string
  readonly payloadSegment: string
  readonly signature: string
  readonly #latchkey: Latchkey

  constructor(latchkey: Latchkey, token: string) {
    const [headerSegment = '', payloadSegment = '', signature = ''] = token.split('.')
    this.#latchkey = latchkey
    this.token = token
    this.header = parse(headerSegment)
    this.claims = parse(payloadSegment)
    this.headerSegment = headerSegment
    this.payloadSegment = payloadSegment
    this.signature = signature
  }

  /** Under the server's own key, so that nothing but the change itself is wrong. */
  sign(header: Content, payload: Content): string {
    return this.signSegments(segment(header), segment(payload))
  }

  signSegments(header: string, payload: string): string {
    return `${header}.${payload}.${this.#latchkey.keys.active.sign(`${header}.${payload}`)}`
  }

  withHeader(changes: Readonly<Record<string, unknown>>): string {
    return this.sign({ ...this.header, ...changes }, this.claims)
  }

  withClaims(changes: Readonly<Record<string, unknown>>): string {
    return this.sign(this.header, { ...this.claims, ...changes })
  }

  /** The claim as this JSON text, for values that JSON.stringify does not write. */
  withClaimText(claim: string, text: string): string {
    const { [claim]: _replaced, ...rest } = this.claims
    return this.sign(this.header, `${JSON.stringify(rest).slice(0, -1)},${JSON.stringify(claim)}:${text}}`)
  }

  withSignature(signature: Uint8Array | string): string {
    const text = typeof signature === 'string' ? signature : Buffer.from(signature).toString('base64url')
    return `${this.headerSegment}.${this.payloadSegment}.${text}`
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(text, 'base64url').toString())
}

/** The same bytes in another spelling: the last character's unused bits set. */
export function flipSpareBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(text.at(-1) ?? '')
  return text.slice(0, -1) + alphabet[last | 1]
}

/** The order of P-256. */
export const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** An ES256 signature from its two numbers. */
export function rs(r: bigint, s: bigint): Uint8Array {
  return Buffer.from([r, s].map((number) => number.toString(16).padStart(64, '0')).join(''), 'hex')
}

/** The other valid signature that everybody can compute from one: s replaced by n - s. */
export function malleated(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const r = BigInt(`0x${bytes.subarray(0, 32).toString('hex')}`)
  return Buffer.from(rs(r, N - s)).toString('base64url')
}
