import type { Client } from './client.ts'
import type { Token } from './lineage.ts'
import type { Network } from './network.ts'
import type { Answer, Place } from './server.ts'
import { MINUTE, SECOND, type World } from './world.ts'

/** What a thief does with its copy, over and over. */
export interface Habit {
  readonly name: string
  /** How long after the theft it first acts, how far apart its acts are, and how often the next comes within 0.4 to 3 s. */
  readonly first: readonly [number, number]
  readonly every: readonly [number, number]
  readonly rapid: number
  /** Also presents its token just when the owner does. */
  readonly races?: true
  /** Presents each token twice to get siblings, and then any of its latest. */
  readonly keepsSiblings?: true
  /** Presents what it stole for as long as that works. */
  readonly keepsFirst?: true
  /** Also presents what it made up. */
  readonly forges?: true
}

const SOON = [0, MINUTE] as const

export const HABITS: readonly [Habit, ...Habit[]] = [
  { name: 'waits', first: [5 * MINUTE, 60 * MINUTE], every: [MINUTE, 10 * MINUTE], rapid: 0 },
  { name: 'pins', first: [0, SECOND], every: [30 * SECOND, 5 * MINUTE], rapid: 0.9 },
  { name: 'polls', first: SOON, every: [10 * SECOND, 50 * SECOND], rapid: 0 },
  { name: 'races', first: SOON, every: [MINUTE, 10 * MINUTE], rapid: 0, races: true },
  { name: 'keeps siblings', first: SOON, every: [10 * SECOND, 3 * MINUTE], rapid: 0.2, keepsSiblings: true },
  { name: 'keeps the first', first: SOON, every: [10 * SECOND, 5 * MINUTE], rapid: 0.2, keepsFirst: true },
  { name: 'guesses', first: SOON, every: [10 * SECOND, 5 * MINUTE], rapid: 0.3, forges: true },
]

const MOST_ACTS = 300

/** Holds a copy of a client's token, tells the server all that the client's device would, and goes on as long as the client. */
export class Thief {
  readonly place: Place
  readonly #habit: Habit
  readonly #world: World
  readonly #network: Network
  readonly #victim: Client
  readonly #tokens: [Token, ...Token[]]
  #actsLeft = MOST_ACTS
  #isRefused = false

  constructor(world: World, network: Network, victim: Client, habit: Habit) {
    this.#habit = habit
    this.#world = world
    this.#network = network
    this.#victim = victim
    this.place = victim.place
    this.#tokens = [victim.rob()]
    world.note('thief', `(who ${habit.name}) copies`, this.token)
    world.after(world.random.between(habit.first), () => this.#act())
    if (habit.races) victim.watcher = () => world.after(world.random.between([0, 200]), () => this.#present())
  }

  /** The latest issued of all that it holds. */
  get token(): Token {
    return this.#tokens.reduce((latest, token) => (token.serial > latest.serial ? token : latest))
  }

  receive(answer: Answer): void {
    if (answer.status === 200 && answer.token !== null) this.#tokens.push(answer.token)
    if (answer.status === 401) this.#isRefused = true
  }

  #act(): void {
    if (this.#isRefused || this.#actsLeft === 0 || this.#victim.isDone) return
    this.#actsLeft -= 1
    const { random } = this.#world
    const { every, rapid, forges } = this.#habit
    this.#present()
    if (forges) forge(this.#world, this.#network, this.token, this.place)
    this.#world.after(random.between(random.chance(rapid) ? [400, 3 * SECOND] : every), () => this.#act())
  }

  #present(): void {
    if (this.#isRefused) return
    const token = this.#choose()
    for (let times = this.#habit.keepsSiblings ? 2 : 1; times > 0; times--) {
      this.#world.note('thief', 'sends', token)
      this.#network.refresh(token, this.place, (answer) => this.receive(answer))
    }
  }

  #choose(): Token {
    if (this.#habit.keepsFirst) return this.#tokens[0]
    if (this.#habit.keepsSiblings) return this.#tokens.at(-this.#world.random.between([1, 4])) ?? this.#tokens[0]
    return this.token
  }
}

/** Presents a token in a place that is not its own, or one made with a stolen server secret but without the session's key. */
export function forge(world: World, network: Network, seen: Token, place: Place): void {
  const kind = world.random.between([0, 3])
  const made = { ...seen, gen: seen.gen + world.random.between([-1, 2]), jti: 'guess', genuine: false }
  const send = (token: Token, where: Place) => network.refresh(token, where, () => {})
  world.note('forger', 'copies', seen)
  if (kind === 0) send(seen, place === 'body' ? 'cookie' : 'body')
  if (kind === 1) send({ ...made, keyHash: 'digest of a guess' }, place)
  if (kind === 2) send({ ...made, subject: 'somebody else' }, place)
  if (kind === 3) send({ ...made, sid: 'no such session' }, place)
}
