import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  DELIVERIES,
  type Decision,
  decide,
  isLive,
  type PresentedToken,
  REVOKED_REASONS,
  RULES,
  type SessionRow,
  sincePromotion,
} from './rotation.ts'

const H = 60_000
const NOW = 1_800_000_000_000

/** A session that has turned five times, the last time a minute ago. */
const ROW: SessionRow = {
  sid: 'session',
  subject: 'owner',
  keyHash: 'digest',
  gen: 5,
  jti: 'five',
  promotedAt: NOW - H,
  createdAt: NOW - 10 * H,
  expiresAt: NOW + 10 * H,
  revokedAt: null,
  revokedReason: null,
  delivery: 'cookie',
  scope: null,
  amr: ['pwd'],
  device: { userAgent: null },
}

/** The successor that this promotion was answered with. */
const SUCCESSOR: PresentedToken = {
  sid: 'session',
  subject: 'owner',
  keyHash: 'digest',
  gen: 6,
  jti: 'six',
  issuedAt: NOW - H,
  arrivedIn: 'cookie',
}
const FIRST = { ...SUCCESSOR, gen: 1, jti: 'one', issuedAt: NOW }
const PROMOTED = { ...SUCCESSOR, gen: 5, jti: 'five' }
const NEW_ROW: SessionRow = { ...ROW, gen: 0, jti: null, promotedAt: NOW, createdAt: NOW }

describe('the table', () => {
  const rows: Record<string, readonly [Decision, SessionRow | null, PresentedToken, number?]> = {
    '1: no row': ['invalid', null, SUCCESSOR],
    '1: the key of another session': ['invalid', ROW, { ...SUCCESSOR, keyHash: 'other' }],
    '1: another subject': ['invalid', ROW, { ...SUCCESSOR, subject: 'mallory' }],
    '1: another session': ['invalid', ROW, { ...SUCCESSOR, sid: 'other' }],
    '1: cookie delivery, in a body': ['invalid', ROW, { ...SUCCESSOR, arrivedIn: 'body' }],
    '1: cookies delivery, in a body': ['invalid', { ...ROW, delivery: 'cookies' }, { ...SUCCESSOR, arrivedIn: 'body' }],
    '1: body delivery, in a cookie': ['invalid', { ...ROW, delivery: 'body' }, SUCCESSOR],
    '1 before 2: a stranger does not learn that a session was revoked': [
      'invalid',
      { ...ROW, revokedAt: NOW },
      { ...SUCCESSOR, keyHash: 'other' },
    ],
    '2: revoked': ['revoked', { ...ROW, revokedAt: NOW, revokedReason: 'signed_out' }, SUCCESSOR],
    '2: revoked at time zero': ['revoked', { ...ROW, revokedAt: 0, revokedReason: 'revoked' }, SUCCESSOR],
    '2 before 3: revoked, and past its limit': ['revoked', { ...ROW, revokedAt: NOW, expiresAt: NOW }, SUCCESSOR],
    '2 before 7: a superseded token of a revoked session': ['revoked', { ...ROW, revokedAt: NOW }, FIRST],
    '3: exactly at its limit': ['expired', { ...ROW, expiresAt: NOW }, SUCCESSOR],
    '3: a millisecond before its limit is not expired': ['turn', { ...ROW, expiresAt: NOW + 1 }, SUCCESSOR],
    '3 before 7: a superseded token of an expired session': ['expired', { ...ROW, expiresAt: NOW }, FIRST],
    '4: just issued': ['hold', ROW, { ...SUCCESSOR, issuedAt: NOW }],
    '4: issued a millisecond less than H ago': ['hold', ROW, { ...SUCCESSOR, issuedAt: NOW - H + 1 }],
    '4: issued after now, because the clock went back': ['hold', ROW, { ...SUCCESSOR, issuedAt: NOW + 5 * H }],
    '4: just issued, long after the promotion': [
      'hold',
      { ...ROW, promotedAt: NOW - 9 * H },
      { ...SUCCESSOR, issuedAt: NOW },
    ],
    '4: just issued, two generations on, because the store lost a promotion': [
      'hold',
      ROW,
      { ...SUCCESSOR, gen: 7, issuedAt: NOW },
    ],
    '4: just issued, because the store lost the first promotion': ['hold', NEW_ROW, { ...FIRST, gen: 2 }],
    '5: issued exactly H ago': ['turn', ROW, SUCCESSOR],
    '5: the session’s first refresh turns at once': ['turn', NEW_ROW, FIRST],
    '5: several generations on': ['turn', ROW, { ...SUCCESSOR, gen: 9 }],
    '5: turnEvery 0 holds nothing': ['turn', ROW, { ...SUCCESSOR, issuedAt: NOW }, 0],
    '5: turnEvery 0 holds nothing when the clock went back': ['turn', ROW, { ...SUCCESSOR, issuedAt: NOW + H }, 0],
    '5: body delivery, in a body': ['turn', { ...ROW, delivery: 'body' }, { ...SUCCESSOR, arrivedIn: 'body' }],
    '6: the promoted token again': ['replay', ROW, PROMOTED],
    '6: the promoted token again, however late': ['replay', { ...ROW, promotedAt: NOW - 9 * H }, PROMOTED],
    '6: the first token again': ['replay', { ...NEW_ROW, gen: 1, jti: 'one' }, FIRST],
    '7: a sibling of the promoted token': ['reuse', ROW, { ...PROMOTED, jti: 'sibling' }],
    '7: a sibling just issued': ['reuse', ROW, { ...PROMOTED, jti: 'sibling', issuedAt: NOW }],
    '7: the generation before': ['reuse', ROW, { ...PROMOTED, gen: 4, jti: 'four' }],
    '7: the generation before, within H of the promotion': [
      'reuse',
      { ...ROW, promotedAt: NOW },
      { ...PROMOTED, gen: 4 },
    ],
    '7: the first token, generations later': ['reuse', ROW, FIRST],
    '7: an older generation with the promoted jti': ['reuse', ROW, { ...PROMOTED, gen: 4 }],
  }
  for (const [name, [decision, row, token, turnEvery = H]] of Object.entries(rows)) {
    it(`${name} → ${decision}`, () => assert.equal(decide(row, token, NOW, turnEvery), decision))
  }

  it('ends the session when no rule holds', () => assert.equal(decide(ROW, SUCCESSOR, NOW, H, []), 'reuse'))
})

