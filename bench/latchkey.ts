/** Latchkey's standalone server as `latchkey serve` puts it together, on a file of its own. Argument: `turnEvery`. */
import { join } from 'node:path'
import type { Latchkey } from 'latchkey'
import { findFreePort } from '../examples/testing/run-example.ts'
import { assembleStandalone } from '../packages/server/src/cli/serve.ts'
import { readSettings } from '../packages/server/src/config/read-settings.ts'
import { createLogger } from '../packages/server/src/observability/logs.ts'
import { SESSIONS } from './protocol.ts'
import { announce, temporaryFolder } from './server-process.ts'

const [turnEvery = '0s'] = process.argv.slice(2)
const port = await findFreePort()
const settings = readSettings({
  options: {
    issuer: `http://localhost:${port}/auth`,
    store: `sqlite:${join(temporaryFolder(), 'latchkey.db')}`,
    turnEvery,
    // One address sends all the load.
    rateLimits: 'off',
  },
})
const logger = createLogger(settings.logLevel)
const { latchkey, server } = await assembleStandalone(settings, logger)
const tokens = await startSessions(latchkey)
await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))

announce({ port, cookieName: latchkey.cookies.refreshName, tokens })

/** One session a person. Nobody signs in by a password here, so nobody has one. */
async function startSessions({ accounts, sessions }: Latchkey): Promise<string[]> {
  logger.level = 'warn'
  if (accounts === undefined) throw new Error('the standalone server has accounts')
  const people = Array.from({ length: SESSIONS }, (_, number) =>
    accounts.add({ email: `user${number}@bench.example`, username: null, passwordHash: '', profile: {} }),
  )
  const started = (await Promise.all(people)).map((account) =>
    sessions.start({ subject: account?.id ?? '', amr: ['pwd'] }),
  )
  const tokens = (await Promise.all(started)).map(({ refreshToken }) => refreshToken)
  logger.level = settings.logLevel
  return tokens
}
