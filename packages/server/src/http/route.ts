import { type ErrorCode, LatchkeyError } from '@latchkey/protocol/errors'
import type { z } from 'zod'
import type { Auth, Authenticator } from './authenticate.ts'
import { readBody } from './body.ts'
import type { CarriedCookies } from './cookies.ts'
import type { Reply } from './reply.ts'

/** One request on its way through a route. */
export interface Exchange {
  readonly request: Request
  readonly cookies: CarriedCookies
  readonly userAgent: string | undefined
  /** Whom limits count the request against; undefined where the runtime does not tell. */
  readonly address: () => string | undefined
  /** What stands in the path for `{name}`. */
  readonly param: (name: string) => string
}

/** What the documents say of a route: the OpenAPI document and docs/api.md are made from it. */
export interface RouteDescription {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the base, with `{name}` for parameters. */
  readonly path: string
  readonly name: string
  /** The heading it stands under. */
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly success: { readonly status: number; readonly description: string; readonly schema?: z.ZodType }
  /** Beside those that every route can answer. */
  readonly errors: readonly ErrorCode[]
}

export interface Route extends RouteDescription {
  readonly isProtected: boolean
  /** Whatever is wrong with the body, the route goes on without it. */
  readonly isBodyOptional: boolean
  /** undefined: a body is not read. */
  readonly body: z.ZodType | undefined
  readonly run: (exchange: Exchange) => Promise<Reply>
}

/** What a route without a body is given. */
type EmptyBody = z.ZodObject<Record<never, never>>

interface Definition<Body extends z.ZodType, Given> extends RouteDescription {
  readonly body?: Body
  readonly isBodyOptional?: true
  readonly handle: (exchange: Exchange & Given & { readonly body: z.output<Body> }) => Promise<Reply>
}

/** A route for everybody. */
export function publicRoute<Body extends z.ZodType = EmptyBody>(definition: Definition<Body, object>): Route {
  const { body, isBodyOptional = false, handle, ...description } = definition
  return {
    ...description,
    isProtected: false,
    body,
    isBodyOptional,
    run: async (exchange) => handle({ ...exchange, body: await parseBody(exchange.request, body, isBodyOptional) }),
  }
}

/** A route for the bearer of an access token whose session lives. */
export function protectedRoute<Body extends z.ZodType = EmptyBody>(
  authenticator: Authenticator,
  definition: Definition<Body, { readonly auth: Auth }>,
): Route {
  const { body, isBodyOptional = false, handle, ...description } = definition
  return {
    ...description,
    isProtected: true,
    body,
    isBodyOptional,
    run: async (exchange) => {
      const auth = await authenticator.authenticate(exchange.request)
      return handle({ ...exchange, auth, body: await parseBody(exchange.request, body, isBodyOptional) })
    },
  }
}

/** A route that declares no body ignores one. */
async function parseBody<Body extends z.ZodType>(
  request: Request,
  schema: Body | undefined,
  isOptional: boolean,
): Promise<z.output<Body>> {
  if (schema === undefined) return {} as z.output<Body>
  try {
    return await readBody(request, schema)
  } catch (error) {
    if (isOptional && error instanceof LatchkeyError) return schema.parse({})
    throw error
  }
}
