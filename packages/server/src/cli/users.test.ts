import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { PASSWORD, setUpBench } from './testing/run-cli.ts'

const NEXT = 'another horse, another battery'

interface User {
  readonly id: string
  readonly email: string | null
  readonly username: string | null
  readonly disabledAt: string | null
}

async function setUp(t: TestContext) {
  const bench = setUpBench(t)
  const [ada] = await bench.json<User>('users create --email Ada@Example.com --username Ada --name Ada', {
    input: `${PASSWORD}\n`,
  })
  assert.ok(ada)
  const server = await bench.serve()
  const logIn = async (password: string) => {
    const { tokens } = (await server.accounts?.login({ email: 'ada@example.com' }, password)) ?? {}
    assert.ok(tokens)
    return tokens
  }
  return { ...bench, ada, server, logIn }
}

describe('users create', () => {
  it('makes an account that can log in, from a password on standard input', async (t) => {
    const { ada, logIn } = await setUp(t)
    assert.deepEqual([ada.email, ada.username], ['ada@example.com', 'ada'])
    await logIn(PASSWORD)
  })

  it('makes up a password when told to, which nobody has to type', async (t) => {
    const { json, serve } = setUpBench(t)
    const [user] = await json<User & { password: string }>('users create --username bob --generate')
    const server = await serve()
    assert.ok(await server.accounts?.login({ username: 'bob' }, user?.password ?? ''))
  })

  it('says that it makes a new database, lest the path was mistyped', async (t) => {
    const { cli, file } = setUpBench(t)
    const create = () => cli('users create --username bob --generate')
    assert.equal((await create()).errors, `makes a new database: ${file}\n`)
    assert.deepEqual(await create(), {
      code: 1,
      output: '',
      errors: 'latchkey: another account has this e-mail address or username\n',
    })
  })

  for (const [what, input, expected] of [
    ['short', 'short', /^latchkey: the password must have 15 to 256 characters\n$/],
    ['common', 'passwordpassword', /^latchkey: the password is among the first that everybody tries\n$/],
    ['empty', '\n', /^latchkey: the password is empty: give it on standard input\n$/],
    ['not text', Buffer.from([0xff, 0xfe, 0x41]), /^latchkey: the password is no UTF-8 text\n$/],
  ] as const) {
    it(`refuses a password that is ${what}, in one line, and makes nothing`, async (t) => {
      const { cli, json } = setUpBench(t)
      await cli('migrate')
      const { code, errors } = await cli('users create --username bob', { input })
      assert.equal(code, 2)
      assert.match(errors, expected)
      assert.deepEqual(await json('users list'), [])
    })
  }

  it('lets the setting decide how long a password must be', async (t) => {
    const { json } = setUpBench(t)
    assert.equal((await json('users create --username bob --password-min 8', { input: 'tr0ub4dor&3' })).length, 1)
  })
})

describe('users set-password', () => {
  for (const name of ['ada', 'ADA@example.com', 'the id']) {
    it(`by ${name} replaces the password and ends the sessions`, async (t) => {
      const { cli, ada, server, logIn } = await setUp(t)
      const { refreshToken } = await logIn(PASSWORD)
      const { code } = await cli(`users set-password ${name === 'the id' ? ada.id : name}`, { input: `${NEXT}\r\n` })
      assert.equal(code, 0)
      await assert.rejects(server.sessions.refresh(refreshToken), { code: 'session_revoked' })
      await assert.rejects(logIn(PASSWORD), { code: 'invalid_credentials' })
      await logIn(NEXT)
    })
  }

  it('refuses a password made of the user’s own names', async (t) => {
    const { cli, logIn } = await setUp(t)
    const { code, errors } = await cli('users set-password ada', { input: 'ada@example.com1' })
    assert.deepEqual([code, errors], [2, 'latchkey: the password is among the first that everybody tries\n'])
    await logIn(PASSWORD)
  })
})

describe('users reset-link', () => {
  it('prints a token that sets a password once, and until when', async (t) => {
    const { cli, json, server, logIn } = await setUp(t)
    const [reset] = await json<{ token: string; expiresAt: string }>('users reset-link ada --lifetime 1h')
    assert.ok(reset)
    const left = Date.parse(reset.expiresAt) - Date.now()
    assert.ok(left > 3_590_000 && left <= 3_600_000)
    await server.accounts?.resetPassword(reset.token, NEXT)
    await logIn(NEXT)
    await assert.rejects(server.accounts?.resetPassword(reset.token, PASSWORD) ?? Promise.resolve(), {
      code: 'reset_token_invalid',
    })
    const { output, errors } = await cli('users reset-link ada')
    assert.match(output, /^[\w-]{43}\n$/, 'the token alone, for a pipe')
    assert.match(errors, /^good once, until \d{4}-/)
  })

  it('makes none for a disabled account', async (t) => {
    const { cli } = await setUp(t)
    await cli('users disable ada')
    assert.deepEqual(await cli('users reset-link ada'), {
      code: 1,
      output: '',
      errors: 'latchkey: the user "ada" is disabled\n',
    })
  })
})

describe('users disable, enable, delete', () => {
  it('ends the sessions, refuses logins, and takes it back', async (t) => {
    const { json, ada, server, logIn } = await setUp(t)
    const { refreshToken } = await logIn(PASSWORD)
    assert.deepEqual(await json('users disable ada'), [{ id: ada.id, disabled: true }])
    await assert.rejects(server.sessions.refresh(refreshToken), { code: 'session_revoked' })
    await assert.rejects(logIn(PASSWORD), { code: 'invalid_credentials' })
    assert.notEqual((await json<User>('users list'))[0]?.disabledAt, null)
    assert.deepEqual(await json('users enable ada'), [{ id: ada.id, disabled: false }])
    await logIn(PASSWORD)
  })

  it('deletes the account with its sessions, and its names are free', async (t) => {
    const { json, cli, ada, server, logIn } = await setUp(t)
    const { refreshToken } = await logIn(PASSWORD)
    assert.deepEqual(await json('users delete ada'), [{ id: ada.id, deleted: true }])
    await assert.rejects(server.sessions.refresh(refreshToken), { code: 'session_revoked' })
    assert.equal((await cli('users delete ada')).code, 1)
    const [again] = await json<User>('users create --username ada --generate')
    assert.notEqual(again?.id, ada.id)
  })
})

describe('users list', () => {
  it('gives all, over pages, for programs and for people', async (t) => {
    const { json, cli, serve } = setUpBench(t)
    await cli('migrate')
    assert.match((await cli('users list')).output, /^ID +E-MAIL +USERNAME +CREATED +DISABLED\n$/)
    const server = await serve()
    const names = Array.from({ length: 501 }, (_, n) => ({ username: `user-${n}`, email: null }))
    await Promise.all(names.map((name) => server.accounts?.add({ ...name, passwordHash: 'x', profile: {} })))
    const listed = await json<User>('users list')
    assert.deepEqual(listed.map(({ username }) => username).sort(), names.map(({ username }) => username).sort())
    assert.ok(!JSON.stringify(listed).includes('passwordHash'))
    assert.equal((await cli('users list')).output.split('\n').length, 501 + 2 + 1)
  })
})
