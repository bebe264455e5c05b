/** A clock that moves when it is told to. */
export class Clock {
  #now = Date.UTC(2026, 5, 1, 12)

  /** Milliseconds since 1970. */
  readonly now = (): number => this.#now

  /** Seconds since 1970, as tokens count. */
  get seconds(): number {
    return Math.floor(this.#now / 1000)
  }

  advance(seconds: number): void {
    this.#now += seconds * 1000
  }
}
