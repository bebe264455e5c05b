/** A fault on our side loses nothing: what could not be answered has not happened. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { createLatchkey } from '../latchkey.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'

const PASSWORD = 'correct horse battery staple'
const NEXT = 'another horse, another battery'
const EMAIL = 'ada@example.com'

describe('while the application’s claims callback fails', () => {
  it('a sign-up makes no account, and works later', async (t) => {
    const { accounts, faulty } = await setUp(t)
    const signUp = () => accounts.signup({ email: EMAIL, password: PASSWORD, profile: {} })
    faulty.now = true
    await assert.rejects(signUp, /a fault of the application/)
    faulty.now = false
    await signUp()
  })

  it('a password change changes nothing: the old password, the sessions and the tokens go on', async (t) => {
    const { accounts, sessions, faulty } = await setUp(t)
    const { user, tokens } = await accounts.signup({ email: EMAIL, password: PASSWORD, profile: {} })
    faulty.now = true
    await assert.rejects(accounts.changePassword(user.id, PASSWORD, NEXT), /a fault of the application/)
    faulty.now = false
    await accounts.login({ email: EMAIL }, PASSWORD)
    assert.equal((await sessions.refresh(tokens.refreshToken)).decision, 'turn')
  })

  it('a refresh turns, but its answer is lost: the token works again afterwards', async (t) => {
    const { sessions, faulty } = await setUp(t)
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    faulty.now = true
    await assert.rejects(sessions.refresh(refreshToken), /a fault of the application/)
    faulty.now = false
    assert.equal((await sessions.refresh(refreshToken)).decision, 'replay')
  })
})

async function setUp(t: TestContext) {
  const faulty = { now: false }
  const latchkey = await createLatchkey({
    issuer: 'https://app.example.com/auth',
    store: sqliteStore(':memory:'),
    claims: () => {
      if (faulty.now) throw new Error('a fault of the application')
      return {}
    },
  })
  t.after(() => latchkey.close())
  const { accounts, sessions } = latchkey
  assert.ok(accounts)
  return { accounts, sessions, faulty }
}
