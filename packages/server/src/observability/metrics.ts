/** `latchkey/metrics`: Prometheus metrics, by prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { EVENT_TYPES, type LatchkeyEvent } from '../events.ts'
import type { AnsweredRequest, Gauges, Meter } from './meter.ts'

export interface MetricsOptions {
  /** The application's own registry: Node's default metrics are then left to it. */
  readonly registry?: Registry
}

/** A meter whose counts can be read. */
export interface Metrics extends Meter {
  readonly registry: Registry
  /** For the `Content-Type` of what `text` gives. */
  readonly contentType: string
  /** Prometheus' text format. */
  text(): Promise<string>
}

const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const HASH_BUCKETS = [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2]

/** Whoever sends requests must not be able to make series: any other method counts as one. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'])

const DECISIONS = ['turn', 'hold', 'replay', 'reuse', 'invalid', 'expired', 'revoked'] as const
type RefreshDecision = (typeof DECISIONS)[number]

/**
 * Counts what a Latchkey does. Make one for each Latchkey, and keep what `text` answers from strangers.
 *
 * @example
 * const metrics = createMetrics()
 * const latchkey = await createLatchkey({ issuer, metrics })
 * app.get('/metrics', async (_req, res) => res.type(metrics.contentType).send(await metrics.text()))
 */
export function createMetrics({ registry }: MetricsOptions = {}): Metrics {
  const register = registry ?? new Registry()
  if (registry === undefined) collectDefaultMetrics({ register })
  const registers = [register]
  const events = new Counter({
    name: 'latchkey_events_total',
    help: 'Events by type, as docs/events.md lists them.',
    labelNames: ['type'],
    registers,
  })
  const refreshes = new Counter({
    name: 'latchkey_refreshes_total',
    help: `Presented refresh tokens by decision: ${DECISIONS.join(', ')}.`,
    labelNames: ['decision'],
    registers,
  })
  const requests = new Counter({
    name: 'latchkey_http_requests_total',
    help: 'Answered requests by method, route and status; the route is `none` where there is none.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'From the head of a request to the head of its answer, by route.',
    labelNames: ['route'],
    buckets: REQUEST_BUCKETS,
    registers,
  })
  const hashes = new Histogram({
    name: 'latchkey_password_hash_duration_seconds',
    help: 'Hashing or checking a password, without the time in the queue.',
    buckets: HASH_BUCKETS,
    registers,
  })
  const storeErrors = new Counter({
    name: 'latchkey_store_errors_total',
    help: 'Store operations that failed, by operation.',
    labelNames: ['operation'],
    registers,
  })
  let gauges: Gauges | undefined
  new Gauge({
    name: 'latchkey_password_hashes_waiting',
    help: 'Passwords that wait to be hashed or checked.',
    registers,
    collect() {
      this.set(gauges?.passwordsWaiting() ?? 0)
    },
  })
  new Gauge({
    name: 'latchkey_signing_key_age_seconds',
    help: 'For how long the active key has been signing.',
    registers,
    collect() {
      const age = gauges?.signingKeyAge()
      if (age === undefined) this.reset()
      else this.set(age)
    },
  })
  // A series that begins at its first event has no rate for it.
  for (const type of EVENT_TYPES) events.inc({ type }, 0)
  for (const decision of DECISIONS) refreshes.inc({ decision }, 0)

  return {
    registry: register,
    contentType: register.contentType,
    text: () => register.metrics(),
    event(event) {
      events.inc({ type: event.type })
      const decision = decisionOf(event)
      if (decision !== undefined) refreshes.inc({ decision })
    },
    request({ method, route, status, milliseconds }: AnsweredRequest) {
      const path = route ?? 'none'
      requests.inc({ method: METHODS.has(method) ? method : 'other', route: path, status })
      durations.observe({ route: path }, milliseconds / 1000)
    },
    passwordHashed: (milliseconds) => hashes.observe(milliseconds / 1000),
    storeFailed: (operation) => storeErrors.inc({ operation }),
    watch(given) {
      gauges = given
    },
  }
}

const DECISION_OF: Readonly<Partial<Record<LatchkeyEvent['type'], RefreshDecision>>> = {
  session_turned: 'turn',
  session_held: 'hold',
  session_replayed: 'replay',
  refresh_token_reused: 'reuse',
}

function decisionOf(event: LatchkeyEvent): RefreshDecision | undefined {
  return event.type === 'refresh_refused' ? event.reason : DECISION_OF[event.type]
}
