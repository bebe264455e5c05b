import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { outcome, start } from '../testing/start.ts'

const server = await start()
after(() => server.close())
const ada = await server.signUp()

describe('GET /sessions', () => {
  it('SE-07 lists the user’s live sessions, newest first, with device and use, and marks this one', async () => {
    const laptop = await server.signUp()
    server.clock.advance(60)
    const phone = await server.device(laptop, 'body')
    server.clock.advance(60)
    const ended = await server.device(laptop)
    await ended.post('/logout')
    await phone.send('POST', '/refresh', {
      json: { refresh_token: phone.refreshToken },
      headers: { 'user-agent': 'Phone/1' },
    })

    const { sessions = [] } = (await laptop.get('/sessions')).body
    assert.deepEqual(
      sessions.map(({ sid, current }) => ({ sid, current })),
      [
        { sid: phone.sid, current: false },
        { sid: laptop.sid, current: true },
      ],
    )
    const [phoneInfo] = sessions
    assert.equal(phoneInfo?.device.userAgent, 'Phone/1')
    assert.equal(Date.parse(phoneInfo?.lastUsedAt ?? ''), server.clock.now())
    assert.equal(Date.parse(phoneInfo?.createdAt ?? ''), server.clock.now() - 60_000)
  })

  it('SE-07 tells no secret: no token, key or digest', async () => {
    const client = await server.device(ada)
    const { body, text } = await client.get('/sessions')
    const members = ['createdAt', 'current', 'device', 'expiresAt', 'lastUsedAt', 'sid']
    for (const session of body.sessions ?? []) assert.deepEqual(Object.keys(session).sort(), members)
    assert.ok(!text.includes(client.refreshToken))
  })

  it('no longer lists a session that time has ended', async () => {
    const client = await server.signUp()
    const other = await server.device(client)
    for (let day = 0; day < 15; day++) {
      server.clock.advance(86_400)
      await client.refresh()
    }
    const { sessions = [] } = (await client.get('/sessions')).body
    assert.deepEqual(
      sessions.map(({ sid }) => sid),
      [client.sid],
    )
    assert.equal(outcome(await other.refresh()), '401 refresh_token_expired')
  })
})

describe('DELETE /sessions/{sid}', () => {
  it('SE-07 ends another session of the user, and keeps this one', async () => {
    const [here, there] = [await server.device(ada), await server.device(ada)]
    const answer = await here.delete(`/sessions/${there.sid}`)
    assert.deepEqual([answer.status, answer.setCookies], [204, []])
    assert.equal(outcome(await there.refresh()), '401 session_revoked')
    assert.equal(outcome(await there.me()), '401 session_revoked')
    assert.equal((await here.refresh()).status, 200)
    assert.equal(outcome(await here.delete(`/sessions/${there.sid}`)), '404 session_not_found')
  })

  it('clears the cookies when it is this session', async () => {
    const here = await server.device(ada)
    const answer = await here.delete(`/sessions/${here.sid}`)
    assert.deepEqual([answer.status, answer.setCookies.length], [204, 2])
    assert.equal(outcome(await here.me()), '401 session_revoked')
  })

  it('SE-07 another user’s session is not there, and lives', async () => {
    const mallory = await server.signUp()
    const victim = await server.device(ada)
    assert.equal(outcome(await mallory.delete(`/sessions/${victim.sid}`)), '404 session_not_found')
    assert.equal((await victim.refresh()).status, 200)
  })

  for (const sid of [
    'unknown',
    '%00',
    '%27%20OR%201%3D1--',
    '__proto__',
    '%F0%9F%94%91',
    '%E0%A4%A',
    'a'.repeat(4000),
  ]) {
    it(`knows no session ${sid.slice(0, 20)}`, async () => {
      const here = await server.device(ada)
      assert.equal(outcome(await here.delete(`/sessions/${sid}`)), '404 session_not_found')
    })
  }
})
