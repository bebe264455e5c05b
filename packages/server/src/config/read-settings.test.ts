import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigurationError, readSettings, type SettingSources } from './read-settings.ts'
import { flagOf, SETTINGS, type Setting } from './settings.ts'

const SECRET = 'q7Zr0xkQ3mV8nB5tYw2LhJ6dPf9sGcA1'

describe('reading the settings', () => {
  it('gives every setting its default when nobody says otherwise', () => {
    const settings = readSettings({})
    for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
      const value = Object.entries(settings).find(([key]) => key === name)?.[1]
      if (name !== 'trustProxy') {
        assert.deepEqual(value, setting.default === null ? undefined : setting.parse(setting.default), name)
      }
    }
    assert.equal(settings.trustProxy('127.0.0.1', 0), false)
  })

  const precedence: Record<string, readonly [SettingSources, number]> = {
    'the default, when there is nothing else': [{}, 900_000],
    'the environment before the default': [{ env: { LATCHKEY_ACCESS_TTL: '1m' } }, 60_000],
    'the default, when the variable is empty': [{ env: { LATCHKEY_ACCESS_TTL: '' } }, 900_000],
    'an option before the environment': [{ options: { accessTtl: '2m' }, env: { LATCHKEY_ACCESS_TTL: '1m' } }, 120_000],
    'the environment, when the option is undefined': [
      { options: { accessTtl: undefined }, env: { LATCHKEY_ACCESS_TTL: '1m' } },
      60_000,
    ],
    'a flag before all': [
      { flags: { 'access-ttl': '3m' }, options: { accessTtl: '2m' }, env: { LATCHKEY_ACCESS_TTL: '1m' } },
      180_000,
    ],
  }
  for (const [what, [sources, expected]] of Object.entries(precedence)) {
    it(`takes ${what}`, () => assert.equal(readSettings(sources).accessTtl, expected))
  }

  it('takes options as numbers, booleans and lists', () => {
    const options = {
      port: 0,
      passwordMin: 8,
      rateLimits: false,
      allowedOrigins: ['https://a.example', 'https://b.example'],
    }
    const { port, passwordMin, rateLimits, allowedOrigins } = readSettings({ options })
    assert.deepEqual({ port, passwordMin, rateLimits, allowedOrigins }, options)
    assert.equal(readSettings({ options: { rateLimits: true } }).rateLimits, true)
    assert.deepEqual(readSettings({ options: { secret: [SECRET, `${SECRET}!`] } }).secret, [SECRET, `${SECRET}!`])
  })

  it('does not take a secret from the command line, which every user of the machine can see', () => {
    assert.equal(readSettings({ flags: { secret: SECRET } }).secret, undefined)
  })
})

describe('a setting that is not allowed', () => {
  const isOneLine = (message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ConfigurationError)
    assert.match(error.message, message)
    return !error.message.includes('\n')
  }

  for (const [name, { env, allowed, secret }] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const value = '*no\nsuch value*'
    const sources: Record<string, SettingSources> = {
      [env]: { env: { [env]: value } },
      [name]: { options: { [name]: value } },
      ...(!secret && { [`--${flagOf(name)}`]: { flags: { [flagOf(name)]: value } } }),
    }
    for (const [from, source] of Object.entries(sources)) {
      it(`is named as it was given, ${from}, with what is allowed, in one line`, () => {
        if (name === 'audience') return // Any short text is good.
        const given = secret ? '' : ', not "*no\\nsuch value*"'
        assert.throws(
          () => readSettings(source),
          isOneLine(new RegExp(`^${literally(`${from} must be ${allowed}${given}`)}$`)),
        )
      })
    }
  }

  it('is never told when it is a secret (KY-06)', () => {
    for (const secret of ['hunter2', `${SECRET},hunter2`]) {
      for (const source of [{ env: { LATCHKEY_SECRET: secret } }, { options: { secret } }]) {
        assert.throws(
          () => readSettings(source),
          (error: Error) => !error.message.includes('hunter2') && !error.message.includes(SECRET),
        )
      }
    }
  })

  it('is told in part only when it is long', () => {
    assert.throws(
      () => readSettings({ env: { LATCHKEY_ALG: 'x'.repeat(10_000) } }),
      (error: Error) => error.message.length < 250,
    )
  })

  const together: Record<string, readonly [Record<string, string>, RegExp]> = {
    'an idle limit beyond the absolute one': [
      { idleTtl: '31d' },
      /^LATCHKEY_IDLE_TTL must not exceed LATCHKEY_ABSOLUTE_TTL$/,
    ],
    'an access token that outlives its session': [
      { accessTtl: '1h', idleTtl: '30m', absoluteTtl: '30m' },
      /^LATCHKEY_ACCESS_TTL must not exceed LATCHKEY_ABSOLUTE_TTL$/,
    ],
    'a hold so long that the token expires in it': [
      { turnEvery: '2m', idleTtl: '3m' },
      /^LATCHKEY_TURN_EVERY must not exceed half of LATCHKEY_IDLE_TTL$/,
    ],
  }
  for (const [what, [options, message]] of Object.entries(together)) {
    it(`is ${what}: each good by itself, but not together`, () => {
      assert.throws(() => readSettings({ options }), isOneLine(message))
    })
  }

  it('is none of these at the bounds', () => {
    readSettings({ options: { idleTtl: '30d' } })
    readSettings({ options: { accessTtl: '1h', idleTtl: '1h', absoluteTtl: '1h' } })
    readSettings({ options: { turnEvery: '2m', idleTtl: '4m' } })
  })
})

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
