import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { start } from '../http/testing/start.ts'
import type { AnsweredRequest } from './meter.ts'

const seen: AnsweredRequest[] = []
let fails = false
const server = await start({
  allowedOrigins: ['https://front.example'],
  onRequest: (request) => {
    if (fails) throw new Error('the listener fails')
    seen.push(request)
  },
})
const ada = await server.signUp('body')
after(() => server.close())
beforeEach(() => {
  seen.length = 0
})

describe('onRequest', () => {
  for (const [what, method, path, expected] of [
    ['a route', 'GET', '/me', { method: 'GET', route: '/auth/me', status: 200 }],
    [
      'a route with a parameter',
      'DELETE',
      '/sessions/x',
      { method: 'DELETE', route: '/auth/sessions/{sid}', status: 404 },
    ],
    ['a method that is not allowed', 'GET', '/login', { method: 'GET', route: '/auth/login', status: 405 }],
    ['no route', 'GET', '/nothing', { method: 'GET', route: null, status: 404 }],
  ] as const) {
    it(`is told of ${what} once, with its time`, async () => {
      await ada.send(method, path)
      const [{ milliseconds = -1, ...rest } = {}, ...more] = seen
      assert.deepEqual([rest, more], [expected, []])
      assert.ok(milliseconds >= 0 && milliseconds < 10_000)
    })
  }

  it('is told of preflights', async () => {
    const headers = { origin: 'https://front.example', 'access-control-request-method': 'POST' }
    await server.send('OPTIONS', '/login', { headers })
    assert.deepEqual(
      seen.map(({ method, status }) => [method, status]),
      [['OPTIONS', 204]],
    )
  })

  it('that throws changes no answer, and is reported', async () => {
    fails = true
    assert.equal((await ada.me()).status, 200)
    fails = false
    assert.equal(server.faults.splice(0).length, 1)
  })
})
