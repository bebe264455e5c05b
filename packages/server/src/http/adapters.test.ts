/**
 * ER-08: every way to mount Latchkey answers one conversation alike. The whole suite can be run through each as well:
 * `LATCHKEY_TEST_VIA=express npm test`.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Answer } from './testing/client.ts'
import { PASSWORD, start, type TestServer } from './testing/start.ts'
import { TRANSPORTS, type TransportName } from './testing/transports.ts'

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' }
const JSON_TYPE = { 'content-type': 'application/json' }

/** A conversation with each kind of answer in it, good and bad. */
async function* converse(server: TestServer): AsyncGenerator<readonly [what: string, answer: Answer]> {
  for (const delivery of ['cookie', 'body', 'cookies'] as const) {
    const ada = await server.signUp(delivery, `${delivery}@example.com`)
    const first = ada.refreshToken
    yield [`${delivery}: me`, await ada.me()]
    yield [`${delivery}: refresh`, await ada.refresh()]
    yield [`${delivery}: hold`, await ada.refresh()]
    server.clock.advance(60)
    yield [`${delivery}: turn`, await ada.refresh()]
    yield [`${delivery}: sessions`, await ada.get('/sessions')]
    yield [`${delivery}: no such session`, await ada.delete('/sessions/any')]
    yield [`${delivery}: reuse`, await ada.present(first)]
    yield [`${delivery}: ended`, await ada.me()]
  }
  const bob = await server.signUp('cookie', 'bob@example.com')
  const json = { email: 'bob@example.com', password: PASSWORD }
  const wrong = { ...json, password: 'wrong horse battery staple' }
  yield ['login', await bob.post('/login', json)]
  yield ['wrong password', await bob.post('/login', wrong)]
  yield ['taken', await bob.post('/signup', json)]
  yield ['new password', await bob.post('/password', { currentPassword: PASSWORD, newPassword: `${PASSWORD}!` })]
  yield ['wrong type', await bob.post('/login', { email: { $ne: null }, password: { $gt: '' } })]
  yield ['no body', await bob.post('/login')]
  yield ['text', await bob.send('POST', '/login', { raw: '{}', headers: { 'content-type': 'text/plain' } })]
  yield [
    'long text',
    await bob.send('POST', '/login', { raw: 'x'.repeat(20_000), headers: { 'content-type': 'text/plain' } }),
  ]
  yield ['long JSON', await bob.post('/login', { x: 'x'.repeat(20_000) })]
  yield ['array', await bob.send('POST', '/login', { raw: '[]', headers: JSON_TYPE })]
  yield ['no cookie', await server.send('POST', '/refresh', { headers: SAME_ORIGIN })]
  yield ['another site', await bob.send('POST', '/refresh', { headers: { 'sec-fetch-site': 'cross-site' } })]
  yield ['sibling', await bob.send('POST', '/logout', { headers: { 'sec-fetch-site': 'same-site' } })]
  yield ['no token', await server.send('GET', '/me')]
  yield ['garbage', await bob.me('x.y.z')]
  yield ['two tokens', await bob.me('a b')]
  yield ['other method', await bob.send('PUT', '/me')]
  yield ['HEAD', await bob.send('HEAD', '/me')]
  yield ['OPTIONS', await bob.send('OPTIONS', '/me')]
  yield ['nowhere', await bob.get('/nowhere')]
  yield ['slash', await bob.get('/me/')]
  yield ['two slashes', await bob.get('//me')]
  yield ['encoded slash', await bob.get('/%2Fme')]
  yield ['case', await bob.get('/ME')]
  yield ['documents', await bob.get('/.well-known/openid-configuration')]
  yield ['API page', await bob.get('/docs')]
  yield ['error page', await bob.get('/errors/not_found')]
  yield ['deletion', await bob.delete('/me')]
  yield ['logout', await bob.post('/logout')]
}

/** What must be the same: the status, the headers that protect, and of a body all but what is random. */
async function transcript(via: TransportName): Promise<readonly unknown[]> {
  const server = await start({ via })
  const lines: unknown[] = []
  for await (const [what, { status, headers, body, setCookies }] of converse(server)) {
    const names = ['cache-control', 'content-type', 'www-authenticate', 'allow', 'x-content-type-options', 'vary']
    lines.push({
      what,
      status,
      headers: names.map((name) => headers.get(name)),
      setCookies: setCookies.map((cookie) => cookie.replace(/=[^;]+/, '=…')),
      code: body.code,
      members: Object.keys(body),
    })
  }
  await server.close()
  return lines
}

describe('ER-08 adapters', async () => {
  const expected = await transcript('fetch')
  for (const via of Object.keys(TRANSPORTS) as TransportName[]) {
    it(`${via} answers as fetch does`, async () => assert.deepEqual(await transcript(via), expected))
  }
})
