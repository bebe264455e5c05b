import { randomBytes } from 'node:crypto'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { digest } from '../digest.ts'
import type { EventListener } from '../events.ts'
import type { Limits } from '../limits/limits.ts'
import type { SessionAdmin } from '../sessions/session-admin.ts'
import type { Account, AccountStore, NewAccount, Profile } from '../stores/store.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { Passwords } from './passwords.ts'
import { limitedNames, toUser, type User } from './user.ts'

export interface AccountAdminOptions {
  readonly sessions: SessionAdmin
  readonly passwords: Passwords
  readonly policy: PasswordPolicy
  readonly limits: Limits
  readonly emit: EventListener
  readonly randomId: () => string
}

/** Already validated: see `schemas.ts`. */
export interface SignUp {
  readonly email?: string | undefined
  readonly username?: string | undefined
  readonly password: string
  readonly profile: Profile
}

const RESET_LIFETIME = 600_000

/** What an operator, or the application, may do with anybody's account. It starts no session and asks for no password. */
export class AccountAdmin {
  readonly #store: AccountStore
  readonly #options: AccountAdminOptions

  constructor(store: AccountStore, options: AccountAdminOptions) {
    this.#store = store
    this.#options = options
  }

  /**
   * Makes an account.
   *
   * @throws LatchkeyError `validation_failed` or `password_too_common` for its password, `account_exists`, `server_busy`,
   * `store_unavailable`
   */
  async create(signUp: SignUp): Promise<User> {
    const account = await this.add(await this.newAccount(signUp))
    if (account === null) throw new LatchkeyError('account_exists')
    return toUser(account)
  }

  /** An account that is ready to be stored. */
  protected async newAccount({ email, username, password, profile }: SignUp): Promise<NewAccount> {
    const { passwords, policy, randomId } = this.#options
    policy.check(password, { email, username })
    const names = { email: email ?? null, username: username ?? null }
    return { id: randomId(), ...names, passwordHash: await passwords.hash(password), profile }
  }

  /** The hash of a password for `add`, whatever the policy says of it. @throws LatchkeyError `server_busy` */
  hash(password: string): Promise<string> {
    return this.#options.passwords.hash(password)
  }

  /**
   * Adds an account with the hash it brings, in a form that `isKnownHash`. Null when a name of it is taken.
   *
   * @throws LatchkeyError `store_unavailable`
   */
  async add(account: Omit<NewAccount, 'id'>): Promise<Account | null> {
    const { emit, randomId } = this.#options
    const added = await this.#store.create({ ...account, id: randomId() })
    if (added !== null) emit({ type: 'account_created', subject: added.id })
    return added
  }

  /**
   * Sets a password without asking for the one before, and ends every session of the account. False when there is no
   * such account.
   *
   * @throws LatchkeyError `validation_failed` or `password_too_common`, `server_busy`, `store_unavailable`
   */
  async setPassword(id: string, next: string): Promise<boolean> {
    const { passwords, policy, sessions, limits, emit } = this.#options
    for (;;) {
      const account = await this.#store.findById(id)
      if (account === null) return false
      policy.check(next, account)
      const changed = await this.#store.changePassword(id, account.credentialVersion, await passwords.hash(next))
      // Somebody changed it meanwhile: this one is to be the last.
      if (changed === null) continue
      await limits.forget(limitedNames(account))
      emit({ type: 'password_changed', subject: id })
      sessions.announceEnd(changed.ended, 'password_changed')
      return true
    }
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
}
