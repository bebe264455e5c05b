/** A Latchkey on a store of its own with a clock to move, and the means to talk to it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Delivery } from '@latchkey/protocol/rotation'
import type { LatchkeyEvent } from '../../events.ts'
import { createLatchkey, type Latchkey, type LatchkeyOptions } from '../../latchkey.ts'
import { sqliteStore } from '../../stores/sqlite/sqlite-store.ts'
import type { Store } from '../../stores/store.ts'
import { AnswerCheck, type ApiDocument } from './check-answer.ts'
import { type Answer, type Asked, type Body, Client } from './client.ts'
import { Clock } from './clock.ts'
import { type Connection, TRANSPORTS, type TransportName } from './transports.ts'

export const ISSUER = 'https://app.example.com/auth'
export const AUDIENCE = 'https://api.example.com'
export const PASSWORD = 'correct horse battery staple'

export interface StartOptions extends Omit<LatchkeyOptions, 'store' | 'now' | 'onEvent' | 'onFault'> {
  readonly via?: TransportName
  /** Makes the store, on the test's clock. */
  readonly store?: (now: () => number) => Store
}

export async function start({ via = viaByDefault(), store, ...options }: StartOptions = {}): Promise<TestServer> {
  const clock = new Clock()
  const events: LatchkeyEvent[] = []
  const faults: unknown[] = []
  const latchkey = await createLatchkey({
    issuer: ISSUER,
    audience: AUDIENCE,
    secret: randomBytes(48).toString('base64url'),
    rateLimits: 'off',
    ...options,
    store: store?.(clock.now) ?? sqliteStore(':memory:', { now: clock.now }),
    now: clock.now,
    onEvent: (event) => events.push(event),
    onFault: (fault) => faults.push(fault),
  })
  const answer = await latchkey.fetch(new Request(`${latchkey.issuer}/openapi.json`))
  const document: ApiDocument = JSON.parse(await answer.text())
  const connection = await TRANSPORTS[via](latchkey)
  return new TestServer({ latchkey, clock, events, faults, connection, document })
}

function viaByDefault(): TransportName {
  const named = Object.keys(TRANSPORTS).find((name) => name === process.env.LATCHKEY_TEST_VIA)
  return (named as TransportName | undefined) ?? 'fetch'
}

interface Parts {
  readonly latchkey: Latchkey
  readonly clock: Clock
  readonly events: LatchkeyEvent[]
  readonly faults: unknown[]
  readonly connection: Connection
  readonly document: ApiDocument
}

export class TestServer {
  readonly latchkey: Latchkey
  readonly clock: Clock
  readonly events: LatchkeyEvent[]
  /** Faults of ours. A test that provokes one takes it out; any that is left fails the file. */
  readonly faults: unknown[]
  readonly check: AnswerCheck
  readonly #connection: Connection
  #accounts = 0

  constructor({ latchkey, clock, events, faults, connection, document }: Parts) {
    this.latchkey = latchkey
    this.clock = clock
    this.events = events
    this.faults = faults
    this.check = new AnswerCheck(latchkey.issuer, document)
    this.#connection = connection
  }

  /** The name of the cookie with the refresh token. */
  get cookieName(): string {
    return this.latchkey.cookies.refreshName
  }

  /**
   * One request with exactly the headers given; `path` is below the base, or a whole URL. Every answer is checked for
   * what holds of all of them.
   */
  async send(method: string, path: string, { json, raw, headers = {} }: Asked = {}): Promise<Answer> {
    const body = json === undefined ? (raw ?? null) : JSON.stringify(json)
    const request = new Request(path.startsWith('/') ? this.latchkey.issuer + path : path, {
      method,
      body,
      ...(body !== null && { duplex: 'half' }),
      headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
    })
    // A body that is text gives itself a type; the suite decides about types.
    if (json === undefined && !('content-type' in headers)) request.headers.delete('content-type')
    const answer = await toAnswer(await this.#connection.send(request))
    if (answer.status >= 500) assert.notEqual(this.faults.length, 0, `ER-04: ${method} ${path} → ${answer.text}`)
    // What lies outside the base is answered by the application around it.
    if (request.url.startsWith(`${this.latchkey.issuer}/`)) this.check.check(method, path, answer)
    return answer
  }

  /** Presents a refresh token the way a delivery does. */
  present(refreshToken: string, delivery: Delivery): Promise<Answer> {
    if (delivery === 'body') return this.send('POST', '/refresh', { json: { refresh_token: refreshToken } })
    const headers = { cookie: `${this.cookieName}=${refreshToken}`, 'sec-fetch-site': 'same-origin' }
    return this.send('POST', '/refresh', { headers })
  }

  client(delivery: Delivery = 'cookie'): Client {
    return new Client(this, delivery)
  }

  newEmail(): string {
    this.#accounts += 1
    return `person-${this.#accounts}@example.com`
  }

  /** A new account's first device. Costs a password hash. */
  async signUp(delivery: Delivery = 'cookie', email = this.newEmail()): Promise<Client> {
    const client = this.client(delivery)
    const { status, text } = await client.post('/signup', { email, password: PASSWORD, delivery })
    assert.equal(status, 201, text)
    return client
  }

  /** Another device of the same user, signed in by the library: no hash. */
  async device(of: Client, delivery: Delivery = of.delivery, scope?: string): Promise<Client> {
    const { subject } = of
    const { accessToken, refreshToken } = await this.latchkey.sessions.start({
      subject,
      delivery,
      ...(scope !== undefined && { scope }),
    })
    const client = this.client(delivery)
    const { refreshName, accessName } = this.latchkey.cookies
    if (delivery !== 'body') client.jar.set(refreshName, refreshToken)
    if (delivery === 'cookies') client.jar.set(accessName, accessToken)
    const body = {
      user: { id: subject },
      ...(delivery !== 'cookies' && { access_token: accessToken }),
      ...(delivery === 'body' && { refresh_token: refreshToken }),
    }
    client.keep({ body, setCookies: [] })
    return client
  }

  /** Lets go of everything, and fails when there was a fault of ours. */
  async close(): Promise<void> {
    await this.#connection.close()
    await this.latchkey.close()
    assert.deepEqual(this.faults, [], 'ER-04: no fault of ours')
  }
}

async function toAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response
  const text = await response.text()
  const isJson = text !== '' && /[/+]json/.test(headers.get('content-type') ?? '')
  const body: Body = isJson ? JSON.parse(text) : {}
  return { status, headers, text, body, setCookies: headers.getSetCookie() }
}

/** The answer's status and, where there is one, its code: what most tests are about. */
export function outcome({ status, body }: Answer): string {
  return body.code === undefined ? String(status) : `${status} ${body.code}`
}
