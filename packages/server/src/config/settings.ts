/**
 * Every setting, once: where it comes from, what it may be, what it means. Options, environment and flags are read by
 * this table, and docs/configuration.md is made from it.
 */
import { isIP } from 'node:net'
import { SIGNATURE_ALGORITHMS } from '@latchkey/protocol/access-token'
import proxyAddr from 'proxy-addr'
import { secretFault } from '../keys/secret.ts'
import { formatDuration, parseDuration } from './durations.ts'

export interface Setting<Value> {
  readonly env: string
  /** As text, the way the environment gives it; null: see `defaultMeaning`. */
  readonly default: string | null
  readonly defaultMeaning?: string
  /** What is allowed, to follow "must be". */
  readonly allowed: string
  readonly description: string
  /** Never shown in an error or a log, and without a flag: the command line is there for every user of the machine to see. */
  readonly secret?: true
  /** Only for the standalone server: an app that embeds Latchkey listens and logs by itself. */
  readonly standalone?: true
  /** undefined when the text is not allowed. */
  readonly parse: (text: string) => Value | undefined
}

const MAX_COOKIE_LIFE = '400d'
const MAX_ISSUER_LENGTH = 255

/** What decides whether the address before this one in `X-Forwarded-For` is to be believed. */
export type TrustProxy = (address: string, hop: number) => boolean

export const SETTINGS = {
  port: setting({
    env: 'PORT',
    default: '4000',
    allowed: 'a port from 0 (any free one) to 65535',
    description: 'Where the server listens.',
    standalone: true,
    parse: (text) => wholeNumber(text, 0, 65_535),
  }),
  store: setting({
    env: 'LATCHKEY_STORE',
    default: 'sqlite:latchkey.db',
    allowed: '`sqlite:FILE` or `sqlite::memory:`',
    description: 'Where sessions, accounts and keys live.',
    parse: (text) => (/^sqlite:.+$/.test(text) ? text : undefined),
  }),
  secret: setting({
    env: 'LATCHKEY_SECRET',
    default: null,
    defaultMeaning:
      'a file `FILE.secret` (mode 0600) beside the SQLite file, made at the first start; none in production',
    allowed: 'one or more secrets separated by commas, each of 32 bytes or more, random and not a published example',
    description:
      'The server secret. The first makes tokens, all are accepted. To replace one, give every node `old,new`, then every node `new,old`, then, once `LATCHKEY_IDLE_TTL` has passed, `new` alone. Make one with `openssl rand -base64 48`.',
    secret: true,
    parse: parseSecrets,
  }),
  issuer: setting({
    env: 'LATCHKEY_ISSUER',
    default: null,
    defaultMeaning: '`http://localhost:PORT/auth`; in production it must be given',
    allowed: 'an https URL without query, fragment or final slash; http only for localhost',
    description: 'The `iss` of tokens and, as a URL, where the routes are: its path is the base they are mounted at.',
    parse: parseIssuer,
  }),
  audience: setting({
    env: 'LATCHKEY_AUDIENCE',
    default: null,
    defaultMeaning: 'the origin of the issuer',
    allowed: 'a non-empty name, usually the URL of your API',
    description: 'The `aud` of access tokens: the API that accepts them.',
    parse: (text) => (text === '' || text.length > 255 ? undefined : text),
  }),
  alg: setting({
    env: 'LATCHKEY_ALG',
    default: 'ES256',
    allowed: `one of ${SIGNATURE_ALGORITHMS.join(', ')}`,
    description:
      'How access tokens are signed. A change takes effect at once; older tokens stay good until they expire.',
    parse: (text) => SIGNATURE_ALGORITHMS.find((alg) => alg === text),
  }),
  accessTtl: duration('LATCHKEY_ACCESS_TTL', '15m', '1s', '1h', 'How long an access token lives.'),
  idleTtl: duration(
    'LATCHKEY_IDLE_TTL',
    '7d',
    '1s',
    MAX_COOKIE_LIFE,
    'How long a session lives without a refresh. Every refresh that turns starts it anew.',
  ),
  absoluteTtl: duration(
    'LATCHKEY_ABSOLUTE_TTL',
    '30d',
    '1s',
    MAX_COOKIE_LIFE,
    'How long a session lives at most, whatever is done with it.',
  ),
  turnEvery: duration(
    'LATCHKEY_TURN_EVERY',
    '60s',
    '0s',
    '15m',
    'A refresh token turns at most once in this time; refreshes in between get an access token only. `0s` turns at every use.',
  ),
  maxSessions: setting({
    env: 'LATCHKEY_MAX_SESSIONS',
    default: '100',
    allowed: 'a number from 1 to 10000',
    description: 'How many live sessions a user may have. One more ends the least recently used.',
    parse: (text) => wholeNumber(text, 1, 10_000),
  }),
  allowedOrigins: setting({
    env: 'LATCHKEY_ALLOWED_ORIGINS',
    default: '',
    allowed: 'origins as browsers send them (`https://app.example.com`), separated by commas',
    description: 'Other origins whose pages may call the routes with credentials. Exact matches only.',
    parse: parseOrigins,
  }),
  trustProxy: setting({
    env: 'LATCHKEY_TRUST_PROXY',
    default: '0',
    allowed:
      'the number of proxies in front (0 to 10), or their addresses (`loopback`, `10.0.0.0/8`) separated by commas',
    description: 'Whose `X-Forwarded-For` to believe when telling one client from another.',
    parse: parseTrustProxy,
  }),
  passwordMin: setting({
    env: 'LATCHKEY_PASSWORD_MIN',
    default: '15',
    allowed: 'a number from 8 to 64',
    description: 'The shortest password that can be set, in characters (NIST SP 800-63B-4 asks for 15).',
    parse: (text) => wholeNumber(text, 8, 64),
  }),
  rateLimits: setting({
    env: 'LATCHKEY_RATE_LIMITS',
    default: 'on',
    allowed: 'on or off',
    description: 'Limits per account, per address and overall. Turn them off only where something in front does it.',
    parse: (text) => (text === 'on' || text === 'off' ? text === 'on' : undefined),
  }),
  logLevel: setting({
    env: 'LATCHKEY_LOG_LEVEL',
    default: 'info',
    allowed: 'one of fatal, error, warn, info, debug, trace, silent',
    description: 'How much the server logs, as JSON lines on standard output.',
    standalone: true,
    parse: (text) => LOG_LEVELS.find((level) => level === text),
  }),
  metricsToken: setting({
    env: 'LATCHKEY_METRICS_TOKEN',
    default: null,
    defaultMeaning:
      'without a token, this machine alone can read them; in production nobody can, and nothing is counted',
    allowed: 'a random text of 16 to 256 letters, digits and `-._~+/=`',
    description: 'Who may read `/metrics`: who sends it as `Authorization: Bearer TOKEN`.',
    secret: true,
    standalone: true,
    parse: (text) => (/^[\w.~+/=-]{16,256}$/.test(text) ? text : undefined),
  }),
} as const

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export type SettingName = keyof typeof SETTINGS

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}

