import type { Delivery } from '../rotation.ts'
import type { Lineage, Token } from './lineage.ts'
import type { Network } from './network.ts'
import type { Answer, Place } from './server.ts'
import { HOUR, MINUTE, SECOND, type World } from './world.ts'

/** How somebody uses the application. Chances are per visit, times in milliseconds. */
export interface Usage {
  readonly delivery: Delivery
  /** Tabs of a browser, or threads of an app: all share one token. */
  readonly tabs: number
  /** One refresh in flight at a time, as `@latchkey/client` does it; else every tab for itself. */
  readonly locked: boolean
  /** Page loads, each of which refreshes; how far apart they are, and how often the next follows within 0.4 to 1 s. */
  readonly visits: number
  readonly pause: readonly [number, number]
  readonly rapid: number
  readonly killed: number
  readonly sleeps: number
  readonly signsOut: number
}

/** A killed browser comes back with its cookie jar as it was at most this long ago (seen in Chromium). */
export const LONGEST_FORGOTTEN = 30 * SECOND

const LOCK_WAIT = 10 * SECOND

/** A browser or an app: one place for one token, where the last write wins. */
export class Client {
  token: Token
  readonly place: Place
  /** False once it was told with a 401 that its session is over, or has forgotten its token on purpose. */
  signedIn = true
  /** Whether its user has asked to be signed out. */
  wantsOut = false
  /** Called whenever it sends. */
  watcher: () => void = () => {}
  readonly #world: World
  readonly #network: Network
  readonly #lineage: Lineage
  readonly #usage: Usage
  #wasRobbed = false
  #visitsLeft: number
  /** What is on its disk, oldest first. */
  #written: { readonly at: number; readonly token: Token }[]
  /** Answers to requests of an earlier life, before a kill or sleep, go nowhere. */
  #life = 0
  #lock: { readonly tab: number; readonly until: number } | null = null

  constructor(world: World, network: Network, lineage: Lineage, usage: Usage, token: Token) {
    this.#world = world
    this.#network = network
    this.#lineage = lineage
    this.#usage = usage
    this.#visitsLeft = usage.visits
    this.#written = [{ at: world.now, token }]
    this.place = usage.delivery === 'body' ? 'body' : 'cookie'
    this.token = token
  }

  /** Whether it will load no more pages. */
  get isDone(): boolean {
    return !this.signedIn || this.#visitsLeft === 0
  }

  visit(): void {
    if (this.isDone) return
    this.#visitsLeft -= 1
    const { random } = this.#world
    const { tabs, pause, rapid, killed, sleeps, signsOut } = this.#usage
    this.#load(random.between([1, tabs]))
    if (random.chance(0.2)) this.#load(random.between([1, tabs]))
    if (random.chance(signsOut)) this.#signOut()
    if (random.chance(killed)) this.#kill()
    else if (random.chance(sleeps)) this.#sleep()
    else this.#world.after(random.between(random.chance(rapid) ? [400, SECOND] : pause), () => this.visit())
  }

  receive(answer: Answer): void {
    if (answer.status === 200 && answer.token !== null) this.#write(answer.token)
    if (answer.status !== 401 || !this.signedIn) return
    this.#world.note('client', `is signed out: ${answer.code}`)
    this.signedIn = false
    const isRightly = answer.code === 'expired' || this.wantsOut || this.#wasRobbed
    if (!isRightly) this.#lineage.falseSignOut(`an honest client was signed out: ${answer.code}`)
  }

  /** Somebody copies what it holds. From now on, to be signed out is what its user would want. */
  rob(): Token {
    this.#wasRobbed = true
    return this.token
  }

  /** A new page has no access token. Another tab's refresh in flight will do; this tab's own has gone with its page. */
  #load(tab: number): void {
    const waits = this.#lock !== null && this.#lock.tab !== tab && this.#world.now < this.#lock.until
    if (!waits) this.#refresh(tab, 2)
  }

  #refresh(tab: number, retries: number): void {
    if (!this.signedIn) return
    const life = this.#life
    let isAnswered = false
    if (this.#usage.locked) this.#lock = { tab, until: this.#world.now + LOCK_WAIT }
    this.#world.note('client', `sends, in tab ${tab},`, this.token)
    this.watcher()
    this.#network.refresh(this.token, this.place, (answer) => {
      if (life !== this.#life) return
      isAnswered = true
      if (this.#lock?.tab === tab) this.#lock = null
      this.receive(answer)
    })
    this.#world.after(this.#world.random.between([2 * SECOND, 20 * SECOND]), () => {
      if (!isAnswered && retries > 0 && life === this.#life) this.#refresh(tab, retries - 1)
    })
  }

  #write(token: Token): void {
    const { now } = this.#world
    this.#world.note('client', 'now holds', token)
    this.token = token
    const oldest = this.#written.findLastIndex(({ at }) => at <= now - LONGEST_FORGOTTEN)
    this.#written = [...this.#written.slice(Math.max(0, oldest)), { at: now, token }]
  }

  /** The cookie goes only when the answer comes; until then pages may go on loading. */
  #signOut(): void {
    const life = this.#life
    this.wantsOut = true
    this.#visitsLeft = Math.min(this.#visitsLeft, 3)
    this.#network.signOut(this.token, () => {
      if (life === this.#life) this.signedIn = false
    })
  }

  #kill(): void {
    const { random, now } = this.#world
    const forgotten = random.chance(0.5) ? LONGEST_FORGOTTEN : random.between([0, LONGEST_FORGOTTEN])
    const kept = Math.max(
      0,
      this.#written.findLastIndex(({ at }) => at <= now - forgotten),
    )
    this.#written = this.#written.slice(0, kept + 1)
    this.token = this.#written[kept]?.token ?? this.token
    this.#world.note('client', 'is killed, and will come back with', this.token)
    this.#wake(random.between(random.chance(0.5) ? [0, 5 * SECOND] : [0, 10 * MINUTE]))
  }

  #sleep(): void {
    this.#world.note('client', 'sleeps')
    this.#wake(this.#world.random.between([MINUTE, 8 * HOUR]))
  }

  /** All tabs load at once. */
  #wake(delay: number): void {
    this.#life += 1
    this.#lock = null
    this.#world.after(delay, () => {
      for (let tab = 1; tab <= this.#usage.tabs; tab++) this.#load(tab)
      this.visit()
    })
  }
}
