import type { LatchkeyEvent } from '../events.ts'

/** A request as it was answered. Nothing in it was chosen by whoever sent it, but `method`. */
export interface AnsweredRequest {
  readonly method: string
  /** The route's path with its base, as `/auth/sessions/{sid}`; null where there is none. */
  readonly route: string | null
  readonly status: number
  /** From the request's head to the answer's. */
  readonly milliseconds: number
}

/** Told of each request that was answered. Called while the answer waits: be quick. */
export type RequestListener = (request: AnsweredRequest) => void

/** What is asked for when metrics are read. */
export interface Gauges {
  /** How many passwords wait to be hashed or checked. */
  readonly passwordsWaiting: () => number
  /** Seconds; undefined without an active key. */
  readonly signingKeyAge: () => number | undefined
}

/** What Latchkey tells those who count: `createMetrics` of `latchkey/metrics` makes one. */
export interface Meter {
  readonly event: (event: LatchkeyEvent) => void
  readonly request: RequestListener
  /** Without the time in the queue. */
  readonly passwordHashed: (milliseconds: number) => void
  /** `operation` as `sessions.promote`. */
  readonly storeFailed: (operation: string) => void
  readonly watch: (gauges: Gauges) => void
}
