import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { formatDuration, parseDuration } from '../config/durations.ts'
import { isSettingName, SETTINGS, type SettingName, type Settings } from '../config/settings.ts'
import { KEY_RELOAD_INTERVAL, ROTATE_KEYS_EVERY } from '../keys/key-ring.ts'
import { deriveKeys } from '../keys/secret.ts'
import { opens } from '../keys/signing-key.ts'
import { openStore, schemaOf, storeFile } from '../stores/open-store.ts'
import type { StoredKey } from '../stores/store.ts'
import { command, JSON_OPTION } from './command.ts'
import { count, say, sayJson, table } from './output.ts'

/** `error`: unsafe in production. `warn`: unsafe unless there is a reason for it. `ok`: looked at, and fine. */
export interface Finding {
  readonly level: 'error' | 'warn' | 'ok'
  /** The setting or thing it is about. */
  readonly about: string
  readonly finding: string
  /** How to mend it; null when there is nothing to mend. */
  readonly mend: string | null
}

/** What is looked at. Nothing in it is changed. */
export interface Patient {
  readonly settings: Settings
  readonly env: Readonly<Record<string, string | undefined>>
  /** undefined for a store in memory. */
  readonly file: string | undefined
  readonly now: number
}

type Check = (patient: Patient) => Finding | readonly Finding[] | Promise<readonly Finding[]>

const CHECKS: readonly Check[] = [
  checkEnvironment,
  checkIssuer,
  checkOrigins,
  checkSecret,
  checkAccessTtl,
  checkAbsoluteTtl,
  checkTurnEvery,
  checkPasswordMin,
  checkRateLimits,
  checkTrustProxy,
  checkStore,
  checkFiles,
  checkDisk,
  checkSchemaAndKeys,
]

export const doctor = command({
  name: 'doctor',
  summary: 'Names each thing that is unsafe in production, and how to mend it. Changes nothing.',
  details:
    'Give it the settings that the server has. The exit code is 1 when an error is found; warnings may be meant.',
  options: { json: JSON_OPTION },
  settings: Object.keys(SETTINGS).filter(isSettingName),
  run: async ({ options, settings, terminal }) => {
    const patient = { settings, env: terminal.env, file: storeFile(settings.store), now: Date.now() }
    const findings = await examine(patient)
    const number = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
    if (options.json) for (const finding of findings) sayJson(terminal, finding)
    else {
      say(terminal, table(['LEVEL', 'ABOUT', 'FINDING'], findings.map(toRow)))
      say(terminal, `\n${count(number('error'), 'error')}, ${count(number('warn'), 'warning')}`)
    }
    return number('error') > 0 ? 1 : 0
  },
})

export async function examine(patient: Patient): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const check of CHECKS) findings.push(...[await check(patient)].flat())
  return findings
}

function toRow({ level, about, finding, mend }: Finding): readonly string[] {
  return [level, about, mend === null ? finding : `${finding}: ${mend}`]
}

function error(about: string, finding: string, mend: string): Finding {
  return { level: 'error', about, finding, mend }
}

function warn(about: string, finding: string, mend: string): Finding {
  return { level: 'warn', about, finding, mend }
}

function ok(about: string, finding: string): Finding {
  return { level: 'ok', about, finding, mend: null }
}

function nameOf(setting: SettingName): string {
  return SETTINGS[setting].env
}

function checkEnvironment({ env }: Patient): Finding {
  if (env.NODE_ENV === 'production') return ok('NODE_ENV', 'is production')
  return warn('NODE_ENV', 'is not production, so defaults for development are allowed', 'set NODE_ENV=production')
}

function checkIssuer({ settings: { issuer } }: Patient): Finding {
  const mend = 'set it to the URL that clients see, as https://app.example.com/auth'
  if (issuer === undefined) return error(nameOf('issuer'), 'is not given, so it is a localhost URL', mend)
  if (issuer.startsWith('http:'))
    return error(nameOf('issuer'), 'is http: cookies and tokens travel in the clear', mend)
  return ok(nameOf('issuer'), issuer)
}

