/** What commands work with: the store as it is, and those parts of Latchkey that need no server. */
import { existsSync } from 'node:fs'
import { AccountAdmin } from '../accounts/account-admin.ts'
import { PasswordPolicy } from '../accounts/password-policy.ts'
import { Passwords } from '../accounts/passwords.ts'
import { toLoginName } from '../accounts/schemas.ts'
import type { Settings } from '../config/settings.ts'
import type { EventListener } from '../events.ts'
import { KeyRing, ROTATE_KEYS_EVERY } from '../keys/key-ring.ts'
import { deriveKeys, secretInFile } from '../keys/secret.ts'
import { isAlgorithm } from '../keys/signing-key.ts'
import { Limits } from '../limits/limits.ts'
import { createLogger, Log } from '../observability/logs.ts'
import { randomId } from '../random-id.ts'
import { SessionAdmin } from '../sessions/session-admin.ts'
import { openStore, schemaOf, storeFile } from '../stores/open-store.ts'
import type { Account, Store } from '../stores/store.ts'
import { type ExitCode, Failure, Mistake } from './command.ts'
import { note, printable } from './output.ts'
import type { Terminal } from './terminal.ts'

export interface Workplace {
  readonly settings: Settings
  readonly terminal: Terminal
  readonly store: Store
  /** Writes events from `warn` on to standard error. */
  readonly log: Log
  readonly emit: EventListener
}

/** The longest that any server may be told to let access tokens live, in milliseconds. */
const MAX_ACCESS_TTL = 3_600_000

/**
 * Opens the store, does the work and closes it. Only some commands make a store that is not there: of a mistyped path,
 * the others would say that it is empty.
 */
export async function atWork(
  { settings, terminal }: Pick<Workplace, 'settings' | 'terminal'>,
  { mayMakeStore = false },
  work: (place: Workplace) => Promise<ExitCode>,
): Promise<ExitCode> {
  const file = storeFile(settings.store)
  if (file === undefined)
    throw new Mistake(`${settings.store} is gone when this command ends; name a file with --store`)
  if (!existsSync(file)) {
    if (!mayMakeStore)
      throw new Mistake(`there is no database ${file}; name one with --store, or make it with latchkey migrate`)
    note(terminal, `makes a new database: ${printable(file)}`)
  } else {
    const { current, latest } = schemaOf(settings.store)
    if (current < latest)
      throw new Mistake(`the database has schema ${current}, this program needs ${latest}; run latchkey migrate`)
  }
  const log = new Log(createLogger('warn', { write: (line) => terminal.errors.write(line) }), settings.trustProxy)
  const store = openStore(settings.store)
  try {
    return await work({ settings, terminal, store, log, emit: log.event })
  } finally {
    await store.close()
  }
}

export function sessionAdmin({ settings, store, emit }: Workplace): SessionAdmin {
  return new SessionAdmin(store.sessions, { idleTtl: settings.idleTtl, emit })
}

/** `queue` is how many passwords may wait to be hashed. */
export function accountAdmin(place: Workplace, queue?: number): AccountAdmin {
  const { settings, store, emit } = place
  return new AccountAdmin(store.accounts, {
    sessions: sessionAdmin(place),
    passwords: new Passwords(queue === undefined ? {} : { queue }),
    policy: new PasswordPolicy(settings.passwordMin, settings.issuer ?? 'http://localhost'),
    limits: new Limits(false, emit),
    emit,
    randomId,
  })
}

/** Whoever it is: an id, an e-mail address or a username. */
export async function findUser({ store: { accounts } }: Workplace, name: string): Promise<Account> {
  const login = toLoginName(name)
  const account =
    (await accounts.findById(name)) ??
    (await ('email' in login ? accounts.findByEmail(login.email) : accounts.findByUsername(login.username)))
  if (account === null) throw new Failure(`there is no user ${JSON.stringify(name)}`)
  return account
}

/**
 * The signing keys, to change them. What the servers were told about algorithm and times is theirs: the algorithm stays
 * as it is, and no key goes before the longest time that a server may need it.
 */
export async function openKeyRing({ settings, store, log, emit }: Workplace): Promise<KeyRing> {
  const file = storeFile(settings.store)
  const fromFile = file === undefined ? null : readSecretBeside(file)
  const secrets = settings.secret ?? (fromFile === null ? undefined : [fromFile])
  if (secrets === undefined) throw new Mistake('LATCHKEY_SECRET must be given: the signing keys are sealed under it')
  const { keys } = await store.keys.read()
  const alg = keys.find(({ state }) => state === 'active')?.alg
  return KeyRing.open(store.keys, {
    alg: alg !== undefined && isAlgorithm(alg) ? alg : settings.alg,
    rotateEvery: ROTATE_KEYS_EVERY,
    accessTtl: MAX_ACCESS_TTL,
    sealing: secrets.map((secret) => deriveKeys(secret).sealing),
    onFault: log.fault,
    emit,
  })
}

function readSecretBeside(file: string): string | null {
  try {
    return secretInFile(`${file}.secret`)
  } catch (cause) {
    throw new Mistake(`LATCHKEY_SECRET is not given, and ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}
