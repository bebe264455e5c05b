import { createHash, randomBytes } from 'node:crypto'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { Delivery } from '@latchkey/protocol/rotation'
import type { EventListener } from '../events.ts'
import type { Limits } from '../limits/limits.ts'
import type { Sessions, Tokens } from '../sessions/sessions.ts'
import type { Account, AccountStore, Profile } from '../stores/store.ts'
import { isOutdated } from './password-hashes.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { Passwords } from './passwords.ts'

export interface AccountsOptions {
  readonly sessions: Sessions
  readonly passwords: Passwords
  readonly policy: PasswordPolicy
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

  /**
   * Creates an account and signs it in.
   *
   * @throws LatchkeyError `validation_failed` or `password_too_common` for its password, `account_exists`, `server_busy`,
   * `store_unavailable`
   */
  async signup({ email, username, password, profile }: SignUp, context: SignInContext = {}): Promise<SignedIn> {
    const { passwords, policy, randomId, emit } = this.#options
    policy.check(password, { email, username })
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
    if (isOutdated(account.passwordHash)) await this.#upgrade(account, password)
    return this.#signIn(account, account.credentialVersion, context)
  }

  /** @throws LatchkeyError `session_revoked` when the account is gone */
  async find(id: string): Promise<User> {
    return toUser(await this.#require(id))
  }

  /** Null for a subject that is no account: an application may start sessions for its own. */
  async findIfAny(id: string): Promise<User | null> {
    const account = await this.#store.findById(id)
    return account === null ? null : toUser(account)
  }

  /** Throws `invalid_credentials` unless the password is the account's. */
  async checkPassword(id: string, password: string): Promise<void> {
    await this.#authenticate(id, password)
  }

  /**
   * Replaces the password, ends every session of the account, and starts a new one for the caller.
   *
   * @throws LatchkeyError `invalid_credentials` when the current password is wrong or was changed meanwhile,
   * `validation_failed` or `password_too_common` for the new one, `rate_limited`, `server_busy`, `store_unavailable`
   */
  async changePassword(id: string, current: string, next: string, context: SignInContext = {}): Promise<SignedIn> {
    const { sessions, passwords, policy, emit } = this.#options
    const account = await this.#authenticate(id, current)
    policy.check(next, account, '/newPassword')
    const changed = await this.#store.changePassword(id, account.credentialVersion, await passwords.hash(next))
    if (changed === null) throw this.#refuse(account)
    emit({ type: 'password_changed', subject: id })
    sessions.announceEnd(changed.ended, 'password_changed')
    return this.#signIn(account, changed.credentialVersion, context)
  }

  /**
   * Makes a one-time token that lets its bearer set a new password: for a link that the application sends, or an operator
   * hands over. It replaces any earlier one. Only its digest is kept.
   *
   * @param lifetime milliseconds; ten minutes unless said otherwise (OWASP ASVS 6.5.5)
   * @returns null when there is no such account, or it is disabled
   */
  async createReset(id: string, lifetime = RESET_LIFETIME): Promise<{ token: string; expiresAt: number } | null> {
    const token = randomBytes(32).toString('base64url')
    const expiresAt = await this.#store.createReset(id, digest(token), lifetime)
    if (expiresAt === null) return null
    this.#options.emit({ type: 'password_reset_created', subject: id })
    return { token, expiresAt }
  }

  /**
   * Sets a new password by a reset token, once, and ends every session of the account. It signs nobody in.
   *
   * @throws LatchkeyError `reset_token_invalid`, `validation_failed`, `password_too_common`, `server_busy`,
   * `store_unavailable`
   */
  async resetPassword(token: string, next: string): Promise<void> {
    const { sessions, passwords, policy, limits, emit } = this.#options
    const account = await this.#store.findReset(digest(token))
    if (account === null) throw new LatchkeyError('reset_token_invalid')
    policy.check(next, account, '/newPassword')
    const ended = await this.#store.redeemReset(digest(token), await passwords.hash(next))
    if (ended === null) throw new LatchkeyError('reset_token_invalid')
    await limits.forget(account.id)
    emit({ type: 'password_changed', subject: account.id })
    sessions.announceEnd(ended, 'password_changed')
  }

  /** Ends the account's sessions and lets none start. False when there is no such account. */
  async disable(id: string): Promise<boolean> {
    const ended = await this.#store.setDisabled(id, true)
    if (ended === null) return false
    this.#options.emit({ type: 'account_disabled', subject: id })
    this.#options.sessions.announceEnd(ended, 'account_disabled')
    return true
  }

  /** Lets the account sign in again. False when there is no such account. */
  async enable(id: string): Promise<boolean> {
    if ((await this.#store.setDisabled(id, false)) === null) return false
    this.#options.emit({ type: 'account_enabled', subject: id })
    return true
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

  /** What makes the password safer is no reason to refuse it: when it fails, the next login tries again. */
  async #upgrade({ id, passwordHash }: Account, password: string): Promise<void> {
    try {
      await this.#store.rehash(id, passwordHash, await this.#options.passwords.hash(password))
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error
    }
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

const RESET_LIFETIME = 600_000

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

function toUser({ id, email, username, createdAt, profile }: Account): User {
  return { id, email, username, createdAt, profile }
}
