import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { getRequestListener } from '@hono/node-server'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { Hono } from 'hono'
import { type Logger, pino } from 'pino'
import { ConfigurationError, readSettings } from '../config/read-settings.ts'
import { flagOf, SETTINGS, type Setting, type Settings } from '../config/settings.ts'
import { type LatchkeyEvent, SEVERITY } from '../events.ts'
import { connectionOf } from '../http/node.ts'
import { toResponse } from '../http/reply.ts'
import { assemble, type Latchkey } from '../latchkey.ts'

/** How long a stopping server waits for requests under way. */
const DRAIN_MS = 10_000

export function serveHelp(): string {
  const lines = Object.entries<Setting<unknown>>(SETTINGS).map(([name, { env, description, secret }]) => {
    const flag = secret ? '' : `--${flagOf(name)}`
    return `  ${flag.padEnd(18)} ${description} [${env}]`
  })
  return ['Usage: latchkey serve [options]', '', ...lines].join('\n')
}

/** Runs the server until it is told to stop. */
export async function serve(args: readonly string[]): Promise<void> {
  const settings = readSettings({ flags: parseFlags(args), env: process.env })
  const port = settings.port === 0 ? await findFreePort() : settings.port
  const log = pino({ level: settings.logLevel, timestamp: pino.stdTimeFunctions.isoTime, base: null })
  const latchkey = await assemble({ ...settings, port }, { onEvent: logEvents(log), onFault: logFaults(log) })
  const server = createStandaloneServer(latchkey)
  try {
    await listen(server, port)
  } catch (error) {
    await latchkey.close()
    throw error
  }
  greet(latchkey, settings)
  stopOnSignal(server, latchkey, log)
}

const ROOT_PATHS: ReadonlySet<string | undefined> = new Set(['/', '/healthz', '/readyz'])

/** The routes below the base, and at the root what a supervisor asks for. Neither waits in the other's router. */
export function createStandaloneServer(latchkey: Latchkey): Server {
  const root = createRootApp(latchkey)
  const atRoot = getRequestListener((request) => root.fetch(request))
  const belowBase = getRequestListener((request, env) => latchkey.fetch(request, connectionOf(env)))
  return createServer((request, response) => {
    const [path] = request.url?.split('?', 1) ?? []
    const listener = ROOT_PATHS.has(path) ? atRoot : belowBase
    listener(request, response)
  })
}

function createRootApp(latchkey: Latchkey): Hono {
  const app = new Hono()
  app.get('/healthz', () => toResponse({ status: 200, json: { status: 'ok' } }))
  app.get('/readyz', async () => {
    await latchkey.ready()
    return toResponse({ status: 200, json: { status: 'ready' } })
  })
  app.get('/', () => toResponse({ status: 200, json: { issuer: latchkey.issuer, docs: `${latchkey.issuer}/docs` } }))
  app.notFound(() => latchkey.toResponse(new LatchkeyError('not_found')))
  app.onError((error) => latchkey.toResponse(error))
  return app
}

function parseFlags(args: readonly string[]): Record<string, string> {
  const options = Object.fromEntries(Object.keys(SETTINGS).map((name) => [flagOf(name), { type: 'string' }] as const))
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false })
    return Object.fromEntries(
      Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    )
  } catch (error) {
    throw new ConfigurationError(`${error instanceof Error ? error.message : String(error)}; see latchkey serve --help`)
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on: ${error.message}`
      reject(new ConfigurationError(`port ${port} ${reason}; choose another with --port or PORT`))
    })
    server.listen(port, resolve)
  })
}

async function findFreePort(): Promise<number> {
  const server = createServer()
  await listen(server, 0)
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** For the person at the terminal; what machines read goes to standard output. */
function greet({ issuer }: Latchkey, { store }: Settings): void {
  console.error(`Latchkey is ready.\n  issuer  ${issuer}\n  API     ${issuer}/docs\n  store   ${store}`)
}

function logEvents(log: Logger): (event: LatchkeyEvent) => void {
  return (event) => log[SEVERITY[event.type]](event, event.type)
}

function logFaults(log: Logger): (fault: unknown) => void {
  return (fault) => log.error({ err: fault }, 'fault')
}

function stopOnSignal(server: Server, latchkey: Latchkey, log: Logger): void {
  const stop = (signal: string) => {
    log.info({ signal }, 'stopping')
    const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
    server.close(() => {
      clearTimeout(force)
      latchkey.close().catch(logFaults(log))
    })
    server.closeIdleConnections()
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop)
}
