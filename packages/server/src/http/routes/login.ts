import { z } from 'zod'
import type { Accounts, LoginName } from '../../accounts/accounts.ts'
import { canonical, canonicalUsername, password, toLoginName } from '../../accounts/schemas.ts'
import type { Services } from '../../services.ts'
import { assertTrustedOrigin } from '../csrf.ts'
import { publicRoute, type Route } from '../route.ts'
import { delivery, SIGN_IN_ERRORS, tokenReply, tokenSchema, toPublicUser } from '../token-reply.ts'

const name = z.string().min(1).max(254)

const body = z
  .object({
    login: name.optional().meta({ description: 'An e-mail address or a username.', example: 'ada@example.com' }),
    email: name.optional(),
    username: name.optional(),
    password,
    delivery: delivery.default('cookie'),
  })
  .refine(
    ({ login, email, username }) => [login, email, username].filter((given) => given !== undefined).length === 1,
    {
      error: 'is required: exactly one of login, email and username',
      path: ['login'],
    },
  )

export function loginRoute({ cookies, sessions, limits, trustedOrigins }: Services, accounts: Accounts): Route {
  return publicRoute({
    method: 'POST',
    path: '/login',
    name: 'login',
    tag: 'Signing in',
    summary: 'Sign in',
    description: 'Ends the session whose refresh cookie the request carries: a browser has one.',
    body,
    success: { status: 200, description: 'Signed in', schema: tokenSchema },
    errors: [...SIGN_IN_ERRORS, 'invalid_credentials', 'csrf_rejected'],
    async handle({ body, request, cookies: carried, userAgent, address }) {
      assertTrustedOrigin(request.headers, trustedOrigins, body.delivery !== 'body')
      await limits.admit('login', address)
      const context = { delivery: body.delivery, userAgent }
      const { user, tokens } = await accounts.login(loginName(body), body.password, context)
      await limits.refundLogin(address)
      if (carried.refreshToken) await sessions.revokeByToken(carried.refreshToken, 'replaced')
      return tokenReply(cookies, 200, tokens, toPublicUser(user))
    },
  })
}

function loginName({ login = '', email, username }: z.output<typeof body>): LoginName {
  if (email !== undefined) return { email: canonical(email.trim()) }
  if (username !== undefined) return { username: canonicalUsername(username) }
  return toLoginName(login)
}
