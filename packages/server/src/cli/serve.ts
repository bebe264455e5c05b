import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { Hono } from 'hono'
import { ConfigurationError } from '../config/read-settings.ts'
import { isSettingName, SETTINGS, type Settings } from '../config/settings.ts'
import type { Connection } from '../http/app.ts'
import { connectionOf } from '../http/node.ts'
import { toResponse } from '../http/reply.ts'
import { assemble, type Latchkey } from '../latchkey.ts'
import { createLogger, Log } from '../observability/logs.ts'
import { createMetrics, type Metrics } from '../observability/metrics.ts'
import { metricsAccess } from '../observability/metrics-access.ts'
import { command } from './command.ts'

/** How long a stopping server waits for requests under way. */
const DRAIN_MS = 10_000

export const serve = command({
  name: 'serve',
  summary: 'Runs the server.',
  options: {},
  settings: Object.keys(SETTINGS).filter(isSettingName),
  run: async ({ settings }) => {
    await runServer(settings)
    return 0
  },
})

/** Runs the server until it is told to stop. */
async function runServer(settings: Settings): Promise<void> {
  const port = settings.port === 0 ? await findFreePort() : settings.port
  const { latchkey, server, log } = await assembleStandalone({ ...settings, port })
  try {
    await listen(server, port)
  } catch (error) {
    await latchkey.close()
    throw error
  }
  greet(latchkey, settings)
  stopOnSignal(server, latchkey, log)
}

/** A Latchkey that is logged and, where somebody may read them, counted, with the server for it. */
export async function assembleStandalone(
  settings: Settings,
  logger = createLogger(settings.logLevel),
): Promise<{ readonly latchkey: Latchkey; readonly server: Server; readonly log: Log }> {
  const log = new Log(logger, settings.trustProxy)
  const isReadable = settings.metricsToken !== undefined || process.env.NODE_ENV !== 'production'
  const metrics = isReadable ? createMetrics() : undefined
  const latchkey = await assemble(settings, {
    onEvent: log.event,
    onFault: log.fault,
    ...(logger.isLevelEnabled('debug') && { onRequest: log.request }),
    metrics,
  })
  return { latchkey, log, server: createStandaloneServer(latchkey, log, metrics) }
}

const ROOT_PATHS: ReadonlySet<string | undefined> = new Set(['/', '/healthz', '/readyz', '/metrics'])

/** The routes below the base, and at the root what a supervisor asks for. Neither waits in the other's router. */
export function createStandaloneServer(latchkey: Latchkey, log?: Log, metrics?: Metrics): Server {
  const root = createRootApp(latchkey, metrics)
  const atRoot = getRequestListener((request, env) => root.fetch(request, connectionOf(env)))
  const belowBase = getRequestListener((request, env) => latchkey.fetch(request, connectionOf(env)))
  return createServer((request, response) => {
    const [path] = request.url?.split('?', 1) ?? []
    const listener = ROOT_PATHS.has(path) ? atRoot : belowBase
    if (log === undefined) listener(request, response)
    else log.during(request, () => listener(request, response))
  })
}

function createRootApp(latchkey: Latchkey, metrics: Metrics | undefined): Hono<{ Bindings: Connection }> {
  const app = new Hono<{ Bindings: Connection }>()
  app.get('/healthz', () => toResponse({ status: 200, json: { status: 'ok' } }))
  app.get('/readyz', async () => {
    await latchkey.ready()
    return toResponse({ status: 200, json: { status: 'ready' } })
  })
  app.get('/', () => toResponse({ status: 200, json: { issuer: latchkey.issuer, docs: `${latchkey.issuer}/docs` } }))
  if (metrics !== undefined) {
    app.get('/metrics', async ({ env }) => {
      const access = metricsAccess(env.incoming, latchkey.settings.metricsToken)
      if (access === 'hidden') throw new LatchkeyError('not_found')
      if (access === 'refused') return toResponse({ status: 401, headers: { 'www-authenticate': 'Bearer' } })
      return toResponse({ status: 200, text: await metrics.text(), headers: { 'content-type': metrics.contentType } })
    })
  }
  app.notFound(() => latchkey.toResponse(new LatchkeyError('not_found')))
  app.onError((error) => latchkey.toResponse(error))
  return app
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

function stopOnSignal(server: Server, latchkey: Latchkey, log: Log): void {
  const stop = (signal: string) => {
    log.logger.info({ event: 'stopping', signal })
    // Who is kept on is told not to ask again.
    server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'))
    const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
    server.close(() => {
      clearTimeout(force)
      latchkey.close().catch(log.fault)
    })
    server.closeIdleConnections()
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop)
}
