import type { DatabaseSync } from 'node:sqlite'
import { LatchkeyError } from '@latchkey/protocol/errors'

/** `durable` survives the loss of power; `cheap` may lose its last moments with the machine, never its order. */
export type Durability = 'durable' | 'cheap'

interface Job {
  readonly durability: Durability
  /** Does the work inside the transaction and returns what to do once that is committed. */
  readonly perform: () => () => void
  readonly reject: (error: unknown) => void
}

const SQLITE_CONSTRAINT = 19

/** One job's arguments were at fault, not the database: the others of its group are done again without it. */
class CallersFault extends Error {
  readonly job: Job

  constructor(job: Job, cause: unknown) {
    super('a write was given what cannot be stored', { cause })
    this.job = job
  }
}

function perform(job: Job): () => void {
  try {
    return job.perform()
  } catch (cause) {
    // The low byte is the kind of error, the next which constraint it was.
    const isConstraint =
      cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === SQLITE_CONSTRAINT
    throw isConstraint || cause instanceof TypeError ? new CallersFault(job, cause) : cause
  }
}

/**
 * Gathers the writes of one turn of the event loop into one transaction, so that a hundred concurrent refreshes cost one
 * commit. Nobody is answered before the commit; when it fails, everybody in the group gets `store_unavailable`, and
 * nothing of it has happened.
 *
 * Work may be done twice, so it must not have effects but on the database.
 */
export class GroupedWriter {
  readonly #db: DatabaseSync
  #queue: Job[] = []
  #synchronous: 'FULL' | 'NORMAL' = 'NORMAL'

  /** Expects `PRAGMA synchronous = NORMAL` to be set. */
  constructor(db: DatabaseSync) {
    this.#db = db
  }

  run<Result>(durability: Durability, work: () => Result): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.flush())
      const perform = () => {
        const result = work()
        return () => resolve(result)
      }
      this.#queue.push({ durability, perform, reject })
    })
  }

  /** Commits what is waiting now. Reads see nothing or all of a group, because both run on this one thread. */
  flush(): void {
    const jobs = this.#queue
    this.#queue = []
    if (jobs.length === 0) return
    try {
      for (const resolve of this.#commit(jobs)) resolve()
    } catch (cause) {
      if (cause instanceof CallersFault) {
        cause.job.reject(cause.cause)
        this.#queue = [...jobs.filter((job) => job !== cause.job), ...this.#queue]
        this.flush()
        return
      }
      const error = new LatchkeyError('store_unavailable', { retryAfter: 1, cause })
      for (const job of jobs) job.reject(error)
    }
  }

  #commit(jobs: readonly Job[]): (() => void)[] {
    this.#setSynchronous(jobs.some((job) => job.durability === 'durable') ? 'FULL' : 'NORMAL')
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const performed = jobs.map(perform)
      this.#db.exec('COMMIT')
      return performed
    } catch (cause) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw cause
    }
  }

  #setSynchronous(level: 'FULL' | 'NORMAL'): void {
    if (this.#synchronous === level) return
    this.#db.exec(`PRAGMA synchronous = ${level}`)
    this.#synchronous = level
  }
}
