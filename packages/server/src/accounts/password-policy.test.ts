import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { createLatchkey } from '../latchkey.ts'
import { type PasswordContext, PasswordPolicy } from './password-policy.ts'

const ISSUER = 'https://login.parcelworks.example/auth'
const ADA: PasswordContext = { email: 'ada.lovelace@engines.example', username: 'countess' }

const policies = { 15: new PasswordPolicy(15, ISSUER), 8: new PasswordPolicy(8, ISSUER) }

describe('the length of a password', () => {
  const lengths: readonly (readonly [string, string, string])[] = [
    ['PW-01 14 characters', 'zqvkxwjpfmgbnd', 'validation_failed'],
    ['PW-01 15 characters', 'zqvkxwjpfmgbndt', 'taken'],
    ['PW-02 64 characters', 'zqvkxwjp'.repeat(8), 'taken'],
    ['PW-02 128 characters', 'zqvkxwjp'.repeat(16), 'taken'],
    ['PW-02 256 characters', 'zqvkxwjp'.repeat(32), 'taken'],
    ['PW-02 257 characters', `${'zqvkxwjp'.repeat(32)}x`, 'validation_failed'],
    ['PW-02 a megabyte', 'zqvkxwjp'.repeat(131_072), 'validation_failed'],
    ['PW-03 15 emoji', '🔑🐎🔋📎🦄🍉🎈🚲🌋🪁🧭🦔🥨🎲🛶', 'taken'],
    ['PW-03 256 emoji', '🔑🐎🔋📎'.repeat(64), 'taken'],
    ['PW-03 8 emoji, which are 16 code units', '🔑🐎🔋📎🦄🍉🎈🚲', 'validation_failed'],
    ['PW-03 14 emoji', '🔑🐎🔋📎🦄🍉🎈🚲🌋🪁🧭🦔🥨🎲', 'validation_failed'],
    ['PW-03 nothing', '', 'validation_failed'],
    ['PW-03 half of a surrogate pair', 'zqvkxwjpfmgbndt\ud800', 'validation_failed'],
  ]
  for (const [what, password, expected] of lengths) {
    it(`${what}: ${expected}`, () => {
      assert.equal(verdict(password), expected)
    })
  }

  it('PW-01 may be set to 8, and counts from there', () => {
    assert.equal(verdict('zqvkxwj', 8), 'validation_failed')
    assert.equal(verdict('zqvkxwjp', 8), 'taken')
    assert.equal(verdict('🔑🐎🔋📎🦄🍉🎈', 8), 'validation_failed')
    assert.equal(verdict('🔑🐎🔋📎🦄🍉🎈🚲', 8), 'taken')
  })

  it('PW-01 is 15 unless set, and cannot be set below 8', async () => {
    const options = { store: 'sqlite::memory:', accounts: false }
    const latchkey = await createLatchkey(options)
    assert.equal(latchkey.settings.passwordMin, 15)
    await latchkey.close()
    for (const passwordMin of ['7', '0', '-1', '7.5']) {
      await assert.rejects(createLatchkey({ ...options, passwordMin }), /a number from 8 to 64/)
    }
  })

  it('PW-01 is told as the reason, with where it stands', () => {
    const { errors } = refusalOf('short', 15, '/newPassword')
    assert.deepEqual(errors, [{ pointer: '/newPassword', detail: 'must have 15 to 256 characters' }])
    assert.deepEqual(refusalOf('short', 8).errors, [{ pointer: '/password', detail: 'must have 8 to 256 characters' }])
  })
})

describe('what a password is made of', () => {
  for (const [what, password] of Object.entries({
    'lower case alone': 'zqvkxwjpfmgbndt',
    'spaces between words': 'correct horse battery staple',
    'space at both ends': '  zqvkxwjpfmgbndt  ',
    'every printing ASCII character': Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join(''),
    'digits alone': '820519473366209158',
    'another script': 'ぬるぽがっぬるぽがっぬるぽがっ',
    'a NUL and other control characters': 'zqvkxwj\0\t\n\u007fpfmgbndt',
  })) {
    it(`PW-03 PW-04 follows no rule: ${what}`, () => {
      assert.equal(verdict(password), 'taken')
    })
  }
})

