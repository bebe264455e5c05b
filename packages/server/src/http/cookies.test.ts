import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { Delivery } from '@latchkey/protocol/rotation'
import { ISSUER, outcome, start } from './testing/start.ts'

const server = await start()
const local = await start({ issuer: 'http://localhost:4000/auth' })
after(() => Promise.all([server.close(), local.close()]))

/** Which values an answer sets, by the name of the cookie without its tag. */
async function cookiesOf(at: typeof server, delivery: Delivery) {
  const client = await at.signUp(delivery)
  return [...client.jar.keys()].map((name) => name.replace(/-[0-9a-f]{6}$/, ''))
}

describe('cookies', () => {
  it('CK-01 CK-02 https: `__Host-`, Secure, HttpOnly, SameSite=Strict, Path=/, no Domain', async () => {
    const { setCookies } = await (await server.signUp()).refresh()
    assert.equal(setCookies.length, 1)
    const [pair = '', ...attributes] = (setCookies[0] ?? '').split('; ')
    assert.match(pair, /^__Host-latchkey-[0-9a-f]{6}=/)
    assert.deepEqual(attributes, ['Max-Age=604800', 'Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict'])
  })

  it('over http, which localhost alone may use, neither prefix nor Secure', async () => {
    const { setCookies } = await (await local.signUp()).refresh()
    const [pair = '', ...attributes] = (setCookies[0] ?? '').split('; ')
    assert.match(pair, /^latchkey-[0-9a-f]{6}=/)
    assert.deepEqual(attributes, ['Max-Age=604800', 'Path=/', 'HttpOnly', 'SameSite=Strict'])
  })

  for (const [delivery, https, http] of [
    ['cookie', ['__Host-latchkey'], ['latchkey']],
    ['cookies', ['__Host-latchkey', '__Host-latchkey-access'], ['latchkey', 'latchkey-access']],
    ['body', [], []],
  ] as const) {
    it(`${delivery} delivery sets ${https.join(' and ') || 'none'}`, async () => {
      assert.deepEqual(await cookiesOf(server, delivery), https)
      assert.deepEqual(await cookiesOf(local, delivery), http)
    })
  }

  for (const [delivery, members] of [
    ['cookie', ['access_token', 'expires_in', 'token_type', 'user']],
    ['body', ['access_token', 'expires_in', 'refresh_token', 'token_type', 'user']],
    ['cookies', ['expires_in', 'token_type', 'user']],
  ] as const) {
    it(`CK-03 ${delivery} delivery puts ${members.filter((name) => name.endsWith('token')).join(' and ') || 'no token'} into the body`, async () => {
      const { body } = await (await server.signUp(delivery)).refresh()
      assert.deepEqual(Object.keys(body).sort(), members)
    })
  }

  it('the access cookie lives as long as its token', async () => {
    const { setCookies } = await (await server.signUp('cookies')).refresh()
    const access = setCookies.find((cookie) => cookie.startsWith(server.latchkey.cookies.accessName))
    assert.match(access ?? '', /; Max-Age=900;/)
  })

  it('tags tell issuers on one host apart, which ports do not', async () => {
    const neighbour = await start({ issuer: 'http://localhost:4001/auth' })
    const names = [server, local, neighbour].map(({ cookieName }) => cookieName.slice(-6))
    assert.equal(new Set(names).size, 3)

    const client = await local.signUp()
    const headers = { cookie: `${local.cookieName}=${client.refreshToken}`, 'sec-fetch-site': 'same-origin' }
    assert.equal(outcome(await neighbour.send('POST', '/refresh', { headers })), '401 refresh_token_missing')
    await neighbour.send('POST', '/logout', { headers })
    assert.equal((await client.refresh()).status, 200)
    await neighbour.close()
  })

  it('finds its own among many, odd and broken ones', async () => {
    const client = await server.signUp()
    const pair = `${server.cookieName}=${client.refreshToken}`
    for (const cookie of [
      `a=b; ${pair}; c=%E0%A4%A`,
      `;;; =; ${pair}`,
      `theme="dark";${pair};`,
      `__proto__=x; ${pair}`,
    ]) {
      const headers = { cookie, 'sec-fetch-site': 'same-origin' }
      assert.equal((await server.send('POST', '/refresh', { headers })).status, 200, cookie)
    }
  })

  it('the same issuer has the same names at every start', async () => {
    const twin = await start({ issuer: ISSUER })
    assert.equal(twin.cookieName, server.cookieName)
    await twin.close()
  })
})
