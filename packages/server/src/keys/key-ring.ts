import type { JsonWebKey, KeyObject } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { SignatureAlgorithm } from '@latchkey/protocol/access-token'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { ConfigurationError } from '../config/read-settings.ts'
import type { EventListener } from '../events.ts'
import type { KeyStore, StoredKey } from '../stores/store.ts'
import { makeKey, moveKey, openKey, opens, type SigningKey, toJwk } from './signing-key.ts'

export interface KeyRingOptions {
  readonly alg: SignatureAlgorithm
  /** Milliseconds; how long a key signs before the next one takes over. */
  readonly rotateEvery: number
  /** Milliseconds; the longest life of an access token. */
  readonly accessTtl: number
  /** The first seals, all open. */
  readonly sealing: readonly KeyObject[]
  /** Told of each stored key that does not open. */
  readonly onFault: (fault: unknown) => void
  readonly emit: EventListener
}

/** How long a key signs before the next one takes over, in milliseconds. */
export const ROTATE_KEYS_EVERY = 30 * 86_400_000

/** How long resource servers may keep the JWKS, in seconds: a key is published for at least that before it signs. */
export const JWKS_MAX_AGE = 300

/** How often a node looks for what other nodes did to the keys, in milliseconds. */
export const KEY_RELOAD_INTERVAL = 60_000

/** An unknown `kid` makes a node look at once; having looked in vain, it does not look again for so many milliseconds. */
const UNKNOWN_KEY_COOL_DOWN = 1_000

/**
 * The signing keys as this process knows them. One key is active (signs), one pending (published, signs next), the rest
 * are retired (published until their last token has expired) or pulled (refused at once). All nodes see one set in the store and change it by
 * compare-and-set, so they agree however many rotate at once.
 */
export class KeyRing {
  readonly #store: KeyStore
  readonly #options: KeyRingOptions
  #stored: readonly StoredKey[] = []
  #opened = new Map<string, SigningKey>()
  #active: SigningKey | undefined
  #looking: Promise<unknown> | undefined
  #lookedInVain = Number.NEGATIVE_INFINITY

  private constructor(store: KeyStore, options: KeyRingOptions) {
    this.#store = store
    this.#options = options
  }

  /** @throws ConfigurationError when the stored keys do not open under the given secrets */
  static async open(store: KeyStore, options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(store, options)
    await ring.advance()
    return ring
  }

  /** The key that signs. */
  get active(): SigningKey {
    if (this.#active === undefined) throw new Error('no signing key is active')
    return this.#active
  }

  /** A published key, also one that another node has only just made. */
  async find(kid: string): Promise<SigningKey | undefined> {
    const known = this.#opened.get(kid)
    if (known !== undefined || performance.now() - this.#lookedInVain < UNKNOWN_KEY_COOL_DOWN) return known
    this.#looking ??= this.#load().finally(() => {
      this.#looking = undefined
    })
    try {
      await this.#looking
    } catch (fault) {
      this.#lookedInVain = performance.now()
      // A store that is away must not pass for a token that is not ours; keys that do not open are for the operator.
      if (fault instanceof LatchkeyError) throw fault
      this.#options.onFault(fault)
    }
    const found = this.#opened.get(kid)
    if (found === undefined) this.#lookedInVain = performance.now()
    return found
  }

  /** Whether a key is published, as far as this process knows. */
  has(kid: string): boolean {
    return this.#opened.has(kid)
  }

  /** RFC 7517 §5 */
  get jwks(): { readonly keys: readonly JsonWebKey[] } {
    return { keys: this.#stored.filter((key) => !isPulled(key)).map(toJwk) }
  }

  /** All of them, the pulled ones included. */
  get keys(): readonly StoredKey[] {
    return this.#stored
  }

  /** Does what is due: loads, rotates by age, retires, and sees that the next key is published. */
  async advance(): Promise<void> {
    await this.#change((keys, now) => this.#due(keys, now))
  }

  /** Makes the pending key sign from now on, whatever the age of the active one. Returns its `kid`. */
  async rotate(): Promise<string> {
    await this.#change((keys, now) => this.#takeOver(keys, now))
    return this.active.kid
  }

  /**
   * Withdraws keys: none of their tokens is accepted from now on, here at once, on other nodes within
   * `KEY_RELOAD_INTERVAL`. They cannot come back. When one of them was to sign now or next, another takes its place.
   * Returns those that this call pulled: not the unknown, nor those that had been pulled.
   */
  async pull(...kids: readonly string[]): Promise<readonly string[]> {
    let pulled: readonly string[] = []
    await this.#change(async (keys, now) => {
      const meant = keys.filter((key) => kids.includes(key.kid) && !isPulled(key))
      pulled = meant.map(({ kid }) => kid)
      if (meant.length === 0) return keys
      const left = await this.#replaceMissing(
        keys.filter((key) => !meant.includes(key)),
        now,
      )
      return [...left, ...meant.map((key) => moveKey(key, 'pulled', now, this.#options.sealing))]
    })
    for (const kid of pulled) this.#options.emit({ type: 'key_pulled', kid })
    return pulled
  }

  async #change(plan: (keys: readonly StoredKey[], now: number) => Promise<readonly StoredKey[]>): Promise<void> {
    for (;;) {
      const { version, keys, now } = await this.#load()
      const before = this.#active?.kid
      const planned = await plan(keys, now)
      if (planned === keys) return
      if (await this.#store.replace(version, planned)) {
        await this.#load()
        const after = planned.find(({ state }) => state === 'active')?.kid
        if (before !== undefined && after !== undefined && before !== after) {
          this.#options.emit({ type: 'keys_rotated', kid: after })
        }
        return
      }
    }
  }

