import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { DELIVERIES } from '@latchkey/protocol/rotation'
import type { Client } from '../testing/client.ts'
import { outcome, start, type TestServer } from '../testing/start.ts'

const MINUTE = 60

describe('POST /refresh', () => {
  let server: TestServer
  let ada: Client
  before(async () => {
    server = await start()
    ada = await server.signUp()
  })
  after(() => server.close())

  for (const delivery of DELIVERIES) {
    it(`${delivery} delivery: the first refresh turns, a second at once holds`, async () => {
      const client = await server.device(ada, delivery)
      const first = client.refreshToken
      const turned = await client.refresh()
      const second = client.refreshToken
      assert.equal(turned.status, 200)
      assert.notEqual(second, first)

      const held = await client.refresh()
      assert.equal(held.status, 200)
      assert.equal(client.refreshToken, second)
      assert.equal((await client.me()).status, 200)
      // A hold sets no refresh cookie; in body delivery the client's own token comes back.
      assert.equal(held.body.refresh_token, delivery === 'body' ? second : undefined)
      const set = held.setCookies.map((cookie) => cookie.split('=')[0])
      assert.deepEqual(set, delivery === 'cookies' ? [server.latchkey.cookies.accessName] : [])
    })
  }

  it('RT-01 after `turnEvery` it turns again; RT-05 the token before, whose answer was lost, is good for another', async () => {
    const client = await server.device(ada)
    await client.refresh()
    server.clock.advance(MINUTE)
    const lost = client.refreshToken
    assert.equal((await client.present(lost)).setCookies.length, 1)
    assert.equal((await client.refresh()).status, 200)
    assert.notEqual(client.refreshToken, lost)
    server.clock.advance(MINUTE)
    assert.equal((await client.refresh()).status, 200)
  })

  it('RT-02 RT-03 a superseded token ends its session, access tokens included, and no other session', async () => {
    const [client, other] = [await server.device(ada), await server.device(ada)]
    const superseded = client.refreshToken
    await client.refresh()
    server.clock.advance(MINUTE)
    await client.refresh()
    assert.equal(outcome(await client.present(superseded)), '401 refresh_token_reused')
    assert.equal(outcome(await client.refresh()), '401 session_revoked')
    assert.equal(outcome(await client.me()), '401 session_revoked')
    assert.equal((await other.refresh()).status, 200)
    assert.equal((await other.me()).status, 200)
    const reuse = server.events.find(({ type }) => type === 'refresh_token_reused')
    assert.ok(reuse, 'LG-01: the gravest event')
  })

  it('SE-06 expires a session that is idle for seven days, SE-05 and any after thirty', async () => {
    const server = await start()
    const ada = await server.signUp()
    const [idle, busy] = [await server.device(ada), await server.device(ada)]
    for (let day = 0; day < 30; day++) {
      assert.equal((await busy.refresh()).status, 200, `day ${day}`)
      server.clock.advance(86_400)
      if (day === 7) assert.equal(outcome(await idle.refresh()), '401 refresh_token_expired')
    }
    assert.equal(outcome(await busy.refresh()), '401 refresh_token_expired')
    await server.close()
  })

  it('CK-04 RT-08 the cookie lives as long as its token, never beyond the session', async () => {
    const client = await server.device(ada)
    const maxAge = async () => Number(/Max-Age=(\d+)/.exec((await client.refresh()).setCookies[0] ?? '')?.[1])
    assert.equal(await maxAge(), 7 * 86_400)
    for (const day of [6, 12, 18]) {
      server.clock.advance(6 * 86_400)
      assert.equal(await maxAge(), 7 * 86_400, `day ${day}`)
    }
    server.clock.advance(6 * 86_400)
    assert.equal(await maxAge(), 6 * 86_400)
  })

  for (const [delivery, other] of [
    ['cookie', 'body'],
    ['cookies', 'body'],
    ['body', 'cookie'],
  ] as const) {
    it(`SE-10 a session cannot switch from ${delivery} to ${other} delivery, and survives the attempt`, async () => {
      const client = await server.device(ada, delivery)
      assert.equal(outcome(await server.present(client.refreshToken, other)), '401 refresh_token_invalid')
      assert.equal((await client.refresh()).status, 200)
    })
  }

  it('a refusal never deletes the cookie', async () => {
    const ended = await server.device(ada)
    await server.latchkey.sessions.revoke(ended.sid)
    for (const token of [ended.refreshToken, 'garbage', '']) {
      const { status, setCookies } = await server.present(token, 'cookie')
      assert.deepEqual([status, setCookies], [401, []])
    }
  })

  it('SE-10 takes the token from nowhere else', async () => {
    const client = await server.device(ada)
    const token = client.refreshToken
    const headers = { 'sec-fetch-site': 'same-origin' }
    const elsewhere = [
      await server.send('POST', `/refresh?refresh_token=${token}`, { headers }),
      await server.send('POST', '/refresh', { headers: { ...headers, authorization: `Bearer ${token}` } }),
      await server.send('POST', '/refresh', { headers: { ...headers, cookie: `refresh_token=${token}` } }),
      await server.send('POST', '/refresh', { headers: { ...headers, cookie: `${server.cookieName}x=${token}` } }),
      await server.send('POST', '/refresh', { headers, json: { refreshToken: token } }),
    ]
    for (const answer of elsewhere) assert.equal(outcome(answer), '401 refresh_token_missing')
    const form = { raw: `refresh_token=${token}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    assert.equal(outcome(await server.send('POST', '/refresh', form)), '415 content_type_unsupported')
  })

  it('RT-10 an access token is no refresh token', async () => {
    const client = await server.device(ada)
    for (const delivery of DELIVERIES) {
      assert.equal(outcome(await server.present(client.accessToken ?? '', delivery)), '401 refresh_token_invalid')
    }
  })

  it('RT-12 whatever is not authentic gets one answer, with nothing to tell one cause from another', async () => {
    const client = await server.device(ada)
    const [header = '', payload = '', mac = ''] = client.refreshToken.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const forged = [
      'x',
      '..',
      '...',
      `${header}..${mac}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${mac}.`,
      `${header}.${payload}.${mac}=`,
      `${header}.${payload}.${mac.slice(0, -1)}`,
      `${header}.${payload}.${'A'.repeat(43)}`,
      `${header}.${encode({ ...claims, gen: 99 })}.${mac}`,
      `${header}.${encode({ ...claims, exp: claims.exp + 1 })}.${mac}`,
      `${encode({ alg: 'none', typ: 'rt+jwt' })}.${payload}.`,
      `${encode({ alg: 'none', typ: 'rt+jwt' })}.${payload}.${mac}`,
      `${encode({ alg: 'HS256', typ: 'rt+jwt', kid: '' })}.${payload}.${mac}`,
      `${encode({ alg: 'HS256', typ: 'at+jwt' })}.${payload}.${mac}`,
      'A'.repeat(2049),
      'A'.repeat(10_000),
      `${header}.${payload}.${'ü'.repeat(43)}`,
      '__proto__',
      '0',
      'null',
      "' OR 1=1--",
      '../../../etc/passwd',
    ]
    const texts = new Set<string>()
    for (const token of forged) {
      const inBody = await server.present(token, 'body')
      assert.equal(outcome(inBody), '401 refresh_token_invalid', token)
      texts.add(inBody.text)
      if (!/^[\x21-\x7e]*$/.test(token)) continue
      const inCookie = await server.present(token, 'cookie')
      assert.match(outcome(inCookie), /^401 refresh_token_(invalid|missing)$/, token)
    }
    assert.equal(texts.size, 1)
    assert.equal((await client.refresh()).status, 200)
  })

  it('another server, with another secret, refuses the token', async () => {
    const stranger = await start()
    assert.equal(
      outcome(await stranger.present((await server.device(ada)).refreshToken, 'cookie')),
      '401 refresh_token_invalid',
    )
    await stranger.close()
  })
})

describe('POST /refresh with turnEvery 0s', () => {
  let server: TestServer
  let ada: Client
  before(async () => {
    server = await start({ turnEvery: '0s' })
    ada = await server.signUp()
  })
  after(() => server.close())

  for (const delivery of DELIVERIES) {
    it(`RT-04 50 parallel refreshes of one token in ${delivery} delivery: 50 × 200, one line lives`, async () => {
      const [client, other] = [await server.device(ada, delivery), await server.device(ada, delivery)]
      const answers = await Promise.all(Array.from({ length: 50 }, () => client.present(client.refreshToken)))
      const successors = answers.map((answer) => {
        assert.equal(answer.status, 200)
        client.keep(answer)
        return client.refreshToken
      })
      assert.equal(new Set(successors).size, 50)

      // The first successor to come back is the line that lives; each of the others is then reuse.
      const [winner = '', loser = ''] = successors
      const turned = await client.present(winner)
      assert.equal(turned.status, 200)
      assert.equal(outcome(await client.present(loser)), '401 refresh_token_reused')
      client.keep(turned)
      assert.equal(outcome(await client.refresh()), '401 session_revoked')
      assert.equal(outcome(await client.me()), '401 session_revoked')
      assert.equal((await other.refresh()).status, 200)
    })
  }

  it('turns at every use', async () => {
    const client = await server.device(ada)
    const seen = new Set([client.refreshToken])
    for (let use = 0; use < 5; use++) {
      assert.equal((await client.refresh()).status, 200)
      seen.add(client.refreshToken)
    }
    assert.equal(seen.size, 6)
  })

  it('RT-06 a retry of the promoted token never revives an ended session', async () => {
    const client = await server.device(ada)
    const promoted = client.refreshToken
    await client.refresh()
    assert.equal((await client.present(promoted)).status, 200)
    await client.post('/logout')
    assert.equal(outcome(await server.present(promoted, 'cookie')), '401 session_revoked')
  })
})

it('refreshes a session that the application started for a subject of its own, beside accounts', async (t) => {
  const server = await start()
  t.after(() => server.close())
  const { refreshToken } = await server.latchkey.sessions.start({ subject: 'user-17', delivery: 'body' })
  const answer = await server.present(refreshToken, 'body')
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.body.user, { id: 'user-17' })
})
