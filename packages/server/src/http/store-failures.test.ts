import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import type { Store } from '../stores/store.ts'
import type { Answer, Client } from './testing/client.ts'
import { outcome, PASSWORD, start } from './testing/start.ts'

/** The calls that fail now: `sessions.promote`. */
const failing = new Set<string>()

const server = await start({ turnEvery: '0s', store: (now) => unreliable(sqliteStore(':memory:', { now })) })
const ada = await server.signUp('cookie', 'ada@example.com')
beforeEach(() => failing.clear())
after(() => server.close())

function unreliable(store: Store): Store {
  const part = <Part extends object>(name: string, target: Part): Part =>
    new Proxy(target, {
      get(_target, method) {
        const member = Reflect.get(target, method)
        if (typeof member !== 'function') return member
        return async (...args: unknown[]) => {
          if (failing.has(`${name}.${String(method)}`)) throw new LatchkeyError('store_unavailable', { retryAfter: 1 })
          return member.apply(target, args)
        }
      },
    })
  const { name, sessions, accounts, keys } = store
  return {
    name,
    sessions: part('sessions', sessions),
    accounts: part('accounts', accounts),
    keys: part('keys', keys),
    ping: () => store.ping(),
    close: () => store.close(),
  }
}

const LOGIN = { email: 'ada@example.com', password: PASSWORD }

/** What each route asks of the store, and so what can fail under it. */
const CALLS: readonly (readonly [route: string, calls: readonly string[], act: (client: Client) => Promise<Answer>])[] =
  [
    [
      'POST /signup',
      ['accounts.createSignedIn'],
      (client) => client.post('/signup', { ...LOGIN, email: server.newEmail() }),
    ],
    ['POST /login', ['accounts.findByEmail', 'sessions.start'], (client) => client.post('/login', LOGIN)],
    ['POST /refresh', ['sessions.promote', 'accounts.findById'], (client) => client.present(client.refreshToken)],
    ['POST /logout', ['sessions.find', 'sessions.revoke'], (client) => client.post('/logout')],
    ['POST /logout-all', ['sessions.find', 'sessions.revokeAll'], (client) => client.post('/logout-all')],
    ['GET /me', ['sessions.find', 'accounts.findById'], (client) => client.me()],
    ['DELETE /me', ['sessions.find', 'accounts.delete'], (client) => client.delete('/me')],
    ['GET /sessions', ['sessions.find', 'sessions.list'], (client) => client.get('/sessions')],
    [
      'DELETE /sessions/{sid}',
      ['sessions.find', 'sessions.revoke'],
      (client) => client.delete(`/sessions/${client.sid}`),
    ],
    [
      'POST /password',
      ['sessions.find', 'accounts.findById', 'accounts.changePassword'],
      (client) => client.post('/password', { currentPassword: PASSWORD, newPassword: `${PASSWORD}!` }),
    ],
  ]

describe('RT-11 a store that fails', () => {
  for (const [route, calls, act] of CALLS) {
    for (const call of calls) {
      it(`under ${route}, at ${call}: 503, no cookie touched, nothing revoked, the same token works afterwards`, async () => {
        const client = await server.device(ada)
        const other = await server.device(ada)
        const refreshToken = client.refreshToken
        failing.add(call)
        const answer = await act(client)
        assert.equal(outcome(answer), '503 store_unavailable')
        assert.equal(answer.headers.get('retry-after'), '1')
        assert.deepEqual(answer.setCookies, [])
        assert.equal(client.refreshToken, refreshToken)
        assert.equal(server.faults.splice(0).length, 1, 'told once')

        failing.clear()
        assert.equal((await client.me()).status, 200)
        assert.equal((await client.refresh()).status, 200)
        assert.equal((await other.refresh()).status, 200)
      })
    }
  }

  it('at the very moment of reuse: the token stays refused, and the next one who asks ends the session', async () => {
    const client = await server.device(ada)
    const superseded = client.refreshToken
    await client.refresh()
    await client.refresh()
    failing.add('sessions.revoke')
    assert.equal(outcome(await client.present(superseded)), '503 store_unavailable')
    server.faults.length = 0
    failing.clear()
    assert.equal(outcome(await client.present(superseded)), '401 refresh_token_reused')
    assert.equal(outcome(await client.refresh()), '401 session_revoked')
  })

  it('keys and documents need no store', async () => {
    for (const call of ['sessions.find', 'keys.read', 'accounts.findById']) failing.add(call)
    for (const path of ['/.well-known/jwks.json', '/.well-known/openid-configuration', '/openapi.json', '/docs']) {
      assert.equal((await server.send('GET', path)).status, 200)
    }
  })

  it('what is refused before the store is asked is refused all the same', async () => {
    for (const call of ['sessions.find', 'sessions.promote', 'sessions.start']) failing.add(call)
    assert.equal(outcome(await server.present('garbage', 'cookie')), '401 refresh_token_invalid')
    assert.equal(outcome(await server.send('GET', '/me')), '401 access_token_missing')
    assert.equal(outcome(await ada.me('garbage')), '401 access_token_invalid')
    assert.equal(outcome(await server.send('POST', '/login', { json: {} })), '422 validation_failed')
  })
})