function checkOrigins({ settings: { allowedOrigins } }: Patient): Finding {
  const insecure = allowedOrigins.filter((origin) => origin.startsWith('http:'))
  if (insecure.length === 0)
    return ok(nameOf('allowedOrigins'), `${count(allowedOrigins.length, 'origin')}, none of them http`)
  return warn(
    nameOf('allowedOrigins'),
    `allows ${insecure.join(' ')}: anybody on the way can act in such a page`,
    'allow https origins only',
  )
}

function checkSecret({ settings, file }: Patient): Finding {
  if (settings.secret !== undefined) return ok(nameOf('secret'), `${count(settings.secret.length, 'secret')} given`)
  const mend = `set ${nameOf('secret')}, from the secret file if there is one (\`openssl rand -base64 48\` makes one)`
  const finding =
    file === undefined
      ? 'is not given: every start makes another, and all sessions end'
      : 'is not given: a file beside the database has it, so whoever copies the folder has both'
  return error(nameOf('secret'), finding, mend)
}

function atMost(setting: 'accessTtl' | 'absoluteTtl', limit: string, risk: string): Check {
  return ({ settings }) => {
    const value = formatDuration(settings[setting])
    if (settings[setting] <= (parseDuration(limit) ?? 0)) return ok(nameOf(setting), value)
    return warn(nameOf(setting), `is ${value}: ${risk}`, `set ${limit} or less`)
  }
}

function checkAccessTtl(patient: Patient) {
  return atMost('accessTtl', '15m', 'an access token that leaks is good for that long')(patient)
}

function checkAbsoluteTtl(patient: Patient) {
  return atMost('absoluteTtl', '30d', 'a session lives that long without a new sign-in')(patient)
}

const LONG_TURN = 300_000

function checkTurnEvery({ settings: { turnEvery } }: Patient): Finding {
  const name = nameOf('turnEvery')
  if (turnEvery === 0) {
    return warn(name, 'is 0s: an answer that arrives late can sign an honest person out', 'set 60s')
  }
  if (turnEvery > LONG_TURN) {
    return warn(name, `is ${formatDuration(turnEvery)}: a stolen refresh token shows itself that much later`, 'set 60s')
  }
  return ok(name, formatDuration(turnEvery))
}

function checkPasswordMin({ settings: { passwordMin } }: Patient): Finding {
  if (passwordMin >= 15) return ok(nameOf('passwordMin'), `${passwordMin} characters`)
  return warn(
    nameOf('passwordMin'),
    `is ${passwordMin}: short passwords are guessed once the hashes leak`,
    'set 15 (NIST SP 800-63B-4)',
  )
}

function checkRateLimits({ settings: { rateLimits } }: Patient): Finding {
  if (rateLimits) return ok(nameOf('rateLimits'), 'on')
  return warn(
    nameOf('rateLimits'),
    'is off: passwords can be tried without end',
    'set on, unless something in front limits logins',
  )
}

/** Whether there is a proxy cannot be known from here. */
function checkTrustProxy({ settings: { trustProxy } }: Patient): Finding {
  const trustsNobody = !trustProxy('192.0.2.1', 0) && !trustProxy('127.0.0.1', 0) && !trustProxy('10.0.0.1', 0)
  return ok(
    nameOf('trustProxy'),
    trustsNobody
      ? 'believes no X-Forwarded-For. Behind a proxy, all clients then count as one: name the proxy'
      : 'believes X-Forwarded-For. Without that proxy in front, clients can claim any address',
  )
}

function checkStore({ file, settings: { store } }: Patient): Finding {
  if (file === undefined) {
    return error(
      nameOf('store'),
      `${store} forgets everything when the server stops`,
      'name a file: sqlite:/var/lib/latchkey/latchkey.db',
    )
  }
  return warn(
    nameOf('store'),
    `${store} is one file on one machine`,
    'keep backups elsewhere, and run latchkey after-restore after restoring one',
  )
}

