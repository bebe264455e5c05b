import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { describeFault } from './describe-fault.ts'

const TOKEN =
  'eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJzdWIiOiJhZGEiLCJleHAiOjE4MDAwMDAwMDB9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg'
const PASSWORD = 'correct horse battery staple'
const HASH = '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo'

function driverError(message: string): Error {
  return Object.assign(new Error(message), {
    code: '23505',
    query: 'INSERT INTO accounts VALUES ($1, $2)',
    parameters: [PASSWORD, TOKEN, HASH],
    detail: `Key (email)=(${PASSWORD}) already exists.`,
  })
}

describe('a fault in the log', () => {
  it('says what went wrong and where, causes included', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
    const fault = describeFault(new LatchkeyError('store_unavailable', { cause }))
    assert.deepEqual(
      [fault.name, fault.code, fault.message],
      ['LatchkeyError', 'store_unavailable', 'Store unavailable'],
    )
    assert.match(fault.at?.[0] ?? '', /^at .*describe-fault\.test\.ts/)
    assert.equal(fault.cause?.code, 'ECONNREFUSED')
    assert.equal(fault.cause?.message, 'connect ECONNREFUSED 127.0.0.1:5432')
  })

  for (const [where, fault] of Object.entries({
    'in properties': driverError('duplicate key value violates unique constraint "accounts_email"'),
    'in a list of parameters': driverError(`Failed query: insert into x\nparams: ${PASSWORD},${TOKEN}`),
    'in quotes': driverError(`invalid input syntax: '${PASSWORD}' near "${PASSWORD}"`),
    'bare, without spaces': driverError(`bad token ${TOKEN} for hash ${HASH}`),
    'in base64': driverError(`bad ${Buffer.from(TOKEN).toString('base64')}`),
    'in its name': Object.assign(new Error('x'), { name: TOKEN }),
    'in its code': Object.assign(new Error('x'), { code: TOKEN }),
    'in a line that looks like a frame': new Error(`x\n    at '${PASSWORD}' ${TOKEN}`),
    'as what was thrown': TOKEN,
    'as a thrown object': { token: TOKEN, password: PASSWORD },
    'in a cause that is no error': new Error('x', { cause: { PASSWORD, TOKEN } }),
    'in an error of many': new AggregateError([driverError(TOKEN)], 'many'),
  })) {
    it(`LG-02 never repeats values ${where}`, () => {
      for (const thrown of [fault, new LatchkeyError('store_unavailable', { cause: fault })]) {
        const text = JSON.stringify(describeFault(thrown))
        for (const secret of [PASSWORD, TOKEN, HASH, Buffer.from(TOKEN).toString('base64')]) {
          assert.ok(!text.includes(secret), text)
        }
        for (const part of TOKEN.split('.')) assert.ok(!text.includes(part), text)
      }
    })
  }

  it('ends where causes go round in circles, and survives an error that cannot be read', () => {
    const circle = new Error('a')
    circle.cause = circle
    assert.ok(JSON.stringify(describeFault(circle)).length < 20_000)
    const hostile = new Error('x')
    Object.defineProperty(hostile, 'message', {
      get() {
        throw new Error('no')
      },
    })
    assert.deepEqual(describeFault(hostile), { name: 'unreadable error' })
    assert.deepEqual(
      [undefined, null, 7].map((thrown) => describeFault(thrown).name),
      ['undefined', 'null', 'number'],
    )
  })
})
