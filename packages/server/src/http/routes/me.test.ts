import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { DELIVERIES } from '@latchkey/protocol/rotation'
import { outcome, PASSWORD, start } from '../testing/start.ts'

const server = await start()
after(() => server.close())

describe('GET /me', () => {
  for (const delivery of DELIVERIES) {
    it(`LG-05 answers the signed-in user in ${delivery} delivery, and only while the access token lives`, async () => {
      const client = await server.signUp(delivery)
      const { status, body } = await client.me()
      assert.deepEqual([status, body.id], [200, client.subject])
      assert.deepEqual(Object.keys(body).sort(), ['createdAt', 'email', 'id', 'username'], 'LG-05')
      server.clock.advance(899)
      assert.equal((await client.me()).status, 200)
      server.clock.advance(1)
      assert.equal(outcome(await client.me()), '401 access_token_expired')
      await client.refresh()
      assert.equal((await client.me()).status, 200)
    })
  }
})

describe('DELETE /me', () => {
  it('LO-06 SE-09 ends everything of the account; the address signs up again as somebody else', async () => {
    const email = server.newEmail()
    const ada = await server.signUp('cookie', email)
    const phone = await server.device(ada, 'body')
    const { accessToken, refreshToken, subject } = ada
    const answer = await ada.delete('/me')
    assert.equal(answer.status, 204)
    assert.equal(ada.jar.size, 0)

    const again = await server.signUp('cookie', email)
    assert.notEqual(again.subject, subject)
    assert.equal(outcome(await ada.me(accessToken)), '401 session_revoked')
    assert.equal(outcome(await ada.present(refreshToken)), '401 session_revoked')
    assert.equal(outcome(await phone.me()), '401 session_revoked')
    assert.equal(outcome(await phone.refresh()), '401 session_revoked')
    assert.equal((await again.get('/sessions')).body.sessions?.length, 1)
  })

  it('SE-08 needs a sign-in of the last ten minutes, which refreshing does not renew, or the password', async () => {
    const ada = await server.signUp()
    server.clock.advance(601)
    await ada.refresh()
    const refused = await ada.delete('/me')
    assert.equal(outcome(refused), '401 reauthentication_required')
    assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_user_authentication"/)
    assert.equal(
      outcome(await ada.delete('/me', { currentPassword: 'wrong horse battery staple' })),
      '401 invalid_credentials',
    )
    assert.equal(outcome(await ada.delete('/me', { currentPassword: { $gt: '' } })), '422 validation_failed')
    assert.equal((await ada.me()).status, 200)
    assert.equal((await ada.delete('/me', { currentPassword: PASSWORD })).status, 204)
  })

  it('a login that races a deletion gets nothing', async () => {
    const email = server.newEmail()
    const ada = await server.signUp('cookie', email)
    const [deleted, login] = await Promise.all([
      ada.delete('/me'),
      server.client('body').post('/login', { email, password: PASSWORD, delivery: 'body' }),
    ])
    assert.deepEqual([outcome(deleted), outcome(login)], ['204', '401 invalid_credentials'])
  })
})

describe('a disabled account', () => {
  it('LO-06 PW-10 loses its sessions at once, and signs in no more than an unknown one does', async () => {
    const email = server.newEmail()
    const ada = await server.signUp('body', email)
    const login = (name: string) =>
      server.send('POST', '/login', { json: { email: name, password: PASSWORD, delivery: 'body' } })
    await server.latchkey.accounts?.disable(ada.subject)
    assert.equal(outcome(await ada.me()), '401 session_revoked')
    assert.equal(outcome(await ada.refresh()), '401 session_revoked')
    assert.equal((await login(email)).text, (await login('nobody@example.com')).text)
    await server.latchkey.accounts?.enable(ada.subject)
    assert.equal(outcome(await ada.refresh()), '401 session_revoked', 'what has ended stays ended')
    assert.equal((await login(email)).status, 200)
  })
})
