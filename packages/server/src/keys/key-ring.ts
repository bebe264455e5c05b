import type { JsonWebKey, KeyObject } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { SignatureAlgorithm } from '@latchkey/protocol/access-token'
import { ConfigurationError } from '../config/read-settings.ts'
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
}

/** How long resource servers may keep the JWKS, in seconds: a key is published for at least that before it signs. */
export const JWKS_MAX_AGE = 300

/** How often a node looks for what other nodes did to the keys, in milliseconds. */
export const KEY_RELOAD_INTERVAL = 60_000

/** An unknown `kid` makes a node look at once; having looked in vain, it does not look again for so many milliseconds. */
const UNKNOWN_KEY_COOL_DOWN = 1_000

/**
 * The signing keys as this process knows them. One key is active (signs), one pending (published, signs next), the rest
 * retired (published until their last token has expired). All nodes see one set in the store and change it by
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
    await this.#looking
    const found = this.#opened.get(kid)
    if (found === undefined) this.#lookedInVain = performance.now()
    return found
  }

  /** RFC 7517 §5 */
  get jwks(): { readonly keys: readonly JsonWebKey[] } {
    return { keys: this.#stored.map(toJwk) }
  }

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

  async #change(plan: (keys: readonly StoredKey[], now: number) => Promise<readonly StoredKey[]>): Promise<void> {
    for (;;) {
      const { version, keys, now } = await this.#load()
      const planned = await plan(keys, now)
      if (planned === keys) return
      if (await this.#store.replace(version, planned)) {
        await this.#load()
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
    const kept = keys.filter((key) => key.state !== 'retired' || now - key.since < this.#retention())
    if (pending === undefined) return [...kept, await this.#make('pending', now)]
    return kept.length === keys.length ? keys : kept
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

  /** A key that does not open is no key: it is not published and verifies nothing. Without an active one, this throws. */
  async #load() {
    const set = await this.#store.read()
    const usable: StoredKey[] = []
    const opened = new Map<string, SigningKey>()
    const faults: unknown[] = []
    for (const stored of set.keys) {
      try {
        const key = this.#reuse(stored) ?? openKey(stored, this.#options.sealing)
        if (opened.has(key.kid)) throw new Error(`signing key ${key.kid} is stored twice`)
        opened.set(key.kid, key)
        usable.push(stored)
      } catch (fault) {
        faults.push(fault)
      }
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

function noActiveKey(cause: unknown): Error {
  if (cause === undefined) return new Error('no signing key is active')
  return new ConfigurationError(
    'LATCHKEY_SECRET does not open the signing keys in the store: it must contain the secret that sealed them',
    { cause },
  )
}
