import { CATALOGUE, type ErrorCode, entryOf } from '@latchkey/protocol/errors'
import { z } from 'zod'
import type { Route } from './route.ts'

export interface ApiDocument {
  readonly openapi: '3.1.0'
  readonly [member: string]: unknown
}

/** Errors that any route may answer, and those of any route that needs a token. */
const COMMON_ERRORS = ['rate_limited', 'store_unavailable', 'internal_error'] as const satisfies readonly ErrorCode[]
const PROTECTED_ERRORS = [
  'access_token_missing',
  'access_token_invalid',
  'access_token_expired',
  'authorization_malformed',
  'session_revoked',
] as const satisfies readonly ErrorCode[]
const BODY_ERRORS = [
  'body_malformed',
  'body_too_large',
  'content_type_unsupported',
] as const satisfies readonly ErrorCode[]

/** All the error codes a route may answer. */
export function errorsOf(route: Route): readonly ErrorCode[] {
  return [
    ...route.errors,
    ...(route.isProtected ? PROTECTED_ERRORS : []),
    ...(route.body === undefined || route.isBodyOptional ? [] : BODY_ERRORS),
    ...COMMON_ERRORS,
  ]
}

/** The OpenAPI 3.1 document, from the same routes and schemas that serve and validate. */
export function describeApi(routes: readonly Route[], issuer: string): ApiDocument {
  const paths: Record<string, Record<string, unknown>> = {}
  const schemas: NamedSchemas = { Problem: problemSchema() }
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeRoute(route, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey',
      version: '1',
      description: 'Sessions: short-lived access tokens, and a refresh token that turns itself over as it is used.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: issuer }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'RFC 9068 access token' },
      },
    },
  }
}

/** Schemas with an id; they are gathered here while routes are described. */
type NamedSchemas = Record<string, unknown>

function describeRoute(route: Route, schemas: NamedSchemas): Record<string, unknown> {
  const { name, tag, summary, description, path, success, isProtected, body } = route
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({
    name: parameter,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  return {
    operationId: name,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(parameters.length > 0 && { parameters }),
    security: isProtected ? [{ bearer: [] }] : [],
    ...(body && {
      requestBody: {
        // An absent body counts as `{}`.
        required: !body.safeParse({}).success,
        content: { 'application/json': { schema: jsonSchema(body, 'input', schemas) } },
      },
    }),
    responses: {
      [success.status]: {
        description: success.description,
        ...(success.schema && {
          content: { 'application/json': { schema: jsonSchema(success.schema, 'output', schemas) } },
        }),
      },
      ...describeErrors(errorsOf(route)),
    },
  }
}

function describeErrors(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const { status } = entryOf(code)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const responses: Record<string, unknown> = {}
  for (const [status, group] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[status] = {
      description: group.map((code) => `\`${code}\`: ${CATALOGUE[code].when}`).join('\n\n'),
      content: {
        'application/problem+json': {
          schema: { allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: group } } }] },
        },
      },
    }
  }
  return responses
}

/** RFC 9457, with `code` to decide by. */
function problemSchema(): Record<string, unknown> {
  return {
    type: 'object',
    required: ['type', 'title', 'status', 'code'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(CATALOGUE) },
      detail: { type: 'string' },
      errors: {
        type: 'array',
        items: {
          type: 'object',
          required: ['pointer', 'detail'],
          properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
        },
      },
    },
  }
}

/** A reference is resolved from the root of the whole document, so what a schema defines moves to `components`. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', named: NamedSchemas): unknown {
  const { $schema: _dialect, ...described } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
  })
  const text = JSON.stringify(described).replaceAll('"$ref":"#/$defs/', '"$ref":"#/components/schemas/')
  const { $defs = {}, ...moved } = JSON.parse(text)
  Object.assign(named, $defs)
  return moved
}
