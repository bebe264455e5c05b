import { createHash } from 'node:crypto'
import { parse } from 'hono/utils/cookie'

/** What a request carried in cookies of ours. */
export interface CarriedCookies {
  readonly refreshToken: string | undefined
  readonly accessToken: string | undefined
}

/**
 * The cookies of one issuer. Over https they have the `__Host-` prefix (this host only, Secure, `Path=/`); over http, which
 * the configuration allows for localhost only, they cannot. The tag tells issuers on one host apart, because cookies
 * ignore ports: without it two servers on localhost would sign each other's users out.
 */
export class Cookies {
  readonly refreshName: string
  readonly accessName: string
  readonly #attributes: string

  constructor(issuer: string) {
    const isSecure = issuer.startsWith('https:')
    const tag = createHash('sha256').update(issuer).digest('hex').slice(0, 6)
    const prefix = isSecure ? '__Host-' : ''
    this.refreshName = `${prefix}latchkey-${tag}`
    this.accessName = `${prefix}latchkey-access-${tag}`
    this.#attributes = `Path=/; HttpOnly; ${isSecure ? 'Secure; ' : ''}SameSite=Strict`
  }

  read(header: string | null | undefined): CarriedCookies {
    if (!header) return { refreshToken: undefined, accessToken: undefined }
    return { refreshToken: find(header, this.refreshName), accessToken: find(header, this.accessName) }
  }

  /** `Set-Cookie` values. Tokens need no encoding: they are base64url and dots. `maxAge` is in seconds. */
  setRefreshToken(token: string, maxAge: number): string {
    return `${this.refreshName}=${token}; Max-Age=${maxAge}; ${this.#attributes}`
  }

  setAccessToken(token: string, maxAge: number): string {
    return `${this.accessName}=${token}; Max-Age=${maxAge}; ${this.#attributes}`
  }

  /** Same name, path and attributes, or a browser would keep the old one (RFC 6265 §5.3). */
  clear(): readonly string[] {
    return [this.setRefreshToken('', 0), this.setAccessToken('', 0)]
  }
}

/** Most requests carry one cookie of ours or none: the parser is asked only for what is there. */
function find(header: string, name: string): string | undefined {
  return header.includes(name) ? parse(header, name)[name] : undefined
}
