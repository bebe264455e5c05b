import assert from 'node:assert/strict'
import { request as send } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { assembleStandalone } from '../cli/serve.ts'
import { readSettings } from '../config/read-settings.ts'
import type { SettingInput } from '../config/settings.ts'
import { EVENT_TYPES, type LatchkeyEvent, SEVERITY } from '../events.ts'
import { createLogger, Log } from './logs.ts'

type Line = Readonly<Record<string, unknown>>

function setUp(level: 'info' | 'trace' = 'trace') {
  let text = ''
  const log = new Log(createLogger(level, { write: (line) => (text += line) }), () => false)
  return { log, text: () => text, lines: () => parse(text) }
}

function parse(text: string): readonly Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Line => JSON.parse(line))
}

const HOSTILE = 'a\r\n{"level":"fatal"}\u0000\u0007\u001b[31m\u007f\u0085\u009b\u2028\u2029\u202e\ud800"\\'

describe('the log', () => {
  for (const type of EVENT_TYPES) {
    it(`LG-01 writes ${type} as one line with its level, the time in UTC and the facts`, () => {
      const { log, lines } = setUp()
      log.event({ type, subject: 'ada', sid: 's' } as LatchkeyEvent)
      const [{ time, ...rest } = {}, ...more] = lines()
      assert.deepEqual([rest, more], [{ level: SEVERITY[type], event: type, subject: 'ada', sid: 's' }, []])
      assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    })
  }

  it('says at `info` what happened, and not each refresh', () => {
    const { log, lines } = setUp('info')
    for (const type of ['session_turned', 'session_held', 'session_started'] as const) {
      log.event({ type, subject: 'ada', sid: 's', gen: 1 })
    }
    log.request({ method: 'GET', route: '/me', status: 200, milliseconds: 1 })
    assert.deepEqual(
      lines().map(({ event }) => event),
      ['session_started'],
    )
  })

  it('LG-03 keeps hostile text on one line that no terminal acts upon, and loses nothing of it', () => {
    const { log, text, lines } = setUp()
    const wellFormed = HOSTILE.toWellFormed()
    log.event({ type: 'session_started', subject: HOSTILE, sid: HOSTILE })
    log.event({ type: 'csrf_rejected', path: HOSTILE })
    log.fault(new Error(HOSTILE, { cause: new Error(HOSTILE) }))
    log.request({ method: HOSTILE, route: HOSTILE, status: 200, milliseconds: 1 })
    assert.equal(lines().length, 4)
    assert.doesNotMatch(text().replaceAll('\n', ''), /\p{Cc}|\p{Cs}|[\u2028\u2029\u202a-\u202e]/u)
    assert.equal(String(lines()[0]?.subject).toWellFormed(), wellFormed)
  })

  it('takes a busy server for no fault', () => {
    const { log, lines } = setUp()
    log.fault(new LatchkeyError('server_busy', { retryAfter: 2 }))
    const [{ time: _time, ...line } = {}] = lines()
    assert.deepEqual(line, { level: 'warn', event: 'server_busy' })
  })
})

async function serve(t: TestContext, options: Record<string, SettingInput> = {}) {
  let text = ''
  const settings = readSettings({
    options: { store: 'sqlite::memory:', rateLimits: 'off', logLevel: 'trace', ...options },
  })
  const logger = createLogger(settings.logLevel, { write: (line) => (text += line) })
  const { server, latchkey } = await assembleStandalone(settings, logger)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await latchkey.close()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const ask = (method: string, path: string, headers: Record<string, string> = {}, body = '') =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const request = send({ host: '127.0.0.1', port, method, path, headers }, (response) => {
        let answer = ''
        response.setEncoding('utf8').on('data', (chunk) => (answer += chunk))
        response.on('end', () => resolve({ status: response.statusCode, text: answer }))
      })
      request.on('error', reject).end(body)
    })
  return { latchkey, ask, lines: () => parse(text) }
}

describe('the standalone server', () => {
  it('logs each event with its request and the client’s address, also when requests share a commit', async (t) => {
    const { ask, lines, latchkey } = await serve(t, { trustProxy: 1, turnEvery: '0s' })
    const started = await Promise.all(
      Array.from({ length: 20 }, (_, n) => latchkey.sessions.start({ subject: `user-${n}`, delivery: 'body' })),
    )
    await Promise.all(
      started.map(({ refreshToken }, n) =>
        ask(
          'POST',
          '/auth/refresh',
          { 'content-type': 'application/json', 'x-forwarded-for': `203.0.113.9, 192.0.2.${n}` },
          JSON.stringify({ refresh_token: refreshToken }),
        ),
      ),
    )
    const turned = lines().filter(({ event }) => event === 'session_turned')
    const requests = lines().filter(({ event }) => event === 'request')
    assert.equal(new Set(turned.map(({ request }) => request)).size, 20)
    for (const { subject, address, request } of turned) {
      assert.equal(address, `192.0.2.${String(subject).slice(5)}`)
      assert.equal(requests.find((line) => line.request === request)?.address, address)
    }
    for (const { subject, request } of lines().filter(({ event }) => event === 'session_started')) {
      assert.ok(subject !== undefined && request === undefined, 'comes from no request')
    }
  })

  it('LG-03 logs no address that a stranger made up', async (t) => {
    const { ask, lines } = await serve(t, { trustProxy: 1 })
    await ask('POST', '/auth/refresh', { 'x-forwarded-for': 'evil"\\\u0085', 'sec-fetch-site': 'cross-site' })
    assert.deepEqual(
      lines().map(({ event, address }) => [event, address]),
      [
        ['csrf_rejected', undefined],
        ['request', undefined],
      ],
    )
  })

  it('shows its metrics to this machine, and with a token to who bears it', async (t) => {
    const open = await serve(t)
    assert.match((await open.ask('GET', '/metrics')).text, /^latchkey_events_total\{type="login_failed"\} 0$/m)
    assert.equal((await open.ask('GET', '/metrics', { 'x-forwarded-for': '192.0.2.1' })).status, 404)

    const token = 'a-token-of-some-length'
    const guarded = await serve(t, { metricsToken: token })
    assert.equal((await guarded.ask('GET', '/metrics')).status, 401)
    assert.equal((await guarded.ask('GET', '/metrics', { authorization: `Bearer ${token}` })).status, 200)
  })
})
