import type { Accounts } from './accounts/accounts.ts'
import type { ProfileSchema } from './accounts/schemas.ts'
import type { Settings } from './config/settings.ts'
import type { EventListener } from './events.ts'
import type { Authenticator } from './http/authenticate.ts'
import type { Cookies } from './http/cookies.ts'
import type { KeyRing } from './keys/key-ring.ts'
import type { Limits } from './limits/limits.ts'
import type { AccessTokens } from './sessions/access-tokens.ts'
import type { Sessions } from './sessions/sessions.ts'

/** Everything the routes work with, put together once in `latchkey.ts`. */
export interface Services {
  readonly settings: Settings
  readonly issuer: string
  readonly keys: KeyRing
  readonly accessTokens: AccessTokens
  readonly sessions: Sessions
  /** undefined where the application has users of its own. */
  readonly accounts: Accounts | undefined
  readonly profileSchema: ProfileSchema
  readonly cookies: Cookies
  readonly limits: Limits
  readonly authenticator: Authenticator
  /** The issuer's own origin and the allowed ones. */
  readonly trustedOrigins: ReadonlySet<string>
  readonly emit: EventListener
  /** Told of faults that are ours. */
  readonly report: (fault: unknown) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}
