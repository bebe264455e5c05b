/**
 * What a store must promise. The domain owns this contract; every engine's store passes the same conformance suite.
 *
 * **Time** is the store's: every answer that time matters for carries `now`, in milliseconds since 1970, read where the
 * data is. **Durable** means: still there after the machine has lost power. **Cheap** means: committed and seen by every
 * node at once, but the last moments of it may be lost with the machine (the protocol's rule 5 makes that safe).
 *
 * A store that cannot answer throws `LatchkeyError` `store_unavailable`; then nothing has been changed, or the change
 * may be repeated without harm.
 */
import type { Delivery, Device, RevokedReason, SessionRow } from '@latchkey/protocol/rotation'

export interface Store {
  /** For logs and `/readyz`: `sqlite`, `postgres` … */
  readonly name: string
  /** Resolves when the store can serve; throws `store_unavailable` when it cannot. */
  ping(): Promise<void>
  readonly sessions: SessionStore
  readonly accounts: AccountStore
  readonly keys: KeyStore
  /** Finishes what was begun and lets go of every resource. Later calls throw `store_unavailable`. */
  close(): Promise<void>
}

export interface NewSession {
  readonly sid: string
  readonly subject: string
  readonly keyHash: string
  /** How long the session may live in all, in milliseconds: `expiresAt` is the store's now plus this. */
  readonly lifetime: number
  readonly delivery: Delivery
  readonly scope: string | null
  readonly amr: readonly string[]
  readonly device: Device
}

/** A presented refresh token that asks to become its session's confirmed one. */
export interface Promotion {
  readonly sid: string
  readonly subject: string
  readonly keyHash: string
  readonly arrivedIn: 'cookie' | 'body'
  readonly gen: number
  readonly jti: string
  /** Milliseconds since 1970, from its `iat`. */
  readonly issuedAt: number
  /** Milliseconds; the protocol's H. */
  readonly turnEvery: number
  readonly device: Device
}

export interface PromotionOutcome {
  readonly now: number
  readonly promoted: boolean
  /** The row as it is after the attempt; null when there is none. */
  readonly row: SessionRow | null
}

/** Ties a session to the credential that was checked for it. */
export interface CredentialGuard {
  readonly accountId: string
  readonly credentialVersion: number
}

export interface SessionStore {
  /**
   * Inserts a session with `gen` 0. Durable. With a guard, only while the account still has that credential version and
   * is not disabled, in one atomic step: of a login and a password change at once, either the change sees and ends the
   * session, or the login gets null.
   */
  start(session: NewSession, guard?: CredentialGuard): Promise<SessionRow | null>

  /**
   * Makes the presented token the confirmed one: `gen`, `jti`, `promotedAt = now`, `device`, where all of the protocol's
   * rules 1 to 5 allow it, as one compare-and-set. Of concurrent promotions of one generation, exactly one is told
   * `promoted: true`; the others see the row that won. Cheap.
   */
  promote(promotion: Promotion): Promise<PromotionOutcome>

  find(sid: string): Promise<{ readonly now: number; readonly row: SessionRow | null }>

  /** A subject's sessions that have been neither revoked nor reached their absolute limit, newest first. */
  list(subject: string): Promise<{ readonly now: number; readonly rows: readonly SessionRow[] }>

  /**
   * Revokes one session, unless it is revoked already: the first reason stays. Durable, and seen by every later call on
   * every node. Returns the row when this call revoked it, else null.
   */
  revoke(sid: string, reason: RevokedReason): Promise<SessionRow | null>

  /** Revokes all of a subject's sessions that are not revoked already, and returns those that it did. Durable. */
  revokeAll(subject: string, reason: RevokedReason): Promise<readonly SessionRow[]>

  /**
   * Revokes, for `session_limit`, the subject's live sessions beyond the `keep` last used ones, and returns them. Durable.
   * `newest` counts as the last used, whatever the clock says. Two at once may want to revoke the same sessions; each is
   * returned to one of them.
   */
  trim(subject: string, keep: number, newest: string): Promise<readonly SessionRow[]>

  /**
   * Revokes at most `limit` sessions, of whatever subjects, that have been neither revoked nor reached their absolute
   * limit, and returns those that it did. Durable. When it returns fewer than `limit`, all sessions that had started
   * before the call have ended.
   */
  revokeEverything(reason: RevokedReason, limit: number): Promise<readonly SessionRow[]>

  /**
   * Deletes at most `limit` sessions that ended (revoked or past their absolute limit) more than `keep` milliseconds
   * ago, and returns how many. Cheap.
   */
  purge(keep: number, limit: number): Promise<number>
}

