import { z } from 'zod'
import type { Accounts } from '../../accounts/accounts.ts'
import { newPassword, password } from '../../accounts/schemas.ts'
import type { Services } from '../../services.ts'
import { protectedRoute, publicRoute, type Route } from '../route.ts'
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
    errors: ['invalid_credentials', 'password_too_common', 'validation_failed', 'server_busy', 'csrf_rejected'],
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

export function resetPasswordRoute({ limits }: Services, accounts: Accounts): Route {
  return publicRoute({
    method: 'POST',
    path: '/password/reset',
    name: 'resetPassword',
    tag: 'Account',
    summary: 'Set a new password by a reset token',
    description:
      'The token comes from `latchkey.accounts.createReset` and works once. Ends every session of the account and signs nobody in.',
    body: z.object({ token: z.string().min(1).max(100), newPassword: password }),
    success: { status: 204, description: 'Changed' },
    errors: ['reset_token_invalid', 'password_too_common', 'validation_failed', 'server_busy', 'csrf_rejected'],
    async handle({ body, address }) {
      await limits.admit('password', address)
      await accounts.resetPassword(body.token, body.newPassword)
      return { status: 204 }
    },
  })
}
