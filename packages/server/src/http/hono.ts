/** `latchkey/hono`: the guard for Hono apps. */
import type { Context, MiddlewareHandler } from 'hono'
import type { Latchkey } from '../latchkey.ts'
import type { Auth, AuthenticateOptions } from './authenticate.ts'

/**
 * Lets a request through with `c.get('auth')` set, or answers the catalogue error.
 *
 * @example
 * app.get('/api/protected', protect(latchkey), (c) => c.json({ hello: c.get('auth').subject }))
 */
export function protect(
  latchkey: Pick<Latchkey, 'authenticate' | 'toResponse'>,
  options: AuthenticateOptions = {},
): MiddlewareHandler<{ Variables: { auth: Auth } }> {
  return async function protectWithLatchkey(context: Context, next) {
    try {
      context.set('auth', await latchkey.authenticate(context.req.raw, options))
    } catch (error) {
      return latchkey.toResponse(error)
    }
    await next()
  }
}
