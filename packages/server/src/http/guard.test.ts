/** What stands behind `protect()` is the application's: its faults must neither end the process nor hang a request. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { createLatchkey } from '../latchkey.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'

type Behind = Parameters<ReturnType<Awaited<ReturnType<typeof createLatchkey>>['protect']>>

describe('behind the guard, on bare Node', () => {
  it('a handler that throws is answered with internal_error, and reported', async (t) => {
    const { call, faults } = await setUp(t, () => {
      throw new Error('a fault of the application')
    })
    assert.equal((await call()).status, 500)
    assert.equal(faults.length, 1)
  })

  it('a handler that throws after it has answered ends neither the process nor the answer', async (t) => {
    const { call, faults } = await setUp(t, (_request, response) => {
      response.end('answered')
      throw new Error('a fault of the application')
    })
    assert.equal(await (await call()).text(), 'answered')
    assert.equal(faults.length, 1)
  })
})

describe('latchkey.node, mounted without a path', () => {
  it('leaves what is not below its base to others', async (t) => {
    const { latchkey, listen } = await setUp(t)
    const url = await listen((request, response) =>
      latchkey.node(request, response, () => response.end('somebody else')),
    )
    assert.equal(await (await fetch(`${url}/after`)).text(), 'somebody else')
    assert.equal((await fetch(`${url}/auth/sessions`)).status, 401)
  })
})

async function setUp(t: TestContext, handler: (request: Behind[0], response: Behind[1]) => void = () => {}) {
  const faults: unknown[] = []
  const latchkey = await createLatchkey({
    issuer: 'https://app.example.com/auth',
    store: sqliteStore(':memory:'),
    accounts: false,
    onFault: (fault) => faults.push(fault),
  })
  t.after(() => latchkey.close())
  const listen = async (listener: (request: Behind[0], response: Behind[1]) => void) => {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    t.after(() => server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const { accessToken } = await latchkey.sessions.start({ subject: 'ada' })
  const guard = latchkey.protect()
  const call = async () => {
    const url = await listen((request, response) => guard(request, response, () => handler(request, response)))
    return fetch(url, { headers: { authorization: `Bearer ${accessToken}` } })
  }
  return { latchkey, faults, listen, call }
}
