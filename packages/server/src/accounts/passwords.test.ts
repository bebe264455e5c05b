import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { Passwords } from './passwords.ts'

const PASSWORD = 'correct horse battery staple'

describe('a password', async () => {
  const passwords = new Passwords()
  const stored = await passwords.hash(PASSWORD)

  it('PW-08 is kept as argon2id with 19 MiB, two passes and one lane, under a salt of its own', async () => {
    assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]{22}\$[^$]+$/)
    assert.notEqual(await passwords.hash(PASSWORD), stored)
  })

  const guesses: Record<string, readonly [string, boolean]> = {
    'as it was set': [PASSWORD, true],
    'in another case': [PASSWORD.toUpperCase(), false],
    'with a space before': [` ${PASSWORD}`, false],
    'with a space after': [`${PASSWORD} `, false],
    'without its last character': [PASSWORD.slice(0, -1), false],
    'cut at a NUL': [`${PASSWORD}\0`, false],
    'not at all': ['', false],
  }
  for (const [what, [guess, matches]] of Object.entries(guesses)) {
    it(`PW-05 given ${what} ${matches ? 'matches' : 'does not match'}`, async () => {
      assert.equal(await passwords.verify(stored, guess), matches)
    })
  }

  it('PW-05 counts whole: one that differs in its 73rd byte, or its 256th character, is another', async () => {
    for (const length of [73, 256]) {
      const long = '日'.repeat(length - 1)
      const hash = await passwords.hash(`${long}a`)
      assert.equal(await passwords.verify(hash, `${long}b`), false)
      assert.equal(await passwords.verify(hash, `${long}a`), true)
    }
  })

  it('PW-06 is the same however the keyboard composes it (NFC), and no more than that', async () => {
    const hash = await passwords.hash('Zoe\u0308 caf\u00e9')
    assert.equal(await passwords.verify(hash, 'Zo\u00eb cafe\u0301'), true)
    assert.equal(await passwords.verify(hash, 'Zoe cafe'), false)
    assert.equal(await passwords.verify(await passwords.hash('\ufb01ne'), 'fine'), false)
  })

  it('of an unknown account never matches', async () => {
    assert.equal(await passwords.verify(null, PASSWORD), false)
    assert.equal(await passwords.verify(null, ''), false)
  })
})

describe('hashing', () => {
  const works = {
    'setting a password': (passwords: Passwords) => passwords.hash(PASSWORD),
    'checking one': (passwords: Passwords) =>
      passwords.verify('$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAA', PASSWORD),
    'checking one of an unknown account': (passwords: Passwords) => passwords.verify(null, PASSWORD),
  }
  for (const [what, work] of Object.entries(works)) {
    it(`RL-08 takes a bounded number at once and in wait, ${what} included; more get server_busy`, async () => {
      for (const queue of [0, 2]) {
        const passwords = new Passwords({ concurrency: 1, queue })
        const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => work(passwords)))
        const busy = outcomes.filter(
          (outcome) =>
            outcome.status === 'rejected' &&
            outcome.reason instanceof LatchkeyError &&
            outcome.reason.code === 'server_busy' &&
            outcome.reason.facts.retryAfter === 2,
        )
        assert.equal(busy.length, 5 - 1 - queue)
        assert.equal(await passwords.verify(null, PASSWORD), false, 'and is free again afterwards')
      }
    })
  }
})
