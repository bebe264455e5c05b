import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { SETTINGS, type TrustProxy } from '../config/settings.ts'
import { canonicalAddress, clientAddress } from './client-address.ts'

describe('RL-03 a client’s address', () => {
  const CASES: readonly (readonly [trust: string, remote: string, forwarded: string, counted: string])[] = [
    ['0', '192.0.2.1', '', '192.0.2.1'],
    ['0', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['1', '192.0.2.1', '198.51.100.7', '198.51.100.7'],
    ['1', '192.0.2.1', '203.0.113.9, 198.51.100.7', '198.51.100.7'],
    ['2', '192.0.2.1', '203.0.113.9, 198.51.100.7', '203.0.113.9'],
    ['loopback', '127.0.0.1', '198.51.100.7', '198.51.100.7'],
    ['loopback', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['10.0.0.0/8', '10.1.2.3', '198.51.100.7', '198.51.100.7'],
  ]
  for (const [trust, remote, forwarded, counted] of CASES) {
    it(`is ${counted} from ${remote}, forwarded for "${forwarded}", trusting ${trust}`, () => {
      assert.equal(clientAddress(request(remote, forwarded), parseTrust(trust)), counted)
    })
  }

  it('is none when a trusted proxy forwards rubbish', () => {
    assert.equal(clientAddress(request('192.0.2.1', 'rubbish'), parseTrust('1')), undefined)
  })
})

describe('RL-03 an address has one spelling', () => {
  const SPELLINGS: readonly (readonly [counted: string, ...spellings: string[]])[] = [
    ['192.0.2.1', '192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201'],
    ['2001:db8:1:2::/64', '2001:db8:1:2::1', '2001:DB8:1:2:0:0:0:1', '2001:0db8:0001:0002:ffff:ffff:ffff:ffff'],
    ['0:0:0:0::/64', '::1'],
  ]
  for (const [counted, ...spellings] of SPELLINGS) {
    it(`${counted} for ${spellings.join(', ')}`, () => {
      assert.deepEqual([...new Set(spellings.map(canonicalAddress))], [counted])
    })
  }
})

function request(remoteAddress: string, forwarded: string): IncomingMessage {
  const socket = new Socket()
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress })
  const incoming = new IncomingMessage(socket)
  if (forwarded !== '') incoming.headers['x-forwarded-for'] = forwarded
  return incoming
}

function parseTrust(text: string): TrustProxy {
  const trust = SETTINGS.trustProxy.parse(text)
  assert.ok(trust !== undefined)
  return trust
}
