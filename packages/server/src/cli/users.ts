import { randomBytes } from 'node:crypto'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { z } from 'zod'
import { defaultProfile, email, username } from '../accounts/schemas.ts'
import type { User } from '../accounts/user.ts'
import { parseDuration } from '../config/durations.ts'
import type { Account } from '../stores/store.ts'
import { command, type ExitCode, Failure, JSON_OPTION, Mistake } from './command.ts'
import { isoTime, note, say, sayJson, table, time } from './output.ts'
import { readPassword } from './password-input.ts'
import { accountAdmin, atWork, findUser, type Workplace } from './workplace.ts'

const NAME = 'A user is named by id, e-mail address or username.'
const STDIN = 'The password comes from standard input, or is asked for.'

export const createUser = command({
  name: 'users create',
  summary: 'Makes an account. Nobody is signed in.',
  details: STDIN,
  options: {
    email: { type: 'string', value: 'EMAIL', description: 'One of --email and --username is needed.' },
    username: { type: 'string', value: 'NAME', description: 'Letters, digits, and . _ -' },
    name: { type: 'string', value: 'TEXT', description: 'The profile’s name.' },
    generate: { type: 'boolean', description: 'Make a password and print it, instead of reading one.' },
    json: JSON_OPTION,
  },
  settings: ['store', 'passwordMin', 'issuer'],
  run: async ({ options, ...invocation }) => {
    if (options.email === undefined && options.username === undefined) {
      throw new Mistake('users create needs --email or --username; see latchkey users create --help')
    }
    const names = {
      email: parse(email, options.email, '--email'),
      username: parse(username, options.username, '--username'),
    }
    const profile = parse(defaultProfile, options.name === undefined ? {} : { name: options.name }, '--name') ?? {}
    return atWork(invocation, { mayMakeStore: true }, async (place) => {
      const generated = options.generate ? generatePassword() : undefined
      const password = generated ?? (await readPassword(place.terminal))
      const user = await accountAdmin(place)
        .create({ ...names, password, profile })
        .catch(tellTaken)
      if (options.json) sayJson(place.terminal, { ...toJson(user), ...(generated && { password: generated }) })
      else {
        say(place.terminal, `${user.id} made`)
        if (generated) say(place.terminal, `password: ${generated}`)
      }
      return 0
    })
  },
})

export const setPassword = command({
  name: 'users set-password',
  summary: 'Replaces a user’s password and ends all of their sessions.',
  details: `${NAME} ${STDIN}`,
  operands: ['USER'],
  options: { json: JSON_OPTION },
  settings: ['store', 'passwordMin', 'issuer'],
  run: (invocation) =>
    forUser(invocation, 'has a new password; their sessions have ended', async (place, { id }) => {
      const isSet = await accountAdmin(place).setPassword(id, await readPassword(place.terminal))
      return isSet ? {} : null
    }),
})

export const resetLink = command({
  name: 'users reset-link',
  summary: 'Makes a one-time token by which the user sets a new password.',
  details: `${NAME} Put the token into a link of your application that posts it to the route /password/reset. A new one replaces\nthe one before; using it ends all of the user’s sessions.`,
  operands: ['USER'],
  options: {
    lifetime: {
      type: 'string',
      value: 'DURATION',
      description: 'How long it is good for; 10m unless given, 24h at most.',
    },
    json: JSON_OPTION,
  },
  settings: ['store'],
  run: async ({ options, operands: [name = ''], ...invocation }) => {
    const lifetime = parseLifetime(options.lifetime)
    return atWork(invocation, {}, async (place) => {
      const { id } = await findUser(place, name)
      const reset = await accountAdmin(place).createReset(id, lifetime)
      if (reset === null) throw new Failure(`the user ${JSON.stringify(name)} is disabled`)
      const expiresAt = isoTime(reset.expiresAt)
      if (options.json) sayJson(place.terminal, { id, token: reset.token, expiresAt })
      else {
        say(place.terminal, reset.token)
        note(place.terminal, `good once, until ${expiresAt}`)
      }
      return 0
    })
  },
})

