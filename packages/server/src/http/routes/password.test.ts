import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { DELIVERIES } from '@latchkey/protocol/rotation'
import { outcome, PASSWORD, start } from '../testing/start.ts'

const server = await start()
after(() => server.close())
const NEW_PASSWORD = 'a staple for every battery'

describe('POST /password', () => {
  for (const delivery of DELIVERIES) {
    it(`LO-05 ${delivery} delivery: ends every session, starts a new one for the caller, and changes what signs in`, async () => {
      const email = server.newEmail()
      const caller = await server.signUp(delivery, email)
      const others = [await server.device(caller, 'cookie'), await server.device(caller, 'body')]
      const [oldToken, oldSid, oldAccess] = [caller.refreshToken, caller.sid, caller.accessToken]
      const answer = await caller.post('/password', { currentPassword: PASSWORD, newPassword: NEW_PASSWORD })
      assert.equal(answer.status, 200)
      assert.notEqual(caller.sid, oldSid)
      assert.equal((await caller.me()).status, 200)
      assert.equal((await caller.refresh()).status, 200)
      assert.equal(outcome(await caller.present(oldToken)), '401 session_revoked')
      if (oldAccess !== undefined) assert.equal(outcome(await caller.me(oldAccess)), '401 session_revoked')
      for (const other of others) {
        assert.equal(outcome(await other.refresh()), '401 session_revoked')
        assert.equal(outcome(await other.me()), '401 session_revoked')
      }
      const login = (password: string) => server.client('body').post('/login', { email, password, delivery: 'body' })
      assert.equal(outcome(await login(PASSWORD)), '401 invalid_credentials')
      assert.equal((await login(NEW_PASSWORD)).status, 200)
    })
  }

  it('PW-09 needs the current password; without it nothing changes', async () => {
    const ada = await server.signUp()
    const other = await server.device(ada)
    const change = (currentPassword: unknown) => ada.post('/password', { currentPassword, newPassword: NEW_PASSWORD })
    assert.equal(outcome(await change('wrong horse battery staple')), '401 invalid_credentials')
    assert.equal(outcome(await change(undefined)), '422 validation_failed')
    assert.equal(outcome(await change({ $ne: null })), '422 validation_failed')
    assert.equal(
      outcome(await ada.post('/password', { currentPassword: PASSWORD, newPassword: 'short' })),
      '422 validation_failed',
    )
    assert.equal((await other.refresh()).status, 200)
    assert.equal((await ada.me()).status, 200)
  })

  it('PW-09 needs a live session', async () => {
    const passwords = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }
    assert.equal(outcome(await server.send('POST', '/password', { json: passwords })), '401 access_token_missing')
    const ada = await server.signUp()
    await server.latchkey.sessions.revoke(ada.sid)
    assert.equal(outcome(await ada.post('/password', passwords)), '401 session_revoked')
  })

  it('of two changes at once, one wins, and only its caller stays signed in', async () => {
    const one = await server.signUp()
    const two = await server.device(one)
    const answers = await Promise.all(
      [one, two].map((client, index) =>
        client.post('/password', { currentPassword: PASSWORD, newPassword: `${NEW_PASSWORD} ${index}` }),
      ),
    )
    assert.deepEqual(answers.map(outcome).sort(), ['200', '401 invalid_credentials'])
    const winner = answers[0]?.status === 200 ? one : two
    assert.equal((await winner.me()).status, 200)
    assert.equal((await winner.get('/sessions')).body.sessions?.length, 1)
  })
})

