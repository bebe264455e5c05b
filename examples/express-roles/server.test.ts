import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { runExample } from '../testing/run-example.ts'

const ADMIN_PASSWORD = 'an administrator’s long password'

test('LO-09 a role reaches the next token, and a demotion ends the sessions that had it', async (t) => {
  process.env.ADMIN_PASSWORD = ADMIN_PASSWORD
  const app = await runExample(t, join(import.meta.dirname, 'server.ts'))
  const admin = await post('/auth/login', { username: 'admin', password: ADMIN_PASSWORD, delivery: 'body' })
  const ada = await post('/auth/signup', {
    username: 'ada',
    password: 'correct horse battery staple',
    delivery: 'body',
  })
  const setRoles = (roles: unknown, by: Tokens) =>
    send('PUT', `/api/users/${ada.user.id}/roles`, { roles }, by.access_token).then(({ status }) => status)
  const reports = (by: Tokens) => send('GET', '/api/reports', undefined, by.access_token).then(({ status }) => status)

  assert.deepEqual([await reports(admin), await reports(ada)], [200, 403])
  assert.equal(await setRoles(['admin'], ada), 403, 'nobody makes an administrator of themselves')
  assert.equal(await setRoles({ $ne: null }, admin), 422)

  assert.equal(await setRoles(['admin'], admin), 204)
  assert.equal(await reports(ada), 403, 'the token is the old one yet')
  const promoted = await post('/auth/refresh', { refresh_token: ada.refresh_token })
  assert.equal(await reports(promoted), 200)

  assert.equal(await setRoles([], admin), 204)
  assert.equal(await reports(promoted), 401, 'at once')

  async function post(path: string, body: unknown): Promise<Tokens> {
    return JSON.parse(await (await send('POST', path, body)).text())
  }

  function send(method: string, path: string, body?: unknown, token = ''): Promise<Response> {
    return fetch(app + path, {
      method,
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }
})

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly user: { readonly id: string }
}
