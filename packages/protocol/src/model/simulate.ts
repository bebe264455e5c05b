/**
 * A model of the rotation protocol: one session at a time, event by event, with the real rules of ../rotation.ts.
 *
 * What it assumes:
 * - A client has one place for its token, and the last answer to arrive writes it (client.ts). A request carries what is
 *   there when it is sent. Tabs share the place, with or without a lock. Closing a lid or killing a browser loses the
 *   answers on their way, not the requests. A killed browser comes back with its jar as it was up to 30 s ago.
 * - Messages are lost, doubled, reordered and late, but a round trip, from a refresh being sent to its answer's cookie being
 *   in the jar, takes no longer than `longestRoundTrip` (profiles.ts); what takes longer never arrives (network.ts).
 * - Nodes remember nothing, and may stall between reading a row and writing it (server.ts). The store's clock is the only
 *   one: it may jump. A promotion may be lost seconds later, with others before it; the end of a session may not (store.ts).
 * - Whoever has the server secret still lacks the session's `key`. A thief holds only what it copied once and what it got
 *   for that since; it presents a token as its owner would, so device facts do not tell them apart (thief.ts).
 *
 * Who is right is decided by the tokens' family tree, not by the rules (lineage.ts).
 */
import { Client } from './client.ts'
import { type Finding, Lineage } from './lineage.ts'
import { Network } from './network.ts'
import { longestRoundTrip, PROFILES, type Profile } from './profiles.ts'
import { Random } from './random.ts'
import { LATCHKEY, type Protocol, Server, signIn } from './server.ts'
import { Store } from './store.ts'
import { forge, HABITS, Thief } from './thief.ts'
import { DAY, HOUR, MINUTE, World } from './world.ts'

/** What is counted in a session, in the order of the table in docs/model.md. */
export const COUNTED = [
  'sessions',
  'hold',
  'turn',
  'replay',
  'reuse',
  'invalid',
  'revoked',
  'expired',
  'promotions',
  'promotions lost',
  'false sign-outs',
  'thieves',
  'found out',
  'undetected',
] as const

export const UNDETECTED = 'a thief and the owner both went on, undetected'

export type Tally = Record<(typeof COUNTED)[number], number>

export interface Session {
  readonly number: number
  readonly profile: Profile
  readonly tally: Tally
  readonly findings: readonly Finding[]
  /** Every event in words, if asked for. */
  readonly history: readonly string[]
}

/** Sessions 0 to `count` - 1. */
export function* simulate(protocol: Protocol, seed: number, count: number): Generator<Session> {
  for (let number = 0; number < count; number++) yield playSession(protocol, seed, number)
}

/** One session from sign-in to its end. The same arguments give the same session. */
export function playSession(protocol: Protocol, seed: number, number: number, record = false): Session {
  const profile = PROFILES[number % PROFILES.length] ?? PROFILES[0]
  const habit = HABITS[Math.floor(number / PROFILES.length) % HABITS.length] ?? HABITS[0]
  const world = new World(new Random(seed, number), record)
  const { random } = world
  const { row, token } = signIn(profile.delivery, random.chance(0.1) ? random.between([MINUTE, 3 * HOUR]) : 30 * DAY)
  const lineage = new Lineage()
  const store = new Store(world, lineage, profile, protocol.supersedes, row)
  const server = new Server(world, store, lineage, protocol)
  const network = new Network(world, server, profile, longestRoundTrip(LATCHKEY.turnEvery, profile))
  const client = new Client(world, network, lineage, profile, token)
  const thieves: Thief[] = []

  client.visit()
  world.after(random.between([0, HOUR]), () => forge(world, network, client.token, client.place))
  if (profile.robbed) {
    world.after(random.between([0, 10 * MINUTE]), () => {
      if (client.signedIn && !client.wantsOut) thieves.push(new Thief(world, network, client, habit))
    })
  }
  world.run()
  for (const thief of thieves) if (!client.wantsOut) bothGoOn(world, store, server, client, thief)
  const undetected = client.wantsOut || !isLive(store) ? 0 : thieves.length
  if (undetected > 0) lineage.find('P2', UNDETECTED)

  const { asked, promotions, lost, revocations } = store.writes
  if (asked !== server.decided.turn || promotions > asked || revocations > 1) {
    lineage.find('writes', 'a turn is not exactly one conditional write')
  }
  const tally = {
    sessions: 1,
    ...server.decided,
    promotions,
    'promotions lost': lost,
    'false sign-outs': lineage.findings.some(({ property }) => property === 'P1' || property === 'P5') ? 1 : 0,
    thieves: thieves.length,
    'found out': store.row.revokedReason === 'reused' ? thieves.length : 0,
    undetected,
  }
  return { number, profile, tally, findings: lineage.findings, history: world.history ?? [] }
}

/** After all that chance did: owner and thief by turns, undisturbed, until each must have presented what it holds. */
function bothGoOn(world: World, store: Store, server: Server, client: Client, thief: Thief): void {
  store.weather = { crashes: 0, clockStep: 0 }
  const parties = [client, thief, client, thief, client, thief]
  parties.forEach((party, turn) => {
    world.after((turn + 1) * 5 * MINUTE, () => {
      if (isLive(store)) server.refresh(party.token, party.place, 0, (answer) => party.receive(answer))
    })
  })
  world.run()
}

function isLive(store: Store): boolean {
  return store.row.revokedAt === null && store.now() < store.row.expiresAt
}
