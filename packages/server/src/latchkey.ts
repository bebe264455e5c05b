import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Accounts } from './accounts/accounts.ts'
import { PasswordPolicy } from './accounts/password-policy.ts'
import { Passwords, type PasswordsOptions } from './accounts/passwords.ts'
import { defaultProfile, type ProfileSchema, RESERVED_PROFILE_FIELDS } from './accounts/schemas.ts'
import { ConfigurationError, readSettings } from './config/read-settings.ts'
import { SETTINGS, type SettingInput, type SettingName, type Settings } from './config/settings.ts'
import type { EventListener } from './events.ts'
import { basePath, type Connection, createApp, errorTypeBase } from './http/app.ts'
import { type Auth, type AuthenticateOptions, Authenticator } from './http/authenticate.ts'
import { Cookies } from './http/cookies.ts'
import { type NodeHandler, nodeGuard, nodeHandler } from './http/node.ts'
import { problemReply, toLatchkeyError, toResponse } from './http/reply.ts'
import { KEY_RELOAD_INTERVAL, KeyRing, ROTATE_KEYS_EVERY } from './keys/key-ring.ts'
import { type DerivedKeys, deriveKeys, secretFromFile } from './keys/secret.ts'
import { Limits } from './limits/limits.ts'
import { describeFault } from './observability/describe-fault.ts'
import type { Meter, RequestListener } from './observability/meter.ts'
import { observeRequests } from './observability/observe-requests.ts'
import { observeStore } from './observability/observe-store.ts'
import { randomId } from './random-id.ts'
import { AccessTokens, type ClaimsCallback } from './sessions/access-tokens.ts'
import { Sessions } from './sessions/sessions.ts'
import { openStore } from './stores/open-store.ts'
import { SqliteStore } from './stores/sqlite/sqlite-store.ts'
import type { Store } from './stores/store.ts'

type EmbeddedSetting = Exclude<SettingName, 'port' | 'logLevel' | 'metricsToken' | 'store'>

/** Options win over the environment (`LATCHKEY_…`); docs/configuration.md lists all settings with their defaults. */
export interface LatchkeyOptions extends Partial<Record<EmbeddedSetting, SettingInput | undefined>> {
  /** `https://app.example.com/auth`: the `iss` of tokens, and where the routes are. */
  readonly issuer?: string | undefined
  /** The API that accepts the access tokens. */
  readonly audience?: string | undefined
  /** A store, or where it is: `sqlite:latchkey.db`. */
  readonly store?: Store | string | undefined
  /** false: the application has users of its own, and only sessions are served. An object configures sign-up. */
  readonly accounts?: boolean | { readonly profile?: ProfileSchema } | undefined
  /** Adds claims to access tokens. */
  readonly claims?: ClaimsCallback | undefined
  /** Told of everything that happens to a session. What it throws changes nothing. */
  readonly onEvent?: EventListener | undefined
  /**
   * Told of faults on our side: a store that is away, a bug. Described on standard error unless given. A fault may hold
   * what it was about, in `cause` above all: think before it is logged whole.
   */
  readonly onFault?: ((fault: unknown) => void) | undefined
  /** Told of every answered request. What it throws changes nothing. */
  readonly onRequest?: RequestListener | undefined
  /** `createMetrics()` of `latchkey/metrics`. */
  readonly metrics?: Meter | undefined
  /** How many passwords are hashed at once, and how many may wait. */
  readonly hashing?: PasswordsOptions | undefined
  /** The clock, in milliseconds since 1970; for tests. The store has its own. */
  readonly now?: (() => number) | undefined
}

