import { createHash } from 'node:crypto'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { EventListener } from '../events.ts'

/** So many requests in so many seconds: from one address, and overall. */
const BUDGETS = {
  login: { perAddress: { points: 60, duration: 900 }, overall: { points: 6_000, duration: 60 } },
  signup: { perAddress: { points: 60, duration: 3_600 }, overall: { points: 6_000, duration: 60 } },
  password: { perAddress: { points: 60, duration: 900 }, overall: { points: 6_000, duration: 60 } },
  refresh: { perAddress: { points: 6_000, duration: 60 }, overall: { points: 600_000, duration: 60 } },
} as const

export type LimitedAction = keyof typeof BUDGETS

/** So many wrong passwords in a row are answered at once; from then on each attempt costs a wait, twice the one before. */
export const FREE_ATTEMPTS = 10
const FIRST_WAIT = 30
const LONGEST_WAIT = 86_400
/** A row of failures is forgotten so many seconds after its first. */
const MEMORY_OF_FAILURES = 7 * 86_400

/** Limits on guessing. They never touch a live session: whoever is signed in stays so, whatever strangers try. */
export class Limits {
  readonly #isOn: boolean
  readonly #emit: EventListener
  readonly #perAddress = countersFor('perAddress')
  readonly #overall = countersFor('overall')
  readonly #failures = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: MEMORY_OF_FAILURES })
  readonly #gate = new RateLimiterMemory({ points: 1, duration: FIRST_WAIT })

  constructor(isOn: boolean, emit: EventListener) {
    this.#isOn = isOn
    this.#emit = emit
  }

  /**
   * Counts a request of an address. One whose address is not known counts overall only.
   *
   * @throws LatchkeyError `rate_limited`
   */
  async admit(action: LimitedAction, addressOf: () => string | undefined): Promise<void> {
    if (!this.#isOn) return
    const address = addressOf()
    try {
      if (address !== undefined) await this.#perAddress[action].consume(address)
      await this.#overall[action].consume('')
    } catch (refusal) {
      throw this.#refuse(refusal, action)
    }
  }

  /** Takes a request back that turned out to be no guess: a login that succeeded. */
  async refund(action: LimitedAction, addressOf: () => string | undefined): Promise<void> {
    const address = this.#isOn ? addressOf() : undefined
    if (address !== undefined) await this.#perAddress[action].reward(address)
  }

  /**
   * Checks an account's password, or refuses to. The attempt is counted before `check` runs, so that many at once are no
   * more than the limit, and for unknown accounts too. A right password ends the row of wrong ones.
   *
   * @throws LatchkeyError `rate_limited`; whatever `check` throws, which then counts as no attempt
   */
  async attempt(account: string, check: () => Promise<boolean>): Promise<boolean> {
    if (!this.#isOn) return check()
    const key = digest(account)
    try {
      await this.#admitAttempt(key)
      const isRight = await check()
      if (isRight) await this.#forget(key)
      return isRight
    } catch (error) {
      // An attempt that was not made is no failure: else a stranger's impatience would lengthen the owner's wait.
      await this.#failures.reward(key)
      throw error
    }
  }

  /** Ends a row of wrong passwords: the account has a new one. */
  async forget(account: string): Promise<void> {
    await this.#forget(digest(account))
  }

  async #forget(key: string): Promise<void> {
    await Promise.all([this.#failures.delete(key), this.#gate.delete(key)])
  }

  async #admitAttempt(key: string): Promise<void> {
    const { consumedPoints: attempt } = await this.#failures.penalty(key)
    if (attempt <= FREE_ATTEMPTS) return
    const wait = Math.min(FIRST_WAIT * 2 ** (attempt - FREE_ATTEMPTS - 1), LONGEST_WAIT)
    try {
      await this.#gate.consume(key, 1, { customDuration: wait })
    } catch (refusal) {
      throw this.#refuse(refusal, 'login')
    }
  }

  #refuse(refusal: unknown, action: LimitedAction): unknown {
    if (!(refusal instanceof RateLimiterRes)) return refusal
    this.#emit({ type: 'rate_limited', action })
    return new LatchkeyError('rate_limited', { retryAfter: refusal.msBeforeNext / 1000 })
  }
}

function countersFor(scope: 'perAddress' | 'overall'): Readonly<Record<LimitedAction, RateLimiterMemory>> {
  return {
    login: new RateLimiterMemory(BUDGETS.login[scope]),
    signup: new RateLimiterMemory(BUDGETS.signup[scope]),
    password: new RateLimiterMemory(BUDGETS.password[scope]),
    refresh: new RateLimiterMemory(BUDGETS.refresh[scope]),
  }
}

/** Names of accounts are not kept where limits are, and a long one costs no more than a short one. */
function digest(account: string): string {
  return createHash('sha256').update(account).digest('base64url')
}
