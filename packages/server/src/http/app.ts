import { LatchkeyError } from '@latchkey/protocol/errors'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import type { Services } from '../services.ts'
import { isSafeMethod } from './authenticate.ts'
import { assertTrustedOrigin, CSRF_HEADER } from './csrf.ts'
import { problemReply, type Reply, toLatchkeyError, toResponse } from './reply.ts'
import type { Exchange, Route } from './route.ts'
import { createRoutes } from './routes.ts'

/** The HTTP side as one function from Request to Response, with every route below the issuer's path. */
export function createApp(services: Services): Hono {
  const { issuer, settings } = services
  const base = new URL(issuer).pathname.replace(/\/$/, '')
  const typeBase = `${issuer}/errors`
  const app = new Hono()
  if (settings.allowedOrigins.length > 0) app.use(crossOrigin(settings.allowedOrigins))

  const methodsByPath = new Map<string, string[]>()
  for (const route of createRoutes(services)) {
    const path = base + route.path.replace(/\{(\w+)\}/g, ':$1')
    methodsByPath.set(path, [...(methodsByPath.get(path) ?? []), route.method])
    app.on(route.method, path, async (context) => toResponse(await serve(route, context)))
  }
  for (const [path, methods] of methodsByPath) app.all(path, (context) => refuseMethod(context, methods))

  app.notFound(() => toResponse(problemReply(new LatchkeyError('not_found'), typeBase)))
  app.onError((error) => toResponse(problemReply(toLatchkeyError(error, services.report), typeBase)))
  return app

  async function serve(route: Route, { req }: Context): Promise<Reply> {
    const cookies = services.cookies.read(req.header('cookie'))
    if (!isSafeMethod(req.method)) {
      const carriesCookie = cookies.refreshToken !== undefined || cookies.accessToken !== undefined
      assertTrustedOrigin(req.raw.headers, services.trustedOrigins, carriesCookie)
    }
    const exchange: Exchange = {
      request: req.raw,
      cookies,
      userAgent: req.header('user-agent'),
      param: (name) => req.param(name) ?? '',
    }
    return route.run(exchange)
  }

  /** RFC 9110 §15.5.6; `OPTIONS` itself is answered. */
  function refuseMethod({ req }: Context, methods: readonly string[]): Response {
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
    if (req.method === 'OPTIONS') return toResponse({ status: 204, headers: { allow: allow.join(', ') } })
    return toResponse(problemReply(new LatchkeyError('method_not_allowed', { allow }), typeBase))
  }
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
