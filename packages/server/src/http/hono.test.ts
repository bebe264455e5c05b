import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { Hono } from 'hono'
import { protect } from './hono.ts'
import { start } from './testing/start.ts'

const server = await start()
after(() => server.close())
const ada = await server.signUp('body')

const app = new Hono()
  .all('/auth/*', (context) => server.latchkey.fetch(context.req.raw))
  .get('/orders', protect(server.latchkey), (context) => {
    const { subject, sid } = context.get('auth')
    return context.json({ subject, sid })
  })
  .get('/admin', protect(server.latchkey, { scope: 'admin' }), (context) => context.text('secrets'))

const ask = (path: string, token?: string) =>
  app.request(path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

describe('latchkey/hono', () => {
  it('lets the bearer of a live session through, typed', async () => {
    const response = await ask('/orders', ada.accessToken)
    assert.deepEqual(await response.json(), { subject: ada.subject, sid: ada.sid })
  })

  it('ER-01 refuses the others with the catalogue’s error', async () => {
    const response = await ask('/orders')
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
    const { type } = (await response.json()) as { type: string }
    assert.equal(type, `${server.latchkey.issuer}/errors/access_token_missing`)
  })

  it('ER-01 JW-13 names the scope that is missing', async () => {
    const refused = await ask('/admin', ada.accessToken)
    assert.equal(refused.status, 403)
    assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer error="insufficient_scope", .*scope="admin"$/)
    const admin = await server.device(ada, 'body', 'orders admin')
    assert.equal(await (await ask('/admin', admin.accessToken)).text(), 'secrets')
  })

  it('LO-02 refuses a session that has ended, at once', async () => {
    const device = await server.device(ada)
    assert.equal((await ask('/orders', device.accessToken)).status, 200)
    await device.post('/logout')
    assert.equal((await ask('/orders', device.accessToken)).status, 401)
  })
})
