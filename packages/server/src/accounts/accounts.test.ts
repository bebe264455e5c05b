import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { LatchkeyEvent } from '../events.ts'
import { createLatchkey } from '../latchkey.ts'
import { Limits } from '../limits/limits.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import type { Account } from '../stores/store.ts'
import { withChanges } from '../stores/testing/with-changes.ts'
import { Accounts } from './accounts.ts'
import { PasswordPolicy } from './password-policy.ts'
import { Passwords } from './passwords.ts'

const PASSWORD = 'correct horse battery staple'
const NEXT = 'a different horse altogether'
const EMAIL = 'ada@example.com'
const ADA = { email: EMAIL, username: 'ada', password: PASSWORD, profile: { name: 'Ada' } }

describe('signing up', () => {
  it('makes an account and a session for it, and tells no hash', async (t) => {
    const { accounts, clock, sessions, events } = await setUp(t)
    const { user, tokens } = await accounts.signup(ADA, { delivery: 'body', userAgent: 'Firefox' })
    assert.deepEqual(user, {
      id: user.id,
      email: EMAIL,
      username: 'ada',
      createdAt: clock.now,
      profile: { name: 'Ada' },
    })
    assert.deepEqual(await accounts.find(user.id), user)
    const { subject, delivery, device } = tokens.session
    assert.deepEqual([subject, delivery, device.userAgent], [user.id, 'body', 'Firefox'])
    assert.equal((await sessions.list(user.id)).length, 1)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['account_created', 'session_started'],
    )
  })

  it('under a taken name is account_exists, and of two at once one wins', async (t) => {
    const { accounts } = await setUp(t)
    const outcomes = await Promise.all([accounts.signup(ADA), accounts.signup(ADA)].map(codeOf))
    assert.deepEqual(outcomes.sort(), ['account_exists', 'fulfilled'])
    assert.equal(await codeOf(accounts.signup({ ...ADA, email: 'other@example.com' })), 'account_exists')
  })
})

describe('logging in', () => {
  it('works by e-mail and by username, and gives each login a session of its own', async (t) => {
    const { accounts, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    await accounts.login({ email: EMAIL }, PASSWORD)
    await accounts.login({ username: 'ada' }, PASSWORD)
    assert.equal((await sessions.list(user.id)).length, 3)
  })

  it('fails alike for an unknown account, a wrong password and a disabled account, after the same work', async (t) => {
    const { accounts, passwords, events, disable } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const attempts: readonly (readonly [string | null, () => Promise<unknown>])[] = [
      [null, () => accounts.login({ email: 'nobody@example.com' }, PASSWORD)],
      [null, () => accounts.login({ username: 'nobody' }, PASSWORD)],
      [user.id, () => accounts.login({ email: EMAIL }, 'wrong')],
      [
        user.id,
        () => {
          disable(user.id)
          return accounts.login({ email: EMAIL }, PASSWORD)
        },
      ],
    ]
    for (const [subject, attempt] of attempts) {
      passwords.checks = 0
      events.length = 0
      assert.equal(await codeOf(attempt()), 'invalid_credentials')
      assert.equal(passwords.checks, 1)
      assert.deepEqual(events, [{ type: 'login_failed', subject }])
    }
  })

  it('that races a password change gets no session that survives it', async (t) => {
    const { accounts, passwords, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const { held, release } = passwords.holdNextCheck()
    const late = codeOf(accounts.login({ email: EMAIL }, PASSWORD))
    await held
    const { tokens } = await accounts.changePassword(user.id, PASSWORD, NEXT)
    release()
    assert.equal(await late, 'invalid_credentials', 'the old password was right when it was looked up')
    assert.deepEqual(
      (await sessions.list(user.id)).map(({ sid }) => sid),
      [tokens.session.sid],
    )
  })

  it('that races the deletion of the account gets no session', async (t) => {
    const { accounts, passwords, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const { held, release } = passwords.holdNextCheck()
    const late = codeOf(accounts.login({ email: EMAIL }, PASSWORD))
    await held
    await accounts.delete(user.id)
    release()
    assert.equal(await late, 'invalid_credentials')
    assert.deepEqual(await sessions.list(user.id), [])
  })

  it('is server_busy when too many passwords wait, and signs nobody out', async (t) => {
    const { accounts, sessions } = await setUp(t, { concurrency: 1, queue: 0 })
    const { user } = await accounts.signup(ADA)
    const outcomes = await Promise.all([1, 2, 3].map(() => codeOf(accounts.login({ email: EMAIL }, PASSWORD))))
    assert.deepEqual(outcomes.sort(), ['fulfilled', 'server_busy', 'server_busy'])
    assert.equal((await sessions.list(user.id)).length, 2)
  })
})

describe('changing the password', () => {
  it('ends every session, starts a new one, and from then on only the new password is good', async (t) => {
    const { accounts, sessions, events } = await setUp(t)
    const { user, tokens: first } = await accounts.signup(ADA)
    const { tokens: second } = await accounts.login({ email: EMAIL }, PASSWORD)
    events.length = 0
    const { tokens } = await accounts.changePassword(user.id, PASSWORD, NEXT)
    for (const { refreshToken } of [first, second]) {
      assert.equal(await codeOf(sessions.refresh(refreshToken)), 'session_revoked')
    }
    assert.equal((await sessions.refresh(tokens.refreshToken)).decision, 'turn')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, NEXT)), 'fulfilled')
    assert.deepEqual(
      events.slice(0, 4).map((event) => [event.type, 'reason' in event ? event.reason : null]),
      [
        ['password_changed', null],
        ['session_ended', 'password_changed'],
        ['session_ended', 'password_changed'],
        ['session_started', null],
      ],
    )
  })

  it('needs the current one, and changes nothing without it', async (t) => {
    const { accounts, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    assert.equal(await codeOf(accounts.changePassword(user.id, 'wrong', NEXT)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.checkPassword(user.id, 'wrong')), 'invalid_credentials')
    assert.equal(await codeOf(accounts.checkPassword(user.id, PASSWORD)), 'fulfilled')
    assert.equal((await sessions.list(user.id)).length, 1)
    assert.equal(await codeOf(accounts.changePassword('nobody', PASSWORD, NEXT)), 'session_revoked')
  })

  it('twice at once works once', async (t) => {
    const { accounts, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const changes = [NEXT, 'a third horse of a third kind'].map((next) =>
      codeOf(accounts.changePassword(user.id, PASSWORD, next)),
    )
    assert.deepEqual((await Promise.all(changes)).sort(), ['fulfilled', 'invalid_credentials'])
    assert.equal((await sessions.list(user.id)).length, 1)
  })
})

describe('deleting an account', () => {
  it('ends its sessions, is told once, and frees its name for an account with another subject', async (t) => {
    const { accounts, sessions, events } = await setUp(t)
    const { user, tokens } = await accounts.signup(ADA)
    events.length = 0
    await accounts.delete(user.id)
    await accounts.delete(user.id)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['session_ended', 'account_deleted'],
    )
    assert.equal(await codeOf(sessions.refresh(tokens.refreshToken)), 'session_revoked')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.find(user.id)), 'session_revoked')
    assert.notEqual((await accounts.signup(ADA)).user.id, user.id)
  })
})