/** A running Latchkey: routes, guards, and everything HTTP can do as functions. */
export interface Latchkey {
  readonly settings: Settings
  readonly issuer: string
  /** Serves the routes to Express, Connect, Nest or bare Node: `app.use('/auth', latchkey.node)`. */
  readonly node: NodeHandler
  /** Serves the routes to Hono, Next, Bun and Deno. Tell it the client's address: the limits count by it. */
  readonly fetch: (request: Request, connection?: Connection) => Response | Promise<Response>
  /** A guard for Express and Connect; sets `req.auth`. */
  readonly protect: (
    options?: AuthenticateOptions,
  ) => (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void
  /** Who sends this request. @throws LatchkeyError as the catalogue says for access tokens */
  readonly authenticate: (request: Request, options?: AuthenticateOptions) => Promise<Auth>
  /** The HTTP answer to an error: the catalogue's for ours, `internal_error` for any other. */
  readonly toResponse: (error: unknown) => Response
  readonly sessions: Sessions
  /** undefined with `accounts: false`. */
  readonly accounts: Accounts | undefined
  readonly keys: KeyRing
  readonly cookies: Cookies
  /** Resolves when the store can serve. @throws LatchkeyError `store_unavailable` */
  readonly ready: () => Promise<void>
  /** Stops the timers and closes the store. */
  readonly close: () => Promise<void>
}

const PURGE_BATCH = 500

/**
 * Makes a Latchkey.
 *
 * @throws ConfigurationError in one line that names the setting and says what is allowed
 *
 * @example
 * const latchkey = await createLatchkey({ issuer: 'http://localhost:3000/auth', store: sqliteStore('latchkey.db') })
 */
export async function createLatchkey(options: LatchkeyOptions = {}): Promise<Latchkey> {
  const { store } = options
  const given = { ...toSettingInputs(options), ...(typeof store === 'string' && { store }) }
  return assemble(readSettings({ options: given, env: process.env }), options)
}

/** Puts the parts together, with settings already read. */
export async function assemble(settings: Settings, options: LatchkeyOptions = {}): Promise<Latchkey> {
  const { accounts: accountsOption = true, now = Date.now, claims, metrics } = options
  const issuer = settings.issuer ?? defaultIssuer(settings.port)
  const audience = settings.audience ?? new URL(issuer).origin
  const report = options.onFault ?? ((fault) => console.error('latchkey', describeFault(fault)))
  const emit = toEmitter([metrics?.event, options.onEvent], report)

  const given = typeof options.store === 'object' ? options.store : openStore(settings.store)
  const store = observeStore(given, metrics?.storeFailed)
  try {
    const derived = deriveSecrets(settings, given)
    const keys = await KeyRing.open(store.keys, {
      alg: settings.alg,
      rotateEvery: ROTATE_KEYS_EVERY,
      accessTtl: settings.accessTtl,
      sealing: derived.map(({ sealing }) => sealing),
      onFault: report,
      emit,
    })
    const accessTokens = new AccessTokens({
      issuer,
      audience,
      accessTtl: settings.accessTtl,
      keys,
      claims,
      randomId,
      now,
    })
    const sessions = new Sessions(store.sessions, {
      issuer,
      idleTtl: settings.idleTtl,
      absoluteTtl: settings.absoluteTtl,
      turnEvery: settings.turnEvery,
      maxSessions: settings.maxSessions,
      refreshTokenKeys: derived.map(({ refreshToken }) => refreshToken),
      accessTokens,
      emit,
      randomId,
      now,
    })
    const limits = new Limits(settings.rateLimits, emit)
    const profileSchema = profileSchemaOf(accountsOption)
    const passwords = accountsOption ? new Passwords(options.hashing, metrics?.passwordHashed) : undefined
    const accounts = passwords
      ? new Accounts(store.accounts, {
          sessions,
          passwords,
          policy: new PasswordPolicy(settings.passwordMin, issuer),
          limits,
          emit,
          randomId,
        })
      : undefined
    const cookies = new Cookies(issuer)
    const trustedOrigins = new Set([new URL(issuer).origin, ...settings.allowedOrigins])
    const authenticator = new Authenticator(accessTokens, sessions, cookies, trustedOrigins)
    const app = createApp({
      settings,
      issuer,
      keys,
      accessTokens,
      sessions,
      accounts,
      profileSchema,
      cookies,
      limits,
      authenticator,
      trustedOrigins,
      emit,
      report,
      now,
    })
    const fetch = observeRequests(app.fetch, [metrics?.request, options.onRequest].filter(isGiven), report)
    metrics?.watch({ passwordsWaiting: () => passwords?.waiting ?? 0, signingKeyAge: () => activeKeyAge(keys, now()) })
    const upkeep = setInterval(() => {
      keepUp(keys, store, settings.accessTtl).catch(report)
    }, KEY_RELOAD_INTERVAL)
    upkeep.unref()
    const typeBase = errorTypeBase(issuer)
    return {
      settings,
      issuer,
      node: nodeHandler(fetch, basePath(issuer)),
      fetch: (request, connection) => fetch(request, connection),
      protect: (guard = {}) => nodeGuard(authenticator, guard, typeBase, report),
      authenticate: (request, guard) => authenticator.authenticate(request, guard),
      toResponse: (error) => toResponse(problemReply(toLatchkeyError(error, report), typeBase)),
      sessions,
      accounts,
      keys,
      cookies,
      ready: () => store.ping(),
      close: async () => {
        clearInterval(upkeep)
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** What time asks for: keys that are due, and ended sessions whose access tokens have all expired. */
async function keepUp(keys: KeyRing, store: Store, accessTtl: number): Promise<void> {
  await keys.advance()
  while ((await store.sessions.purge(accessTtl + 2 * KEY_RELOAD_INTERVAL, PURGE_BATCH)) === PURGE_BATCH);
}

function deriveSecrets({ secret }: Settings, store: Store): readonly DerivedKeys[] {
  if (secret !== undefined) return secret.map(deriveKeys)
  const how = 'make one with `openssl rand -base64 48` and keep it out of the repository'
  if (process.env.NODE_ENV === 'production') {
    throw new ConfigurationError(`${SETTINGS.secret.env} must be given in production: ${how}`)
  }
  if (!(store instanceof SqliteStore)) throw new ConfigurationError(`${SETTINGS.secret.env} must be given: ${how}`)
  if (store.file === ':memory:') return [deriveKeys(randomBytes(48).toString('base64url'))]
  try {
    return [deriveKeys(secretFromFile(`${store.file}.secret`))]
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigurationError(`${SETTINGS.secret.env} is not given, and ${reason}`, { cause })
  }
}

function profileSchemaOf(accounts: boolean | { readonly profile?: ProfileSchema }): ProfileSchema {
  const schema = (typeof accounts === 'object' ? accounts.profile : undefined) ?? defaultProfile
  const reserved = RESERVED_PROFILE_FIELDS.find((field) => field in schema.shape)
  if (reserved !== undefined) throw new ConfigurationError(`accounts.profile must not define ${reserved}`)
  // What the schema does not name is not kept, even if it would let it pass.
  return schema.strip()
}

function defaultIssuer(port: number): string {
  if (process.env.NODE_ENV === 'production') {
    throw new ConfigurationError(
      `${SETTINGS.issuer.env} must be given in production: the URL clients see, as https://app.example.com/auth`,
    )
  }
  return `http://localhost:${port}/auth`
}

function toEmitter(listeners: readonly (EventListener | undefined)[], report: (fault: unknown) => void): EventListener {
  const given = listeners.filter(isGiven)
  return (event) => {
    for (const listener of given) {
      try {
        const answer = listener(event)
        if (answer !== undefined) Promise.resolve(answer).catch(report)
      } catch (fault) {
        report(fault)
      }
    }
  }
}

function isGiven<Value>(value: Value | undefined): value is Value {
  return value !== undefined
}

/** In seconds. */
function activeKeyAge({ keys }: KeyRing, now: number): number | undefined {
  const active = keys.find(({ state }) => state === 'active')
  return active && (now - active.since) / 1000
}

function toSettingInputs(options: LatchkeyOptions): Partial<Record<SettingName, SettingInput | undefined>> {
  const { store: _store, accounts: _accounts, claims: _claims, onEvent: _onEvent, ...rest } = options
  const {
    onFault: _onFault,
    onRequest: _onRequest,
    metrics: _metrics,
    hashing: _hashing,
    now: _now,
    ...settings
  } = rest
  return settings
}
