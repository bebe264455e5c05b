import { LatchkeyError } from '@latchkey/protocol/errors'
import type { Delivery } from '@latchkey/protocol/rotation'
import { digest } from '../digest.ts'
import { inSpan } from '../observability/spans.ts'
import type { Sessions, StartOptions, Tokens } from '../sessions/sessions.ts'
import type { Account, AccountStore } from '../stores/store.ts'
import { AccountAdmin, type AccountAdminOptions, type SignUp } from './account-admin.ts'
import { isCutShort, isOutdated } from './password-hashes.ts'
import { limitedNames, toUser, type User } from './user.ts'

export interface AccountsOptions extends AccountAdminOptions {
  readonly sessions: Sessions
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
export class Accounts extends AccountAdmin {
  readonly #store: AccountStore
  readonly #options: AccountsOptions

  constructor(store: AccountStore, options: AccountsOptions) {
    super(store, options)
    this.#store = store
    this.#options = options
  }

  /**
   * Creates an account and signs it in.
   *
   * @throws LatchkeyError `validation_failed` or `password_too_common` for its password, `account_exists`, `server_busy`,
   * `store_unavailable`
   */
  signup(given: SignUp, context: SignInContext = {}): Promise<SignedIn> {
    return inSpan('latchkey.signup', () => this.#signup(given, context))
  }

  async #signup(given: SignUp, context: SignInContext): Promise<SignedIn> {
    const { sessions, emit } = this.#options
    const fresh = await this.newAccount(given)
    const prepared = await sessions.prepare(sessionOf(fresh.id, context))
    const created = await this.#store.createSignedIn(fresh, prepared.session)
    if (created === null) throw new LatchkeyError('account_exists')
    emit({ type: 'account_created', subject: fresh.id })
    return { user: toUser(created.account), tokens: await sessions.begin(prepared, created.session) }
  }

  /**
   * Checks a password and starts a session.
   *
   * @throws LatchkeyError `invalid_credentials` for an unknown account, a wrong password and a disabled account alike,
   * after the same work; `rate_limited`, `server_busy`, `store_unavailable`
   */
  login(name: LoginName, password: string, context: SignInContext = {}): Promise<SignedIn> {
    return inSpan('latchkey.login', () => this.#login(name, password, context))
  }

  async #login(name: LoginName, password: string, context: SignInContext): Promise<SignedIn> {
    const account = await ('email' in name
      ? this.#store.findByEmail(name.email)
      : this.#store.findByUsername(name.username))
    const isRight = await this.#check(account, Object.entries(name).flat().join(':'), password)
    if (account === null || !isRight) throw this.#refuse(account)
    await this.#options.limits.forget(limitedNames(account))
    if (isOutdated(account.passwordHash) && !isCutShort(account.passwordHash, password)) {
      await this.#upgrade(account, password)
    }
    const guard = { accountId: account.id, credentialVersion: account.credentialVersion }
    const tokens = await this.#options.sessions.startGuarded(sessionOf(account.id, context), guard)
    if (tokens === null) throw this.#refuse(account)
    this.#options.emit({ type: 'login_succeeded', subject: account.id, sid: tokens.session.sid })
    return { user: toUser(account), tokens }
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
    const hash = await passwords.hash(next)
    const prepared = await sessions.prepare(sessionOf(id, context))
    const changed = await this.#store.changePassword(id, account.credentialVersion, hash, prepared.session)
    if (changed === null || changed.started === null) throw this.#refuse(account)
    emit({ type: 'password_changed', subject: id })
    sessions.announceEnd(changed.ended, 'password_changed')
    return { user: toUser(account), tokens: await sessions.begin(prepared, changed.started) }
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
    if (account === null) throw this.#refuseReset()
    policy.check(next, account, '/newPassword')
    const ended = await this.#store.redeemReset(digest(token), await passwords.hash(next))
    if (ended === null) throw this.#refuseReset()
    await limits.forget(limitedNames(account))
    emit({ type: 'password_reset_used', subject: account.id })
    sessions.announceEnd(ended, 'password_changed')
  }

  async #authenticate(id: string, password: string): Promise<Account> {
    const account = await this.#require(id)
    // Counted apart from logins, or a stranger's guesses would keep the owner from changing the password.
    if (await this.#check(account, `signed-in:${id}`, password)) return account
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
    const check = async () => {
      const matches = await this.#options.passwords.verify(account?.passwordHash ?? null, password)
      return matches && account?.disabledAt === null
    }
    return this.#options.limits.attempt(limitedAs, check, account?.id ?? null)
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

  #refuseReset(): LatchkeyError {
    this.#options.emit({ type: 'password_reset_refused' })
    return new LatchkeyError('reset_token_invalid')
  }
}

function sessionOf(subject: string, { delivery = 'cookie', userAgent }: SignInContext): StartOptions {
  return { subject, delivery, userAgent, amr: ['pwd'] }
}
