import { LatchkeyError } from '@latchkey/protocol/errors'
import { z } from 'zod'
import type { Accounts } from '../../accounts/accounts.ts'
import { password } from '../../accounts/schemas.ts'
import type { Services } from '../../services.ts'
import { protectedRoute, type Route } from '../route.ts'
import { toPublicUser, userSchema } from '../token-reply.ts'

/** A sign-in this fresh stands in for the password (OWASP ASVS 7.5.3). */
const RECENT_SIGN_IN_SECONDS = 600

export function readMeRoute({ authenticator }: Services, accounts: Accounts): Route {
  return protectedRoute(authenticator, {
    method: 'GET',
    path: '/me',
    name: 'readMe',
    tag: 'Account',
    summary: 'The signed-in user',
    success: { status: 200, description: 'The user', schema: userSchema },
    errors: [],
    async handle({ auth }) {
      return { status: 200, json: toPublicUser(await accounts.find(auth.subject)) }
    },
  })
}

export function deleteMeRoute({ authenticator, cookies, now }: Services, accounts: Accounts): Route {
  return protectedRoute(authenticator, {
    method: 'DELETE',
    path: '/me',
    name: 'deleteMe',
    tag: 'Account',
    summary: 'Delete the account',
    description:
      'Deletes the account and ends its sessions. Needs a sign-in of the last ten minutes, or `currentPassword`. The e-mail address can sign up again; it gets another `id`.',
    body: z.object({ currentPassword: password.optional() }),
    success: { status: 204, description: 'Deleted' },
    errors: ['reauthentication_required', 'invalid_credentials', 'validation_failed', 'server_busy', 'csrf_rejected'],
    async handle({ auth, body: { currentPassword } }) {
      if (currentPassword !== undefined) await accounts.checkPassword(auth.subject, currentPassword)
      else if (now() / 1000 - auth.authTime > RECENT_SIGN_IN_SECONDS)
        throw new LatchkeyError('reauthentication_required')
      await accounts.delete(auth.subject)
      return { status: 204, cookies: cookies.clear() }
    },
  })
}
