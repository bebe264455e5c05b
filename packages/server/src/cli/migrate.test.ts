import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setUpBench } from './testing/run-cli.ts'

interface Answer {
  readonly from: number
  readonly to: number
  readonly changed: boolean
}

describe('migrate', () => {
  it('makes the store, says from which schema to which, and then finds nothing to do', async (t) => {
    const { cli, json, file } = setUpBench(t)
    const check = await cli('migrate --check')
    assert.deepEqual([check.code, existsSync(file)], [1, false])
    assert.match(check.output, /^schema 0: behind \d+\n$/)
    const [first] = await json<Answer>('migrate')
    assert.ok(first)
    assert.deepEqual([first.from, first.to > 0, first.changed], [0, true, true])
    assert.deepEqual((await json<Answer>('migrate'))[0], { ...first, from: first.to, changed: false })
    assert.deepEqual(await cli('migrate --check'), { code: 0, output: `schema ${first.to}: up to date\n`, errors: '' })
  })

  it('refuses a database of a newer program, and so do the other commands', async (t) => {
    const { cli, file } = setUpBench(t)
    await cli('migrate')
    setSchema(file, 9999)
    for (const args of ['migrate', 'migrate --check', 'users list']) {
      const { code, errors } = await cli(args)
      assert.match(errors, /schema 9999, this program knows \d+: use a newer latchkey\n$/)
      assert.notEqual(code, 0)
    }
  })

  it('is what other commands ask for when the schema is behind, before they touch it', async (t) => {
    const { cli, file } = setUpBench(t)
    await cli('migrate')
    setSchema(file, 1)
    const { code, errors } = await cli('users list')
    assert.equal(code, 2)
    assert.match(errors, /the database has schema 1, this program needs \d+; run latchkey migrate/)
    assert.equal((await cli('migrate --check')).code, 1)
  })
})

function setSchema(file: string, version: number): void {
  const db = new DatabaseSync(file)
  db.exec(`PRAGMA user_version = ${version}`)
  db.close()
}
