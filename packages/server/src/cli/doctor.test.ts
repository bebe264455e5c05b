import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { readSettings } from '../config/read-settings.ts'
import { examine, type Finding } from './doctor.ts'
import { ISSUER, runHere, SECRET, setUpBench } from './testing/run-cli.ts'

const DAY = 86_400_000
const SOUND = { NODE_ENV: 'production', LATCHKEY_ISSUER: ISSUER, LATCHKEY_SECRET: SECRET }

async function setUp(t: TestContext) {
  const bench = setUpBench(t)
  chmodSync(bench.folder, 0o700)
  await (await bench.serve()).close()
  const url = `sqlite:${bench.file}`
  /** What is found with the settings of a sound server, but for these. */
  const look = async (env: Readonly<Record<string, string>> = {}, now = Date.now()) => {
    const all = { ...SOUND, LATCHKEY_STORE: url, ...env }
    const settings = readSettings({ env: all })
    const file = settings.store === 'sqlite::memory:' ? undefined : settings.store.slice('sqlite:'.length)
    return examine({ settings, env: all, file, now })
  }
  return { ...bench, look }
}

function levelOf(findings: readonly Finding[], about: string): string | undefined {
  const levels = findings.filter((finding) => finding.about === about).map(({ level }) => level)
  return (['error', 'warn', 'ok'] as const).find((level) => levels.includes(level))
}

