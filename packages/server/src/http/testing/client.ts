import assert from 'node:assert/strict'
import type { Delivery } from '@latchkey/protocol/rotation'
import type { TestServer } from './start.ts'

/** An answer's JSON: what the suite reads of it. */
export interface Body {
  readonly access_token?: string
  readonly token_type?: string
  readonly expires_in?: number
  readonly refresh_token?: string
  readonly user?: User
  readonly sessions?: readonly SessionInfo[]
  readonly code?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
  readonly [member: string]: unknown
}

interface User {
  readonly id: string
  readonly email?: string | null
  readonly [member: string]: unknown
}

interface SessionInfo {
  readonly sid: string
  readonly current: boolean
  readonly createdAt: string
  readonly lastUsedAt: string
  readonly device: { readonly userAgent: string | null }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** `{}` when the answer is not JSON. */
  readonly body: Body
  readonly setCookies: readonly string[]
}

export interface Asked {
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
}

/** One signed-in device: a browser with its cookie jar, or, with `body` delivery, a program that keeps its tokens. */
export class Client {
  readonly delivery: Delivery
  readonly jar = new Map<string, string>()
  accessToken: string | undefined
  /** The id of the user who is signed in. */
  subject = ''
  #bodyRefreshToken: string | undefined
  readonly #server: TestServer

  constructor(server: TestServer, delivery: Delivery) {
    this.#server = server
    this.delivery = delivery
  }

  /** The refresh token this device holds now. */
  get refreshToken(): string {
    const token = this.delivery === 'body' ? this.#bodyRefreshToken : this.jar.get(this.#server.cookieName)
    assert.ok(token, 'holds a refresh token')
    return token
  }

  get sid(): string {
    return claimsOf(this.refreshToken).sid
  }

  async send(method: string, path: string, { json, raw, headers }: Asked = {}): Promise<Answer> {
    const answer = await this.#server.send(method, path, {
      json,
      ...(raw !== undefined && { raw }),
      headers: { ...this.#credentials(), ...headers },
    })
    this.keep(answer)
    return answer
  }

  get(path: string, asked?: Asked): Promise<Answer> {
    return this.send('GET', path, asked)
  }

  post(path: string, json?: unknown): Promise<Answer> {
    return this.send('POST', path, { json })
  }

  delete(path: string, json?: unknown): Promise<Answer> {
    return this.send('DELETE', path, { json })
  }

  me(accessToken = this.accessToken): Promise<Answer> {
    return this.get('/me', accessToken === undefined ? {} : { headers: { authorization: `Bearer ${accessToken}` } })
  }

  /** Refreshes with the token it holds and keeps what comes back. */
  async refresh(): Promise<Answer> {
    const answer = await this.present(this.refreshToken)
    this.keep(answer)
    return answer
  }

  /** Presents any refresh token in this device's way; whatever comes back is lost. */
  present(refreshToken: string): Promise<Answer> {
    return this.#server.present(refreshToken, this.delivery)
  }

  /** Takes what an answer brings, as a browser or an app would. */
  keep({ setCookies, body }: Pick<Answer, 'setCookies' | 'body'>): void {
    for (const cookie of setCookies) {
      const [, name = '', value = '', maxAge] = /^([^=]+)=([^;]*); Max-Age=(\d+)/.exec(cookie) ?? []
      if (maxAge === '0') this.jar.delete(name)
      else this.jar.set(name, value)
    }
    this.subject = body.user?.id ?? this.subject
    this.accessToken = body.access_token ?? this.accessToken
    this.#bodyRefreshToken = body.refresh_token ?? this.#bodyRefreshToken
  }

  #credentials(): Record<string, string> {
    return {
      ...(this.delivery !== 'body' && { 'sec-fetch-site': 'same-origin' }),
      ...(this.jar.size > 0 && { cookie: [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ') }),
      ...(this.accessToken !== undefined && { authorization: `Bearer ${this.accessToken}` }),
    }
  }
}

/** What a token says of itself, unverified. */
export function claimsOf(token: string): Record<string, unknown> & { readonly sid: string } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}
