import { LatchkeyError } from '@latchkey/protocol/errors'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { publicRoute, type Route } from '../route.ts'
import { tokenReply, tokenSchema, toPublicUser } from '../token-reply.ts'

const body = z.object({
  refresh_token: z.string().optional().meta({ description: 'Only in `body` delivery; else it is in the cookie.' }),
})

export function refreshRoute({ cookies, limits, sessions, accounts }: Services): Route {
  return publicRoute({
    method: 'POST',
    path: '/refresh',
    name: 'refresh',
    tag: 'Signing in',
    summary: 'Exchange the refresh token for an access token',
    description:
      'The refresh token turns itself over. For `turnEvery` after its issue it is held instead: an access token, no `Set-Cookie`, and in `body` delivery the same refresh token back. A refusal never deletes the cookie.',
    body,
    success: { status: 200, description: 'A new access token', schema: tokenSchema },
    errors: [
      'refresh_token_missing',
      'refresh_token_invalid',
      'refresh_token_expired',
      'refresh_token_reused',
      'session_revoked',
      'validation_failed',
      'csrf_rejected',
    ],
    async handle({ body: { refresh_token: inBody }, cookies: carried, userAgent, address }) {
      const presented = inBody ?? carried.refreshToken
      if (!presented) throw new LatchkeyError('refresh_token_missing')
      await limits.admit('refresh', address)
      const arrivedIn = inBody === undefined ? 'cookie' : 'body'
      const tokens = await sessions.refresh(presented, { arrivedIn, userAgent })
      const { subject } = tokens.session
      const user = await accounts?.findIfAny(subject)
      return tokenReply(cookies, 200, tokens, user ? toPublicUser(user) : { id: subject }, presented)
    },
  })
}
