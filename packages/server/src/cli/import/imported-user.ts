import { isKnownHash } from '../../accounts/password-hashes.ts'
import { email, password, RESERVED_PROFILE_FIELDS, username } from '../../accounts/schemas.ts'
import type { Profile } from '../../stores/store.ts'

/** A user as the file has them. */
export interface ImportedUser {
  readonly email: string | null
  readonly username: string | null
  /** Their hash from elsewhere, or their password. */
  readonly credential: { readonly hash: string } | { readonly password: string }
  readonly profile: Profile
  readonly createdAt: number | undefined
}

/** What is wrong with a user in the file. The message names no value: it is kept in a file. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

type Field = 'email' | 'username' | 'hash' | 'password' | 'createdAt'

/** The names of fields, as people write them in databases and in JavaScript. */
const FIELDS: Readonly<Record<string, Field>> = {
  email: 'email',
  username: 'username',
  password_hash: 'hash',
  passwordHash: 'hash',
  password: 'password',
  created_at: 'createdAt',
  createdAt: 'createdAt',
}

const FORBIDDEN: ReadonlySet<string> = new Set([...RESERVED_PROFILE_FIELDS, '__proto__', ''])

/** What is wrong with the names of the columns, or null. */
export function columnFault(columns: readonly string[]): string | null {
  const twice = columns.find((column, index) => columns.indexOf(column) !== index)
  if (twice !== undefined) return `there are two columns ${JSON.stringify(twice)}`
  const forbidden = columns.find(isForbidden)
  if (forbidden !== undefined) return notForProfiles(forbidden, 'column')
  const fields = columns.map((column) => fieldOf(column))
  if (!fields.includes('email') && !fields.includes('username')) return 'there is no column email, nor username'
  if (!fields.includes('hash') && !fields.includes('password')) return 'there is no column password_hash, nor password'
  return null
}

/** Fields that have no meaning here become the profile. @throws Broken */
export function toImportedUser(fields: Readonly<Record<string, unknown>>, now: number): ImportedUser {
  const known: Partial<Record<Field, unknown>> = {}
  const profile: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    const field = fieldOf(name)
    if (value === null) continue
    if (field !== undefined) known[field] = value
    else if (isForbidden(name)) throw new Broken(notForProfiles(name, 'field'))
    else profile[name] = value
  }
  if (known.email === undefined && known.username === undefined) throw new Broken('has neither email nor username')
  return {
    email: known.email === undefined ? null : parse(email, 'email', known.email),
    username: known.username === undefined ? null : parse(username, 'username', known.username),
    credential: toCredential(known),
    profile,
    createdAt: known.createdAt === undefined ? undefined : toTime(known.createdAt, now),
  }
}

function toCredential({ hash, password: plain }: Partial<Record<Field, unknown>>): ImportedUser['credential'] {
  if (hash !== undefined && plain !== undefined) throw new Broken('has both password_hash and password')
  if (plain !== undefined) return { password: parse(password, 'password', plain) }
  if (hash === undefined) throw new Broken('has neither password_hash nor password')
  if (typeof hash === 'string' && isKnownHash(hash)) return { hash }
  throw new Broken('password_hash: is of no kind that can be checked')
}

interface Parser<Value> {
  readonly safeParse: (
    given: unknown,
  ) =>
    | { readonly success: true; readonly data: Value }
    | { readonly success: false; readonly error: { readonly issues: readonly { readonly message: string }[] } }
}

function parse<Value>(schema: Parser<Value>, field: Field, given: unknown): Value {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  throw new Broken(`${field}: ${result.error.issues[0]?.message ?? 'is not allowed'}`)
}

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/

/** Below this, a number counts seconds: as milliseconds it would lie before 1973. */
const FIRST_MILLISECONDS = 1e11

/** ISO 8601 (SQL's space for the T; UTC unless it says otherwise), or seconds or milliseconds since 1970. */
function toTime(given: unknown, now: number): number {
  const text = String(given)
  const number = /^\d{1,15}$/.test(text) ? Number(text) : undefined
  const time = number === undefined ? isoToTime(text) : number < FIRST_MILLISECONDS ? number * 1000 : number
  if (Number.isNaN(time)) throw new Broken('created_at: must be a time such as 2026-01-31T12:00:00Z')
  if (time > now) throw new Broken('created_at: lies in the future')
  return time
}

function isoToTime(text: string): number {
  const [, date, clock = '00:00', zone = 'Z'] = ISO.exec(text) ?? []
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')
  return date === undefined ? Number.NaN : Date.parse(`${date}T${clock}${offset}`)
}

function fieldOf(name: string): Field | undefined {
  return Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined
}

function isForbidden(name: string): boolean {
  return fieldOf(name) === undefined && FORBIDDEN.has(name)
}

function notForProfiles(name: string, what: string): string {
  return `the ${what} ${JSON.stringify(name)} cannot be part of a profile: name it otherwise, or leave it out`
}
