import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'

const child = fork(new URL('testing/walk-process.ts', import.meta.url), {
  execArgv: ['--conditions=@latchkey/source', '--disable-warning=ExperimentalWarning'],
  stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  env: { ...process.env, NODE_ENV: 'test' },
})
if (child.stdout === null || child.stderr === null) throw new Error('the output is read')
const [output, errors, [secrets], [code]] = await Promise.all([
  text(child.stdout),
  text(child.stderr),
  once(child, 'message') as Promise<[readonly string[]]>,
  once(child, 'exit'),
])
const lines = output.split('\n').slice(0, -1)

/** What gives a secret away: itself, what it holds, and both as they may be encoded. */
function formsOf(secret: string): readonly string[] {
  const parts = secret.split('.').filter((part) => part.length >= 16)
  const decoded = parts.map((part) => Buffer.from(part, 'base64url').toString('latin1'))
  const keys = decoded.flatMap((part) => /"key":"([^"]+)"/.exec(part)?.[1] ?? [])
  return [secret, ...parts.slice(1), ...decoded.slice(1), ...keys].flatMap((form) => [
    form,
    encodeURIComponent(form),
    JSON.stringify(form).slice(1, -1),
    ...(['base64', 'base64url', 'hex'] as const).map((encoding) => Buffer.from(form).toString(encoding)),
  ])
}

describe('at the log level trace, over everything that happens', () => {
  it('the walk comes to its end and passes by all that is told', () => {
    assert.equal(code, 0, errors)
    assert.equal(errors, '')
    const told = new Set(lines.map((line): string => JSON.parse(line).event))
    for (const event of [
      'account_created',
      'login_succeeded',
      'login_failed',
      'login_locked',
      'password_changed',
      'password_reset_used',
      'password_reset_refused',
      'refresh_token_reused',
      'refresh_refused',
      'session_replayed',
      'session_ended',
      'csrf_rejected',
      'keys_rotated',
      'fault',
      'request',
    ]) {
      assert.ok(told.has(event), event)
    }
    assert.ok(secrets.length > 20, 'secrets were issued')
  })

  it('LG-02 no secret is logged, in whatever form', () => {
    for (const secret of secrets) {
      for (const form of formsOf(secret)) {
        const found = lines.find((line) => line.includes(form))
        assert.equal(found, undefined, `${form} is in a line`)
      }
    }
  })

  it('LG-03 each line is one JSON object of printable text', () => {
    for (const line of lines) {
      assert.match(line, /^\{"level":"(?:debug|info|warn|error|fatal)","time":"[^"]+Z","event":"[a-z_]+"/)
      assert.doesNotMatch(line, /\p{Cc}|\p{Cs}|[\u2028\u2029]/u)
    }
    assert.equal(lines.filter((line) => line.includes('"fatal"')).length, 1, 'only the reuse')
  })

  it('the search finds a secret that is there', () => {
    const [secret = ''] = secrets.filter((form) => form.split('.').length === 3)
    const payload = Buffer.from(secret.split('.')[1] ?? '', 'base64url').toString()
    for (const leak of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64'), payload]) {
      assert.ok(formsOf(secret).some((form) => `{"x":"${leak}"}`.includes(form)))
    }
  })
})
