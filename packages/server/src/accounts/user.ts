import type { Account, Profile } from '../stores/store.ts'

/** An account as its owner may see it. Times are milliseconds since 1970. */
export interface User {
  readonly id: string
  readonly email: string | null
  readonly username: string | null
  readonly createdAt: number
  readonly profile: Profile
}

export function toUser({ id, email, username, createdAt, profile }: Account): User {
  return { id, email, username, createdAt, profile }
}

/** Under what an account's wrong passwords are counted: each name that can be typed, and apart from those its live sessions. */
export function limitedNames({ id, email, username }: Account): readonly string[] {
  return [`email:${email}`, `username:${username}`, `signed-in:${id}`]
}
