import { z } from 'zod'
import { JWKS_MAX_AGE } from '../../keys/key-ring.ts'
import type { Services } from '../../services.ts'
import { publicRoute, type Route } from '../route.ts'

const CACHEABLE = { 'cache-control': `public, max-age=${JWKS_MAX_AGE}`, 'access-control-allow-origin': '*' }

export function jwksRoute({ keys }: Services): Route {
  return publicRoute({
    method: 'GET',
    path: '/.well-known/jwks.json',
    name: 'jwks',
    tag: 'Discovery',
    summary: 'The public signing keys (RFC 7517)',
    success: {
      status: 200,
      description: 'The key set',
      schema: z.object({ keys: z.array(z.record(z.string(), z.string())) }),
    },
    errors: [],
    async handle() {
      return { status: 200, json: keys.jwks, headers: CACHEABLE }
    },
  })
}

export function metadataRoute({ issuer, settings }: Services): Route {
  return publicRoute({
    method: 'GET',
    path: '/.well-known/openid-configuration',
    name: 'metadata',
    tag: 'Discovery',
    summary: 'The issuer’s metadata (OpenID Connect Discovery, RFC 8414)',
    description: 'For resource servers that know only the issuer. There is no authorization endpoint.',
    success: {
      status: 200,
      description: 'The metadata',
      schema: z.object({ issuer: z.url(), jwks_uri: z.url() }).catchall(z.unknown()),
    },
    errors: [],
    async handle() {
      const metadata = {
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        response_types_supported: ['none'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [settings.alg],
      }
      return { status: 200, json: metadata, headers: CACHEABLE }
    },
  })
}