describe('a store that is away', () => {
  it('is store_unavailable for every one of these, never a wrong password (RT-11)', async (t) => {
    const { accounts, store } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    await store.close()
    const calls = {
      signup: () => accounts.signup(ADA),
      login: () => accounts.login({ email: EMAIL }, PASSWORD),
      find: () => accounts.find(user.id),
      changePassword: () => accounts.changePassword(user.id, PASSWORD, NEXT),
      delete: () => accounts.delete(user.id),
    }
    for (const [name, call] of Object.entries(calls)) assert.equal(await codeOf(call()), 'store_unavailable', name)
  })
})

/** Counts checks, and can hold one back until it is let go. */
class WatchedPasswords extends Passwords {
  checks = 0
  #hold: { readonly reached: () => void; readonly released: Promise<void> } | undefined

  holdNextCheck() {
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    this.#hold = { reached: reached.resolve, released: released.promise }
    return { held: reached.promise, release: released.resolve }
  }

  override async verify(stored: string | null, password: string): Promise<boolean> {
    this.checks++
    const hold = this.#hold
    this.#hold = undefined
    const matches = await super.verify(stored, password)
    hold?.reached()
    await hold?.released
    return matches
  }
}

async function setUp(t: TestContext, hashing = {}) {
  const clock = { now: 1_800_000_000_000 }
  const events: LatchkeyEvent[] = []
  const store = sqliteStore(':memory:', { now: () => clock.now })
  const latchkey = await createLatchkey({
    issuer: 'https://app.example.com/auth',
    store,
    accounts: false,
    now: () => clock.now,
    onEvent: (event) => events.push(event),
  })
  t.after(() => latchkey.close())
  const { sessions } = latchkey
  const passwords = new WatchedPasswords(hashing)
  const disabled = new Set<string>()
  const asDisabled = (account: Account | null) =>
    account !== null && disabled.has(account.id) ? { ...account, disabledAt: clock.now } : account
  const accounts = new Accounts(
    withChanges(store.accounts, {
      findByEmail: async (email: string) => asDisabled(await store.accounts.findByEmail(email)),
    }),
    {
      sessions,
      passwords,
      policy: new PasswordPolicy(15, 'https://app.example.com/auth'),
      limits: new Limits(false, () => {}),
      emit: (event) => events.push(event),
      randomId: () => crypto.randomUUID(),
    },
  )
  return { accounts, sessions, passwords, store, clock, events, disable: (id: string) => disabled.add(id) }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'fulfilled'
  } catch (error) {
    if (error instanceof LatchkeyError) return error.code
    throw error
  }
}
