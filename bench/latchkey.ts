/** Latchkey's standalone server as `latchkey serve` puts it together, on a file of its own. Argument: `turnEvery`. */
import { createServer as createPlaceholder } from 'node:net'
import { join } from 'node:path'
import { createLatchkey, type Latchkey } from 'latchkey'
import { pino } from 'pino'
import { createStandaloneServer } from '../packages/server/src/cli/serve.ts'
import { SEVERITY } from '../packages/server/src/events.ts'
import { SESSIONS } from './protocol.ts'
import { announce, listen, temporaryFolder } from './server-process.ts'

const [turnEvery = '0s'] = process.argv.slice(2)
const port = await findFreePort()
const log = pino({ level: 'info' })
const latchkey = await createLatchkey({
  issuer: `http://localhost:${port}/auth`,
  store: `sqlite:${join(temporaryFolder(), 'latchkey.db')}`,
  turnEvery,
  // One address sends all the load.
  rateLimits: 'off',
  onEvent: (event) => log[SEVERITY[event.type]](event, event.type),
})
const tokens = await startSessions(latchkey)
const server = createStandaloneServer(latchkey)
await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))

announce({ port, cookieName: latchkey.cookies.refreshName, tokens })

/** Many sessions of a few people: it is the sessions that turn, and hashing thousands of passwords takes a minute. */
async function startSessions({ accounts, sessions }: Latchkey): Promise<string[]> {
  log.level = 'warn'
  if (accounts === undefined) throw new Error('the standalone server has accounts')
  const people = 16
  const subjects: string[] = []
  for (let number = 10; number < 10 + people; number++) {
    const person = { email: `user${number}@bench.example`, password: 'correct horse battery staple', profile: {} }
    subjects.push((await accounts.signup(person)).user.id)
  }
  const perPerson = Array.from({ length: SESSIONS / people })
  const started = subjects.flatMap((subject) => perPerson.map(() => sessions.start({ subject, amr: ['pwd'] })))
  const tokens = (await Promise.all(started)).map(({ refreshToken }) => refreshToken)
  log.level = 'info'
  return tokens
}

/** The issuer names the port, so it must be known before there is a server. */
async function findFreePort(): Promise<number> {
  const placeholder = createPlaceholder()
  const free = await listen(placeholder)
  await new Promise((resolve) => placeholder.close(resolve))
  return free
}
