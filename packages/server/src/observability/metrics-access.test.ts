import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { it } from 'node:test'
import { metricsAccess } from './metrics-access.ts'

const TOKEN = 'a-token-of-some-length'

function request(remoteAddress: string, headers: Record<string, string> = {}): IncomingMessage {
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage
}

for (const [address, expected] of [
  ['127.0.0.1', 'granted'],
  ['127.8.9.1', 'granted'],
  ['::1', 'granted'],
  ['::ffff:127.0.0.1', 'granted'],
  ['192.0.2.1', 'hidden'],
  ['10.0.0.1', 'hidden'],
  ['::ffff:192.0.2.1', 'hidden'],
  ['fe80::1', 'hidden'],
  ['', 'hidden'],
] as const) {
  it(`without a token, from ${address || 'nowhere'}: ${expected}`, () => {
    assert.equal(metricsAccess(request(address), undefined), expected)
    assert.equal(metricsAccess(request(address), TOKEN), 'refused')
    assert.equal(metricsAccess(request(address, { authorization: `Bearer ${TOKEN}` }), TOKEN), 'granted')
  })
}

for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
  it(`without a token, through a proxy on this machine that says ${header}: hidden`, () => {
    assert.equal(metricsAccess(request('127.0.0.1', { [header]: '127.0.0.1' }), undefined), 'hidden')
  })
}

for (const authorization of [
  '',
  'Bearer',
  'Bearer ',
  TOKEN,
  `Basic ${TOKEN}`,
  `Bearer ${TOKEN}x`,
  `Bearer x ${TOKEN}`,
]) {
  it(`with a token, ${JSON.stringify(authorization)} is refused`, () => {
    assert.equal(metricsAccess(request('127.0.0.1', { authorization }), TOKEN), 'refused')
  })
}

it('an unknown caller sees nothing', () => assert.equal(metricsAccess(undefined, TOKEN), 'hidden'))
