import { availableParallelism } from 'node:os'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { hash, verify } from '@node-rs/argon2'
import pLimit from 'p-limit'

/** argon2id (the library's default) with 19 MiB, two passes, one lane: the OWASP Password Storage Cheat Sheet's first choice by memory. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Longer passwords are refused, so that nobody can make the server hash a megabyte. Counted in code points. */
export const MAX_PASSWORD_LENGTH = 256

/** How many passwords may wait for their turn before the server says it is busy: some three seconds' worth a core. */
const QUEUE_PER_CORE = 128

export interface PasswordsOptions {
  /** How many hashes run at once; each takes a thread of libuv's pool and 19 MiB. */
  readonly concurrency?: number
  /** How many may wait; more get `server_busy`. */
  readonly queue?: number
}

/**
 * Hashes and checks passwords, a bounded number at once. The whole password counts: no truncation, no trimming, no
 * change of case. It is brought to Unicode's NFC first, so that the same text typed on two keyboards is the same.
 */
export class Passwords {
  readonly #limit: ReturnType<typeof pLimit>
  readonly #capacity: number
  readonly #dummy: Promise<string>

  constructor({ concurrency = availableParallelism(), queue = concurrency * QUEUE_PER_CORE }: PasswordsOptions = {}) {
    this.#limit = pLimit(concurrency)
    this.#capacity = concurrency + queue
    this.#dummy = hash(crypto.randomUUID(), PARAMETERS)
  }

  /** A PHC string with its parameters and salt. @throws LatchkeyError `server_busy` */
  hash(password: string): Promise<string> {
    return this.#admit(() => hash(password.normalize('NFC'), PARAMETERS))
  }

  /**
   * Whether the password is the account's. Without an account (`stored` null) the same work is done and the answer is no,
   * so that neither the answer nor its time tells who has an account. @throws LatchkeyError `server_busy`
   */
  verify(stored: string | null, password: string): Promise<boolean> {
    return this.#admit(async () => {
      const matches = await verify(stored ?? (await this.#dummy), password.normalize('NFC'))
      return matches && stored !== null
    })
  }

  async #admit<Result>(work: () => Promise<Result>): Promise<Result> {
    const { activeCount, pendingCount } = this.#limit
    if (activeCount + pendingCount >= this.#capacity) throw new LatchkeyError('server_busy', { retryAfter: 2 })
    return this.#limit(work)
  }
}
