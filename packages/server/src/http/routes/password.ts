import { z } from 'zod'
import type { Accounts } from '../../accounts/accounts.ts'
import { newPassword, password } from '../../accounts/schemas.ts'
import type { Services } from '../../services.ts'
import { protectedRoute, type Route } from '../route.ts'
import { tokenReply, tokenSchema, toPublicUser } from '../token-reply.ts'

export function passwordRoute({ authenticator, cookies, limits, settings }: Services, accounts: Accounts): Route {
  return protectedRoute(authenticator, {
    method: 'POST',
    path: '/password',
    name: 'changePassword',
    tag: 'Account',
    summary: 'Change the password',
    description: 'Ends every session of the account and starts a new one for the caller.',
    body: z.object({ currentPassword: password, newPassword: newPassword(settings.passwordMin) }),
    success: { status: 200, description: 'Changed; signed in anew', schema: tokenSchema },
    errors: ['invalid_credentials', 'validation_failed', 'server_busy', 'csrf_rejected'],
    async handle({ auth, body, userAgent, address }) {
      await limits.admit('password', address)
      const context = { delivery: auth.delivery, userAgent }
      const { user, tokens } = await accounts.changePassword(
        auth.subject,
        body.currentPassword,
        body.newPassword,
        context,
      )
      return tokenReply(cookies, 200, tokens, toPublicUser(user))
    },
  })
}