export const disableUser = command({
  name: 'users disable',
  summary: 'Ends a user’s sessions and lets none start.',
  details: NAME,
  operands: ['USER'],
  options: { json: JSON_OPTION },
  settings: ['store'],
  run: (invocation) =>
    forUser(invocation, 'is disabled; their sessions have ended', async (place, { id }) =>
      (await accountAdmin(place).disable(id)) ? { disabled: true } : null,
    ),
})

export const enableUser = command({
  name: 'users enable',
  summary: 'Lets a disabled user sign in again.',
  details: NAME,
  operands: ['USER'],
  options: { json: JSON_OPTION },
  settings: ['store'],
  run: (invocation) =>
    forUser(invocation, 'can sign in', async (place, { id }) =>
      (await accountAdmin(place).enable(id)) ? { disabled: false } : null,
    ),
})

export const deleteUser = command({
  name: 'users delete',
  summary: 'Deletes an account and ends its sessions. Its names are free again.',
  details: NAME,
  operands: ['USER'],
  options: { json: JSON_OPTION },
  settings: ['store'],
  run: (invocation) =>
    forUser(invocation, 'is deleted', async (place, { id }) => {
      await accountAdmin(place).delete(id)
      return { deleted: true }
    }),
})

const PAGE = 500

export const listUsers = command({
  name: 'users list',
  summary: 'Lists all accounts, in the order of their ids.',
  options: { json: JSON_OPTION },
  settings: ['store'],
  run: ({ options, ...invocation }) =>
    atWork(invocation, {}, async ({ store, terminal }) => {
      let after = ''
      for (;;) {
        const page = await store.accounts.list(after, PAGE)
        if (options.json) for (const account of page) sayJson(terminal, { ...toJson(account), disabledAt: at(account) })
        else if (page.length > 0 || after === '') say(terminal, table(COLUMNS, page.map(toRow)))
        if (page.length < PAGE) return 0
        after = page.at(-1)?.id ?? after
      }
    }),
})

const COLUMNS = ['ID', 'E-MAIL', 'USERNAME', 'CREATED', 'DISABLED']

/** What commands about one user have in common. The work answers null when the user is gone meanwhile. */
function forUser(
  invocation: Pick<Workplace, 'settings' | 'terminal'> & {
    readonly operands: readonly string[]
    readonly options: { readonly json: boolean }
  },
  outcome: string,
  work: (place: Workplace, user: Account) => Promise<object | null>,
): Promise<ExitCode> {
  const [name = ''] = invocation.operands
  return atWork(invocation, {}, async (place) => {
    const user = await findUser(place, name)
    const facts = await work(place, user)
    if (facts === null) throw new Failure(`there is no user ${JSON.stringify(name)}`)
    if (invocation.options.json) sayJson(place.terminal, { id: user.id, ...facts })
    else say(place.terminal, `${user.id} ${outcome}`)
    return 0
  })
}

function parse<Schema extends z.ZodType>(schema: Schema, given: unknown, flag: string): z.output<Schema> | undefined {
  if (given === undefined) return undefined
  const { success, data, error } = schema.safeParse(given)
  if (success) return data
  throw new Mistake(`${flag}: ${error.issues[0]?.message ?? 'is not allowed'}`)
}

function tellTaken(error: unknown): never {
  const isTaken = error instanceof LatchkeyError && error.code === 'account_exists'
  throw isTaken ? new Failure('another account has this e-mail address or username') : error
}

const MAX_LIFETIME = 86_400_000

function parseLifetime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const lifetime = parseDuration(text)
  if (lifetime !== null && lifetime > 0 && lifetime <= MAX_LIFETIME) return lifetime
  throw new Mistake(`--lifetime must be a duration such as 10m, up to 24h, not ${JSON.stringify(text)}`)
}

/** 120 bits: longer than anybody guesses, short enough to be typed once. */
function generatePassword(): string {
  return randomBytes(15).toString('base64url')
}

function toJson({ id, email, username, createdAt, profile }: User) {
  return { id, email, username, createdAt: isoTime(createdAt), profile }
}

function at({ disabledAt }: Account): string | null {
  return disabledAt === null ? null : isoTime(disabledAt)
}

function toRow(account: Account): readonly string[] {
  const { id, email, username, createdAt, disabledAt } = account
  return [id, email ?? '', username ?? '', time(createdAt), disabledAt === null ? '' : time(disabledAt)]
}