describe('a common password', () => {
  for (const [minimum, files] of [
    [15, ['from-15-characters.txt']],
    [8, ['from-8-to-14-characters.txt', 'from-15-characters.txt']],
  ] as const) {
    it(`PW-07 is refused with a minimum of ${minimum}: the first 3000 of legal length, in any case`, () => {
      for (const file of files) {
        const top = readFileSync(new URL(`../../blocklist/${file}`, import.meta.url), 'utf8')
          .split('\n')
          .slice(0, 3000)
        assert.ok(top.every((password) => Array.from(password).length >= 8))
        for (const password of top) {
          assert.equal(verdict(password, minimum), 'password_too_common', password)
          assert.equal(verdict(password.toUpperCase(), minimum), 'password_too_common', password)
        }
      }
    })
  }

  it('PW-07 is too short before it is common, and the shorter list does not count against a minimum of 15', () => {
    assert.equal(verdict('password1', 15), 'validation_failed')
    assert.equal(verdict('password1', 8), 'password_too_common')
  })

  it('PW-07 within a passphrase makes that no worse', () => {
    for (const passphrase of [
      'my password is not iloveyou',
      'qwertyuiop said the typewriter',
      'xq password kz',
      '123456789 elephants',
    ]) {
      assert.equal(verdict(passphrase), passphrase.length < 15 ? 'validation_failed' : 'taken', passphrase)
    }
  })

  it('PW-07 is told as the reason, with where it stands, and is not repeated', () => {
    const { errors } = refusalOf('passwordpassword', 15, '/newPassword')
    assert.deepEqual(errors, [{ pointer: '/newPassword', detail: 'is among the first that everybody tries' }])
  })
})

describe('a password made of whose it is, or what for', () => {
  const words = {
    'the service’s host': 'login.parcelworks.example',
    'a part of the service’s host': 'parcelworks',
    'the e-mail address': 'ada.lovelace@engines.example',
    'the e-mail’s local part': 'ada.lovelace',
    'a word of it': 'lovelace',
    'a short word of it': 'ada',
    'the e-mail’s domain': 'engines.example',
    'a word of that': 'engines',
    'the username': 'countess',
    'the product’s name': 'latchkey',
    'the word password': 'password',
  }
  for (const [what, word] of Object.entries(words)) {
    it(`PW-07 is refused: ${what}, alone, repeated, with digits and signs, in any case`, () => {
      for (const password of [
        word.padEnd(15, '1'),
        word.padStart(15, '2026!'),
        word.repeat(Math.ceil(15 / word.length)),
        Array(8).fill(word).join(' '),
        `!!${word}--${word}_${word}#2026#${word}`,
        word.toUpperCase().padEnd(15, '!'),
      ]) {
        assert.equal(verdict(password), 'password_too_common', password)
      }
    })

    it(`PW-07 is taken with other words beside: ${what}`, () => {
      assert.equal(verdict(`why is ${word} in here`), 'taken')
      assert.equal(verdict(`${word} zqvkxwjpfmgb`), 'taken')
    })
  }

  it('PW-07 is refused when it puts several of these together', () => {
    for (const password of [
      'latchkeypassword',
      'LovelaceParcelworks',
      'ada.lovelace-latchkey-1815',
      'enginesexamplecountess',
    ]) {
      assert.equal(verdict(password), 'password_too_common', password)
    }
  })

  it('PW-07 is refused when it is an address at the service’s own domain, however short its local part', () => {
    const email = 'al@parcelworks.example'
    assert.equal(verdict(email, 15, { email }), 'password_too_common')
  })

  it('PW-07 is taken from anybody else', () => {
    assert.equal(verdict('lovelace-countess-1815', 15, {}), 'taken')
    assert.equal(verdict('lovelace-countess-1815', 15, { email: null, username: 'grace' }), 'taken')
  })

  it('PW-07 takes names for text, never for patterns, and one letter for no word', () => {
    assert.equal(verdict('zqvkxwjpfmgbndt', 15, { email: '.*@a.b', username: '[a-z]+' }), 'taken')
    assert.equal(verdict('$&$&$&$&$&$&$&$&', 15, { username: '$&$&' }), 'password_too_common')
    assert.equal(verdict('820519473366209158', 15, { email: 'a@b.c', username: 'x' }), 'taken')
  })
})

it('checking a password is cheap: ten thousand take less than half a second of processor time, also of the longest', () => {
  for (const password of ['correct horse battery staple', 'ada.lovelace '.repeat(19), '🔑'.repeat(256)]) {
    const begun = process.cpuUsage()
    for (let check = 0; check < 10_000; check++) verdict(password)
    const took = process.cpuUsage(begun).user / 1000
    assert.ok(took < 500, `${password.slice(0, 5)}… took ${took} ms`)
  }
})

function verdict(password: string, minimum: 8 | 15 = 15, context = ADA): string {
  try {
    policies[minimum].check(password, context)
    return 'taken'
  } catch (error) {
    if (error instanceof LatchkeyError) return error.code
    throw error
  }
}

function refusalOf(password: string, minimum: 8 | 15, pointer?: string) {
  try {
    policies[minimum].check(password, ADA, pointer)
  } catch (error) {
    if (error instanceof LatchkeyError) return error.facts
  }
  return assert.fail(`${password} was taken`)
}
