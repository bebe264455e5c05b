import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { ISSUER, outcome, start } from './testing/start.ts'

const ALLOWED = 'https://web.example.com'
const server = await start({ allowedOrigins: [ALLOWED, 'https://admin.example.com'] })
const closed = await start()
after(() => Promise.all([server.close(), closed.close()]))

const grants = (headers: Headers) => [...headers].filter(([name]) => name.startsWith('access-control-'))

const preflight = (at: typeof server, origin: string, method = 'POST', path = '/refresh') =>
  at.send('OPTIONS', path, {
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type,x-latchkey',
    },
  })

describe('CORS', () => {
  for (const [method, path] of [
    ['POST', '/refresh'],
    ['GET', '/me'],
    ['DELETE', '/sessions/any'],
  ] as const) {
    it(`CK-11 a preflight of ${method} ${path} from an allowed origin is answered with what is needed, credentials included`, async () => {
      const { status, headers } = await preflight(server, ALLOWED, method, path)
      assert.equal(status, 204)
      assert.equal(headers.get('access-control-allow-origin'), ALLOWED)
      assert.equal(headers.get('access-control-allow-credentials'), 'true')
      assert.ok(headers.get('access-control-allow-methods')?.split(',').includes(method))
      const allowed = headers.get('access-control-allow-headers')?.toLowerCase().split(',')
      assert.deepEqual(allowed?.sort(), ['authorization', 'content-type', 'x-latchkey'])
      assert.match(headers.get('vary') ?? '', /\bOrigin\b/)
    })
  }

  for (const origin of [
    'https://evil.example',
    'https://web.example.com.evil.example',
    'https://evilweb.example.com',
    'http://web.example.com',
    'https://web.example.com:8443',
    'https://WEB.example.com',
    'null',
    '*',
    `${ALLOWED}, https://evil.example`,
  ]) {
    it(`CK-11 says nothing to ${origin}`, async () => {
      for (const answer of [
        await preflight(server, origin),
        await server.send('GET', '/me', { headers: { origin } }),
        await server.send('POST', '/refresh', { headers: { origin } }),
        await server.send('GET', '/nowhere', { headers: { origin } }),
      ]) {
        assert.deepEqual(grants(answer.headers), [])
        assert.match(answer.headers.get('vary') ?? '', /\bOrigin\b/)
      }
    })
  }

  it('CK-11 an allowed origin reads answers, errors included, and the headers it needs', async () => {
    for (const path of ['/me', '/nowhere', '/openapi.json']) {
      const { headers } = await server.send('GET', path, { headers: { origin: ALLOWED } })
      assert.equal(headers.get('access-control-allow-origin'), ALLOWED)
      assert.equal(headers.get('access-control-allow-credentials'), 'true')
      assert.match(headers.get('access-control-expose-headers') ?? '', /WWW-Authenticate.*Retry-After/)
      assert.match(headers.get('vary') ?? '', /\bOrigin\b/)
    }
  })

  it('CK-11 the public keys are for everybody, and never for everybody with credentials', async () => {
    for (const path of ['/.well-known/jwks.json', '/.well-known/openid-configuration']) {
      const stranger = await server.send('GET', path, { headers: { origin: 'https://api.example.net' } })
      assert.deepEqual(grants(stranger.headers), [['access-control-allow-origin', '*']])
      const known = await server.send('GET', path, { headers: { origin: ALLOWED } })
      assert.equal(known.headers.get('access-control-allow-origin'), ALLOWED)
    }
  })

  it('CK-11 without an allow-list, nobody is granted anything, our own origin needs nothing', async () => {
    for (const origin of [ALLOWED, new URL(ISSUER).origin]) {
      assert.deepEqual(grants((await preflight(closed, origin)).headers), [])
      assert.deepEqual(grants((await closed.send('GET', '/me', { headers: { origin } })).headers), [])
    }
  })

  it('an allowed origin works for real: sign in, refresh, sign out', async () => {
    const headers = { origin: ALLOWED, 'sec-fetch-site': 'cross-site' }
    const email = 'cors@example.com'
    const json = { email, password: 'correct horse battery staple', delivery: 'body' }
    const { body } = await server.send('POST', '/signup', { json, headers })
    const refresh = { refresh_token: body.refresh_token }
    assert.equal((await server.send('POST', '/refresh', { json: refresh, headers })).status, 200)
    assert.equal((await server.send('POST', '/logout', { json: refresh, headers })).status, 204)
    assert.equal(outcome(await server.send('POST', '/refresh', { json: refresh, headers })), '401 session_revoked')
  })
})