describe('any row, any token, any time', () => {
  const time = fc
    .oneof(fc.integer({ min: -2 * H, max: 2 * H }), fc.integer({ min: -(2 ** 40), max: 2 ** 40 }))
    .map((t) => NOW + t)
  const generation = fc.nat({ max: 3 })
  const id = fc.constantFrom('a', 'b')
  const identity = { sid: id, subject: id, keyHash: id, gen: generation }
  const undecisive = {
    promotedAt: time,
    createdAt: time,
    revokedReason: fc.constantFrom(null, ...REVOKED_REASONS),
    scope: fc.option(fc.string()),
    amr: fc.array(fc.string()),
    device: fc.record({ userAgent: fc.option(fc.string()) }),
  }
  const row = fc.record({
    ...identity,
    ...undecisive,
    jti: fc.option(id),
    expiresAt: time,
    revokedAt: fc.option(time),
    delivery: fc.constantFrom(...DELIVERIES),
  })
  const token = fc.record<PresentedToken>({
    ...identity,
    jti: id,
    issuedAt: time,
    arrivedIn: fc.constantFrom('cookie', 'body'),
  })
  const turnEvery = fc.constantFrom(0, 1, H, 15 * H)

  it('is decided by the first rule that holds, and one always does', () => {
    fc.assert(
      fc.property(row, token, time, turnEvery, (r, t, now, h) => {
        assert.equal(decide(r, t, now, h), RULES.find(({ holds }) => holds(r, t, now, h))?.decision)
      }),
    )
  })

  it('is decided by nothing but identity, delivery, generation, jti, the ends of the session and the token’s age', () => {
    fc.assert(
      fc.property(row, fc.record(undecisive), token, time, turnEvery, fc.integer(), (r, other, t, now, h, later) => {
        const shifted = {
          ...r,
          ...other,
          expiresAt: r.expiresAt + later,
          revokedAt: r.revokedAt === null ? null : r.revokedAt + 1,
        }
        assert.equal(decide(shifted, { ...t, issuedAt: t.issuedAt + later }, now + later, h), decide(r, t, now, h))
      }),
    )
  })

  it('never yields for a superseded token, whatever the time', () => {
    fc.assert(
      fc.property(row, token, time, turnEvery, (r, t, now, h) => {
        fc.pre(t.gen < r.gen || (t.gen === r.gen && t.jti !== r.jti))
        assert.ok(['invalid', 'revoked', 'expired', 'reuse'].includes(decide(r, t, now, h)))
      }),
    )
  })

  it('never turns anything but a newer generation', () => {
    fc.assert(
      fc.property(row, token, time, turnEvery, (r, t, now, h) => {
        if (decide(r, t, now, h) === 'turn') assert.ok(t.gen > r.gen && r.revokedAt === null && now < r.expiresAt)
      }),
    )
  })
})

describe('times', () => {
  it('sincePromotion is the time since the promotion, and none when the clock went back', () => {
    assert.equal(sincePromotion(ROW, NOW), H)
    assert.equal(sincePromotion(ROW, NOW - H), 0)
    assert.equal(sincePromotion(ROW, NOW - 2 * H), 0)
  })

  it('isLive until it is revoked, reaches its limit, or twice the idle limit has passed since the promotion', () => {
    const idle = 2 * H
    assert.equal(isLive(ROW, NOW, idle), true)
    assert.equal(isLive({ ...ROW, revokedAt: NOW }, NOW, idle), false)
    assert.equal(isLive({ ...ROW, expiresAt: NOW + 1 }, NOW, idle), true)
    assert.equal(isLive({ ...ROW, expiresAt: NOW }, NOW, idle), false)
    assert.equal(isLive(ROW, ROW.promotedAt + 2 * idle - 1, idle), true)
    assert.equal(isLive(ROW, ROW.promotedAt + 2 * idle, idle), false)
  })
})