function checkFiles({ file }: Patient): readonly Finding[] {
  if (file === undefined || process.platform === 'win32') return []
  const files = ['', '-wal', '-shm', '.secret'].map((suffix) => file + suffix).filter((path) => existsSync(path))
  const open = files.filter((path) => (modeOf(path) & 0o077) !== 0)
  const folder = dirname(resolve(file))
  return [
    ...open.map((path) => error('files', `${path} can be read by others`, `chmod 600 ${path}`)),
    ...(existsSync(folder) && letsOthersReplace(modeOf(folder))
      ? [error('files', `others can replace files in ${folder}`, `chmod o-w ${folder}`)]
      : []),
    ...(open.length === 0 && files.length > 0
      ? [ok('files', `${files.join(' ')}: only their owner can read them`)]
      : []),
  ]
}

/** In a folder with the sticky bit, as /tmp, everybody makes files and nobody replaces another's. */
function letsOthersReplace(mode: number): boolean {
  return (mode & 0o002) !== 0 && (mode & 0o1000) === 0
}

function modeOf(path: string): number {
  return statSync(path).mode
}

const LITTLE_SPACE = 1024 ** 3
const NO_SPACE = 100 * 1024 ** 2

function checkDisk({ file }: Patient): readonly Finding[] {
  if (file === undefined) return []
  const folder = dirname(resolve(file))
  if (!existsSync(folder)) return []
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const finding = `${Math.floor(free / 1024 ** 2).toLocaleString('en-US')} MiB free in ${folder}`
  const mend = 'make room: a full disk refuses sign-ins and refreshes'
  if (free < NO_SPACE) return [error('disk', finding, mend)]
  return [free < LITTLE_SPACE ? warn('disk', finding, mend) : ok('disk', finding)]
}

async function checkSchemaAndKeys(patient: Patient): Promise<readonly Finding[]> {
  const { file, settings } = patient
  if (file === undefined) return []
  if (!existsSync(file))
    return [warn('schema', `there is no database ${file} yet`, 'run latchkey migrate, or look at --store')]
  const { current, latest } = schemaOf(settings.store)
  if (current > latest) return [error('schema', `is ${current}, this program knows ${latest}`, 'use a newer latchkey')]
  if (current < latest) return [warn('schema', `is ${current}, this program brings ${latest}`, 'run latchkey migrate')]
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch {
    return [error('files', `${file} cannot be written by this user`, 'run as the user that the server runs as')]
  }
  const store = openStore(settings.store)
  try {
    const { keys } = await store.keys.read()
    return [ok('schema', `${current}, up to date`), ...checkKeys(keys, patient.now, settings)]
  } finally {
    await store.close()
  }
}

/** A key rotates with the next look that a running server takes. */
const ROTATION_SLACK = 60 * KEY_RELOAD_INTERVAL

function checkKeys(keys: readonly StoredKey[], now: number, { secret, alg }: Settings): readonly Finding[] {
  const active = keys.find(({ state }) => state === 'active')
  if (active === undefined) return [ok('keys', 'none yet: the first start makes them')]
  const sealing = secret?.map((text) => deriveKeys(text).sealing)
  if (sealing !== undefined && !opens(active, sealing)) {
    return [
      error(
        'keys',
        `${nameOf('secret')} does not open them, so the server will not start`,
        'give the secret that sealed them too',
      ),
    ]
  }
  const age = now - active.since
  const days = Math.floor(age / 86_400_000)
  if (age > ROTATE_KEYS_EVERY + ROTATION_SLACK) {
    return [
      warn(
        'keys',
        `${active.kid} has signed for ${days} days: no server is running that would rotate it`,
        'run latchkey keys rotate',
      ),
    ]
  }
  if (active.alg !== alg) {
    return [
      warn(
        'keys',
        `${active.kid} is ${active.alg}, ${nameOf('alg')} is ${alg}`,
        'restart the servers with one algorithm',
      ),
    ]
  }
  return [ok('keys', `${active.kid} (${active.alg}) has signed for ${count(days, 'day')}`)]
}