describe('POST /password/reset', () => {
  const reset = (token: unknown, newPassword: unknown = NEW_PASSWORD) =>
    server.send('POST', '/password/reset', { json: { token, newPassword } })

  it('LO-05 PW-11 works once, ends every session, and signs nobody in', async () => {
    const email = server.newEmail()
    const ada = await server.signUp('body', email)
    const made = await server.latchkey.accounts?.createReset(ada.subject)
    assert.ok(made)
    const answer = await reset(made.token)
    assert.deepEqual([outcome(answer), answer.setCookies], ['204', []])
    assert.equal(outcome(await ada.refresh()), '401 session_revoked')
    assert.equal(outcome(await ada.me()), '401 session_revoked')
    assert.equal(outcome(await reset(made.token)), '400 reset_token_invalid')
    const login = await server.client('body').post('/login', { email, password: NEW_PASSWORD, delivery: 'body' })
    assert.equal(login.status, 200)
  })

  it('PW-11 refuses what is expired, replaced, unknown, or a token of another kind', async () => {
    const ada = await server.signUp('body')
    const expired = await server.latchkey.accounts?.createReset(ada.subject, 60_000)
    server.clock.advance(60)
    assert.equal(outcome(await reset(expired?.token)), '400 reset_token_invalid')
    const first = await server.latchkey.accounts?.createReset(ada.subject)
    await server.latchkey.accounts?.createReset(ada.subject)
    for (const token of [first?.token, 'unknown', "' OR 1=1--", '__proto__']) {
      assert.equal(outcome(await reset(token)), '400 reset_token_invalid')
    }
    for (const token of ['', {}, ['x'], 1, null, ada.refreshToken, ada.accessToken]) {
      assert.equal(outcome(await reset(token)), '422 validation_failed')
    }
    assert.equal((await ada.refresh()).status, 200)
  })

  it('a new password that is refused leaves the token good', async () => {
    const ada = await server.signUp('body')
    const made = await server.latchkey.accounts?.createReset(ada.subject)
    assert.equal(outcome(await reset(made?.token, 'short')), '422 validation_failed')
    assert.equal(outcome(await reset(made?.token, 'passwordpassword')), '422 password_too_common')
    assert.equal(outcome(await reset(made?.token)), '204')
  })
})

describe('POST /password/reset, misused', () => {
  it('PW-11 answers for a disabled account as for a token that never was', async () => {
    const ada = await server.signUp('body')
    const made = await server.latchkey.accounts?.createReset(ada.subject)
    await server.latchkey.accounts?.disable(ada.subject)
    const [disabled, unknown] = await Promise.all(
      [made?.token, 'unknown'].map((token) =>
        server.send('POST', '/password/reset', { json: { token, newPassword: NEW_PASSWORD } }),
      ),
    )
    assert.deepEqual([disabled?.status, disabled?.text], [400, unknown?.text])
    assert.deepEqual([...(disabled?.headers ?? [])], [...(unknown?.headers ?? [])])
  })

  it('PW-07 refuses a password made of the account’s own address, and names the field', async () => {
    const ada = await server.signUp('body', 'lovelace@example.com')
    const made = await server.latchkey.accounts?.createReset(ada.subject)
    const json = { token: made?.token, newPassword: 'Lovelace-Lovelace-1815' }
    const { status, body } = await server.send('POST', '/password/reset', { json })
    assert.deepEqual([status, body.code, body.errors?.[0]?.pointer], [422, 'password_too_common', '/newPassword'])
  })

  it('RL-06 is limited per address, and then not even a good token is looked at', async () => {
    const limited = await start({ rateLimits: 'on', via: 'node' })
    const ada = await limited.signUp('body')
    const made = await limited.latchkey.accounts?.createReset(ada.subject)
    const reset = (token: unknown) =>
      limited.send('POST', '/password/reset', { json: { token, newPassword: NEW_PASSWORD } })
    const outcomes = new Map<string, number>()
    for (let guess = 0; guess < 200 && !outcomes.has('429 rate_limited'); guess++) {
      const answer = outcome(await reset(`guess-${guess}`))
      outcomes.set(answer, (outcomes.get(answer) ?? 0) + 1)
    }
    assert.deepEqual([...outcomes.keys()], ['400 reset_token_invalid', '429 rate_limited'])
    assert.equal(outcome(await reset(made?.token)), '429 rate_limited')
    assert.equal((await ada.refresh()).status, 200, 'RL-04: who is signed in stays so')
    await limited.close()
  })
})
