import type { ErrorCode } from '@latchkey/protocol/errors'
import { DELIVERIES } from '@latchkey/protocol/rotation'
import { z } from 'zod'
import type { User } from '../accounts/user.ts'
import type { Tokens } from '../sessions/sessions.ts'
import type { Cookies } from './cookies.ts'
import type { Reply } from './reply.ts'

export const delivery = z.enum(DELIVERIES).meta({
  description:
    'How the refresh token travels, fixed for the session: `cookie` (HttpOnly; the default), `body` (apps and command lines), `cookies` (the access token in an HttpOnly cookie as well).',
})

export const userSchema = z
  .object({
    id: z.string().meta({ description: 'Opaque, never given to another account: the `sub` of the tokens.' }),
    email: z.string().nullable().optional(),
    username: z.string().nullable().optional(),
    createdAt: z.iso.datetime().optional(),
  })
  .catchall(z.unknown())
  .meta({ id: 'User' })

/** RFC 6749 §5.1, with the user. */
export const tokenSchema = z
  .object({
    access_token: z.string().optional().meta({ description: 'Absent in `cookies` delivery.' }),
    token_type: z.literal('Bearer'),
    expires_in: z.int().meta({ description: 'Seconds that the access token lives.' }),
    refresh_token: z.string().optional().meta({ description: 'Only in `body` delivery.' }),
    user: userSchema,
  })
  .meta({ id: 'TokenResponse' })

export type PublicUser = z.infer<typeof userSchema>

export function toPublicUser({ profile, createdAt, id, email, username }: User): PublicUser {
  return { ...profile, id, email, username, createdAt: new Date(createdAt).toISOString() }
}

/** Puts tokens where the session's delivery says. `presented` is the refresh token to keep when there is no new one. */
export function tokenReply(
  cookies: Cookies,
  status: 200 | 201,
  { accessToken, expiresIn, refreshToken, refreshExpiresIn, session }: Tokens,
  user: PublicUser,
  presented?: string,
): Reply {
  const common = { token_type: 'Bearer', expires_in: expiresIn }
  if (session.delivery === 'body') {
    return { status, json: { access_token: accessToken, ...common, refresh_token: refreshToken ?? presented, user } }
  }
  const set = refreshToken === null ? [] : [cookies.setRefreshToken(refreshToken, refreshExpiresIn ?? 0)]
  if (session.delivery === 'cookie') {
    return { status, json: { access_token: accessToken, ...common, user }, cookies: set }
  }
  return { status, json: { ...common, user }, cookies: [...set, cookies.setAccessToken(accessToken, expiresIn)] }
}

export const SIGN_IN_ERRORS = ['validation_failed', 'server_busy'] as const satisfies readonly ErrorCode[]
