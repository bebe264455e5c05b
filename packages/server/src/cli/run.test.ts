import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { COMMANDS } from './run.ts'
import { PASSWORD, runHere, runProgram, setUpBench } from './testing/run-cli.ts'

describe('the command line', () => {
  it('without a command, or asked for help, names every command', async () => {
    for (const args of [[], ['--help'], ['-h'], ['help']]) {
      const { code, output, errors } = await runHere(args)
      assert.deepEqual([code, errors], [0, ''])
      for (const { name } of COMMANDS) assert.ok(output.includes(`  ${name} `), name)
    }
  })

  for (const { name, summary } of COMMANDS) {
    it(`tells how to use ${name}, without doing it`, async () => {
      const { code, output } = await runHere([...name.split(' '), '--help'])
      assert.equal(code, 0)
      assert.ok(output.startsWith(`Usage: latchkey ${name}`))
      assert.ok(output.includes(summary))
      assert.ok(!output.includes('--secret'), 'the secret has no flag')
    })
  }

  it('given a family only, names its commands', async () => {
    for (const args of [['users'], ['users', '--help']]) {
      const { code, output } = await runHere(args)
      assert.equal(code, 0)
      assert.match(output, /users import/)
      assert.doesNotMatch(output, /keys list/)
    }
  })

  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['nonsense', /^latchkey: there is no command "nonsense"; see latchkey --help$/],
    ['users nonsense', /there is no command "users nonsense"/],
    ['toString', /there is no command/],
    ['migrate --nonsense', /Unknown option '--nonsense'; see latchkey migrate --help$/],
    ['migrate extra', /migrate takes no argument "extra"/],
    ['migrate --json=yes', /--json/],
    ['migrate --store', /--store/],
    ['migrate --store postgres:x', /--store must be `sqlite:FILE`/],
    ['keys pull', /keys pull needs KID; see latchkey keys pull --help/],
    ['keys list --secret x', /Unknown option '--secret'/],
    ['users create --email ada@example.com --password x', /Unknown option '--password'/],
    ['users create', /needs --email or --username/],
    ['users create --email nonsense', /--email: must be an e-mail address/],
    ['users create --username a', /--username: must be 3 to 64 letters/],
    ['users reset-link ada --lifetime 25h', /--lifetime must be a duration such as 10m, up to 24h, not "25h"/],
    ['users reset-link ada --lifetime 0s', /--lifetime must be/],
    ['users import', /needs FILE/],
    ['users import users.xls', /must be named FILE.csv or FILE.jsonl/],
    ['users import missing.csv', /there is no file "missing.csv"/],
    ['sessions list', /either SUBJECT or --user NAME/],
    ['sessions list ada --user ada', /either SUBJECT or --user NAME/],
    ['sessions revoke', /one of SID, --user, --subject and --all/],
    ['sessions revoke sid --all --yes', /one of SID/],
    ['sessions revoke --all', /confirm it with --yes/],
    ['after-restore', /confirm it with --yes/],
    ['serve --port 99999', /--port must be a port/],
    ['users list --store sqlite::memory:', /is gone when this command ends/],
    ['users list --store sqlite:/nowhere/x.db', /there is no database \/nowhere\/x.db/],
    ['users list --store sqlite:/dev/null', /LATCHKEY_STORE|the database has schema 0/],
  ]
  for (const [args, expected] of mistakes) {
    it(`answers "${args}" with one line and exit code 2`, async () => {
      const { code, output, errors } = await runHere(args.split(' '))
      assert.deepEqual([code, output, errors.split('\n').length], [2, '', 2], errors)
      assert.match(errors.trimEnd(), expected)
    })
  }

  it('shows nothing of an argument that could steer the terminal', async () => {
    const { code, errors } = await runHere(['\u001b[2J\u202e\n'])
    assert.equal(code, 2)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(errors.trimEnd(), /[\u0000-\u001f\u202e]/)
  })

  it('reads an environment that is not allowed as a mistake, and never shows the secret', async () => {
    const { code, errors } = await runHere(['keys', 'list'], { env: { LATCHKEY_SECRET: 'hunter2' } })
    assert.equal(code, 2)
    assert.match(errors, /^latchkey: LATCHKEY_SECRET must be/)
    assert.doesNotMatch(errors, /hunter2/)
  })
})

describe('the program', () => {
  it('exits with 0, 1 and 2, answers on standard output and explains on standard error', async (t) => {
    const { store } = setUpBench(t)
    const [made, broken, missing] = await Promise.all([
      runProgram(['users', 'create', '--email', 'ada@example.com', '--json', ...store], { input: `${PASSWORD}\n` }),
      runProgram(['no', 'such']),
      runProgram(['migrate', '--check', '--store', 'sqlite:/nowhere/x.db']),
    ])
    assert.deepEqual([made.code, made.errors.split('\n').length], [0, 2], made.errors)
    assert.equal(JSON.parse(made.output).email, 'ada@example.com')
    assert.deepEqual([broken.code, broken.output], [2, ''])
    assert.equal(broken.errors, 'latchkey: there is no command "no"; see latchkey --help\n')
    assert.equal(missing.code, 1)
    const { code, errors, output } = await runProgram(['users', 'disable', 'nobody', ...store])
    assert.deepEqual([code, output, errors], [1, '', 'latchkey: there is no user "nobody"\n'])
  })

  it('logs what it did as events, from warnings on, on standard error', async (t) => {
    const { store, cli } = setUpBench(t)
    await cli('users create --username ada', { input: PASSWORD })
    const { code, output, errors } = await runProgram(['users', 'disable', 'ada', '--json', ...store])
    const [id, event] = [JSON.parse(output).id, JSON.parse(errors)]
    assert.deepEqual([code, event.event, event.subject, event.level], [0, 'account_disabled', id, 'warn'])
  })
})
