/**
 * Plays everything that happens at a Latchkey at the log level `trace`, with what must not be logged in every place where
 * it can be sent, and tells its parent the secrets. Its standard output and error are what the test reads.
 */
import { randomBytes } from 'node:crypto'
import { request as send } from 'node:http'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { createStandaloneServer } from '../../cli/serve.ts'
import { readSettings } from '../../config/read-settings.ts'
import { assemble } from '../../latchkey.ts'
import { sqliteStore } from '../../stores/sqlite/sqlite-store.ts'
import type { Store } from '../../stores/store.ts'
import { createLogger, Log } from '../logs.ts'
import { createMetrics } from '../metrics.ts'

const HOSTILE = '\r\n{"level":"fatal"}\u0000\u001b[31m\u0085\u009b\u2028"\\😀'
const PASSWORD = 'correct horse battery staple+/?&'
const NEXT = 'a different horse altogether €'
const serverSecret = randomBytes(48).toString('base64url')
const metricsToken = randomBytes(24).toString('base64url')
const secrets = new Set([PASSWORD, NEXT, serverSecret, metricsToken])

/** What the store fails with now: as drivers fail, with all they were given. */
let failure: 'none' | 'refusal' | 'fault' = 'none'

function failing(store: Store): Store {
  const part = <Part extends object>(target: Part): Part =>
    new Proxy(target, {
      get(_target, key) {
        const member: unknown = Reflect.get(target, key)
        if (typeof member !== 'function' || failure === 'none') {
          return typeof member === 'function' ? member.bind(target) : member
        }
        return async (...parameters: unknown[]) => {
          const values = [...secrets, ...parameters.map((given) => JSON.stringify(given))]
          const cause = Object.assign(new Error(`duplicate key: "${values[0]}"\nparams: ${values.join()}`), {
            code: '23505',
            detail: `Key (token)=(${values.at(-1)}) exists`,
            query: 'UPDATE sessions SET token = $1',
            parameters: values,
          })
          throw failure === 'fault' ? cause : new LatchkeyError('store_unavailable', { retryAfter: 1, cause })
        }
      },
    })
  const { name, sessions, accounts, keys } = store
  const parts = { sessions: part(sessions), accounts: part(accounts), keys: part(keys) }
  return { name, ...parts, ping: () => store.ping(), close: () => store.close() }
}

const settings = readSettings({
  options: { logLevel: 'trace', turnEvery: '0s', secret: serverSecret, metricsToken, store: 'sqlite::memory:' },
})
const log = new Log(createLogger(settings.logLevel), settings.trustProxy)
const metrics = createMetrics()
const latchkey = await assemble(settings, {
  store: failing(sqliteStore(':memory:')),
  onEvent: log.event,
  onFault: log.fault,
  onRequest: log.request,
  metrics,
})
const server = createStandaloneServer(latchkey, log, metrics)
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const address = server.address()
const port = typeof address === 'object' ? address?.port : undefined

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}

let cookie = ''

async function ask(
  method: string,
  path: string,
  json?: unknown,
  headers: Record<string, string> = {},
): Promise<Tokens> {
  const body = json === undefined ? '' : JSON.stringify(json)
  const length = { 'content-length': String(Buffer.byteLength(body)) }
  // Header values are bytes: what is no Latin-1 comes as UTF-8 does.
  const agent = {
    'user-agent': Buffer.from(`Mozilla ${HOSTILE.replace(/[^ -\uffff]/g, '')} ${PASSWORD}`).toString('latin1'),
  }
  const all = { ...(json !== undefined && { 'content-type': 'application/json' }), ...length, ...agent, ...headers }
  const text = await new Promise<string>((resolve, reject) => {
    const outgoing = send({ host: '127.0.0.1', port, method, path, headers: all }, (incoming) => {
      for (const set of incoming.headers['set-cookie'] ?? []) {
        cookie = set.split(';')[0] ?? ''
        secrets.add(cookie.split('=')[1] ?? '')
      }
      let answer = ''
      incoming.setEncoding('utf8').on('data', (chunk) => {
        answer += chunk
      })
      incoming.on('end', () => resolve(answer))
    })
    outgoing.on('error', reject).end(body)
  })
  const answered = text.startsWith('{') ? JSON.parse(text) : {}
  for (const token of [answered.access_token, answered.refresh_token]) if (token !== undefined) secrets.add(token)
  return answered
}

