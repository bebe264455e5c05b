import { LONGEST_FORGOTTEN, type Usage } from './client.ts'
import type { Conditions } from './network.ts'
import type { Weather } from './store.ts'
import { MINUTE, SECOND } from './world.ts'

/** Who uses a session, over what network, with what store, and whether a thief copies its token. */
export interface Profile extends Usage, Conditions, Weather {
  readonly name: string
  readonly robbed: boolean
}

/**
 * The assumption that P1 and P5 rest on. Of what a token is held, a second goes to `iat` being whole seconds, some to the
 * store's clock jumping forward, and 30 s to a killed browser coming back; three round trips must fit into the rest.
 */
export function longestRoundTrip(turnEvery: number, { killed, clockStep }: Profile): number {
  return Math.floor((turnEvery - SECOND - clockStep - (killed > 0 ? LONGEST_FORGOTTEN : 0)) / 3)
}

const MILD: Conditions = { usual: [10, 300], late: 0.002, lost: 0.005, doubled: 0.001, stalls: 0 }
const HARSH: Conditions = { usual: [50, 3 * SECOND], late: 0.1, lost: 0.1, doubled: 0.05, stalls: 0.02 }

const DESKTOP: Profile = {
  name: 'desktop with a lock, mild network',
  ...MILD,
  delivery: 'cookie',
  tabs: 3,
  locked: true,
  visits: 60,
  pause: [20 * SECOND, 8 * MINUTE],
  rapid: 0.2,
  killed: 0.005,
  sleeps: 0.02,
  signsOut: 0.003,
  crashes: 0,
  clockStep: 0,
  robbed: false,
}
const MOBILE: Profile = {
  ...DESKTOP,
  ...HARSH,
  name: 'mobile without a lock, harsh network',
  locked: false,
  rapid: 0.4,
  killed: 0,
  sleeps: 0.05,
}
const CLICKING: Profile = {
  ...MOBILE,
  name: 'a page every 0.4 s, harsh network',
  visits: 150,
  pause: [5 * SECOND, 2 * MINUTE],
  rapid: 0.9,
}
const EVERYTHING: Profile = {
  ...MOBILE,
  name: 'everything at once',
  rapid: 0.6,
  late: 0.2,
  stalls: 0.1,
  killed: 0.05,
  crashes: 0.05,
  clockStep: 5 * SECOND,
}

export const PROFILES: readonly [Profile, ...Profile[]] = [
  DESKTOP,
  { ...DESKTOP, name: 'desktop without a lock, mild network', locked: false },
  MOBILE,
  { ...MOBILE, name: 'mobile with a lock, harsh network', locked: true },
  CLICKING,
  { ...CLICKING, name: 'killed while clicking, harsh network', killed: 0.1 },
  { ...MOBILE, name: 'as late as the assumption allows', late: 0.5 },
  { ...MOBILE, name: 'stalled nodes', stalls: 0.3 },
  { ...MOBILE, name: 'a store that loses promotions', crashes: 0.05 },
  { ...MOBILE, name: 'a clock that steps back and forward', clockStep: 5 * SECOND },
  { ...MOBILE, name: 'an app with body delivery', delivery: 'body', locked: true, killed: 0.02 },
  EVERYTHING,
  { ...EVERYTHING, name: 'everything at once, body delivery', delivery: 'body' },
  { ...DESKTOP, name: 'robbed: desktop', robbed: true },
  {
    ...DESKTOP,
    name: 'robbed: busy and awake',
    pause: [SECOND, 30 * SECOND],
    visits: 150,
    sleeps: 0,
    killed: 0,
    robbed: true,
  },
  { ...DESKTOP, name: 'robbed: stalled nodes', stalls: 0.5, robbed: true },
  { ...MOBILE, name: 'robbed: mobile', robbed: true },
  { ...EVERYTHING, name: 'robbed: everything at once', robbed: true },
]
