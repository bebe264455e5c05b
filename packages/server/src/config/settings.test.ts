import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { flagOf, SETTINGS, type Setting, type SettingName } from './settings.ts'

const SECRET = 'q7Zr0xkQ3mV8nB5tYw2LhJ6dPf9sGcA1'
const OTHER_SECRET = 'T4hK9vRz1yWnC6uXe0SjLq3oMb8iFgD5'

/** What each setting reads as, text by text; `trustProxy` is a function and has its own test. */
const GOOD: Record<Exclude<SettingName, 'trustProxy'>, Readonly<Record<string, unknown>>> = {
  port: { '0': 0, '4000': 4000, '65535': 65_535 },
  store: {
    'sqlite:latchkey.db': 'sqlite:latchkey.db',
    'sqlite::memory:': 'sqlite::memory:',
    'sqlite:/a b/c': 'sqlite:/a b/c',
  },
  secret: { [SECRET]: [SECRET], [`${SECRET}, ${OTHER_SECRET}`]: [SECRET, OTHER_SECRET] },
  issuer: same(
    'https://app.example.com',
    'https://app.example.com/auth',
    'https://app.example.com:8443/a/b-c_d.e~f',
    'https://xn--bcher-kva.example/auth',
    'https://app.example.com/Auth',
    'https://192.0.2.1/auth',
    'http://localhost',
    'http://localhost:4000/auth',
    'http://127.0.0.1:4000/auth',
    'http://[::1]:4000/auth',
    `https://app.example.com/${'a'.repeat(231)}`,
  ),
  audience: same('https://api.example.com', 'urn:api', 'a', 'a'.repeat(255)),
  alg: same('ES256', 'EdDSA', 'RS256'),
  accessTtl: { '1s': 1000, '15m': 900_000, '1h': 3_600_000, '60m': 3_600_000 },
  idleTtl: { '1s': 1000, '7d': 604_800_000, '400d': 34_560_000_000 },
  absoluteTtl: { '1s': 1000, '30d': 2_592_000_000, '400d': 34_560_000_000 },
  turnEvery: { '0s': 0, '60s': 60_000, '15m': 900_000 },
  allowedOrigins: {
    '': [],
    'https://a.example': ['https://a.example'],
    'https://a.example, http://localhost:5173,': ['https://a.example', 'http://localhost:5173'],
  },
  passwordMin: { '8': 8, '15': 15, '64': 64 },
  maxSessions: { '1': 1, '100': 100, '10000': 10_000 },
  rateLimits: { on: true, off: false },
  logLevel: same('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  metricsToken: same('a'.repeat(16), 'aZ09-._~+/=aZ09-', 'a'.repeat(256)),
}

const BAD_NUMBERS = ['', '-1', '1.5', '0x10', '1e2', ' 15', 'fifteen', '９']
const BAD_DURATIONS = ['', '15', '15 m', '-1s', '999ms', '401d', 'soon']

const BAD: Record<SettingName, readonly string[]> = {
  port: [...BAD_NUMBERS, '65536', '4000,4001'],
  store: ['', 'latchkey.db', 'sqlite:', 'SQLITE:a', 'postgres://a', 'sqlite:\n'],
  secret: ['', 'secret', SECRET.slice(1), 'a'.repeat(64), `${SECRET},`, `${SECRET},short`, 'your-256-bit-secret'],
  issuer: [
    '',
    'app.example.com',
    '//app.example.com/auth',
    'ftp://app.example.com',
    'javascript://app.example.com/%0aalert(1)',
    'http://app.example.com/auth',
    'http://localhost.example.com',
    'http://localhost@app.example.com',
    'http://127.0.0.1.example.com',
    'https://app.example.com/',
    'https://app.example.com/auth/',
    'https://app.example.com//auth',
    'https://app.example.com/auth?a=1',
    'https://app.example.com/auth?',
    'https://app.example.com/auth#a',
    'https://app.example.com/auth#',
    'https://user@app.example.com/auth',
    'https://user:password@app.example.com/auth',
    'https://:password@app.example.com/auth',
    'https://@app.example.com/auth',
    'HTTPS://app.example.com/auth',
    'https://App.example.com/auth',
    'https://app.example.com:443/auth',
    'http://localhost:80',
    'https://app.example.com/a/../auth',
    'https://app.example.com/./auth',
    'https://app.example.com/%61uth',
    'https://app.example.com/a b',
    'https://app.example.com\\auth',
    'https://bücher.example/auth',
    'https://127.1/auth',
    ' https://app.example.com/auth',
    'https://app.example.com/auth\n',
    `https://app.example.com/${'a'.repeat(232)}`,
  ],
  audience: ['', 'a'.repeat(256)],
  alg: ['', 'none', 'HS256', 'es256', 'ES384', 'Ed25519', '__proto__'],
  accessTtl: [...BAD_DURATIONS, '0s', '61m', '2h'],
  idleTtl: [...BAD_DURATIONS, '0s'],
  absoluteTtl: [...BAD_DURATIONS, '0s'],
  turnEvery: ['', '60', '-1s', '16m', '1h'],
  allowedOrigins: [
    '*',
    'null',
    'a.example',
    'https://a.example/',
    'https://a.example/path',
    'https://A.example',
    'https://a.example:443',
    'https://*.example.com',
    'https://a.example,*',
    'https://user@a.example',
    'file:///',
  ],
  trustProxy: ['', '11', '-1', '1.5', 'yes', 'true', '10.0.0.0/33', '10.0.0', '::1/129', 'loopback,nonsense', '300'],
  passwordMin: [...BAD_NUMBERS, '0', '7', '65'],
  maxSessions: [...BAD_NUMBERS, '0', '10001'],
  rateLimits: ['', 'true', 'false', 'yes', 'ON', '1', '__proto__', 'constructor', 'toString'],
  logLevel: ['', 'verbose', 'INFO', '__proto__'],
  metricsToken: ['', 'a'.repeat(15), 'a'.repeat(257), 'aaaaaaaa aaaaaaaa', 'aaaaaaaaaaaaaaaa\n', 'aaaaaaaaaaaaaaaä'],
}

for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
  describe(`the setting ${name}`, () => {
    it('has a default that it allows itself', () => {
      if (setting.default === null) assert.ok(setting.defaultMeaning)
      else assert.notEqual(setting.parse(setting.default), undefined)
    })

    for (const [text, value] of Object.entries(GOOD[name as keyof typeof GOOD] ?? {})) {
      it(`takes ${show(text)}`, () => assert.deepEqual(setting.parse(text), value))
    }

    for (const text of BAD[name as SettingName]) {
      it(`refuses ${show(text)}`, () => assert.equal(setting.parse(text), undefined))
    }
  })
}

