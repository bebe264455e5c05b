/** LG-01: what each flow tells, and nothing twice. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EventType, LatchkeyEvent } from '../events.ts'
import type { Client } from '../http/testing/client.ts'
import { PASSWORD, start, type TestServer } from '../http/testing/start.ts'

const NEXT = 'a different horse altogether'
const DAY = 86_400

interface Scene {
  readonly server: TestServer
  readonly ada: Client
}

/** What happens before, and the flow itself with the types of events that it is to tell, in their order. */
type Flow = readonly [name: string, act: (scene: Scene) => Promise<unknown>, expected: readonly EventType[]]

const login = (server: TestServer, password = PASSWORD, email = 'ada@example.com') =>
  server.send('POST', '/login', { json: { email, password, delivery: 'body' } })

const FLOWS: readonly Flow[] = [
  ['a sign-up', ({ server }) => server.signUp('body'), ['account_created', 'session_started']],
  ['a login', ({ server }) => login(server), ['session_started', 'login_succeeded']],
  ['a wrong password', ({ server }) => login(server, 'wrong'), ['login_failed']],
  ['an unknown account', ({ server }) => login(server, PASSWORD, 'nobody@example.com'), ['login_failed']],
  ['a refresh', ({ ada }) => ada.refresh(), ['session_turned']],
  [
    'a lost answer',
    async ({ ada }) => {
      await ada.present(ada.refreshToken)
      await ada.refresh()
    },
    ['session_turned', 'session_replayed'],
  ],
  [
    'reuse, and the thief’s next try',
    async ({ ada }) => {
      const first = ada.refreshToken
      await ada.refresh()
      await ada.refresh()
      await ada.present(first)
      await ada.present(first)
    },
    ['session_turned', 'session_turned', 'session_ended', 'refresh_token_reused', 'refresh_refused'],
  ],
  [
    'a session that has expired',
    async ({ server, ada }) => {
      server.clock.advance(8 * DAY)
      await ada.refresh()
    },
    ['refresh_refused'],
  ],
  ['a forged token', ({ server }) => server.present('x.y.z', 'body'), ['refresh_refused']],
  ['signing out', ({ ada }) => ada.post('/logout', { refresh_token: ada.refreshToken }), ['session_ended']],
  [
    'signing out twice',
    async ({ ada }) => {
      for (let time = 0; time < 2; time++) await ada.post('/logout', { refresh_token: ada.refreshToken })
    },
    ['session_ended'],
  ],
  [
    'signing out everywhere',
    async ({ server, ada }) => {
      await server.device(ada)
      await ada.post('/logout-all')
    },
    ['session_started', 'session_ended', 'session_ended'],
  ],
  [
    'a password change',
    ({ ada }) => ada.post('/password', { currentPassword: PASSWORD, newPassword: NEXT }),
    ['password_changed', 'session_ended', 'session_started'],
  ],
  [
    'a password reset, and a second use of its token',
    async ({ server, ada }) => {
      const { token } = (await server.latchkey.accounts?.createReset(ada.subject)) ?? {}
      for (let use = 0; use < 2; use++)
        await server.send('POST', '/password/reset', { json: { token, newPassword: NEXT } })
    },
    ['password_reset_created', 'password_reset_used', 'session_ended', 'password_reset_refused'],
  ],
  [
    'disabling and enabling an account',
    async ({ server, ada }) => {
      await server.latchkey.accounts?.disable(ada.subject)
      await login(server)
      await server.latchkey.accounts?.enable(ada.subject)
    },
    ['account_disabled', 'session_ended', 'login_failed', 'account_enabled'],
  ],
  [
    'deleting an account',
    ({ ada }) => ada.delete('/me', { currentPassword: PASSWORD }),
    ['session_ended', 'account_deleted'],
  ],
  [
    'a request of another origin',
    ({ server }) => server.send('POST', '/refresh', { headers: { 'sec-fetch-site': 'cross-site' } }),
    ['csrf_rejected'],
  ],
  ['new keys', ({ server }) => server.latchkey.keys.rotate(), ['keys_rotated']],
]

async function play(act: (scene: Scene) => Promise<unknown>, options = {}): Promise<readonly LatchkeyEvent[]> {
  const server = await start({ turnEvery: '0s', ...options })
  try {
    const ada = await server.signUp('body', 'ada@example.com')
    server.events.length = 0
    await act({ server, ada })
    return server.events
  } finally {
    await server.close()
  }
}

describe('LG-01 events', () => {
  for (const [name, act, expected] of FLOWS) {
    it(`of ${name}: ${expected.join(', ')}`, async () => {
      const events = await play(act)
      assert.deepEqual(
        events.map(({ type }) => type),
        expected,
      )
    })
  }

  it('of guessing: a failure for each guess, then a lock for each that is refused, naming the account', async () => {
    const events = await play(
      async ({ server }) => {
        for (let guess = 0; guess < 13; guess++) await login(server, 'wrong')
      },
      { rateLimits: 'on' },
    )
    const failures = events.filter(({ type }) => type === 'login_failed')
    const locks = events.filter(({ type }) => type === 'login_locked')
    assert.equal(failures.length + locks.length, events.length)
    assert.deepEqual([failures.length, locks.length], [11, 2])
    assert.ok(locks.every((lock) => 'subject' in lock && typeof lock.subject === 'string'))
  })

  it('a route’s path is told, never the one that was sent', async () => {
    const [event] = await play(({ server }) =>
      server.send('DELETE', '/sessions/secret', { headers: { cookie: 'x=y', 'sec-fetch-site': 'cross-site' } }),
    )
    assert.deepEqual(event, { type: 'csrf_rejected', path: '/auth/sessions/{sid}' })
  })
})
