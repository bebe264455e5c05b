import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { deriveKeys, secretFault, secretFromFile } from './secret.ts'

const GOOD = 'q7Zr0xkQ3mV8nB5tYw2LhJ6dPf9sGcA1'

describe('a server secret (KY-01, KY-06)', () => {
  const cases: Record<string, readonly [string, string | null]> = {
    '32 random bytes': [GOOD, null],
    '32 bytes in fewer characters': ['ñandú-ñandú-ñandú-ñandú-12345', null],
    '31 bytes': [GOOD.slice(1), 'is shorter than 32 bytes'],
    nothing: ['', 'is shorter than 32 bytes'],
    'the word secret': ['secret', 'is shorter than 32 bytes'],
    'a tutorial’s': ['a-string-secret-at-least-256-bits-long', 'is a published example'],
    'a tutorial’s in capitals': ['A-STRING-SECRET-AT-LEAST-256-BITS-LONG', 'is a published example'],
    'this project’s placeholder': ['replace-this-with-48-random-bytes-in-base64url', 'is a published example'],
    'one character for ever': ['a'.repeat(64), 'repeats itself: it has fewer than 10 different characters'],
    'a word for ever': ['changeme'.repeat(8), 'repeats itself: it has fewer than 10 different characters'],
  }
  for (const [what, [secret, fault]] of Object.entries(cases)) {
    it(`of ${what} ${fault ?? 'is good'}`, () => assert.equal(secretFault(secret), fault))
  }

  it('gives each use a key of its own, always the same', () => {
    const bytes = (secret: string) => {
      const { refreshToken, sealing } = deriveKeys(secret)
      return [refreshToken.key, sealing].map((key) => key.export().toString('hex'))
    }
    const [a, b] = [bytes(GOOD), bytes(`${GOOD}!`)]
    assert.deepEqual(bytes(GOOD), a)
    assert.equal(new Set([...a, ...b]).size, 4)
    for (const key of a) assert.equal(key.length, 64)
    assert.notEqual(deriveKeys(GOOD).refreshToken.header, deriveKeys(`${GOOD}!`).refreshToken.header)
  })
})

describe('the secret file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-secret-'))
  after(() => rmSync(folder, { recursive: true }))
  let files = 0
  const fresh = () => {
    const own = join(folder, `${files++}`)
    mkdirSync(own)
    return join(own, 'db.secret')
  }

  for (const umask of [0, 0o022, 0o277]) {
    it(`is made once, with a good secret and mode 0600 under umask ${umask.toString(8)}, and leaves no draft`, (t) => {
      const file = fresh()
      const before = process.umask(umask)
      t.after(() => process.umask(before))
      const secret = secretFromFile(file)
      assert.equal(secretFault(secret), null)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert.equal(secretFromFile(file), secret)
      assert.equal(readFileSync(file, 'utf8'), `${secret}\n`)
      assert.deepEqual(readdirSync(join(file, '..')), ['db.secret'])
    })
  }

  it('made by several processes at once gives one secret to all', async () => {
    const file = fresh()
    const script = `
      import { secretFromFile } from ${JSON.stringify(join(import.meta.dirname, 'secret.ts'))}
      while (Date.now() < ${Date.now() + 400});
      console.log(secretFromFile(${JSON.stringify(file)}))`
    const args = ['--conditions=@latchkey/source', '--input-type=module', '-e', script]
    const outputs = await Promise.all([1, 2, 3, 4].map(() => promisify(execFile)(process.execPath, args)))
    assert.deepEqual(new Set(outputs.map(({ stdout }) => stdout.trim())), new Set([secretFromFile(file)]))
    assert.deepEqual(readdirSync(join(file, '..')), ['db.secret'])
  })

  const faults: Record<string, readonly [(file: string) => void, RegExp]> = {
    'others can read it': [(file) => chmodSync(file, 0o640), /can be read by others: make its mode 0600/],
    'it is empty, as after a full disk': [(file) => writeFileSync(file, ''), /is shorter than 32 bytes/],
    'it holds a published secret': [
      (file) => writeFileSync(file, 'please-change-me-please-change-me'),
      /is a published example/,
    ],
    'it is a folder': [
      (file) => {
        rmSync(file)
        mkdirSync(file)
      },
      /EISDIR/,
    ],
    'its folder is gone': [(file) => rmSync(join(file, '..'), { recursive: true }), /ENOENT/],
  }
  for (const [why, [spoil, message]] of Object.entries(faults)) {
    it(`is refused when ${why}, and the message does not tell the secret`, () => {
      const file = fresh()
      const secret = secretFromFile(file)
      spoil(file)
      assert.throws(
        () => secretFromFile(file),
        (error: Error) => message.test(error.message) && !error.message.includes(secret),
      )
    })
  }
})
