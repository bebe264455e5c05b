import type { Services } from '../../services.ts'
import { protectedRoute, type Route } from '../route.ts'

export function logoutAllRoute({ authenticator, cookies, sessions }: Services): Route {
  return protectedRoute(authenticator, {
    method: 'POST',
    path: '/logout-all',
    name: 'logoutAll',
    tag: 'Signing in',
    summary: 'Sign out everywhere',
    description: 'Ends all of the user’s sessions, this one included.',
    success: { status: 204, description: 'Signed out everywhere' },
    errors: ['csrf_rejected'],
    async handle({ auth }) {
      await sessions.revokeAll(auth.subject, 'signed_out_everywhere')
      return { status: 204, cookies: cookies.clear() }
    },
  })
}
