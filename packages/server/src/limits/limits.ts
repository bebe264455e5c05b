import { LatchkeyError } from '@latchkey/protocol/errors'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { digest } from '../digest.ts'
import type { EventListener, LatchkeyEvent } from '../events.ts'

/** So many requests in so many seconds: from one address, and overall. Ten points a login, nine given back for a right one. */
const BUDGETS = {
  login: { perAddress: { points: 600, duration: 900 }, overall: { points: 6_000, duration: 60 } },
  signup: { perAddress: { points: 60, duration: 3_600 }, overall: { points: 6_000, duration: 60 } },
  password: { perAddress: { points: 60, duration: 900 }, overall: { points: 6_000, duration: 60 } },
  refresh: { perAddress: { points: 6_000, duration: 60 }, overall: { points: 600_000, duration: 60 } },
} as const

export type LimitedAction = keyof typeof BUDGETS

const LOGIN_COST = 10

/** So many wrong passwords in a row are answered at once; from then on each attempt costs a wait, twice the one before. */
export const FREE_ATTEMPTS = 10
const FIRST_WAIT = 30
const LONG_WAIT = 3_600
/** From the hundredth failure in a row on, one attempt a day (NIST SP 800-63B-4 §3.2.2). A reset ends the row. */
const MANY_FAILURES = 100
const LONGEST_WAIT = 86_400

/** A few failures are forgotten after an hour; a row that has come to waits after a week: seconds. */
const MEMORY_OF_FAILURES = 3_600
const MEMORY_OF_WAITS = 7 * 86_400

/**
 * Limits on guessing. They never touch a live session: whoever is signed in stays so, whatever strangers try. They are
 * counted in this process: several processes count each for itself, and a restart begins anew.
 */
export class Limits {
  readonly #isOn: boolean
  readonly #emit: EventListener
  readonly #perAddress = countersFor('perAddress')
  readonly #overall = countersFor('overall')
  /** By digest: names of accounts are not kept here, and a long one costs no more than a short one. */
  readonly #failures = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: MEMORY_OF_FAILURES })
  readonly #waits = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: MEMORY_OF_WAITS })
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
      if (address !== undefined) await this.#perAddress[action].consume(address, action === 'login' ? LOGIN_COST : 1)
      await this.#overall[action].consume('')
    } catch (refusal) {
      throw this.#refuse(refusal, { type: 'rate_limited', action })
    }
  }

  /** A login that succeeded was no guess: it costs its address a tenth of one that failed. */
  async refundLogin(addressOf: () => string | undefined): Promise<void> {
    const address = this.#isOn ? addressOf() : undefined
    if (address !== undefined) await this.#perAddress.login.reward(address, LOGIN_COST - 1)
  }

  /**
   * Checks an account's password, or refuses to. The attempt is counted before `check` runs, so that many at once are no
   * more than the limit, and for unknown accounts too. A right password ends the row of wrong ones.
   *
   * @param subject whose account it is, for the event; null for an unknown one
   * @throws LatchkeyError `rate_limited`; whatever `check` throws, which then counts as no attempt
   */
  async attempt(account: string, check: () => Promise<boolean>, subject: string | null = null): Promise<boolean> {
    if (!this.#isOn) return check()
    const key = digest(account)
    const { consumedPoints: failures } = await this.#failures.penalty(key)
    const mustWait = failures > FREE_ATTEMPTS || (await this.#waits.get(key)) !== null
    try {
      if (mustWait) await this.#passGate(key, subject)
      const isRight = await check()
      if (isRight) await this.#forget(key)
      return isRight
    } catch (error) {
      // An attempt that was not made is no failure: else a stranger's impatience would lengthen the owner's wait.
      await this.#failures.reward(key)
      if (mustWait) await this.#waits.reward(key)
      throw error
    }
  }

  /** Ends rows of wrong passwords: the account has a new one, or its owner has come. */
  async forget(accounts: readonly string[]): Promise<void> {
    await Promise.all(accounts.map((account) => this.#forget(digest(account))))
  }

  async #forget(key: string): Promise<void> {
    await Promise.all([this.#failures.delete(key), this.#waits.delete(key), this.#gate.delete(key)])
  }

  /** Open for one attempt, then shut for a while: each time for longer. */
  async #passGate(key: string, subject: string | null): Promise<void> {
    const { consumedPoints: waits } = await this.#waits.penalty(key)
    try {
      await this.#gate.consume(key, 1, { customDuration: waitAfter(waits) })
    } catch (refusal) {
      throw this.#refuse(refusal, { type: 'login_locked', subject })
    }
  }

  #refuse(refusal: unknown, event: LatchkeyEvent): unknown {
    if (!(refusal instanceof RateLimiterRes)) return refusal
    this.#emit(event)
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

/** Seconds. */
function waitAfter(waits: number): number {
  if (FREE_ATTEMPTS + waits > MANY_FAILURES) return LONGEST_WAIT
  return Math.min(FIRST_WAIT * 2 ** (waits - 1), LONG_WAIT)
}
