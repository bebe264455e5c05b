import { IncomingMessage, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { LatchkeyError } from '@latchkey/protocol/errors'
import type { Connection } from './app.ts'
import type { Auth, AuthenticateOptions, Authenticator } from './authenticate.ts'
import type { Carrier } from './carrier.ts'
import { problemReply, toLatchkeyError } from './reply.ts'

declare global {
  namespace Express {
    interface Request {
      /** Who calls: set by `latchkey.protect()`, and there only behind it. */
      auth: Auth
    }
  }
}

/** What Express, Connect and others may have added to a Node request. */
interface MountedRequest extends IncomingMessage {
  originalUrl?: string
  body?: unknown
  rawBody?: Buffer
  auth?: Auth
}

type Next = (error?: unknown) => void
export type NodeHandler = (request: IncomingMessage, response: ServerResponse, next?: Next) => void

/** Serves the routes under Node, bare or below a mount point of Express, Connect or Nest. */
export function nodeHandler(
  fetch: (request: Request, connection: Connection) => Response | Promise<Response>,
  base: string,
): NodeHandler {
  const listener = getRequestListener((request, env) => fetch(request, connectionOf(env)), {
    overrideGlobalObjects: false,
    hostname: 'localhost',
  })
  return (request: MountedRequest, response, next) => {
    // Express strips the mount path; routes are matched by the whole one.
    const mountedUrl = request.url
    const url = request.originalUrl ?? request.url ?? ''
    if (next !== undefined && !url.startsWith(`${base}/`)) return next()
    restoreBody(request)
    request.url = url
    listener(request, response)
      .catch((error: unknown) => next?.(error))
      .finally(() => {
        if (mountedUrl !== undefined) request.url = mountedUrl
      })
  }
}

/** HTTP/2 servers are not among what the adapter is used with. */
export function connectionOf({ incoming }: { readonly incoming: unknown }): Connection {
  return incoming instanceof IncomingMessage ? { incoming } : {}
}

/** A guard for Node handlers: calls `next` with `req.auth` set, or answers the error itself. */
export function nodeGuard(
  authenticator: Authenticator,
  options: AuthenticateOptions,
  typeBase: string,
  report: (fault: unknown) => void,
): (request: IncomingMessage, response: ServerResponse, next: Next) => void {
  return (request: MountedRequest, response, next) => {
    authenticator
      .authenticate(toCarrier(request), options)
      .then((auth) => {
        request.auth = auth
        next()
      })
      .catch((error: unknown) => sendProblem(response, toLatchkeyError(error, report), typeBase))
  }
}

function sendProblem(response: ServerResponse, error: LatchkeyError, typeBase: string): void {
  // What stands behind the guard has thrown after it answered: there is nothing left to say.
  if (response.headersSent) return
  const { status, json, headers } = problemReply(error, typeBase)
  response.writeHead(status, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers })
  response.end(JSON.stringify(json))
}

/** Node keeps only the first of several Authorization headers; here all of them count, so that two are refused. */
function toCarrier(request: IncomingMessage): Carrier {
  const { method = 'GET', headers, headersDistinct } = request
  return {
    method,
    headers: {
      get(name) {
        const value = name === 'authorization' ? headersDistinct.authorization : headers[name]
        return Array.isArray(value) ? value.join(', ') : (value ?? null)
      },
    },
  }
}

/** After a body parser the stream is spent; what it parsed is handed on as text again. */
function restoreBody(request: MountedRequest): void {
  if (request.body === undefined || request.rawBody instanceof Buffer || !request.readableDidRead) return
  const { body } = request
  request.rawBody = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}
