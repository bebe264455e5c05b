/** A second process for `two-processes.ts`: does what it is told, on the store it is told, and answers. */
import type { SessionRow } from '@latchkey/protocol/rotation'
import { newAccount, newSession, promotionOf, storedKey } from '../conformance.ts'
import { openStore } from '../open-store.ts'

export interface Order {
  readonly url: string
  readonly command: keyof typeof COMMANDS
  /** Tells the processes apart. */
  readonly worker: string
  readonly rows: readonly SessionRow[]
}

/** What one process was told it had won. */
export interface Winnings {
  readonly worker: string
  /** `sid gen` */
  readonly promoted: readonly string[]
  /** `sid gen jti` of every promoted generation it saw, won or lost. */
  readonly seen: readonly string[]
  readonly revoked: readonly string[]
  readonly created: readonly string[]
  readonly replaced: number
}

/** An acknowledged write of the endless stream. */
export interface Acknowledged {
  readonly started: string
  readonly revoked?: string
}

const COMMANDS = { open, race, stream }

process.on('message', async (order: Order) => {
  try {
    process.send?.({ done: await COMMANDS[order.command](order) })
  } catch (error) {
    process.send?.({ failed: String(error) })
  }
})
process.send?.({ done: 'ready' })

async function open({ url }: Order): Promise<void> {
  const store = openStore(url)
  await store.ping()
  await store.close()
}

/** Asks for everything that only one process can have; the second process in the opposite order, so that they meet. */
async function race({ url, worker, rows }: Order): Promise<Winnings> {
  const store = openStore(url)
  const promoted: string[] = []
  const seen: string[] = []
  const revoked: string[] = []
  const created: string[] = []
  let replaced = 0
  for (const row of worker === 'a' ? rows : rows.toReversed()) {
    for (const gen of [1, 2]) {
      const promotion = promotionOf(row, { gen, jti: `${worker}-${gen}`, turnEvery: 0 })
      const outcome = await store.sessions.promote(promotion)
      if (outcome.promoted) promoted.push(`${row.sid} ${gen}`)
      if (outcome.row?.gen) seen.push(`${row.sid} ${outcome.row.gen} ${outcome.row.jti}`)
    }
    if (await store.accounts.create(newAccount({ email: row.sid }))) created.push(row.sid)
    const account = await store.accounts.findByEmail(row.sid)
    if (account === null) throw new Error('an account that was made is not there')
    await store.sessions.start(newSession(), { accountId: account.id, credentialVersion: account.credentialVersion })
    const { version } = await store.keys.read()
    if (await store.keys.replace(version, [storedKey(worker)])) replaced++
    if (await store.sessions.revoke(row.sid, 'signed_out')) revoked.push(row.sid)
  }
  await store.close()
  return { worker, promoted, seen, revoked, created, replaced }
}

/** Starts, turns and ends sessions for ever, and reports each write once it has been acknowledged. */
async function stream({ url }: Order): Promise<never> {
  const store = openStore(url)
  for (;;) {
    await Promise.all(
      [true, false, true].map(async (ends) => {
        const row = await store.sessions.start(newSession())
        if (row === null) throw new Error('a session was not started')
        await store.sessions.promote(promotionOf(row))
        const ended = ends ? await store.sessions.revoke(row.sid, 'signed_out') : null
        const acknowledged: Acknowledged = { started: row.sid, ...(ended && { revoked: ended.sid }) }
        process.send?.({ acknowledged })
      }),
    )
  }
}
