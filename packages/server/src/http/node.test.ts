import assert from 'node:assert/strict'
import { Agent, request as send } from 'node:http'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import express, { type Express, type Request, type Response } from 'express'
import type { Client } from './testing/client.ts'
import { start, type TestServer } from './testing/start.ts'
import { listen, sendRaw } from './testing/transports.ts'

const HOST = 'Host: app.example.com'

describe('over a socket', () => {
  let server: TestServer
  let ada: Client
  let port: number
  let close: () => Promise<void>
  before(async () => {
    server = await start()
    ada = await server.signUp('body')
    const listening = await listen(server.latchkey.node)
    port = listening.port
    close = listening.close
  })
  after(async () => {
    assert.equal((await ada.me()).status, 200)
    await close()
    await server.close()
  })

  /** Sends a head as it is written and answers the status line's number and the whole text. */
  async function raw(...lines: readonly string[]): Promise<{ status: number; text: string }> {
    const text = await sendRaw(port, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }
  }

  const bearer = () => `Authorization: Bearer ${ada.accessToken}`

  it('answers a request as it stands on the wire', async () => {
    const { status, text } = await raw('GET /auth/me HTTP/1.1', HOST, bearer())
    assert.equal(status, 200)
    assert.ok(text.includes(ada.subject))
  })

  it('ER-04 64 KB of headers → 431, and the next request is served', async () => {
    for (const header of [`Cookie: x=${'x'.repeat(65_536)}`, `Authorization: Bearer ${'x'.repeat(65_536)}`]) {
      assert.equal((await raw('GET /auth/me HTTP/1.1', HOST, header)).status, 431)
    }
    assert.equal((await raw('GET /auth/me HTTP/1.1', HOST, bearer())).status, 200)
  })

  it('RT-12 5 KB of cookie or token are refused before the store is asked', async () => {
    const cookie = `Cookie: ${server.cookieName}=${'x'.repeat(5000)}`
    const refused = await raw('POST /auth/refresh HTTP/1.1', HOST, cookie, 'X-Latchkey: 1', 'Content-Length: 0')
    assert.equal(refused.status, 401)
    assert.equal((await raw('GET /auth/me HTTP/1.1', HOST, `Authorization: Bearer ${'x'.repeat(9000)}`)).status, 401)
  })

  for (const [what, authorization] of [
    ['twice the same', () => [bearer(), bearer()]],
    ['a bad one and a good one', () => ['Authorization: Bearer x', bearer()]],
    ['a good one and a bad one', () => [bearer(), 'Authorization: Bearer x']],
    ['Bearer and Basic', () => [bearer(), 'Authorization: Basic eDp5']],
  ] as const) {
    it(`JW-16 two Authorization headers, ${what} → 400`, async () => {
      const { status, text } = await raw('GET /auth/me HTTP/1.1', HOST, ...authorization())
      assert.equal(status, 400)
      assert.match(text, /authorization_malformed/)
    })
  }

  for (const [target, expected] of [
    ['//auth/me', 404],
    ['///auth/me', 404],
    ['/auth//me', 404],
    ['/auth/me/', 404],
    ['/auth/../auth/me', 401],
    ['/auth/%2e%2e/auth/me', 401],
    ['/auth%2Fme', 404],
    ['/AUTH/ME', 404],
    ['/auth/%6de', 401],
    ['/auth\\me', 400],
    ['\\auth\\me', 400],
    ['/auth/docs/..\\me', 400],
    ['auth/me', 400],
    ['*', 400],
    ['?', 400],
    ['http://app.example.com/auth/me', 401],
    ['http://evil.example/auth/me', 401],
    ['http://evil.example:99999/auth/me', 400],
    ['http:///auth/me', 404],
    ['ftp://app.example.com/auth/me', 400],
    ['/auth/me#x', 401],
    [`/auth/${'x'.repeat(10_000)}`, 404],
  ] as const) {
    it(`ER-07 GET ${target.slice(0, 40)} without a token → ${expected}`, async () => {
      const { status, text } = await raw(`GET ${target} HTTP/1.1`, HOST)
      assert.equal(status, expected)
      assert.ok(!text.includes('@example.com'))
    })
  }

  for (const [method, expected] of [
    ['TRACE', 405],
    ['PROPFIND', 405],
    ['QUERY', 405],
    ['BREW', 400],
    ['get', 400],
  ] as const) {
    it(`${method} → ${expected}`, async () => {
      assert.equal((await raw(`${method} /auth/me HTTP/1.1`, HOST, bearer())).status, expected)
    })
  }

  for (const [what, lines, expected] of [
    ['no Host', ['GET /auth/me HTTP/1.1'], 400],
    ['HTTP/1.0 without Host, as health checks are', ['GET /auth/me HTTP/1.0'], 401],
    ['a Host that is a URL', ['GET /auth/me HTTP/1.1', 'Host: http://x/y'], 400],
    ['a Host with credentials', ['GET /auth/me HTTP/1.1', 'Host: user:pass@app.example.com'], 400],
    ['a Host of another site', ['GET /auth/me HTTP/1.1', 'Host: evil.example'], 401],
    ['a header without a colon', ['GET /auth/me HTTP/1.1', HOST, 'nonsense'], 400],
    ['a NUL in a header', ['GET /auth/me HTTP/1.1', HOST, 'X: \0'], 400],
    ['two lengths', ['POST /auth/login HTTP/1.1', HOST, 'Content-Length: 1', 'Content-Length: 2'], 400],
    [
      'a length and chunks',
      ['POST /auth/login HTTP/1.1', HOST, 'Content-Length: 1', 'Transfer-Encoding: chunked'],
      400,
    ],
    ['a length that is no number', ['POST /auth/login HTTP/1.1', HOST, 'Content-Length: x'], 400],
    ['a negative length', ['POST /auth/login HTTP/1.1', HOST, 'Content-Length: -1'], 400],
    ['no HTTP', ['hello'], 400],
  ] as const) {
    it(`${what} → ${expected}`, async () => assert.equal((await raw(...lines)).status, expected))
  }

  it('PW-11 builds nothing from the Host header', async () => {
    const { text } = await raw('GET /auth/.well-known/openid-configuration HTTP/1.1', 'Host: evil.example')
    assert.ok(text.includes(server.latchkey.issuer) && !text.includes('evil.example'))
  })

  for (const framing of ['declared', 'chunked'] as const) {
    it(`RL-08 10 MB, ${framing} → 413, and the server goes on`, async () => {
      const agent = new Agent({ keepAlive: true })
      const post = (body: Buffer) =>
        new Promise<number>((resolve, reject) => {
          const length = framing === 'declared' ? { 'content-length': body.byteLength } : {}
          const headers = { host: 'app.example.com', 'content-type': 'application/json', ...length }
          const options = { host: '127.0.0.1', port, path: '/auth/login', method: 'POST', headers, agent }
          const outgoing = send(options, (incoming) => {
            incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0))
          })
          outgoing.on('error', reject)
          if (framing === 'declared') outgoing.end(body)
          else {
            for (let at = 0; at < body.length; at += 65_536) outgoing.write(body.subarray(at, at + 65_536))
            outgoing.end()
          }
        })
      assert.equal(await post(Buffer.alloc(10_000_000, ' ')), 413)
      assert.equal(await post(Buffer.from('{}')), 422)
      agent.destroy()
    })
  }

  it('a caller who leaves in the middle of a body is no fault of ours', async () => {
    const head = `POST /auth/login HTTP/1.1\r\n${HOST}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"email":`
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(head, () => socket.destroy())
      })
      socket.on('close', () => resolve())
    })
    assert.equal((await raw('GET /auth/me HTTP/1.1', HOST, bearer())).status, 200)
    assert.deepEqual(server.faults, [])
  })

  it('answers pipelined requests in order, each for itself', async () => {
    const one = `GET /auth/me HTTP/1.1\r\n${HOST}\r\n`
    const text = await sendRaw(
      port,
      `${one}${bearer()}\r\n\r\n${one}\r\n${one}${bearer()}\r\nConnection: close\r\n\r\n`,
    )
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 401', 'HTTP/1.1 200'])
  })
})

