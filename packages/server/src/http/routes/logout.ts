import { z } from 'zod'
import type { Services } from '../../services.ts'
import { readBearer } from '../authenticate.ts'
import { publicRoute, type Route } from '../route.ts'

export function logoutRoute({ cookies, sessions, accessTokens }: Services): Route {
  return publicRoute({
    method: 'POST',
    path: '/logout',
    name: 'logout',
    tag: 'Signing in',
    summary: 'Sign out',
    description:
      'Ends the session of the cookie, of the body’s refresh token, or of the bearer token, expired ones included, and clears the cookies. With none of them, or with garbage, there is nothing to end.',
    body: z.object({ refresh_token: z.string().optional().meta({ description: 'Only in `body` delivery.' }) }),
    isBodyOptional: true,
    success: { status: 204, description: 'Signed out' },
    errors: ['csrf_rejected'],
    async handle({ request, body, cookies: carried }) {
      for (const token of [carried.refreshToken, body.refresh_token]) {
        if (token) await sessions.revokeByToken(token, 'signed_out')
      }
      const sid = await accessTokens.sessionOf(bearerOrNothing(request) ?? carried.accessToken)
      if (sid !== undefined) await sessions.revoke(sid, 'signed_out')
      return { status: 204, cookies: cookies.clear() }
    },
  })
}

function bearerOrNothing(request: Request): string | undefined {
  try {
    return readBearer(request.headers)
  } catch {
    return undefined
  }
}
