import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { PASSWORD, start, type TestServer } from '../http/testing/start.ts'
import { inSpan } from './spans.ts'

const exporter = new InMemorySpanExporter()

describe('spans', () => {
  let server: TestServer
  before(async () => {
    server = await start({ turnEvery: '0s' })
    assert.equal((await server.signUp()).delivery, 'cookie', 'without a provider')
    assert.equal(await inSpan('x', async (span) => span.isRecording()), false)
    // An application may register its provider after it has made its Latchkey.
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    trace.setGlobalTracerProvider(provider)
  })
  beforeEach(() => exporter.reset())
  after(() => server.close())

  const spans = () => exporter.getFinishedSpans()
  const named = (name: string) => spans().filter((span) => span.name === name)
  function only(name: string): ReadableSpan {
    const [span, ...more] = named(name)
    assert.ok(span !== undefined && more.length === 0, `one span ${name}, not ${named(name).length}`)
    return span
  }
  const parentOf = (span: ReadableSpan) =>
    spans().find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)?.name

  it('of a sign-up hold the password hash and what the store did', async () => {
    await server.signUp()
    assert.equal(parentOf(only('latchkey.password_hash')), 'latchkey.signup')
    assert.equal(parentOf(only('latchkey.store.accounts.createSignedIn')), 'latchkey.signup')
    assert.equal(only('latchkey.store.accounts.createSignedIn').attributes['db.system.name'], 'sqlite')
  })

  it('of a login that fails name the refusal, and are no error', async () => {
    await server.send('POST', '/login', { json: { email: 'nobody@example.com', password: PASSWORD, delivery: 'body' } })
    const { attributes, status } = only('latchkey.login')
    assert.equal(attributes['error.type'], 'invalid_credentials')
    assert.equal(status.code, SpanStatusCode.UNSET)
    assert.equal(parentOf(only('latchkey.password_hash')), 'latchkey.login')
  })

  it('of refreshes say the decision', async () => {
    const ada = await server.signUp('body')
    const first = ada.refreshToken
    await ada.refresh()
    await server.present(first, 'body')
    await ada.refresh()
    await server.present(first, 'body')
    await server.present(first, 'body')
    await server.present('x', 'body')
    server.clock.advance(400 * 86_400)
    await ada.refresh()
    assert.deepEqual(
      named('latchkey.refresh').map(({ attributes }) => attributes['latchkey.decision']),
      ['turn', 'replay', 'turn', 'reuse', 'revoked', 'invalid', 'expired'],
    )
  })

  it('of a fault are errors, and repeat nothing of it', async () => {
    await assert.rejects(inSpan('x', () => Promise.reject(new Error('secret'))))
    const { status, attributes, events } = only('x')
    assert.deepEqual([status, attributes, events], [{ code: SpanStatusCode.ERROR }, { 'error.type': 'fault' }, []])
  })
})
