import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { CATALOGUE, type ErrorCode } from '@latchkey/protocol/errors'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import type { Answer, Client } from './testing/client.ts'
import { PASSWORD, start } from './testing/start.ts'

const server = await start()
const busy = await start({ hashing: { concurrency: 1, queue: 0 } })
const limited = await start({ rateLimits: 'on' })
const buggy = await start({
  claims: () => {
    throw new Error('the password is hunter2')
  },
})
const closed = await start({ store: (now) => sqliteStore(':memory:', { now }) })
await closed.latchkey.close()
after(async () => {
  for (const { faults } of [busy, buggy, closed]) faults.length = 0
  await Promise.all([server, busy, limited, buggy, closed].map((each) => each.close()))
})

const ada = await server.signUp('cookie', 'ada@example.com')

/** An access token that has expired stands before the clock is moved for it. */
const stale = await server.device(ada)
const idle = await server.device(ada, 'body')
const reused = await server.device(ada, 'body')
const superseded = reused.refreshToken
await reused.refresh()
server.clock.advance(901)
await reused.refresh()

const json = { email: 'ada@example.com', password: PASSWORD, delivery: 'body' }

/** How to meet each error. */
const PROVOKED: Readonly<Partial<Record<ErrorCode, () => Promise<Answer>>>> = {
  access_token_missing: () => server.send('GET', '/me'),
  access_token_expired: () => stale.me(),
  access_token_invalid: () => stale.me('x.y.z'),
  authorization_malformed: () => stale.me('a b'),
  reauthentication_required: () => fresh((client) => client.delete('/me')),
  session_revoked: () =>
    fresh(async (client) => {
      await server.latchkey.sessions.revoke(client.sid)
      return client.me()
    }),
  refresh_token_missing: () => server.send('POST', '/refresh'),
  refresh_token_invalid: () => server.present('garbage', 'body'),
  refresh_token_expired: () => {
    server.clock.advance(8 * 86_400)
    return idle.refresh()
  },
  refresh_token_reused: () => reused.present(superseded),
  invalid_credentials: () => server.send('POST', '/login', { json: { ...json, password: 'x' } }),
  reset_token_invalid: () =>
    server.send('POST', '/password/reset', { json: { token: 'unknown', newPassword: PASSWORD } }),
  password_too_common: () => server.send('POST', '/signup', { json: { ...json, password: 'passwordpassword' } }),
  account_exists: () => server.send('POST', '/signup', { json }),
  session_not_found: () => fresh((client) => client.delete('/sessions/any')),
  validation_failed: () => server.send('POST', '/login', { json: {} }),
  body_malformed: () => server.send('POST', '/login', { raw: '{', headers: { 'content-type': 'application/json' } }),
  content_type_unsupported: () =>
    server.send('POST', '/login', { raw: '{}', headers: { 'content-type': 'text/plain' } }),
  body_too_large: () => server.send('POST', '/login', { json: { x: 'x'.repeat(20_000) } }),
  csrf_rejected: () => server.send('POST', '/login', { json, headers: { origin: 'https://evil.example' } }),
  rate_limited: async () => {
    const guesses = Array.from({ length: 20 }, () => limited.send('POST', '/login', { json }))
    const refused = (await Promise.all(guesses)).find(({ status }) => status !== 401)
    assert.ok(refused, 'RL-05: guessing is stopped, for unknown accounts too')
    return refused
  },
  not_found: () => server.send('GET', '/nowhere'),
  method_not_allowed: () => server.send('PUT', '/me'),
  server_busy: () => atOnce(() => busy.send('POST', '/login', { json })),
  store_unavailable: () => closed.send('POST', '/signup', { json }),
  internal_error: () => buggy.send('POST', '/signup', { json }),
}

/** Met elsewhere: by `protect({ scope })`, never on these routes. */
const ELSEWHERE: ReadonlySet<string> = new Set(['insufficient_scope'])

/** Two of a kind: the server above hashes one password at a time, and lets nobody wait. Answers the second. */
async function atOnce(act: () => Promise<Answer>): Promise<Answer> {
  const [, second] = await Promise.all([act(), act()])
  return second
}

/** With an access token of a sign-in that is older than ten minutes. */
async function fresh(act: (client: Client) => Promise<Answer>): Promise<Answer> {
  const client = await server.device(ada)
  server.clock.advance(660)
  await client.refresh()
  return act(client)
}

describe('errors', () => {
  const order = Object.keys(CATALOGUE).filter((code) => !ELSEWHERE.has(code))
  // The clock only goes forward: what needs a young session comes first.
  for (const code of order.sort(
    (a, b) => Number(a === 'refresh_token_expired') - Number(b === 'refresh_token_expired'),
  )) {
    it(`ER-01 ER-02 ER-03 ER-05 ${code} is answered in the form of the catalogue, and its type leads to a page`, async () => {
      const provoke = PROVOKED[code as ErrorCode]
      assert.ok(provoke, 'is provoked above')
      // The form itself, headers included, is checked with every answer: testing/check-answer.ts.
      const answer = await provoke()
      assert.equal(answer.body.code, code)
      assert.deepEqual(answer.setCookies, [])
      const page = await server.send('GET', String(answer.body.type))
      assert.equal(page.status, 200)
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
      assert.ok(page.text.includes(`<code>${code}</code>`))
    })
  }

  it('ER-06 every code of the catalogue has its page, safe to show and complete', async () => {
    for (const [code, { title, status }] of Object.entries(CATALOGUE)) {
      const { headers, text } = await server.send('GET', `/errors/${code}`)
      assert.ok(text.includes(`<h1>${title}</h1>`))
      assert.ok(text.includes(`status ${status}`))
      assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/, 'ER-06')
    }
  })

  it('ER-01 a request without credentials gets a challenge without an error code', async () => {
    assert.equal((await server.send('GET', '/me')).headers.get('www-authenticate'), 'Bearer')
  })

  it('ER-04 a fault of ours tells the caller nothing, and us everything', async () => {
    await buggy.latchkey.accounts?.create({ ...json, profile: {} })
    buggy.faults.length = 0
    const { text } = await buggy.send('POST', '/login', { json: { ...json, email: 'nobody@example.com' } })
    assert.ok(text.includes('invalid_credentials'))
    const answer = await buggy.send('POST', '/login', { json })
    assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'status', 'title', 'type'])
    assert.ok(!answer.text.includes('hunter2'))
    assert.ok(buggy.faults.some((fault) => fault instanceof Error && fault.message.includes('hunter2')))
  })

  it('RL-08 a server that hashes as much as it can says when to come back', async () => {
    const { status, headers } = await atOnce(() => busy.send('POST', '/login', { json }))
    assert.deepEqual([status, headers.get('retry-after')], [503, '2'])
  })

  it('validation names each field that is wrong, in RFC 6901 pointers', async () => {
    const { body } = await server.send('POST', '/signup', { json: { email: 1, password: 2, delivery: 'x' } })
    assert.deepEqual(body.errors?.map(({ pointer }) => pointer).sort(), ['/delivery', '/email', '/password'])
  })

  it('toResponse answers our errors from the catalogue and any other as internal', async () => {
    const { toResponse } = server.latchkey
    const response = toResponse(new TypeError('secret'))
    assert.equal(response.status, 500)
    assert.ok(!(await response.text()).includes('secret'))
    assert.equal(server.faults.splice(0).length, 1)
  })
})