/** JSON a sign-up may add to an account, by the application's schema. */
export type Profile = Readonly<Record<string, unknown>>

export interface Account {
  /** Opaque, never assigned twice: the `sub` of its tokens. */
  readonly id: string
  /** Canonical: NFC, lower case. */
  readonly email: string | null
  readonly username: string | null
  /** A PHC string. */
  readonly passwordHash: string
  /** Goes up by one with every change of the credential. */
  readonly credentialVersion: number
  readonly profile: Profile
  readonly createdAt: number
  readonly disabledAt: number | null
}

export type NewAccount = Pick<Account, 'id' | 'email' | 'username' | 'passwordHash' | 'profile'> & {
  /** When it was made elsewhere, in milliseconds since 1970; the store's now unless given. */
  readonly createdAt?: number | undefined
}

export interface PasswordChange {
  readonly credentialVersion: number
  readonly ended: readonly SessionRow[]
  /** null unless one was to be started. */
  readonly started: SessionRow | null
}

export interface AccountStore {
  /** Inserts an account, or returns null when its e-mail or its username is taken: of two at once, one wins. Durable. */
  create(account: NewAccount): Promise<Account | null>
  /**
   * As `create`, and starts the account's first session in the same atomic step: there is never the one without the other.
   * Durable.
   */
  createSignedIn(
    account: NewAccount,
    session: NewSession,
  ): Promise<{ readonly account: Account; readonly session: SessionRow } | null>
  findById(id: string): Promise<Account | null>
  findByEmail(email: string): Promise<Account | null>
  findByUsername(username: string): Promise<Account | null>
  /**
   * Replaces the password hash while the credential version is the given one, raises the version, ends all of the
   * account's sessions, and starts the given one, if any, in one atomic step. Durable. Returns the new version with the
   * ended sessions and the started one; null when the version was another.
   */
  changePassword(
    id: string,
    credentialVersion: number,
    passwordHash: string,
    session?: NewSession,
  ): Promise<PasswordChange | null>
  /**
   * Stores the same password hashed anew: replaces `from` by `to` while it is still the hash, and leaves the credential
   * version and the sessions alone. Durable. False when the hash was another.
   */
  rehash(id: string, from: string, to: string): Promise<boolean>
  /**
   * Keeps the digest of a reset token for `lifetime` milliseconds, in place of any earlier one of the account. Durable.
   * Returns when it expires; null when there is no such account, or it is disabled.
   */
  createReset(id: string, digest: string, lifetime: number): Promise<number | null>
  /** The account of a reset that has not expired. */
  findReset(digest: string): Promise<Account | null>
  /**
   * Uses a reset: forgets it, replaces the password hash, raises the credential version and ends all of the account's
   * sessions, in one atomic step. Durable. Of two at once, one wins; null when there is no such reset (any more).
   */
  redeemReset(digest: string, passwordHash: string): Promise<readonly SessionRow[] | null>
  /** Forgets every reset that has not been used, and returns how many that were. Durable. */
  forgetResets(): Promise<number>
  /**
   * Disables an account, which ends its sessions, lets none start and forgets its reset, or enables it again, in one atomic step. Durable.
   * Returns the ended sessions; null when there is no such account.
   */
  setDisabled(id: string, isDisabled: boolean): Promise<readonly SessionRow[] | null>
  /** Accounts by `id`, at most `limit` of them, after the given one. */
  list(after: string, limit: number): Promise<readonly Account[]>
  /**
   * Deletes the account and ends its sessions in one atomic step, forgetting their devices. Durable. The ended rows stay
   * for as long as their access tokens could live. Returns the ended sessions; null when there is no such account.
   */
  delete(id: string): Promise<readonly SessionRow[] | null>
}

/** `pulled`: withdrawn before its time; verifies nothing, and is listed until its last token would have expired. */
export type KeyState = 'pending' | 'active' | 'retired' | 'pulled'

/** A signing key as stored. The private part is sealed; its seal covers all the other fields. */
export interface StoredKey {
  readonly kid: string
  readonly alg: string
  readonly state: KeyState
  readonly publicJwk: Readonly<Record<string, string>>
  readonly sealedPrivateKey: string
  /** When it came into this state, in milliseconds since 1970. */
  readonly since: number
}

export interface KeySet {
  /** 0 for a store that has no keys yet. */
  readonly version: number
  readonly keys: readonly StoredKey[]
}

export interface KeyStore {
  read(): Promise<KeySet & { readonly now: number }>
  /**
   * Replaces the whole set while its version is the given one, and raises the version. Durable. Of nodes that write at
   * once, exactly one is told true.
   */
  replace(version: number, keys: readonly StoredKey[]): Promise<boolean>
}
