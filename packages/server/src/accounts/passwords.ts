import { availableParallelism } from 'node:os'
import { LatchkeyError } from '@latchkey/protocol/errors'
import pLimit from 'p-limit'
import { inSpan } from '../observability/spans.ts'
import { hashPassword, verifyPassword } from './password-hashes.ts'

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
  readonly #onHashed: ((milliseconds: number) => void) | undefined

  /** `onHashed` is told how long each took, without its time in the queue. */
  constructor(
    { concurrency = availableParallelism(), queue = concurrency * QUEUE_PER_CORE }: PasswordsOptions = {},
    onHashed?: (milliseconds: number) => void,
  ) {
    this.#limit = pLimit(concurrency)
    this.#capacity = concurrency + queue
    this.#dummy = hashPassword(crypto.randomUUID())
    this.#onHashed = onHashed
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#limit.pendingCount
  }

  /** A PHC string with its parameters and salt. @throws LatchkeyError `server_busy` */
  hash(password: string): Promise<string> {
    return this.#admit(() => hashPassword(password.normalize('NFC')))
  }

  /**
   * Whether the password is the account's. Without an account (`stored` null) the same work is done and the answer is no,
   * so that neither the answer nor its time tells who has an account. @throws LatchkeyError `server_busy`
   */
  verify(stored: string | null, password: string): Promise<boolean> {
    return this.#admit(async () => {
      const hash = stored ?? (await this.#dummy)
      const composed = password.normalize('NFC')
      // A hash from elsewhere was made of what was typed.
      const matches =
        (await verifyPassword(hash, composed)) || (composed !== password && (await verifyPassword(hash, password)))
      return matches && stored !== null
    })
  }

  async #admit<Result>(work: () => Promise<Result>): Promise<Result> {
    const { activeCount, pendingCount } = this.#limit
    if (activeCount + pendingCount >= this.#capacity) throw new LatchkeyError('server_busy', { retryAfter: 2 })
    return this.#limit(() => inSpan('latchkey.password_hash', () => this.#time(work)))
  }

  async #time<Result>(work: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      this.#onHashed?.(performance.now() - startedAt)
    }
  }
}