type ValueOf<Name extends SettingName> = Exclude<ReturnType<(typeof SETTINGS)[Name]['parse']>, undefined>

/** Settings as parsed. Durations are milliseconds. Those without a default stay undefined when nobody gave them. */
export type Settings = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name]['default'] extends null
    ? ValueOf<Name> | undefined
    : ValueOf<Name>
}

/** As an application gives a setting in code. */
export type SettingInput = string | number | boolean | readonly string[]

/** The setting's command-line flag: `accessTtl` is `--access-ttl`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function setting<const Definition extends Setting<unknown>>(definition: Definition): Definition {
  return definition
}

function duration<const Default extends string>(
  env: string,
  defaultText: Default,
  least: string,
  most: string,
  description: string,
) {
  const [low, high] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0]
  return setting({
    env,
    default: defaultText,
    allowed: `a duration such as 500ms, 10s, 15m or 7d, from ${formatDuration(low)} to ${formatDuration(high)}`,
    description,
    parse: (text: string) => {
      const value = parseDuration(text)
      return value !== null && value >= low && value <= high ? value : undefined
    },
  })
}

function wholeNumber(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? value : undefined
}

function parseSecrets(text: string): readonly string[] | undefined {
  const secrets = text.split(',').map((secret) => secret.trim())
  return secrets.every((secret) => secretFault(secret) === null) ? secrets : undefined
}

function parseIssuer(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, hostname, origin, pathname, username, password } = new URL(text)
  const isLocal = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLocal)
  const isBare = username === '' && password === ''
  // The spelling must be the URL's own: verifiers compare issuers as text (RFC 8414 §3.3).
  const path = pathname === '/' ? '' : pathname
  const isPlain = text === `${origin}${path}` && /^(?:\/[\w.~-]+)*$/.test(path)
  return isSafe && isPlain && isBare && text.length <= MAX_ISSUER_LENGTH ? text : undefined
}

function parseOrigins(text: string): readonly string[] | undefined {
  const origins = text
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '')
  // A star would be part of a host's name, and match nothing: whoever writes one expects more than there is.
  const isExact = (origin: string) => URL.canParse(origin) && new URL(origin).origin === origin && !origin.includes('*')
  return origins.every(isExact) ? origins : undefined
}

function parseTrustProxy(text: string): TrustProxy | undefined {
  const hops = wholeNumber(text, 0, 10)
  if (hops !== undefined) return (_address, hop) => hop < hops
  const addresses = text.split(',').map((address) => address.trim())
  // The library takes a bare `11` for the address 0.0.0.11; whoever writes that means eleven proxies.
  if (addresses.some((address) => /^\d/.test(address) && isIP(address.replace(/\/.*/, '')) === 0)) return undefined
  try {
    return proxyAddr.compile(addresses)
  } catch {
    return undefined
  }
}
