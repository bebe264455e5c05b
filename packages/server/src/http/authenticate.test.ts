import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { outcome, start } from './testing/start.ts'

const server = await start()
after(() => server.close())
const ada = await server.signUp()
const token = ada.accessToken ?? ''
const { accessName } = server.latchkey.cookies

const MISSING = '401 access_token_missing'
const MALFORMED = '400 authorization_malformed'
const INVALID = '401 access_token_invalid'

describe('SE-10 JW-16 the access token is taken from the Authorization header', () => {
  for (const [what, authorization, expected] of [
    ['Bearer', `Bearer ${token}`, '200'],
    ['in lower case', `bearer ${token}`, '200'],
    ['in capitals', `BEARER ${token}`, '200'],
    ['after several spaces', `Bearer    ${token}`, '200'],
    ['Basic', `Basic ${token}`, MISSING],
    ['Basic, with the token as its password', `Basic ${Buffer.from(`x:${token}`).toString('base64')}`, MISSING],
    ['Token', `Token ${token}`, MISSING],
    ['DPoP', `DPoP ${token}`, MISSING],
    ['no scheme', token, MISSING],
    ['a longer word', `BearerX ${token}`, MISSING],
    ['a colon', `Bearer: ${token}`, MISSING],
    ['an equals sign', `Bearer=${token}`, MISSING],
    ['an empty header', '', MISSING],
    ['the scheme alone', 'Bearer', MALFORMED],
    ['the scheme twice', `Bearer Bearer ${token}`, MALFORMED],
    ['two tokens', `Bearer ${token} ${token}`, MALFORMED],
    ['two credentials', `Bearer ${token}, Bearer ${token}`, MALFORMED],
    ['another scheme after it', `Bearer ${token}, Basic eDp5`, MALFORMED],
    ['a parameter', `Bearer ${token}, realm="x"`, MALFORMED],
    ['quotes', `Bearer "${token}"`, INVALID],
  ] as const) {
    it(`${what} → ${expected}`, async () => {
      assert.equal(outcome(await server.send('GET', '/me', { headers: { authorization } })), expected)
    })
  }

  it('and from nowhere else', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const [what, method, path, asked] of [
      ['query', 'GET', `/me?access_token=${token}`, {}],
      ['form', 'DELETE', '/me', { raw: `access_token=${token}`, headers: form }],
      ['JSON', 'DELETE', '/me', { json: { access_token: token } }],
      [
        'cookie',
        'GET',
        '/me',
        { headers: { cookie: `access_token=${token}; token=${token}; Authorization=Bearer ${token}` } },
      ],
      ['header', 'GET', '/me', { headers: { 'x-access-token': token, 'proxy-authorization': `Bearer ${token}` } }],
    ] as const) {
      assert.equal(outcome(await server.send(method, path, asked)), MISSING, what)
    }
  })

  it('a token is not taken from the place of another delivery', async () => {
    const [cookie, cookies, body] = [ada, await server.device(ada, 'cookies'), await server.device(ada, 'body')]
    const cookieToken = cookies.jar.get(accessName) ?? ''
    const inCookie = (value = '') => ({
      headers: { cookie: `${accessName}=${value}`, 'sec-fetch-site': 'same-origin' },
    })
    assert.equal(outcome(await server.send('GET', '/me', inCookie(cookieToken))), '200')
    assert.equal(outcome(await cookies.me(cookieToken)), INVALID)
    assert.equal(outcome(await server.send('GET', '/me', inCookie(cookie.accessToken))), INVALID)
    assert.equal(outcome(await server.send('GET', '/me', inCookie(body.accessToken))), INVALID)
    assert.equal(outcome(await server.send('GET', '/me', inCookie('garbage'))), INVALID)
    assert.equal(outcome(await server.send('GET', '/me', inCookie('%E0%A4%A'))), INVALID)
  })

  it('the header counts when there is a cookie as well', async () => {
    const cookies = await server.device(ada, 'cookies')
    const cookie = `${accessName}=${cookies.jar.get(accessName)}`
    const both = (authorization: string) => server.send('GET', '/me', { headers: { cookie, authorization } })
    assert.equal(outcome(await both('Bearer garbage')), INVALID)
    assert.equal((await both(`Bearer ${token}`)).body.id, ada.subject)
  })
})

describe('latchkey.authenticate', () => {
  const request = (headers: Record<string, string>, method = 'GET') =>
    new Request('https://api.example.com/orders', { method, headers })
  const bearer = (accessToken = token) => ({ authorization: `Bearer ${accessToken}` })
  const refused = (promise: Promise<unknown>) =>
    promise.then(
      () => 'accepted',
      (error: unknown) => (error instanceof LatchkeyError ? error.code : String(error)),
    )

  it('tells who calls', async () => {
    const { claims, ...auth } = await server.latchkey.authenticate(request(bearer()))
    assert.deepEqual(auth, {
      subject: ada.subject,
      sid: ada.sid,
      scope: null,
      delivery: 'cookie',
      authTime: server.clock.seconds,
    })
    assert.equal(claims.sub, ada.subject)
  })

  it('throws what the catalogue says', async () => {
    const { authenticate } = server.latchkey
    assert.equal(await refused(authenticate(request({}))), 'access_token_missing')
    assert.equal(await refused(authenticate(request(bearer('x')))), 'access_token_invalid')
    const ended = await server.device(ada)
    await server.latchkey.sessions.revoke(ended.sid)
    assert.equal(await refused(authenticate(request(bearer(ended.accessToken)))), 'session_revoked')
  })

  it('CK-05 asks a cookie of an unsafe request where it comes from, a bearer token not', async () => {
    const cookies = await server.device(ada, 'cookies')
    const cookie = `${accessName}=${cookies.jar.get(accessName)}`
    const { authenticate } = server.latchkey
    assert.equal(await refused(authenticate(request({ cookie }, 'POST'))), 'csrf_rejected')
    assert.equal(
      await refused(authenticate(request({ cookie, origin: 'https://evil.example' }, 'POST'))),
      'csrf_rejected',
    )
    assert.equal(await refused(authenticate(request({ cookie, 'sec-fetch-site': 'same-origin' }, 'POST'))), 'accepted')
    assert.equal(await refused(authenticate(request({ cookie, 'x-latchkey': '1' }, 'DELETE'))), 'accepted')
    assert.equal(await refused(authenticate(request({ cookie }))), 'accepted')
    assert.equal(await refused(authenticate(request(bearer(), 'POST'))), 'accepted')
  })

  it('JW-13 RT-09 a scope that is asked for must be there whole', async () => {
    const scoped = await server.device(ada, 'body', 'orders:read orders:write')
    const { authenticate } = server.latchkey
    const ask = (accessToken: string | undefined, scope: string) =>
      refused(authenticate(request(bearer(accessToken)), { scope }))
    assert.equal(await ask(scoped.accessToken, 'orders:read'), 'accepted')
    assert.equal(await ask(scoped.accessToken, 'orders:write orders:read'), 'accepted')
    for (const scope of ['admin', 'orders', 'orders:read admin', 'ORDERS:READ', 'orders:']) {
      assert.equal(await ask(scoped.accessToken, scope), 'insufficient_scope', scope)
    }
    assert.equal(await ask(token, 'orders:read'), 'insufficient_scope')
    await scoped.refresh()
    assert.equal(await ask(scoped.accessToken, 'orders:write'), 'accepted', 'RT-09: refreshing keeps the scope')
  })
})
