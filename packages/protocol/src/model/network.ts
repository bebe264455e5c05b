import type { Token } from './lineage.ts'
import type { Answer, Place, Server } from './server.ts'
import type { World } from './world.ts'

/** What can happen to a message: how often, or for how many milliseconds. */
export interface Conditions {
  /** What a message usually takes. */
  readonly usual: readonly [number, number]
  /** How often one takes longer: anything up to what the longest round trip leaves, and half the time exactly that. */
  readonly late: number
  readonly lost: number
  readonly doubled: number
  /** How often a node stalls between reading a row and writing it. */
  readonly stalls: number
}

/** Carries requests and answers. What has not arrived one longest round trip after its request was sent never will. */
export class Network {
  readonly #world: World
  readonly #server: Server
  readonly #conditions: Conditions
  readonly #longestRoundTrip: number

  constructor(world: World, server: Server, conditions: Conditions, longestRoundTrip: number) {
    this.#world = world
    this.#server = server
    this.#conditions = conditions
    this.#longestRoundTrip = longestRoundTrip
  }

  refresh(token: Token, place: Place, arrives: (answer: Answer) => void): void {
    const deadline = this.#world.now + this.#longestRoundTrip
    const reply = (answer: Answer) => this.#carry(deadline, () => arrives(answer))
    this.#carry(deadline, () => this.#server.refresh(token, place, this.#stall(deadline), reply))
  }

  signOut(token: Token, arrives: () => void): void {
    const deadline = this.#world.now + this.#longestRoundTrip
    this.#carry(deadline, () => {
      this.#server.signOut(token)
      this.#carry(deadline, arrives)
    })
  }

  #carry(deadline: number, arrive: () => void): void {
    const { random } = this.#world
    const { lost, doubled } = this.#conditions
    for (let copies = random.chance(doubled) ? 2 : 1; copies > 0; copies--) {
      if (!random.chance(lost)) this.#world.after(this.#delay(deadline), arrive)
    }
  }

  #delay(deadline: number): number {
    const { random, now } = this.#world
    const { usual, late } = this.#conditions
    const left = deadline - now
    if (!random.chance(late)) return Math.min(random.between(usual), left)
    return random.chance(0.5) ? left : random.between([0, left])
  }

  #stall(deadline: number): number {
    const { random, now } = this.#world
    return random.chance(this.#conditions.stalls) ? random.between([0, deadline - now]) : 0
  }
}