  async #due(keys: readonly StoredKey[], now: number): Promise<readonly StoredKey[]> {
    const { sealing } = this.#options
    const active = keys.find((key) => key.state === 'active')
    const pending = keys.find((key) => key.state === 'pending')
    const tooOld = active !== undefined && now - active.since >= this.#options.rotateEvery
    const published = pending !== undefined && now - pending.since >= JWKS_MAX_AGE * 1000
    if (active === undefined || active.alg !== this.#options.alg || (tooOld && published)) {
      return this.#takeOver(keys, now)
    }
    // A secret that takes over seals the keys anew, so that the one before it can go.
    if (keys.some((key) => !opens(key, sealing.slice(0, 1)))) {
      return keys.map((key) => moveKey(key, key.state, key.since, sealing))
    }
    const kept = keys.filter((key) => !isPast(key) || now - key.since < this.#retention())
    if (pending === undefined) return [...kept, await this.#make('pending', now)]
    return kept.length === keys.length ? keys : kept
  }

  async #replaceMissing(keys: readonly StoredKey[], now: number): Promise<readonly StoredKey[]> {
    if (keys.every(({ state }) => state !== 'active')) return this.#takeOver(keys, now)
    if (keys.every(({ state }) => state !== 'pending')) return [...keys, await this.#make('pending', now)]
    return keys
  }

  /** Active retires, pending becomes active, a new one is pending. Keys of another algorithm never become active. */
  async #takeOver(keys: readonly StoredKey[], now: number): Promise<readonly StoredKey[]> {
    const { alg, sealing } = this.#options
    const retired = keys
      .filter((key) => key.state !== 'pending')
      .map((key) => (key.state === 'active' ? moveKey(key, 'retired', now, sealing) : key))
      .filter((key) => now - key.since < this.#retention())
    const pending = keys.find((key) => key.state === 'pending' && key.alg === alg)
    const active = pending ? moveKey(pending, 'active', now, sealing) : await this.#make('active', now)
    return [active, await this.#make('pending', now), ...retired]
  }

  #make(state: 'active' | 'pending', now: number): Promise<StoredKey> {
    const [seal] = this.#options.sealing
    if (seal === undefined) throw new Error('there is no server secret')
    return makeKey(this.#options.alg, state, now, seal)
  }

  /** Its last token may have been signed by a node that had not yet looked. */
  #retention(): number {
    return this.#options.accessTtl + 2 * KEY_RELOAD_INTERVAL
  }

  #reuse(stored: StoredKey): SigningKey | undefined {
    const unchanged = this.#stored.some((known) => isDeepStrictEqual(known, stored))
    return unchanged ? this.#opened.get(stored.kid) : undefined
  }

  /**
   * A key that does not open is no key: it is not published and verifies nothing. Without an active one, this throws. A
   * pulled key opens, so that nobody can pull one by hand; but then it is only listed, and so is no other row of its kid:
   * who has kept the row from before it was pulled cannot bring it back beside the new one.
   */
  async #load() {
    const set = await this.#store.read()
    const authentic = new Map<StoredKey, SigningKey>()
    const faults: unknown[] = []
    for (const stored of set.keys) {
      try {
        authentic.set(stored, this.#reuse(stored) ?? openKey(stored, this.#options.sealing))
      } catch (fault) {
        faults.push(fault)
      }
    }
    const pulled = new Set([...authentic.keys()].filter(isPulled).map(({ kid }) => kid))
    const usable: StoredKey[] = []
    const opened = new Map<string, SigningKey>()
    for (const [stored, key] of authentic) {
      const { kid } = stored
      if (usable.some((other) => other.kid === kid) || (pulled.has(kid) && !isPulled(stored))) {
        faults.push(new Error(`signing key ${kid} is stored twice`))
        continue
      }
      usable.push(stored)
      if (!isPulled(stored)) opened.set(kid, key)
    }
    const active = usable.find((key) => key.state === 'active')
    if (active === undefined && set.keys.length > 0) throw noActiveKey(faults[0])
    for (const fault of faults) this.#options.onFault(fault)
    this.#stored = usable
    this.#opened = opened
    this.#active = active && opened.get(active.kid)
    return { ...set, keys: faults.length > 0 ? usable : set.keys }
  }
}

function isPulled({ state }: StoredKey): boolean {
  return state === 'pulled'
}

/** Listed only until its last token has expired. */
function isPast({ state }: StoredKey): boolean {
  return state === 'retired' || state === 'pulled'
}

function noActiveKey(cause: unknown): Error {
  if (cause === undefined) return new Error('no signing key is active')
  return new ConfigurationError(
    'LATCHKEY_SECRET does not open the signing keys in the store: it must contain the secret that sealed them',
    { cause },
  )
}