describe('the settings', () => {
  it('each have a name of their own in the environment and on the command line', () => {
    const names = Object.keys(SETTINGS)
    assert.equal(new Set(Object.values(SETTINGS).map(({ env }) => env)).size, names.length)
    assert.equal(new Set(names.map(flagOf)).size, names.length)
    for (const { env } of Object.values(SETTINGS)) assert.match(env, /^(LATCHKEY_[A-Z_]+|PORT)$/)
    assert.equal(flagOf('accessTtl'), 'access-ttl')
  })
})

describe('the setting trustProxy', () => {
  const proxies: Record<string, Readonly<Record<string, readonly boolean[]>>> = {
    '0': { '127.0.0.1': [false, false] },
    '2': { '203.0.113.1': [true, true, false] },
    loopback: { '127.0.0.1': [true, true], '::1': [true], '10.0.0.1': [false] },
    '10.0.0.0/8, 2001:db8::/32': { '10.1.2.3': [true, true], '2001:db8::1': [true], '11.0.0.1': [false] },
  }
  for (const [text, addresses] of Object.entries(proxies)) {
    it(`takes ${show(text)}`, () => {
      const trusts = SETTINGS.trustProxy.parse(text)
      for (const [address, hops] of Object.entries(addresses)) {
        assert.deepEqual(
          hops.map((_, hop) => trusts?.(address, hop)),
          hops,
        )
      }
    })
  }
})

function same(...texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => [text, text]))
}

function show(text: string): string {
  return text.length > 60 ? `${text.slice(0, 30)}… (${text.length} characters)` : JSON.stringify(text)
}