describe('doctor', () => {
  it('finds no error in a sound server, and says what it looked at', async (t) => {
    const { look } = await setUp(t)
    const findings = await look()
    assert.deepEqual(
      findings.filter(({ level, about }) => level !== 'ok' && about !== 'disk').map(({ about }) => about),
      ['LATCHKEY_STORE'],
      JSON.stringify(findings),
    )
    for (const { level, mend } of findings) assert.equal(mend === null, level === 'ok')
  })

  const faults: readonly (readonly [Record<string, string>, string, 'error' | 'warn'])[] = [
    [{ NODE_ENV: 'development' }, 'NODE_ENV', 'warn'],
    [{ LATCHKEY_ISSUER: '' }, 'LATCHKEY_ISSUER', 'error'],
    [{ LATCHKEY_ISSUER: 'http://localhost:4000/auth' }, 'LATCHKEY_ISSUER', 'error'],
    [{ LATCHKEY_SECRET: '' }, 'LATCHKEY_SECRET', 'error'],
    [{ LATCHKEY_STORE: 'sqlite::memory:' }, 'LATCHKEY_STORE', 'error'],
    [{ LATCHKEY_ACCESS_TTL: '16m' }, 'LATCHKEY_ACCESS_TTL', 'warn'],
    [{ LATCHKEY_ABSOLUTE_TTL: '31d' }, 'LATCHKEY_ABSOLUTE_TTL', 'warn'],
    [{ LATCHKEY_TURN_EVERY: '0s' }, 'LATCHKEY_TURN_EVERY', 'warn'],
    [{ LATCHKEY_TURN_EVERY: '10m' }, 'LATCHKEY_TURN_EVERY', 'warn'],
    [{ LATCHKEY_PASSWORD_MIN: '14' }, 'LATCHKEY_PASSWORD_MIN', 'warn'],
    [{ LATCHKEY_RATE_LIMITS: 'off' }, 'LATCHKEY_RATE_LIMITS', 'warn'],
    [{ LATCHKEY_ALLOWED_ORIGINS: 'http://app.example.com' }, 'LATCHKEY_ALLOWED_ORIGINS', 'warn'],
    [{ LATCHKEY_ALG: 'EdDSA' }, 'keys', 'warn'],
    [{ LATCHKEY_SECRET: 'T4hK9vRz1yWnC6uXe0SjLq3oMb8iFgD5' }, 'keys', 'error'],
    [{ LATCHKEY_STORE: 'sqlite:/nowhere/latchkey.db' }, 'schema', 'warn'],
  ]
  for (const [env, about, level] of faults) {
    it(`calls ${JSON.stringify(env).replaceAll(/"[^"]{30,}"/g, '"…"')} ${level === 'error' ? 'an error' : 'a warning'}, and says how to mend it`, async (t) => {
      const { look } = await setUp(t)
      assert.equal(levelOf(await look(), about) === level, about === 'LATCHKEY_STORE' && level !== 'error')
      const findings = await look(env)
      assert.equal(levelOf(findings, about), level)
      assert.ok(findings.find((finding) => finding.about === about && finding.level === level)?.mend)
    })
  }

  it('leaves a proxy that it cannot see as a note, either way', async (t) => {
    const { look } = await setUp(t)
    const finding = (findings: readonly Finding[]) =>
      findings.find(({ about }) => about === 'LATCHKEY_TRUST_PROXY')?.finding ?? ''
    assert.match(finding(await look()), /believes no X-Forwarded-For/)
    assert.match(finding(await look({ LATCHKEY_TRUST_PROXY: '1' })), /can claim any address/)
    assert.match(finding(await look({ LATCHKEY_TRUST_PROXY: 'loopback' })), /can claim any address/)
  })

  it('finds files that others can read, and a folder that others can write to', async (t) => {
    const { look, file, folder } = await setUp(t)
    writeFileSync(`${file}.secret`, SECRET, { mode: 0o600 })
    assert.equal(levelOf(await look(), 'files'), 'ok')
    for (const path of [file, `${file}.secret`]) {
      chmodSync(path, 0o640)
      const finding = (await look()).find(({ about, level }) => about === 'files' && level === 'error')
      assert.deepEqual([finding?.finding, finding?.mend], [`${path} can be read by others`, `chmod 600 ${path}`])
      chmodSync(path, 0o600)
    }
    for (const [mode, level] of [
      [0o707, 'error'],
      [0o1777, 'ok'],
    ] as const) {
      chmodSync(folder, mode)
      assert.equal(levelOf(await look(), 'files'), level)
    }
  })

  it('finds a schema that is behind, or ahead', async (t) => {
    const { look, file } = await setUp(t)
    const db = new DatabaseSync(file)
    t.after(() => db.close())
    for (const [version, level] of [
      [1, 'warn'],
      [9999, 'error'],
    ] as const) {
      db.exec(`PRAGMA user_version = ${version}`)
      assert.equal(levelOf(await look(), 'schema'), level)
    }
  })

  it('finds signing keys that nobody rotates', async (t) => {
    const { look } = await setUp(t)
    assert.equal(levelOf(await look({}, Date.now() + 29 * DAY), 'keys'), 'ok')
    assert.equal(levelOf(await look({}, Date.now() + 31 * DAY), 'keys'), 'warn')
  })

  it('changes nothing: no database, no secret, no key is made', async (t) => {
    const { file } = setUpBench(t)
    await runHere(['doctor', '--store', `sqlite:${file}`], { env: { LATCHKEY_SECRET: '' } })
    assert.ok(!existsSync(file) && !existsSync(`${file}.secret`))
    const sound = await setUp(t)
    const before = readFileSync(sound.file)
    copyFileSync(sound.file, `${sound.file}.before`)
    await sound.look()
    assert.deepEqual(readFileSync(sound.file), before)
  })

  it('exits with 1 when there is an error, with 0 otherwise, and prints JSON lines when asked', async (t) => {
    const { store } = await setUp(t)
    const unsound = await runHere(['doctor', ...store])
    assert.equal(unsound.code, 1)
    assert.match(unsound.output, /^LEVEL +ABOUT +FINDING\nwarn +NODE_ENV +[^\n]*: set NODE_ENV=production\n/)
    assert.match(unsound.output, /\n1 error, \d+ warnings?\n$/)
    const sound = await runHere(['doctor', '--json', ...store], { env: SOUND })
    assert.equal(sound.code, 0)
    for (const line of sound.output.trimEnd().split('\n')) {
      assert.deepEqual(Object.keys(JSON.parse(line)), ['level', 'about', 'finding', 'mend'])
    }
    assert.ok(!sound.output.includes(SECRET) && !unsound.output.includes(SECRET))
    const flags = await runHere(['doctor', '--json', '--issuer', 'http://localhost/auth', ...store], { env: SOUND })
    assert.equal(flags.code, 1, 'a flag wins over the environment')
  })
})
