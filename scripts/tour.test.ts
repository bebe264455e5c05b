/** The README's tour, run line by line against the server that `npm start` starts. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startServer } from './testing/start-server.ts'

const run = promisify(execFile)

test('the README’s tour works as it stands', { timeout: 60_000 }, async (t) => {
  const { issuer, folder } = await startServer(t)
  const answers = await runTour(issuer, folder)
  const [signedUp, me, refreshed, listed, loggedOut, refused, ...rest] = answers
  assert.deepEqual(rest, [])
  assert.match(signedUp?.access_token, /^eyJ/)
  assert.equal(me?.email, 'ada@example.com')
  assert.match(refreshed?.access_token, /^eyJ/)
  assert.equal(listed?.sessions.length, 1, 'logging in ended the session that the jar held')
  assert.equal(loggedOut, null)
  assert.equal(refused?.code, 'session_revoked')
})

/** What each of the tour's commands printed, as JSON; the login's token stays in its variable. */
async function runTour(issuer: string, folder: string) {
  const readme = await readFile(join(import.meta.dirname, '..', 'README.md'), 'utf8')
  const [, tour = ''] = /<!-- tour -->\n```sh\n([\s\S]*?)```/.exec(readme) ?? []
  const script = tour.replace('http://localhost:4000/auth', issuer).replaceAll(/^curl/gm, 'echo; echo @; curl')
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder })
  return stdout
    .split('\n@\n')
    .slice(1)
    .map((answer) => JSON.parse(answer.trim() || 'null'))
}
