import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { outcome, PASSWORD, start } from './testing/start.ts'

const ALLOWED = 'https://web.example.com'
const server = await start({ allowedOrigins: [ALLOWED] })
after(() => server.close())
const ada = await server.signUp('cookie', 'ada@example.com')

type Headers = Readonly<Record<string, string>>

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const OWN = 'https://app.example.com'

/** CK-05 CK-06 CK-07: what each sender may do with a cookie. */
const SENDERS: readonly (readonly [who: string, headers: Headers, passes: boolean])[] = [
  ['a page of the same origin', { 'sec-fetch-site': 'same-origin', origin: OWN }, true],
  ['a page of the same origin, in a browser without Sec-Fetch-Site', { origin: OWN }, true],
  ['a page of an allowed origin', { origin: ALLOWED, 'sec-fetch-site': 'cross-site' }, true],
  ['a program that says so', { 'x-latchkey': '1' }, true],
  ['a program that does not', {}, false],
  ['a program that says something else', { 'x-latchkey': '0' }, false],
  ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, false],
  ['another site, in an older browser', { origin: 'https://evil.example' }, false],
  ['another site that adds our header', { origin: 'https://evil.example', 'x-latchkey': '1' }, false],
  ['a sibling host', { origin: 'https://blog.example.com', 'sec-fetch-site': 'same-site' }, false],
  ['a sibling that hides its origin', { 'sec-fetch-site': 'same-site' }, false],
  ['a link or an address bar', { 'sec-fetch-site': 'none' }, false],
  ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }, false],
  ['a sandboxed frame in an older browser', { origin: 'null' }, false],
  ['an empty origin', { origin: '' }, false],
  ['our origin over http', { origin: 'http://app.example.com' }, false],
  ['our origin on another port', { origin: `${OWN}:8443` }, false],
  ['our origin with its default port written out', { origin: `${OWN}:443` }, false],
  ['our origin as a prefix', { origin: `${OWN}.evil.example` }, false],
  ['our origin as a suffix', { origin: 'https://evilapp.example.com' }, false],
  ['our origin in capitals', { origin: OWN.toUpperCase() }, false],
  ['our origin with a slash', { origin: `${OWN}/` }, false],
  ['two origins', { origin: `${OWN}, https://evil.example` }, false],
  ['a site that lies about the site', { 'sec-fetch-site': 'SAME-ORIGIN', origin: 'https://evil.example' }, false],
]

describe('CSRF', () => {
  for (const [who, headers, passes] of SENDERS) {
    it(`CK-05 CK-06 CK-07 a refresh by ${who} ${passes ? 'passes' : 'is refused, and CK-08 changes nothing'}`, async () => {
      const client = await server.device(ada)
      const before = server.events.length
      const cookie = `${server.cookieName}=${client.refreshToken}`
      const answer = await server.send('POST', '/refresh', { headers: { ...headers, cookie } })
      if (passes) {
        assert.equal(answer.status, 200)
        return
      }
      assert.equal(outcome(answer), '403 csrf_rejected')
      assert.deepEqual(answer.setCookies, [])
      assert.deepEqual(server.events.slice(before), [{ type: 'csrf_rejected', path: '/auth/refresh' }], 'LG-01')
      assert.equal((await client.refresh()).setCookies.length, 1, 'the genuine refresh is the first')
    })
  }

  for (const [method, path] of [
    ['POST', '/refresh'],
    ['POST', '/logout'],
    ['POST', '/logout-all'],
    ['POST', '/password'],
    ['POST', '/password/reset'],
    ['POST', '/signup'],
    ['POST', '/login'],
    ['DELETE', '/me'],
    ['DELETE', '/sessions/any'],
  ] as const) {
    for (const [what, asked] of [
      ['without a body', {}],
      ['with a form', { raw: 'a=b', headers: FORM }],
      ['with a multipart form', { raw: '--x--', headers: { 'content-type': 'multipart/form-data; boundary=x' } }],
      ['with text', { raw: '{}', headers: { 'content-type': 'text/plain' } }],
      ['with TEXT', { raw: '{}', headers: { 'content-type': 'TEXT/PLAIN' } }],
      ['with a body of no type', { raw: new TextEncoder().encode('{}') }],
      ['with JSON', { json: { email: 'ada@example.com', password: PASSWORD } }],
    ] as const) {
      it(`CK-05 CK-08 CK-10 refuses ${method} ${path} from another site ${what}`, async () => {
        const client = await server.device(ada, 'cookies')
        const cookie = [...client.jar].map((pair) => pair.join('=')).join('; ')
        const headers = { ...('headers' in asked && asked.headers), cookie, origin: 'https://evil.example' }
        const answer = await server.send(method, path, { ...asked, headers })
        assert.deepEqual([outcome(answer), answer.setCookies], ['403 csrf_rejected', []])
        assert.equal((await client.me()).status, 200)
        assert.equal((await client.refresh()).status, 200)
      })
    }
  }

  for (const path of ['/login', '/signup']) {
    for (const delivery of ['cookie', 'body', 'cookies'] as const) {
      it(`CK-10 ${path} with ${delivery} delivery is refused from another site, whether or not a cookie comes along`, async () => {
        const json = { email: 'ada@example.com', password: PASSWORD, delivery }
        const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
        const answer = await server.send('POST', path, { json, headers })
        assert.deepEqual([outcome(answer), answer.setCookies], ['403 csrf_rejected', []])
      })
    }
  }

  it('CK-07 a program without headers signs in with body delivery, and needs X-Latchkey for cookies', async () => {
    const json = { email: 'ada@example.com', password: PASSWORD }
    assert.equal((await server.send('POST', '/login', { json: { ...json, delivery: 'body' } })).status, 200)
    assert.equal(outcome(await server.send('POST', '/login', { json })), '403 csrf_rejected')
    assert.equal((await server.send('POST', '/login', { json, headers: { 'x-latchkey': '1' } })).status, 200)
  })

  it('bearer tokens need no proof of origin from a program, but a page of another site is refused all the same', async () => {
    const client = await server.device(ada, 'body')
    const authorization = `Bearer ${client.accessToken}`
    const elsewhere = { authorization, origin: 'https://evil.example' }
    assert.equal(outcome(await server.send('POST', '/logout-all', { headers: elsewhere })), '403 csrf_rejected')
    assert.equal(outcome(await server.send('DELETE', '/me', { headers: elsewhere })), '403 csrf_rejected')
    assert.equal((await server.send('DELETE', `/sessions/${client.sid}`, { headers: { authorization } })).status, 204)
  })

  it('CK-09 safe methods are not asked: they change nothing', async () => {
    const client = await server.device(ada, 'cookies')
    const cookie = [...client.jar].map((pair) => pair.join('=')).join('; ')
    const answer = await server.send('GET', '/me', { headers: { cookie, 'sec-fetch-site': 'cross-site' } })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('access-control-allow-origin'), null)
  })
})
