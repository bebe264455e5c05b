import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { DELIVERIES } from '@latchkey/protocol/rotation'
import { outcome, start } from '../testing/start.ts'

const server = await start()
after(() => server.close())
const ada = await server.signUp()

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' }

/** LO-03: both cookies are cleared by their own name, path and attributes; which attributes, every answer is checked for. */
function assertCleared(setCookies: readonly string[]): void {
  const { refreshName, accessName } = server.latchkey.cookies
  assert.deepEqual(
    setCookies.map((cookie) => cookie.split('; ').slice(0, 2).join('; ')),
    [`${refreshName}=; Max-Age=0`, `${accessName}=; Max-Age=0`],
  )
}

describe('POST /logout', () => {
  for (const delivery of DELIVERIES) {
    it(`LO-01 LO-02 ${delivery} delivery: both tokens are dead at once, saved copies too`, async () => {
      const client = await server.device(ada, delivery)
      const [refreshToken, cookies] = [client.refreshToken, new Map(client.jar)]
      assert.equal((await client.me()).status, 200)
      const answer = await client.post('/logout', delivery === 'body' ? { refresh_token: refreshToken } : undefined)
      assert.equal(answer.status, 204)
      assertCleared(answer.setCookies)
      assert.equal(client.jar.size, 0)
      for (const [name, value] of cookies) client.jar.set(name, value)
      assert.equal(outcome(await client.present(refreshToken)), '401 session_revoked')
      assert.equal(outcome(await client.me()), '401 session_revoked')
    })
  }

  it('LO-03 is idempotent, and takes anything: twice, garbage, nothing at all', async () => {
    const client = await server.device(ada)
    const cookie = `${server.cookieName}=${client.refreshToken}`
    const asked = [
      { headers: { ...SAME_ORIGIN, cookie } },
      { headers: { ...SAME_ORIGIN, cookie } },
      { headers: { ...SAME_ORIGIN, cookie: `${server.cookieName}=garbage` } },
      { headers: SAME_ORIGIN },
      {},
      { json: { refresh_token: 'garbage' } },
      { json: { refresh_token: 42 } },
      { raw: '{"refresh_token', headers: { 'content-type': 'application/json' } },
      { raw: 'bye', headers: { 'content-type': 'text/plain' } },
      { headers: { authorization: 'Bearer garbage' } },
      { headers: { authorization: 'Bearer a, Bearer b' } },
      { headers: { authorization: `Bearer ${'A'.repeat(9000)}` } },
    ]
    for (const request of asked) {
      const answer = await server.send('POST', '/logout', request)
      assert.equal(outcome(answer), '204')
      assertCleared(answer.setCookies)
    }
  })

  it('LO-03 ends the session also by the bearer token alone, by an expired one, and by a superseded refresh token', async () => {
    const [byBearer, byExpired, bySuperseded] = [
      await server.device(ada),
      await server.device(ada),
      await server.device(ada),
    ]
    await server.send('POST', '/logout', { headers: { authorization: `Bearer ${byBearer.accessToken}` } })
    assert.equal(outcome(await byBearer.refresh()), '401 session_revoked')

    const superseded = bySuperseded.refreshToken
    await bySuperseded.refresh()
    server.clock.advance(901)
    await bySuperseded.refresh()
    await server.send('POST', '/logout', { headers: { authorization: `Bearer ${byExpired.accessToken}` } })
    assert.equal(outcome(await byExpired.refresh()), '401 session_revoked')
    await server.send('POST', '/logout', { headers: { ...SAME_ORIGIN, cookie: `${server.cookieName}=${superseded}` } })
    assert.equal(outcome(await bySuperseded.refresh()), '401 session_revoked')
  })

  it('ends one session, not the user’s others', async () => {
    const [client, other] = [await server.device(ada), await server.device(ada)]
    await client.post('/logout')
    assert.equal((await other.me()).status, 200)
    assert.equal((await other.refresh()).status, 200)
  })
})

describe('POST /logout-all', () => {
  it('ends all of the user’s sessions, this one included, and nobody else’s', async () => {
    const bob = await server.signUp()
    const stranger = await server.device(ada)
    const devices = await Promise.all(DELIVERIES.map((delivery) => server.device(bob, delivery)))
    const answer = await bob.post('/logout-all')
    assert.equal(answer.status, 204)
    assertCleared(answer.setCookies)
    for (const device of devices) {
      assert.equal(outcome(await device.refresh()), '401 session_revoked')
      assert.equal(outcome(await device.me()), '401 session_revoked')
    }
    assert.equal((await stranger.refresh()).status, 200)
  })

  it('needs an access token', async () => {
    assert.equal(outcome(await server.send('POST', '/logout-all', {})), '401 access_token_missing')
  })
})
