import { LatchkeyError } from '@latchkey/protocol/errors'
import type { Delivery } from '@latchkey/protocol/rotation'
import type { EventListener } from '../events.ts'
import type { Limits } from '../limits/limits.ts'
import type { Sessions, Tokens } from '../sessions/sessions.ts'
import type { Account, AccountStore, Profile } from '../stores/store.ts'
import type { Passwords } from './passwords.ts'

export interface AccountsOptions {
  readonly sessions: Sessions
  readonly passwords: Passwords
  readonly limits: Limits
  readonly emit: EventListener
  readonly randomId: () => string
}

/** An account as its owner may see it. Times are milliseconds since 1970. */
export interface User {
  readonly id: string
  readonly email: string | null
  readonly username: string | null
  readonly createdAt: number
  readonly profile: Profile
}

/** Already validated: see `schemas.ts`. */
export interface SignUp {
  readonly email?: string | undefined
  readonly username?: string | undefined
  readonly password: string
  readonly profile: Profile
}

export type LoginName = { readonly email: string } | { readonly username: string }

/** Where and how the new session will live. */
export interface SignInContext {
  readonly delivery?: Delivery | undefined
  readonly userAgent?: string | undefined
}

export interface SignedIn {
  readonly user: User
  readonly tokens: Tokens & { readonly refreshToken: string }
}

/** Sign-up, login and passwords, on top of sessions. */
export class Accounts {
  readonly #store: AccountStore
  readonly #options: AccountsOptions

  constructor(store: AccountStore, options: AccountsOptions) {
    this.#store = store
    this.#options = options
  }

  /** Creates an account and signs it in. @throws LatchkeyError `account_exists`, `server_busy`, `store_unavailable` */
  async signup({ email, username, password, profile }: SignUp, context: SignInContext = {}): Promise<SignedIn> {
    const { passwords, randomId, emit } = this.#options
    const account = await this.#store.create({
      id: randomId(),
      email: email ?? null,
      username: username ?? null,
      passwordHash: await passwords.hash(password),
      profile,
    })
    if (account === null) throw new LatchkeyError('account_exists')
    emit({ type: 'account_created', subject: account.id })
    return this.#signIn(account, account.credentialVersion, context)
  }

  /**
   * Checks a password and starts a session.
   *
   * @throws LatchkeyError `invalid_credentials` for an unknown account, a wrong password and a disabled account alike,
   * after the same work; `rate_limited`, `server_busy`, `store_unavailable`
   */
  async login(name: LoginName, password: string, context: SignInContext = {}): Promise<SignedIn> {
    const account = await ('email' in name
      ? this.#store.findByEmail(name.email)
      : this.#store.findByUsername(name.username))
    const isRight = await this.#check(account, account?.id ?? Object.entries(name).join(), password)
    if (account === null || !isRight) throw this.#refuse(account)
    return this.#signIn(account, account.credentialVersion, context)
  }

  /** @throws LatchkeyError `session_revoked` when the account is gone */
  async find(id: string): Promise<User> {
    return toUser(await this.#require(id))
  }

  /** Throws `invalid_credentials` unless the password is the account's. */
  async checkPassword(id: string, password: string): Promise<void> {
    await this.#authenticate(id, password)
  }

  /**
   * Replaces the password, ends every session of the account, and starts a new one for the caller.
   *
   * @throws LatchkeyError `invalid_credentials` when the current password is wrong or was changed meanwhile,
   * `server_busy`, `store_unavailable`
   */
  async changePassword(id: string, current: string, next: string, context: SignInContext = {}): Promise<SignedIn> {
    const { sessions, passwords, emit } = this.#options
    const account = await this.#authenticate(id, current)
    const changed = await this.#store.changePassword(id, account.credentialVersion, await passwords.hash(next))
    if (changed === null) throw this.#refuse(account)
    emit({ type: 'password_changed', subject: id })
    sessions.announceEnd(changed.ended, 'password_changed')
    return this.#signIn(account, changed.credentialVersion, context)
  }

  /** Deletes the account and ends its sessions. Its e-mail can sign up again and gets another `sub`. */
  async delete(id: string): Promise<void> {
    const ended = await this.#store.delete(id)
    if (ended === null) return
    this.#options.sessions.announceEnd(ended, 'account_deleted')
    this.#options.emit({ type: 'account_deleted', subject: id })
  }

  async #signIn(account: Account, credentialVersion: number, context: SignInContext): Promise<SignedIn> {
    const { delivery = 'cookie', userAgent } = context
    const tokens = await this.#options.sessions.startGuarded(
      { subject: account.id, delivery, userAgent, amr: ['pwd'] },
      { accountId: account.id, credentialVersion },
    )
    if (tokens === null) throw this.#refuse(account)
    return { user: toUser(account), tokens }
  }

  async #authenticate(id: string, password: string): Promise<Account> {
    const account = await this.#require(id)
    if (await this.#check(account, id, password)) return account
    throw this.#refuse(account)
  }

  #check(account: Account | null, limitedAs: string, password: string): Promise<boolean> {
    return this.#options.limits.attempt(limitedAs, async () => {
      const matches = await this.#options.passwords.verify(account?.passwordHash ?? null, password)
      return matches && account?.disabledAt === null
    })
  }

  async #require(id: string): Promise<Account> {
    const account = await this.#store.findById(id)
    if (account === null) throw new LatchkeyError('session_revoked')
    return account
  }

  #refuse(account: Account | null): LatchkeyError {
    this.#options.emit({ type: 'login_failed', subject: account?.id ?? null })
    return new LatchkeyError('invalid_credentials')
  }
}

function toUser({ id, email, username, createdAt, profile }: Account): User {
  return { id, email, username, createdAt, profile }
}
