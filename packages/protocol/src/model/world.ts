import type { Token } from './lineage.ts'
import type { Random } from './random.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** True time, in milliseconds, and all that has yet to happen. */
export class World {
  now = 0
  readonly random: Random
  /** What has happened, in words; kept only when a session is replayed. */
  readonly history: string[] | null
  /** Latest first, so that the next is popped. Of events at one time, the one planned first happens first. */
  readonly #events: { readonly at: number; readonly happen: () => void }[] = []

  constructor(random: Random, record: boolean) {
    this.random = random
    this.history = record ? [] : null
  }

  after(delay: number, happen: () => void): void {
    const at = this.now + delay
    this.#events.splice(this.#events.findLastIndex((event) => event.at > at) + 1, 0, { at, happen })
  }

  /** Lets everything happen that is planned, and what comes of it. */
  run(): void {
    for (let event = this.#events.pop(); event !== undefined; event = this.#events.pop()) {
      this.now = event.at
      event.happen()
    }
  }

  note(who: string, what: string, token: Token | null = null): void {
    if (this.history === null) return
    const when = (this.now / SECOND).toFixed(3).padStart(12)
    this.history.push(`${when} s  ${who.padEnd(6)} ${what}${token === null ? '' : ` ${describe(token)}`}`)
  }
}

function describe({ serial, gen, parent }: Token): string {
  return `token ${serial} (generation ${gen}${parent === null ? '' : `, from ${parent.serial}`})`
}
