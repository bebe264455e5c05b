import type { RevokedReason, SessionRow } from '../rotation.ts'
import type { Lineage, Token } from './lineage.ts'
import { MINUTE, SECOND, type World } from './world.ts'

/** What the compare-and-set compares: whether this token may become the row's promoted one. */
export type Supersedes = (row: SessionRow, token: Token) => boolean

/** How badly a store may behave. */
export interface Weather {
  /** How often a promotion is followed, seconds later, by a crash or failover that loses the latest promotions. */
  readonly crashes: number
  /** By how many milliseconds its clock goes back, and later forward again, every few minutes. */
  readonly clockStep: number
}

/** A store with one session's row. Ending a session is durable, a promotion may be lost. Its clock is the only clock. */
export class Store {
  row: SessionRow
  weather: Weather
  readonly writes = { asked: 0, promotions: 0, lost: 0, revocations: 0 }
  readonly #world: World
  readonly #lineage: Lineage
  readonly #supersedes: Supersedes
  readonly #clockPeriod: number
  /** The row before each promotion, oldest first. */
  #before: { readonly at: number; readonly row: SessionRow }[] = []

  constructor(world: World, lineage: Lineage, weather: Weather, supersedes: Supersedes, row: SessionRow) {
    this.#world = world
    this.#lineage = lineage
    this.#supersedes = supersedes
    this.#clockPeriod = world.random.between([2 * MINUTE, 10 * MINUTE])
    this.weather = weather
    this.row = row
  }

  now(): number {
    const isBack = Math.floor(this.#world.now / this.#clockPeriod) % 2 === 1
    return this.#world.now - (isBack ? this.weather.clockStep : 0)
  }

  find(sid: string): SessionRow | null {
    return sid === this.row.sid ? this.row : null
  }

  /** One compare-and-set. Returns the row that it replaced, or null when its conditions did not hold. */
  promote(token: Token): SessionRow | null {
    this.writes.asked += 1
    const { row } = this
    const now = this.now()
    if (!this.#supersedes(row, token) || row.revokedAt !== null || now >= row.expiresAt) return null
    this.writes.promotions += 1
    this.#before.push({ at: this.#world.now, row })
    this.row = { ...row, gen: token.gen, jti: token.jti, promotedAt: now }
    if (this.#world.random.chance(this.weather.crashes)) this.#crashSoon()
    return row
  }

  revoke(reason: RevokedReason): void {
    if (this.row.revokedAt !== null) return
    this.writes.revocations += 1
    this.row = { ...this.row, revokedAt: this.now(), revokedReason: reason }
  }

  #crashSoon(): void {
    const { random } = this.#world
    const loses = random.between(random.chance(0.5) ? [0, 5 * SECOND] : [0, 10 * MINUTE])
    this.#world.after(random.between([0, 5 * SECOND]), () => this.#crash(this.#world.now - loses))
  }

  #crash(since: number): void {
    const first = this.#before.find(({ at }) => at > since)
    if (first === undefined) return
    const { gen, jti, promotedAt } = first.row
    this.row = { ...this.row, gen, jti, promotedAt }
    const kept = this.#before.filter(({ at }) => at <= since)
    this.writes.lost += this.#before.length - kept.length
    this.#before = kept
    this.#lineage.promotionsLost(since)
    this.#world.note('store', `loses its latest promotions: back to generation ${gen}`)
  }
}
