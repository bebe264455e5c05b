/** What the processes of the benchmark say to each other over IPC. */

/** A server under test: where it listens, and the refresh token of each session in it. */
export interface Target {
  readonly port: number
  readonly cookieName: string
  readonly tokens: readonly string[]
}

/** From main to a server. It answers a `CpuTime`. A server ends when main does. */
export type ServerMessage = 'cpu'

/** Microseconds that the process has been working since it began, over all its threads. */
export interface CpuTime {
  readonly cpu: number
}

/** From main to the load process: learn of a target, or load one that is known. */
export type LoadMessage =
  | { readonly learn: string; readonly target: Target }
  | { readonly load: string; readonly milliseconds: number }

/** What one round of load came to. */
export interface Load {
  readonly answers: number
  readonly milliseconds: number
  /** Answers that brought a new refresh token. */
  readonly turned: number
  /** Microseconds of work in the load process itself. */
  readonly cpu: number
  /** The last answer, whole, to compare what the targets send. */
  readonly sample: string
}

/** How many sessions each server holds; every connection goes round its share of them. */
export const SESSIONS = 16_384

export const CONNECTIONS = 32

export const REFRESH_PATH = '/auth/refresh'
