import { z } from 'zod'
import type { Accounts } from '../../accounts/accounts.ts'
import { email, newPassword, username } from '../../accounts/schemas.ts'
import type { Services } from '../../services.ts'
import { assertTrustedOrigin } from '../csrf.ts'
import { publicRoute, type Route } from '../route.ts'
import { delivery, SIGN_IN_ERRORS, tokenReply, tokenSchema, toPublicUser } from '../token-reply.ts'

export function signupRoute(services: Services, accounts: Accounts): Route {
  const { cookies, limits, sessions, settings, profileSchema, trustedOrigins } = services
  const credentials = z
    .object({
      email: email.optional(),
      username: username.optional(),
      password: newPassword(settings.passwordMin),
      delivery: delivery.default('cookie'),
    })
    .refine((form) => form.email !== undefined || form.username !== undefined, {
      error: 'is required, unless there is a username',
      path: ['email'],
    })
  return publicRoute({
    method: 'POST',
    path: '/signup',
    name: 'signup',
    tag: 'Signing in',
    summary: 'Create an account and sign in',
    description:
      'An e-mail address or a username, or both. Other fields are kept if the profile schema knows them, else ignored.',
    body: credentials.and(profileSchema),
    success: { status: 201, description: 'Signed in', schema: tokenSchema },
    errors: [...SIGN_IN_ERRORS, 'password_too_common', 'account_exists', 'csrf_rejected'],
    async handle({ body, request, cookies: carried, userAgent, address }) {
      const { email, username, password, delivery, ...profile } = body
      assertTrustedOrigin(request.headers, trustedOrigins, delivery !== 'body')
      await limits.admit('signup', address)
      const { user, tokens } = await accounts.signup({ email, username, password, profile }, { delivery, userAgent })
      if (carried.refreshToken) await sessions.revokeByToken(carried.refreshToken, 'replaced')
      return tokenReply(cookies, 201, tokens, toPublicUser(user))
    },
  })
}
