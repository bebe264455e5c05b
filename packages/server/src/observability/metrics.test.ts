import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { Registry, register } from 'prom-client'
import { start } from '../http/testing/start.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import { withChanges } from '../stores/testing/with-changes.ts'
import { createMetrics, type Metrics } from './metrics.ts'

/** The value of a series as Prometheus would read it; undefined when there is none. */
async function readSeries(metrics: Metrics, series: string): Promise<number | undefined> {
  const line = (await metrics.text()).split('\n').find((text) => text.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

async function setUp(t: TestContext, options: Parameters<typeof start>[0] = {}) {
  const metrics = createMetrics({ registry: new Registry() })
  const server = await start({ turnEvery: '0s', metrics, ...options })
  t.after(() => server.close())
  return { server, metrics, value: (series: string) => readSeries(metrics, series) }
}

describe('metrics', () => {
  it('count events and refresh decisions', async (t) => {
    const { server, value } = await setUp(t)
    const ada = await server.signUp('body')
    const first = ada.refreshToken
    await ada.refresh()
    await server.present(first, 'body')
    await ada.refresh()
    await server.present(first, 'body')
    await server.present('x', 'body')
    assert.equal(await value('latchkey_events_total{type="account_created"}'), 1)
    assert.equal(await value('latchkey_events_total{type="refresh_token_reused"}'), 1)
    assert.equal(await value('latchkey_events_total{type="login_failed"}'), 0)
    const decisions = { turn: 2, hold: 0, replay: 1, reuse: 1, invalid: 1, expired: 0, revoked: 0 }
    for (const [decision, count] of Object.entries(decisions)) {
      assert.equal(await value(`latchkey_refreshes_total{decision="${decision}"}`), count, decision)
    }
  })

  it('count requests by route and status, and time them by route', async (t) => {
    const { server, value } = await setUp(t)
    const ada = await server.signUp('body')
    for (const path of ['/me', '/me', '/sessions']) await ada.get(path)
    await server.send('GET', '/me')
    await ada.delete('/sessions/no-such-session')
    const count = (method: string, route: string, status: number) =>
      value(`latchkey_http_requests_total{method="${method}",route="${route}",status="${status}"}`)
    assert.equal(await count('GET', '/auth/me', 200), 2)
    assert.equal(await count('GET', '/auth/me', 401), 1)
    assert.equal(await count('DELETE', '/auth/sessions/{sid}', 404), 1)
    assert.equal(await value('latchkey_http_request_duration_seconds_count{route="/auth/me"}'), 3)
  })

  it('make no series for what strangers send', async (t) => {
    const { server, metrics } = await setUp(t)
    await server.send('GET', '/openapi.json')
    await server.send('DELETE', '/sessions/x')
    const before = (await metrics.text()).length
    for (let n = 0; n < 20; n++) {
      await server.send('DELETE', `/sessions/${n}?x=${n}`)
      await server.latchkey.fetch(new Request(`https://app.example.com/nothing/${n}`, { method: `BREW${n}` }))
    }
    const text = await metrics.text()
    assert.match(text, /\{method="other",route="none",status="404"\} 20\n/)
    assert.ok(text.length - before < 2_000, 'one series more')
    assert.ok(!text.includes('BREW'))
  })

  it('count failures of the store, time password hashes, and know the age of the key', async (t) => {
    const broken = () => Promise.reject(new LatchkeyError('store_unavailable', { retryAfter: 1 }))
    const { server, value } = await setUp(t, {
      store: (now) => {
        const store = sqliteStore(':memory:', { now })
        const { name, sessions, accounts, keys } = store
        const rest = { name, accounts, keys, ping: () => store.ping(), close: () => store.close() }
        return { ...rest, sessions: withChanges(sessions, { list: broken }) }
      },
    })
    const ada = await server.signUp('body')
    await ada.get('/sessions')
    server.faults.length = 0
    assert.equal(await value('latchkey_store_errors_total{operation="sessions.list"}'), 1)
    assert.equal(await value('latchkey_password_hash_duration_seconds_count'), 1)
    assert.equal(await value('latchkey_password_hashes_waiting'), 0)
    server.clock.advance(90)
    assert.equal(await value('latchkey_signing_key_age_seconds'), 90)
  })

  it('stay out of the global registry, bring Node’s own, and leave those out in a registry that is given', async () => {
    const own = createMetrics()
    const given = createMetrics({ registry: new Registry() })
    createMetrics()
    assert.deepEqual(register.getMetricsAsArray(), [])
    assert.match(await own.text(), /^process_cpu_user_seconds_total /m)
    assert.doesNotMatch(await given.text(), /^process_/m)
    for (const { name, help } of given.registry.getMetricsAsArray()) {
      assert.match(name, /^latchkey_[a-z_]+$/)
      assert.match(help, /^[A-Z].*\.$/)
    }
  })
})
