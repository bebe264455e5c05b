import type { IncomingMessage } from 'node:http'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import type { TrustProxy } from '../config/settings.ts'
import { canonicalAddress, clientAddress } from '../limits/client-address.ts'
import type { Matched } from '../observability/observe-requests.ts'
import type { Services } from '../services.ts'
import { isSafeMethod } from './authenticate.ts'
import { assertTrustedOrigin, CSRF_HEADER } from './csrf.ts'
import { problemReply, type Reply, toLatchkeyError, toResponse } from './reply.ts'
import type { Exchange, Route } from './route.ts'
import { createRoutes } from './routes.ts'

/** Where a request came from: Node's own request, or the address as another runtime knows it. */
export interface Connection {
  readonly incoming?: IncomingMessage
  readonly address?: string
}

/** `matched` is there when somebody observes the request. */
type Bindings = Connection & { readonly matched?: Matched }

type RouteContext = Context<{ Bindings: Bindings }>

/** The path that every route is below: the issuer's, without a final slash. */
export function basePath(issuer: string): string {
  return new URL(issuer).pathname.replace(/\/$/, '')
}

/** The URL below which each error code has its page. */
export function errorTypeBase(issuer: string): string {
  return `${issuer}/errors`
}

/** The HTTP side as one function from Request to Response, with every route below the issuer's path. */
export function createApp(services: Services): Hono<{ Bindings: Bindings }> {
  const { issuer, settings } = services
  const base = basePath(issuer)
  const typeBase = errorTypeBase(issuer)
  const app = new Hono<{ Bindings: Bindings }>()
  if (settings.allowedOrigins.length > 0) app.use(crossOrigin(settings.allowedOrigins))

  const byPath = Map.groupBy(createRoutes(services), ({ path }) => base + path)
  // One handler a path: Hono calls a request's only match directly, and composes middleware when there are more.
  for (const [path, routes] of byPath) {
    app.all(path.replace(/\{(\w+)\}/g, ':$1'), (context) => dispatch(path, routes, context))
  }

  app.notFound(() => toResponse(problemReply(new LatchkeyError('not_found'), typeBase)))
  app.onError((fault) => toResponse(problemReply(toLatchkeyError(fault, services.report), typeBase)))
  return app

  async function dispatch(path: string, routes: readonly Route[], context: RouteContext): Promise<Response> {
    if (context.env?.matched !== undefined) context.env.matched.route = path
    const method = context.req.method === 'HEAD' ? 'GET' : context.req.method
    const route = routes.find((candidate) => candidate.method === method)
    if (route === undefined) return refuseMethod(context, routes)
    try {
      return toResponse(await serve(route, context))
    } catch (fault) {
      const error = toLatchkeyError(fault, services.report)
      if (error.code === 'csrf_rejected') services.emit({ type: 'csrf_rejected', path })
      return toResponse(problemReply(error, typeBase))
    }
  }

  async function serve(route: Route, { req, env }: RouteContext): Promise<Reply> {
    const cookies = services.cookies.read(req.header('cookie'))
    if (!isSafeMethod(req.method)) {
      const carriesCookie = cookies.refreshToken !== undefined || cookies.accessToken !== undefined
      assertTrustedOrigin(req.raw.headers, services.trustedOrigins, carriesCookie)
    }
    const exchange: Exchange = {
      request: req.raw,
      cookies,
      userAgent: req.header('user-agent'),
      address: () => addressOf(env, settings.trustProxy),
      param: (name) => req.param(name) ?? '',
    }
    return route.run(exchange)
  }

  /** RFC 9110 §15.5.6; `OPTIONS` itself is answered. */
  function refuseMethod({ req }: RouteContext, routes: readonly Route[]): Response {
    const methods: readonly string[] = routes.map(({ method }) => method)
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
    if (req.method === 'OPTIONS') return toResponse({ status: 204, headers: { allow: allow.join(', ') } })
    return toResponse(problemReply(new LatchkeyError('method_not_allowed', { allow }), typeBase))
  }
}

function addressOf(connection: Connection | undefined, trust: TrustProxy): string | undefined {
  if (connection?.address !== undefined) return canonicalAddress(connection.address)
  // A client that has reset its connection has no address any more: all of those count as one.
  return connection?.incoming && (clientAddress(connection.incoming, trust) ?? 'unknown')
}

/** Exact origins only, and nothing at all is said to the others. */
function crossOrigin(allowedOrigins: readonly string[]) {
  const allow = cors({
    origin: [...allowedOrigins],
    credentials: true,
    allowMethods: ['GET', 'POST', 'DELETE'],
    allowHeaders: ['Content-Type', 'Authorization', CSRF_HEADER],
    exposeHeaders: ['WWW-Authenticate', 'Retry-After'],
    maxAge: 600,
  })
  const allowed = new Set(allowedOrigins)
  return async (context: Context, next: () => Promise<void>) => {
    if (allowed.has(context.req.header('origin') ?? '')) return allow(context, next)
    await next()
    context.header('Vary', 'Origin', { append: true })
  }
}