describe('under Express', () => {
  let server: TestServer
  let ada: Client
  before(async () => {
    server = await start()
    ada = await server.signUp('body')
  })
  after(() => server.close())

  async function withApp(app: Express, act: (base: string) => Promise<void>): Promise<void> {
    const { port, close } = await listen(app)
    try {
      await act(`http://127.0.0.1:${port}`)
    } finally {
      await close()
    }
  }

  const bearer = (client = ada) => ({ headers: { authorization: `Bearer ${client.accessToken}` } })

  /** Compiles only if `req.auth` is typed. */
  function orders(req: Request, res: Response): void {
    const { subject, sid }: { subject: string; sid: string } = req.auth
    res.json({ subject, sid })
  }

  it('protect() lets the bearer of a live session through with req.auth set, and no other', async () => {
    const { latchkey } = server
    const app = express()
    app.get('/orders', latchkey.protect(), orders)
    await withApp(app, async (base) => {
      const response = await fetch(`${base}/orders`, bearer())
      assert.deepEqual(await response.json(), { subject: ada.subject, sid: ada.sid })

      const device = await server.device(ada)
      assert.equal((await fetch(`${base}/orders`, bearer(device))).status, 200)
      await latchkey.sessions.revoke(device.sid)
      const refused = await fetch(`${base}/orders`, bearer(device))
      assert.equal(refused.status, 401)
      assert.equal(refused.headers.get('cache-control'), 'no-store')
      assert.equal(refused.headers.get('x-content-type-options'), 'nosniff')
      assert.match(refused.headers.get('content-type') ?? '', /^application\/problem\+json/)
      assert.match(await refused.text(), /session_revoked/)

      for (const [headers, status] of [
        [{}, 401],
        [{ authorization: 'Bearer x' }, 401],
        [{ authorization: 'Bearer' }, 400],
        [{ authorization: `Basic ${ada.accessToken}` }, 401],
      ] as const) {
        assert.equal((await fetch(`${base}/orders`, { headers })).status, status)
      }
      const twice = `GET /orders HTTP/1.1\r\n${HOST}\r\nAuthorization: ${bearer().headers.authorization}\r\n`
      const again = `Authorization: Bearer x\r\nConnection: close\r\n\r\n`
      assert.match(await sendRaw(Number(new URL(base).port), twice + again), /^HTTP\/1\.1 400/, 'JW-16')
    })
  })

  it('ER-01 protect({ scope }) answers 403 with the scope in the challenge', async () => {
    const app = express().get('/admin', server.latchkey.protect({ scope: 'orders:write admin' }), orders)
    await withApp(app, async (base) => {
      const refused = await fetch(`${base}/admin`, bearer())
      assert.equal(refused.status, 403)
      assert.match(
        refused.headers.get('www-authenticate') ?? '',
        /^Bearer error="insufficient_scope", error_description="[^"]+", scope="orders:write admin"$/,
      )
      assert.match(await refused.text(), /insufficient_scope/)
      const admin = await server.device(ada, 'body', 'admin orders:write')
      assert.equal((await fetch(`${base}/admin`, bearer(admin))).status, 200)
    })
  })

  it('CK-05 protect() asks a cookie of an unsafe request where it comes from', async () => {
    const app = express().post('/orders', server.latchkey.protect(), orders)
    const device = await server.device(ada, 'cookies')
    const cookie = [...device.jar].map((pair) => pair.join('=')).join('; ')
    await withApp(app, async (base) => {
      const post = async (headers: Record<string, string>) =>
        (await fetch(`${base}/orders`, { method: 'POST', headers: { cookie, ...headers } })).status
      assert.equal(await post({}), 403)
      assert.equal(await post({ origin: 'https://evil.example' }), 403)
      assert.equal(await post({ origin: 'https://app.example.com' }), 200)
      assert.equal(await post({ 'x-latchkey': '1' }), 200)
    })
  })

  it('works below a router within a router, and leaves the request’s url as it was', async () => {
    const urls: (string | undefined)[] = []
    const inner = express.Router().use((req, res, next) => {
      server.latchkey.node(req, res, next)
      res.on('finish', () => setImmediate(() => urls.push(req.url)))
    })
    const app = express().use('/auth', inner)
    await withApp(app, async (base) => {
      assert.equal((await fetch(`${base}/auth/me`, bearer())).status, 200)
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      assert.deepEqual(urls, ['/me'])
    })
  })

  for (const [what, parser] of [
    ['express.json()', express.json()],
    ['express.text()', express.text({ type: '*/*' })],
    ['express.raw()', express.raw({ type: '*/*' })],
  ] as const) {
    it(`reads the body that ${what} has read before`, async () => {
      const app = express().use(parser).use('/auth', server.latchkey.node)
      await withApp(app, async (base) => {
        const post = (refresh_token: unknown) =>
          fetch(`${base}/auth/refresh`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ refresh_token }),
          })
        const device = await server.device(ada, 'body')
        assert.equal((await post(device.refreshToken)).status, 200)
        assert.equal((await post({ $ne: null })).status, 422)
      })
    })
  }

  it('a form that express.urlencoded() has read is no JSON', async () => {
    const app = express()
      .use(express.urlencoded({ extended: true }))
      .use('/auth', server.latchkey.node)
    await withApp(app, async (base) => {
      const body = new URLSearchParams({ refresh_token: ada.refreshToken })
      assert.equal((await fetch(`${base}/auth/refresh`, { method: 'POST', body })).status, 415)
    })
  })
})
