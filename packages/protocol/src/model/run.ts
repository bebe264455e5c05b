import type { Finding } from './lineage.ts'
import type { Protocol } from './server.ts'
import { COUNTED, playSession, simulate, type Tally } from './simulate.ts'

export const DEFAULT_SEED = 1
export const DEFAULT_SESSIONS = 20_000

export interface Violation extends Finding {
  readonly protocol: Protocol
  readonly seed: number
  readonly session: number
}

export interface Run {
  /** By the profile's name, in the profiles' order. */
  readonly tallies: ReadonlyMap<string, Tally>
  readonly violations: readonly Violation[]
}

export function runModel(protocol: Protocol, seed: number, sessions: number): Run {
  const tallies = new Map<string, Tally>()
  const violations: Violation[] = []
  for (const { number, profile, tally, findings } of simulate(protocol, seed, sessions)) {
    const sum = tallies.get(profile.name)
    if (sum === undefined) tallies.set(profile.name, { ...tally })
    else for (const name of COUNTED) sum[name] += tally[name]
    for (const finding of findings) violations.push({ ...finding, protocol, seed, session: number })
  }
  return { tallies, violations }
}

export function total({ tallies }: Run, name: keyof Tally): number {
  return [...tallies.values()].reduce((sum, tally) => sum + tally[name], 0)
}

/** The first session that speaks against a property, or null. */
export function firstViolation(
  protocol: Protocol,
  seed: number,
  sessions: number,
  isSought: (finding: Finding) => boolean,
): Violation | null {
  for (const { number, findings } of simulate(protocol, seed, sessions)) {
    const finding = findings.find(isSought)
    if (finding !== undefined) return { ...finding, protocol, seed, session: number }
  }
  return null
}

/** All that happened in the session, and how to play it again. */
export function explain({ property, message, protocol, seed, session }: Violation): string {
  const { profile, history } = playSession(protocol, seed, session, true)
  return [
    `${property}: ${message}`,
    `seed ${seed}, session ${session} (${profile.name}): LATCHKEY_MODEL_SEED=${seed}, playSession(…, ${seed}, ${session}, true)`,
    ...history,
  ].join('\n')
}
