/** The standalone server's log: one JSON line for each fact, on standard output. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { Settings, TrustProxy } from '../config/settings.ts'
import { EVENT_TYPES, type EventListener, type EventType, type LatchkeyEvent, SEVERITY } from '../events.ts'
import { clientAddress } from '../limits/client-address.ts'
import { describeFault } from './describe-fault.ts'
import type { RequestListener } from './meter.ts'

/** Times are ISO 8601 in UTC, levels are words. */
export function createLogger(level: Settings['logLevel'], destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: escapeRest },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  )
}

/** What JSON leaves as it is, but a terminal or a reader of lines may act upon: DEL, C1 controls, line separators. */
function escapeRest(line: string): string {
  return line.replace(/[\u007f-\u009f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** The request that something is done for, wherever that is: told apart by a number, and asked for its address. */
interface CurrentRequest {
  readonly number: number
  readonly incoming: IncomingMessage
}

/** Writes events, faults and requests, and knows which request an event belongs to. */
export class Log {
  readonly logger: Logger
  readonly #trustProxy: TrustProxy
  readonly #current = new AsyncLocalStorage<CurrentRequest>()
  /** So that ids of different processes differ. */
  readonly #prefix = Date.now().toString(36)
  /** Decided beforehand: what every refresh tells is not written as a rule. */
  readonly #written: ReadonlySet<EventType>
  #requests = 0

  constructor(logger: Logger, trustProxy: TrustProxy) {
    this.logger = logger
    this.#trustProxy = trustProxy
    this.#written = new Set(EVENT_TYPES.filter((type) => logger.isLevelEnabled(SEVERITY[type])))
  }

  /** Runs the work of a request, so that what comes of it is logged as the request's. */
  during(incoming: IncomingMessage, work: () => void): void {
    this.#requests += 1
    this.#current.run({ number: this.#requests, incoming }, work)
  }

  readonly event: EventListener = (event) => {
    if (this.#written.has(event.type)) this.#write(event)
  }

  readonly fault = (fault: unknown): void => {
    // Refused for want of room: no fault, and too many to write a stack for each.
    const isBusy = fault instanceof LatchkeyError && fault.code === 'server_busy'
    const request = this.#request()
    if (isBusy) this.logger.warn({ event: 'server_busy', ...request })
    else this.logger.error({ event: 'fault', fault: describeFault(fault), ...request })
  }

  /** Never the URL as it was sent: tokens get into those. */
  readonly request: RequestListener = ({ method, route, status, milliseconds }) => {
    if (!this.logger.isLevelEnabled('debug')) return
    const ms = Math.round(milliseconds * 100) / 100
    this.logger.debug({ event: 'request', method, route, status, ms, ...this.#request() })
  }

  #write({ type, ...facts }: LatchkeyEvent): void {
    this.logger[SEVERITY[type]]({ event: type, ...facts, ...this.#request() })
  }

  #request(): { readonly request?: string; readonly address?: string | undefined } {
    const current = this.#current.getStore()
    if (current === undefined) return {}
    const { number, incoming } = current
    return { request: `${this.#prefix}-${number.toString(36)}`, address: clientAddress(incoming, this.#trustProxy) }
  }
}
