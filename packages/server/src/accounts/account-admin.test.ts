import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { LatchkeyEvent } from '../events.ts'
import { Limits } from '../limits/limits.ts'
import { SessionAdmin } from '../sessions/session-admin.ts'
import { newSession } from '../stores/conformance.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import { AccountAdmin } from './account-admin.ts'
import { PasswordPolicy } from './password-policy.ts'
import { Passwords } from './passwords.ts'

const PASSWORD = 'correct horse battery staple'
const NEXT = 'a different horse altogether'

/** No server secret, no signing key: an operator needs none for this. */
function setUp(t: TestContext) {
  const store = sqliteStore(':memory:')
  t.after(() => store.close())
  const events: LatchkeyEvent[] = []
  const emit = (event: LatchkeyEvent) => events.push(event)
  const passwords = new Passwords()
  const admin = new AccountAdmin(store.accounts, {
    sessions: new SessionAdmin(store.sessions, { idleTtl: 86_400_000, emit }),
    passwords,
    policy: new PasswordPolicy(15, 'https://app.example.com'),
    limits: new Limits(false, emit),
    emit,
    randomId: () => crypto.randomUUID(),
  })
  return { store, admin, passwords, events }
}

describe('an operator', () => {
  it('makes an account that starts no session, by the rules that sign-up has', async (t) => {
    const { store, admin, events } = setUp(t)
    const user = await admin.create({ username: 'ada', password: PASSWORD, profile: { name: 'Ada' } })
    assert.deepEqual(user, { ...user, email: null, username: 'ada', profile: { name: 'Ada' } })
    assert.ok(!('passwordHash' in user))
    assert.deepEqual((await store.sessions.list(user.id)).rows, [])
    assert.deepEqual(events, [{ type: 'account_created', subject: user.id }])
    for (const [password, code] of [
      ['short', 'validation_failed'],
      ['passwordpassword', 'password_too_common'],
      [PASSWORD, 'account_exists'],
    ] as const) {
      await assert.rejects(admin.create({ username: 'ada', password, profile: {} }), { code })
    }
  })

  it('adds an account with the hash it brings, unless its name is taken', async (t) => {
    const { store, admin, events } = setUp(t)
    const given = { email: 'ada@example.com', username: null, passwordHash: 'hash', profile: {}, createdAt: 1 }
    const added = await admin.add(given)
    assert.deepEqual(await store.accounts.findByEmail('ada@example.com'), added)
    assert.deepEqual([added?.createdAt, added?.passwordHash], [1, 'hash'])
    assert.equal(await admin.add({ ...given, passwordHash: 'other' }), null)
    assert.equal(events.length, 1)
  })

  it('sets a password without the one before, which ends the sessions', async (t) => {
    const { store, admin, passwords, events } = setUp(t)
    const { id } = await admin.create({ username: 'ada', password: PASSWORD, profile: {} })
    const session = await store.sessions.start(newSession({ subject: id }))
    events.length = 0
    assert.equal(await admin.setPassword(id, NEXT), true)
    const { passwordHash = '' } = (await store.accounts.findById(id)) ?? {}
    assert.equal(await passwords.verify(passwordHash, NEXT), true)
    assert.deepEqual(events, [
      { type: 'password_changed', subject: id },
      { type: 'session_ended', subject: id, sid: session?.sid, reason: 'password_changed' },
    ])
    assert.equal(await admin.setPassword('nobody', NEXT), false)
    await assert.rejects(admin.setPassword(id, 'short'), { code: 'validation_failed' })
  })

  it('has the last word when the owner changes the password meanwhile', async (t) => {
    const { store, admin, passwords } = setUp(t)
    const { id } = await admin.create({ username: 'ada', password: PASSWORD, profile: {} })
    const set = admin.setPassword(id, NEXT)
    const account = await store.accounts.findById(id)
    assert.ok(await store.accounts.changePassword(id, account?.credentialVersion ?? 0, 'of the owner'))
    assert.equal(await set, true)
    const { passwordHash = '' } = (await store.accounts.findById(id)) ?? {}
    assert.equal(await passwords.verify(passwordHash, NEXT), true)
  })
})
