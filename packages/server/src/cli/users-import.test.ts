import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { hash as bcrypt } from '@node-rs/bcrypt'
import { isOutdated } from '../accounts/password-hashes.ts'
import { type Bench, PASSWORD, setUpBench, spawnProgram } from './testing/run-cli.ts'

/** A bcrypt hash that nobody has to make. */
const HASH = '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'

interface Summary {
  readonly created: number
  readonly exists: number
  readonly broken: number
  readonly lines: number
  readonly errors: string | null
}

function setUp(t: TestContext) {
  const bench = setUpBench(t)
  const write = (name: string, text: string | Buffer) => {
    const path = join(bench.folder, name)
    writeFileSync(path, text)
    return path
  }
  const reasons = (file: string): { line: number; reason: string }[] =>
    readFileSync(`${file}.import-errors.jsonl`, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  return { ...bench, write, reasons }
}

async function summaryOf({ cli }: Bench, args: string): Promise<Summary & { readonly code: number | null }> {
  const { code, output, errors } = await cli(`users import ${args} --json`)
  assert.notEqual(output, '', errors)
  return { code, ...JSON.parse(output) }
}

describe('users import', () => {
  it('of a thousand users with bcrypt hashes: they log in, and are argon2id afterwards (issue 3)', async (t) => {
    const bench = setUp(t)
    const hash = await bcrypt(PASSWORD, { cost: 4 })
    const spelled = (n: number) => hash.replace('$2b$', ['$2a$', '$2b$', '$2y$'][n % 3] ?? '')
    const rows = Array.from({ length: 1000 }, (_, n) => `User${n}@Example.com,${spelled(n)},"Name, ${n}"`)
    const file = bench.write('users.csv', `email,password_hash,name\n${rows.join('\n')}\n`)
    const { code, created, broken } = await summaryOf(bench, file)
    assert.deepEqual([code, created, broken], [0, 1000, 0])
    const server = await bench.serve()
    const stored = async (n: number) => server.accounts?.login({ email: `user${n}@example.com` }, PASSWORD)
    for (const n of [0, 1, 2, 500, 999]) assert.equal((await stored(n))?.user.profile.name, `Name, ${n}`)
    await server.close()
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(bench.file, { readOnly: true })
    const outdated = db
      .prepare('SELECT email, password_hash AS hash FROM accounts')
      .all()
      .filter((account) => !isOutdated(String(account.hash)))
    db.close()
    assert.deepEqual(
      outdated.map(({ email }) => email).sort(),
      [0, 1, 2, 500, 999].map((n) => `user${n}@example.com`).sort(),
    )
  })

  it('takes CSV and JSON Lines alike: profile, times, plain passwords', async (t) => {
    const bench = setUp(t)
    const csv = bench.write(
      'users.CSV',
      `\uFEFFusername,password_hash,password,created_at,city\r\nada,${HASH},,2020-01-02,"Lon""don\r\nEnd"\r\nbob,,${PASSWORD},1577934245,\r\n`,
    )
    const jsonl = bench.write(
      'users.jsonl',
      [
        {
          email: 'Cid@example.com',
          passwordHash: HASH,
          createdAt: '2020-01-02T03:04:05+01:00',
          tags: ['a'],
          age: null,
        },
        { username: 'dan', password: 'short', created_at: 1_577_934_245_678 },
      ]
        .map((user) => JSON.stringify(user))
        .join('\n\n'),
    )
    const { code, errors } = await bench.cli(`users import ${csv}`)
    assert.equal(code, 0, errors)
    assert.match(errors, /the file has plain passwords/)
    assert.equal((await summaryOf(bench, jsonl)).created, 2)
    const users = await bench.json<{ username: string; email: string; createdAt: string; profile: object }>(
      'users list',
    )
    const facts = users.map(({ username, email, createdAt, profile }) => [username ?? email, createdAt, profile])
    assert.deepEqual(facts.sort(), [
      ['ada', '2020-01-02T00:00:00.000Z', { city: 'Lon"don\nEnd' }],
      ['bob', '2020-01-02T03:04:05.000Z', {}],
      ['cid@example.com', '2020-01-02T02:04:05.000Z', { tags: ['a'] }],
      ['dan', '2020-01-02T03:04:05.678Z', {}],
    ])
    const server = await bench.serve()
    assert.ok(await server.accounts?.login({ username: 'bob' }, PASSWORD))
    assert.ok(await server.accounts?.login({ username: 'dan' }, 'short'), 'a password from elsewhere is what it is')
  })

  it('finishes whatever is broken, reports each line with its number and no value, and exits with 1', async (t) => {
    const bench = setUp(t)
    const good = (n: number) => `user${n}@example.com,user${n},${HASH}`
    const file = bench.write(
      'users.csv',
      Buffer.concat([
        Buffer.from(
          [
            'email,username,password_hash',
            good(1),
            'nonsense,,x',
            'two@example.com,two,SECRET-VALUE',
            'three@example.com,three',
            `four"@example.com,four,${HASH}`,
            good(2),
            `"five@example.com,five,${HASH}`,
            good(3),
            '',
            `,,${HASH}`,
            `six@example.com,user1,${HASH}`,
            `seven@example.com,seven,`,
            'x'.repeat(70_000),
            '',
          ].join('\n'),
        ),
        Buffer.from([0xff, 0xfe, 0x0a]),
        Buffer.from(good(4)),
      ]),
    )
    const summary = await summaryOf(bench, file)
    const { code, created, broken, errors } = summary
    assert.deepEqual([code, created, broken], [1, 4, 10], JSON.stringify(bench.reasons(file)))
    assert.equal(errors, `${file}.import-errors.jsonl`)
    assert.deepEqual(
      bench.reasons(file).map(({ line, reason }) => [line, reason]),
      [
        [3, 'email: must be an e-mail address'],
        [4, 'password_hash: is of no kind that can be checked'],
        [5, 'has 2 columns, the first line 3'],
        [6, 'has a quote in a field without quotes'],
        [8, 'has a quote that is not closed'],
        [11, 'has neither email nor username'],
        [12, 'username: another account has it'],
        [13, 'has neither password_hash nor password'],
        [14, 'is longer than 65536 bytes'],
        [15, 'is not UTF-8'],
      ],
    )
    assert.doesNotMatch(readFileSync(`${file}.import-errors.jsonl`, 'utf8'), /SECRET-VALUE/)
    assert.equal(statSync(`${file}.import-errors.jsonl`).mode & 0o777, 0o600)
  })

  it('may be done again: what is there is counted and left as it is', async (t) => {
    const bench = setUp(t)
    const user = { email: 'ada@example.com', password: PASSWORD, name: 'Ada' }
    const file = bench.write('users.jsonl', `${JSON.stringify(user)}\n${JSON.stringify({ ...user, name: 'Other' })}\n`)
    const { created, exists } = await summaryOf(bench, file)
    assert.deepEqual([created, exists], [1, 1])
    const before = await bench.json('users list')
    const again = await summaryOf(bench, file)
    assert.deepEqual([again.code, again.created, again.exists, again.broken], [0, 0, 2, 0])
    assert.deepEqual(await bench.json('users list'), before)
  })

  for (const [columns, expected] of [
    ['name,password_hash', /there is no column email, nor username/],
    ['email,name', /there is no column password_hash, nor password/],
    ['id,email,password_hash', /the column "id" cannot be part of a profile/],
    ['email,email,password_hash', /there are two columns "email"/],
    ['email,,password_hash', /the column "" cannot be part of a profile/],
    ['email,"password_hash', /line 1 has no column names/],
  ] as const) {
    it(`with the columns ${columns} is a mistake, and imports nothing`, async (t) => {
      const bench = setUp(t)
      await bench.cli('migrate')
      const { code, errors, output } = await bench.cli(
        `users import ${bench.write('users.csv', `${columns}\na,b,c\n`)}`,
      )
      assert.deepEqual([code, output], [2, ''])
      assert.match(errors, expected)
      assert.deepEqual(await bench.json('users list'), [])
    })
  }

  it('that is killed goes on where it stopped, and in the end everybody is there once', async (t) => {
    const bench = setUp(t)
    const total = 8_000
    const lines = Array.from({ length: total }, (_, n) => (n % 1000 === 7 ? 'broken' : `user${n}@example.com,${HASH}`))
    const file = bench.write('users.csv', `email,password_hash\n${lines.join('\n')}\n`)
    const state = `${file}.import-state.json`
    const child = spawnProgram(['users', 'import', file, ...bench.store])
    while (!existsSync(state) || JSON.parse(readFileSync(state, 'utf8')).line < 2000) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    const stopped = JSON.parse(readFileSync(state, 'utf8'))
    assert.ok(stopped.line < total)
    const { code, errors, output } = await bench.cli(`users import ${file} --resume --json`)
    assert.match(errors, new RegExp(`^goes on after line ${stopped.line}\n`))
    const { created, exists, broken } = JSON.parse(output)
    assert.deepEqual([code, created + exists, broken], [1, total - 8, 8])
    assert.deepEqual(new Set(bench.reasons(file).map(({ line }) => line)).size, 8)
    assert.equal((await bench.json('users list')).length, total - 8)
    assert.ok(!existsSync(state), 'nothing is left to resume')
  })

  it('interrupted says how to go on, and resumes only the same file', async (t) => {
    const bench = setUp(t)
    const rows = Array.from({ length: 8_000 }, (_, n) => `user${n}@example.com,${HASH}`)
    const text = `email,password_hash\n${rows.join('\n')}\n`
    const file = bench.write('users.csv', text)
    const child = spawnProgram(['users', 'import', file, ...bench.store])
    let errors = ''
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    while (!existsSync(`${file}.import-state.json`)) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
    await new Promise((resolve) => child.once('close', resolve))
    assert.equal(child.exitCode, 1)
    assert.match(errors, /interrupted: --resume goes on after line \d+ /)
    bench.write('users.csv', text.replace('user7999', 'user9999'))
    const changed = await bench.cli(`users import ${file} --resume`)
    assert.deepEqual(
      [changed.code, changed.errors],
      [2, `latchkey: ${file} has changed since; start again without --resume\n`],
    )
    bench.write('users.csv', text)
    const { code, created } = await summaryOf(bench, `${file} --resume`)
    assert.deepEqual([code, created], [0, 8_000])
  })
})
