import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { Answer } from './testing/client.ts'
import { outcome, PASSWORD, start } from './testing/start.ts'

const server = await start()
after(() => server.close())
const { document } = server.check

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate({ ...document })
    assert.ok(valid, JSON.stringify(errors))
    assert.match(document.openapi, /^3\.1\./)
  })

  it('refers to nothing that is not in it', () => {
    for (const [, pointer = ''] of JSON.stringify(document).matchAll(/"\$ref":"#([^"]*)"/g)) {
      let target: unknown = document
      for (const name of pointer.split('/').slice(1)) target = Object(target)[name]
      assert.ok(target, pointer)
    }
  })

  it('names each operation once, with the same prefix as its server', () => {
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    )
    assert.equal(new Set(ids).size, ids.length)
    assert.deepEqual(document.servers, [{ url: server.latchkey.issuer }])
  })

  it('asks for a body only where the route does', async () => {
    const required = (path: string, method: string) => document.paths[path]?.[method]?.requestBody?.required
    assert.equal(required('/login', 'post'), true)
    assert.equal(required('/refresh', 'post'), false)
    assert.equal(required('/me', 'delete'), false)
  })

  // That every answer of the whole suite is documented, and fits its schema: testing/check-answer.ts.
  it('describes what is there: each operation succeeds as it says', async () => {
    const succeeded = new Set<string>()
    const succeeds = (method: string, path: string, { status }: Answer) => {
      const template = server.check.templateOf(path) ?? ''
      const { operationId, responses } = document.paths[template]?.[method.toLowerCase()] ?? {}
      const [success] = Object.keys(responses ?? {})
      assert.equal(String(status), success, `${method} ${path}`)
      succeeded.add(operationId ?? '')
    }
    const ada = await server.signUp('body')
    const json = { email: 'bob@example.com', password: PASSWORD, name: 'Bob', delivery: 'body' }
    succeeds('POST', '/signup', await server.send('POST', '/signup', { json }))
    succeeds('POST', '/login', await server.send('POST', '/login', { json }))
    succeeds('POST', '/refresh', await ada.refresh())
    for (const path of ['/me', '/sessions', '/.well-known/jwks.json', '/.well-known/openid-configuration']) {
      succeeds('GET', path, await ada.get(path))
    }
    const other = await server.device(ada)
    succeeds('DELETE', `/sessions/${other.sid}`, await ada.delete(`/sessions/${other.sid}`))
    const passwords = { currentPassword: PASSWORD, newPassword: `${PASSWORD}!` }
    succeeds('POST', '/password', await ada.post('/password', passwords))
    const { token = '' } = (await server.latchkey.accounts?.createReset(ada.subject)) ?? {}
    const reset = await server.send('POST', '/password/reset', { json: { token, newPassword: PASSWORD } })
    succeeds('POST', '/password/reset', reset)
    succeeds('POST', '/logout', await other.post('/logout'))
    const third = await server.device(ada, 'body')
    succeeds('POST', '/logout-all', await third.post('/logout-all'))
    const last = await server.device(ada, 'body')
    succeeds('DELETE', '/me', await last.delete('/me'))

    const all = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    )
    assert.deepEqual([...succeeded].sort(), all.sort())
  })

  it('without accounts, leaves out the routes that need them', async () => {
    const bare = await start({ accounts: false })
    const paths = Object.keys(bare.check.document.paths)
    for (const path of ['/signup', '/login', '/me', '/password']) assert.ok(!paths.includes(path))
    assert.equal(outcome(await bare.send('POST', '/login', { json: {} })), '404 not_found')

    const { refreshToken } = await bare.latchkey.sessions.start({ subject: 'user-17', delivery: 'body' })
    const { status, body } = await bare.present(refreshToken, 'body')
    assert.deepEqual([status, body.user], [200, { id: 'user-17' }])
    await bare.close()
  })
})

describe('the API page', () => {
  it('ER-06 is served with all it needs, and asks no other host', async () => {
    const { text, headers } = await server.send('GET', '/docs')
    const urls = [...text.matchAll(/(?:href|src|data-document)="(https?:[^"]+)"/g)].map(([, url = '']) => url)
    assert.equal(urls.length, 4)
    for (const url of urls) {
      assert.ok(url.startsWith(server.latchkey.issuer), url)
      assert.equal((await server.send('GET', url)).status, 200, url)
    }
    const policy = headers.get('content-security-policy') ?? ''
    for (const rule of ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "script-src 'self'"]) {
      assert.ok(policy.includes(rule), `ER-06 ${rule}`)
    }
  })
})