const email = 'ada@example.com'
const inBody = { delivery: 'body' } as const
const refresh = (refresh_token: string) => ask('POST', '/auth/refresh', { refresh_token })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const first = await ask('POST', '/auth/signup', { email, password: PASSWORD, ...inBody })
await ask('POST', '/auth/signup', { email, password: PASSWORD, ...inBody })
await ask('POST', '/auth/signup', { email: `a${HOSTILE}@example.com`, password: PASSWORD, ...inBody })
await ask('POST', '/auth/login', { email, password: PASSWORD }, { 'sec-fetch-site': 'same-origin' })
const sameOrigin = { 'sec-fetch-site': 'same-origin' }
await ask('POST', '/auth/refresh', undefined, { cookie, ...sameOrigin })
await ask('POST', '/auth/refresh', undefined, { cookie, 'sec-fetch-site': 'cross-site' })
await ask('POST', '/auth/login', { email: `${HOSTILE}@x`, password: NEXT, ...inBody })
for (let guess = 0; guess < 14; guess++)
  await ask('POST', '/auth/login', { email: 'b@example.com', password: NEXT, ...inBody })

const second = await refresh(first.refresh_token)
const third = await refresh(second.refresh_token)
await refresh(second.refresh_token)
await refresh(first.refresh_token)
await refresh(third.refresh_token)
await refresh(`${third.refresh_token}${HOSTILE}`)

const device = await ask('POST', '/auth/login', { email, password: PASSWORD, ...inBody })
const [, payload, signature] = device.access_token.split('.')
const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: `k${HOSTILE}` })).toString('base64url')
await ask('GET', '/auth/me', undefined, bearer(`${header}.${payload}.${signature}`))
await ask('GET', '/auth/me', undefined, bearer(device.access_token))

// Where tokens do not belong, and people put them.
for (const token of [device.access_token, device.refresh_token]) {
  await ask('GET', `/auth/me?access_token=${token}`)
  await ask('GET', `/auth/${token}`, undefined, { referer: `https://x.example/?token=${token}` })
  await ask('GET', `/${token}?password=${encodeURIComponent(PASSWORD)}`)
  await ask('DELETE', `/auth/sessions/${token}`, undefined, bearer(device.access_token))
  await ask('DELETE', `/auth/sessions/${token}`, undefined, { cookie: `x=${token}`, 'sec-fetch-site': 'cross-site' })
  await ask('POST', '/auth/login', { email: token, password: token, ...inBody }, { 'x-forwarded-for': token })
  await ask('PROPFIND', `/auth/login/${token}`)
}
await ask('GET', `/auth/%0d%0a%1b%5b31m%c2%85/me?x=%0a`)
await ask('GET', '/metrics', undefined, bearer(metricsToken))
await ask('GET', `/metrics?token=${metricsToken}`)

const changed = await ask(
  'POST',
  '/auth/password',
  { currentPassword: PASSWORD, newPassword: NEXT },
  bearer(device.access_token),
)
await ask('POST', '/auth/password', { currentPassword: PASSWORD, newPassword: PASSWORD }, bearer(changed.access_token))
const users = latchkey.accounts
if (users === undefined) throw new Error('there are accounts')
const { sub = '' } = JSON.parse(Buffer.from(changed.access_token.split('.')[1] ?? '', 'base64url').toString())
const reset = await users.createReset(sub)
if (reset === null) throw new Error('there is an account')
secrets.add(reset.token)

for (const kind of ['refusal', 'fault'] as const) {
  failure = kind
  await refresh(changed.refresh_token)
  await ask('POST', '/auth/login', { email, password: NEXT, ...inBody })
  await ask('POST', '/auth/signup', { email: 'c@example.com', password: NEXT, ...inBody })
  await ask('POST', '/auth/password/reset', { token: reset.token, newPassword: PASSWORD })
  await ask('GET', '/auth/me', undefined, bearer(changed.access_token))
  await ask('POST', '/auth/logout', { refresh_token: changed.refresh_token })
}
failure = 'none'

for (let use = 0; use < 2; use++)
  await ask('POST', '/auth/password/reset', { token: reset.token, newPassword: PASSWORD })
const last = await ask('POST', '/auth/login', { email, password: PASSWORD, ...inBody })
await ask('POST', '/auth/logout', { refresh_token: last.refresh_token })
await users.disable(sub)
await users.enable(sub)
await users.delete(sub)
await latchkey.keys.rotate()

server.closeAllConnections()
await new Promise((resolve) => server.close(resolve))
await latchkey.close()
process.send?.([...secrets].filter((secret) => secret !== ''))
process.disconnect?.()
