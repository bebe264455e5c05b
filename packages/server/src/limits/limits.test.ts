import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { LatchkeyEvent } from '../events.ts'
import { FREE_ATTEMPTS, Limits } from './limits.ts'

const SECOND = 1_000

describe('attempts at one account', () => {
  it('RL-01 are free at first, then cost waits that double, and none is evaluated while one lasts', async (t) => {
    const { guess, wait } = setUp(t)
    for (let attempt = 0; attempt < FREE_ATTEMPTS; attempt++) assert.equal(await guess(), 'wrong')
    for (const seconds of [30, 60, 120, 240]) {
      assert.equal(await guess(), 'wrong')
      assert.equal(await guess(), seconds)
      wait(seconds - 1)
      assert.equal(await guess(), 1)
      wait(1)
    }
  })

  it('RL-01 a right password ends the row', async (t) => {
    const { guess } = setUp(t)
    for (let row = 0; row < 3; row++) {
      for (let attempt = 1; attempt < FREE_ATTEMPTS; attempt++) assert.equal(await guess(), 'wrong')
      assert.equal(await guess('right'), 'right')
    }
  })

  it('RL-05 even the right password is not looked at while a wait lasts', async (t) => {
    const { guess, evaluated } = setUp(t)
    for (let attempt = 0; attempt <= FREE_ATTEMPTS; attempt++) await guess()
    assert.equal(await guess('right'), 30)
    assert.equal(evaluated(), FREE_ATTEMPTS + 1)
  })

  it('RL-07 of a hundred at once no more than the limit are evaluated', async (t) => {
    const { guess, evaluated } = setUp(t)
    await Promise.all(Array.from({ length: 100 }, () => guess()))
    assert.equal(evaluated(), FREE_ATTEMPTS + 1)
  })

  it('RL-04 refused ones do not lengthen the owner’s wait', async (t) => {
    const { guess, wait } = setUp(t)
    for (let attempt = 0; attempt < 200; attempt++) await guess()
    wait(30)
    assert.equal(await guess('right'), 'right')
  })

  it('that fail for a reason of ours are none', async (t) => {
    const { limits } = setUp(t)
    const busy = () => limits.attempt('ada', () => Promise.reject(new LatchkeyError('server_busy')))
    for (let attempt = 0; attempt < 50; attempt++) await assert.rejects(busy, { code: 'server_busy' })
    assert.equal(await limits.attempt('ada', async () => true), true)
  })

  it('of others are not touched', async (t) => {
    const { guess } = setUp(t)
    for (let attempt = 0; attempt < 50; attempt++) await guess('wrong', 'ada')
    assert.equal(await guess('right', 'grace'), 'right')
  })
})

describe('requests of one address', () => {
  it('RL-02 are refused once their budget is spent, with the wait; others go on', async (t) => {
    const { limits, events } = setUp(t)
    for (let request = 0; request < 60; request++) await limits.admit('login', () => '192.0.2.1')
    await assert.rejects(
      limits.admit('login', () => '192.0.2.1'),
      { code: 'rate_limited', facts: { retryAfter: 900 } },
    )
    await limits.admit('login', () => '192.0.2.2')
    await limits.admit('signup', () => '192.0.2.1')
    assert.deepEqual(events, [{ type: 'rate_limited', action: 'login' }])
  })

  it('that turned out to be no guesses are given back', async (t) => {
    const { limits } = setUp(t)
    for (let login = 0; login < 400; login++) {
      await limits.admit('login', () => '192.0.2.1')
      await limits.refundLogin(() => '192.0.2.1')
    }
  })
})

it('limits that are off refuse nothing', async () => {
  const limits = new Limits(false, () => {})
  for (let request = 0; request < 200; request++) {
    await limits.admit('login', () => '192.0.2.1')
    assert.equal(await limits.attempt('ada', async () => false), false)
  }
})

/** `guess` answers what the caller sees: right, wrong, or the seconds to wait. */
function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1_800_000_000_000 })
  const events: LatchkeyEvent[] = []
  const limits = new Limits(true, (event) => events.push(event))
  let evaluated = 0
  const guess = async (password = 'wrong', account = 'ada') => {
    const check = async () => {
      evaluated++
      return password === 'right'
    }
    try {
      return (await limits.attempt(account, check)) ? 'right' : 'wrong'
    } catch (error) {
      assert.ok(error instanceof LatchkeyError && error.code === 'rate_limited')
      return error.facts.retryAfter
    }
  }
  return {
    limits,
    events,
    guess,
    evaluated: () => evaluated,
    wait: (seconds: number) => t.mock.timers.tick(seconds * SECOND),
  }
}
