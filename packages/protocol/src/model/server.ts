import { type Decision, type Delivery, decide, RULES, type Rule, type SessionRow } from '../rotation.ts'
import type { Lineage, Token } from './lineage.ts'
import type { Store, Supersedes } from './store.ts'
import { SECOND, type World } from './world.ts'

/** The protocol, and all that a mutant of it may change. */
export interface Protocol {
  readonly rules: readonly Rule[]
  readonly turnEvery: number
  readonly supersedes: Supersedes
  /** A successor's `jti`; `random` is one that nobody can have guessed. */
  readonly successorJti: (parent: Token, random: string) => string
}

export const LATCHKEY: Protocol = {
  rules: RULES,
  turnEvery: 60 * SECOND,
  supersedes: (row, token) => row.gen < token.gen,
  successorJti: (_parent, random) => random,
}

/** 200 with a refresh token, or without one (hold, to a browser); 401 and why; 503 when a race goes on too long. */
export type Answer =
  | { readonly status: 200; readonly token: Token | null }
  | { readonly status: 401; readonly code: Decision }
  | { readonly status: 503 }

export type Place = 'cookie' | 'body'

const MAX_RACES = 3

/** Any number of server nodes: they remember nothing, so one object stands for them all. */
export class Server {
  readonly decided: Record<Decision, number> = {
    hold: 0,
    turn: 0,
    replay: 0,
    reuse: 0,
    invalid: 0,
    revoked: 0,
    expired: 0,
  }
  readonly #world: World
  readonly #store: Store
  readonly #lineage: Lineage
  readonly #protocol: Protocol
  #issued = 1

  constructor(world: World, store: Store, lineage: Lineage, protocol: Protocol) {
    this.#world = world
    this.#store = store
    this.#lineage = lineage
    this.#protocol = protocol
  }

  /** Reads the row and decides. A node that turns may first `stall`, so that other nodes come between. */
  refresh(token: Token, place: Place, stall: number, reply: (answer: Answer) => void, race = 0): void {
    const { rules, turnEvery } = this.#protocol
    const row = this.#store.find(token.sid)
    const now = this.#store.now()
    const decision = decide(row, { ...token, arrivedIn: place }, now, turnEvery, rules)
    this.decided[decision] += 1
    if (decision === 'turn') {
      this.#world.after(stall, () => this.#turn(token, place, reply, race))
    } else {
      this.#world.note('server', decision, token)
      if (row !== null) this.#lineage.judge(row, token, place, decision, now)
      reply(this.#answer(token, place, decision))
    }
  }

  /** Ends a token's session, however old the token is. */
  signOut(token: Token): void {
    this.#world.note('server', 'signs out', token)
    this.#store.revoke('signed_out')
  }

  #answer(token: Token, place: Place, decision: Exclude<Decision, 'turn'>): Answer {
    if (decision === 'hold') return { status: 200, token: place === 'body' ? token : null }
    if (decision === 'replay') return { status: 200, token: this.#successor(token) }
    if (decision === 'reuse') this.#store.revoke('reused')
    return { status: 401, code: decision }
  }

  #turn(token: Token, place: Place, reply: (answer: Answer) => void, race: number): void {
    const replaced = this.#store.promote(token)
    this.#world.note('server', replaced === null ? 'loses the race to turn' : 'turn', token)
    if (replaced !== null) {
      this.#lineage.judge(replaced, token, place, 'turn', this.#store.now())
      this.#lineage.promoted(token, this.#world.now)
      reply({ status: 200, token: this.#successor(token) })
    } else if (race < MAX_RACES) this.refresh(token, place, 0, reply, race + 1)
    else reply({ status: 503 })
  }

  #successor(parent: Token): Token {
    const serial = ++this.#issued
    return {
      ...parent,
      gen: parent.gen + 1,
      jti: this.#protocol.successorJti(parent, `jti-${serial}`),
      issuedAt: wholeSeconds(this.#store.now()),
      serial,
      parent,
    }
  }
}

/** A new session's row and its first token. */
export function signIn(delivery: Delivery, expiresAt: number): { readonly row: SessionRow; readonly token: Token } {
  const identity = { sid: 'session', subject: 'owner', keyHash: 'digest of the key' }
  return {
    row: {
      ...identity,
      gen: 0,
      jti: null,
      promotedAt: 0,
      createdAt: 0,
      expiresAt,
      revokedAt: null,
      revokedReason: null,
      delivery,
      scope: null,
      amr: ['pwd'],
      device: { userAgent: null },
    },
    token: { ...identity, gen: 1, jti: 'jti-1', issuedAt: 0, serial: 1, parent: null, genuine: true },
  }
}

/** `iat` counts seconds (RFC 7519 §2), so a token seems up to a second older than it is. */
function wholeSeconds(time: number): number {
  return Math.floor(time / SECOND) * SECOND
}
