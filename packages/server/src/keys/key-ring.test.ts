import assert from 'node:assert/strict'
import { createSecretKey, type KeyObject } from 'node:crypto'
import { describe, it } from 'node:test'
import type { SignatureAlgorithm } from '@latchkey/protocol/access-token'
import { LatchkeyError } from '@latchkey/protocol/errors'
import type { SessionRow } from '@latchkey/protocol/rotation'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { ConfigurationError } from '../config/read-settings.ts'
import type { LatchkeyEvent } from '../events.ts'
import { AccessTokens } from '../sessions/access-tokens.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import type { KeyStore, StoredKey } from '../stores/store.ts'
import { JWKS_MAX_AGE, KEY_RELOAD_INTERVAL, KeyRing, type KeyRingOptions } from './key-ring.ts'
import { makeKey } from './signing-key.ts'

const DAY = 86_400_000
const ACCESS_TTL = 900_000
const RETENTION = ACCESS_TTL + 2 * KEY_RELOAD_INTERVAL
const OLD = createSecretKey(Buffer.alloc(32, 1))
const NEW = createSecretKey(Buffer.alloc(32, 2))

describe('signing keys rotate (KY-04)', () => {
  it('pending while published, then active, then retired until the last token has expired, then gone', async () => {
    const { ring, clock } = await setUp()
    const [first, second] = kids(ring)
    assert.deepEqual(states(ring), ['active', 'pending'])
    clock.now += 30 * DAY - 1
    await ring.advance()
    assert.equal(ring.active.kid, first)
    clock.now += 1
    await ring.advance()
    assert.deepEqual(states(ring), ['active', 'pending', 'retired'])
    assert.deepEqual([ring.active.kid, kids(ring)[2]], [second, first])
    clock.now += RETENTION - 1
    await ring.advance()
    assert.ok(await ring.find(first ?? ''))
    clock.now += 1
    await ring.advance()
    assert.deepEqual(states(ring), ['active', 'pending'])
    assert.equal(await ring.find(first ?? ''), undefined, 'a retired key is refused')
  })

  it('by age only to a key that has been published for as long as resource servers may cache the key set', async () => {
    const { ring, clock, keys } = await setUp()
    const { version, keys: stored } = await keys.read()
    await keys.replace(
      version,
      stored.filter((key) => key.state === 'active'),
    )
    clock.now += 40 * DAY
    await ring.advance()
    const [active, pending] = kids(ring)
    assert.deepEqual(states(ring), ['active', 'pending'], 'too old, but its successor has only just been published')
    clock.now += JWKS_MAX_AGE * 1000 - 1
    await ring.advance()
    assert.equal(ring.active.kid, active)
    clock.now += 1
    await ring.advance()
    assert.equal(ring.active.kid, pending)
  })

  it('on command, at once, to the key that has been published', async () => {
    const { ring } = await setUp()
    const [, pending] = kids(ring)
    assert.equal(await ring.rotate(), pending)
    assert.equal(ring.active.kid, pending)
    assert.deepEqual(states(ring), ['active', 'pending', 'retired'])
  })

  it('without writing when nothing is due', async () => {
    const { ring, keys } = await setUp()
    const { version } = await keys.read()
    await ring.advance()
    await (await openRing(keys)).advance()
    assert.equal((await keys.read()).version, version)
  })

  it('under load, on any node and any number of times, and no token is refused', async () => {
    const { ring, keys, clock } = await setUp()
    const nodes = [ring, await openRing(keys), await openRing(keys)].map((node) => ({
      ring: node,
      tokens: accessTokens(node, clock),
    }))
    const issued: string[] = []
    const work = async () => {
      for (const { tokens } of nodes) issued.push((await tokens.issue(row(clock.now), clock.now)).accessToken)
      for (const token of issued) for (const { tokens } of nodes) await tokens.verify(token)
    }
    for (let round = 0; round < 6; round++) {
      const { ring: rotating } = nodes[round % 3] ?? { ring }
      await Promise.all([work(), rotating.rotate(), work(), work()])
      clock.now += 60_000
      if (round % 2 === 0) await rotating.advance()
    }
    assert.ok(issued.length > 50)
    const { keys: published } = (await openRing(keys)).jwks
    assert.equal(new Set(published.map(({ kid }) => kid)).size, published.length, 'kids are unique (KY-03)')
  })

  for (const [from, to] of [
    ['ES256', 'EdDSA'],
    ['EdDSA', 'ES256'],
  ] as const) {
    it(`from ${from} to ${to} at once, and older tokens stay good`, async () => {
      const { ring, keys, clock } = await setUp({ alg: from })
      const before = await accessTokens(ring, clock).issue(row(clock.now), clock.now)
      const changed = await openRing(keys, { alg: to })
      assert.equal(changed.active.alg, to)
      assert.deepEqual(
        changed.keys.map(({ alg, state }) => `${alg} ${state}`),
        [`${to} active`, `${to} pending`, `${from} retired`],
      )
      await accessTokens(changed, clock).verify(before.accessToken)
      const after = await accessTokens(changed, clock).issue(row(clock.now), clock.now)
      await jwtVerify(after.accessToken, createLocalJWKSet(jwksOf(changed)))
    })
  }
})

describe('a key that is pulled (KY-04)', () => {
  it('signs, verifies and is published no more, and the next takes over at once', async () => {
    const { ring, clock } = await setUp()
    const tokens = accessTokens(ring, clock)
    const [first = '', second] = kids(ring)
    const { accessToken } = await tokens.issue(row(clock.now), clock.now)
    await tokens.verify(accessToken)
    assert.deepEqual(await ring.pull(first), [first])
    assert.equal(ring.active.kid, second)
    assert.deepEqual(states(ring), ['active', 'pending', 'pulled'])
    assert.equal(await ring.find(first), undefined)
    assert.ok(!ring.jwks.keys.some(({ kid }) => kid === first))
    await assert.rejects(tokens.verify(accessToken), { code: 'access_token_invalid' }, 'although it was remembered')
    assert.equal(await tokens.sessionOf(accessToken), undefined)
    await tokens.verify((await tokens.issue(row(clock.now), clock.now)).accessToken)
  })

  it('while it is pending or retired leaves the active one, and a pending one is replaced', async () => {
    const { ring } = await setUp()
    await ring.rotate()
    const [active, pending = '', retired = ''] = kids(ring)
    assert.deepEqual(await ring.pull(pending, retired), [pending, retired])
    assert.equal(ring.active.kid, active)
    assert.deepEqual(states(ring).sort(), ['active', 'pending', 'pulled', 'pulled'])
    assert.ok(!kids(ring).slice(0, 2).includes(pending))
  })

  it('with all others leaves new ones only', async () => {
    const { ring } = await setUp()
    await ring.rotate()
    const before = kids(ring)
    assert.deepEqual([...(await ring.pull(...before))].sort(), before.toSorted())
    assert.deepEqual(
      ring.jwks.keys.filter(({ kid }) => before.includes(String(kid))),
      [],
    )
    assert.deepEqual(states(ring).slice(0, 2), ['active', 'pending'])
  })

  it('stays listed until its last token would have expired', async () => {
    const { ring, clock } = await setUp()
    const [first = ''] = kids(ring)
    await ring.pull(first)
    clock.now += RETENTION - 1
    await ring.advance()
    await ring.rotate()
    assert.ok(kids(ring).includes(first))
    clock.now += 1
    await ring.advance()
    assert.ok(!kids(ring).includes(first))
  })

  it('is pulled once, and what is unknown is not', async () => {
    const { ring, keys } = await setUp()
    const [first = ''] = kids(ring)
    await ring.pull(first)
    const { version } = await keys.read()
    assert.deepEqual(await ring.pull(first, 'unknown'), [])
    assert.equal((await keys.read()).version, version)
  })

  it('is refused by other nodes once they have looked, whoever pulls while somebody rotates', async () => {
    const { ring, keys, clock } = await setUp()
    const other = await openRing(keys)
    const { accessToken } = await accessTokens(ring, clock).issue(row(clock.now), clock.now)
    const elsewhere = accessTokens(other, clock)
    await elsewhere.verify(accessToken)
    const [first = ''] = kids(ring)
    await Promise.all([ring.pull(first), other.rotate()])
    await other.advance()
    await assert.rejects(elsewhere.verify(accessToken), { code: 'access_token_invalid' })
    assert.equal(other.keys.find(({ kid }) => kid === first)?.state, 'pulled')
  })

  it('cannot come back: not by the row it had before, in whatever place, nor with another secret', async () => {
    const { ring, keys } = await setUp({ sealing: [OLD] })
    const [before] = ring.keys
    assert.ok(before)
    await ring.pull(before.kid)
    for (const set of [
      [before, ...ring.keys],
      [...ring.keys, before],
    ]) {
      await write(keys, set)
      await ring.advance()
      assert.equal(await ring.find(before.kid), undefined)
      assert.notEqual(ring.active.kid, before.kid)
      assert.equal(ring.keys.find(({ kid }) => kid === before.kid)?.state, 'pulled')
    }
    const resealed = await openRing(keys, { sealing: [NEW, OLD] })
    assert.equal(resealed.keys.find(({ kid }) => kid === before.kid)?.state, 'pulled')
    assert.equal(await resealed.find(before.kid), undefined)
  })

  it('by hand in the database is not pulled, but no key at all', async () => {
    const faults: unknown[] = []
    const { ring, keys } = await setUp({ onFault: (fault) => faults.push(fault) })
    const [active, pending] = ring.keys
    assert.ok(pending)
    await write(keys, [active, { ...pending, state: 'pulled' }])
    await ring.advance()
    assert.ok(!kids(ring).includes(pending.kid))
    assert.ok(faults.length > 0)
  })
})

describe('what happens to keys is told', () => {
  it('once for each rotation and each pulled key, by the node that did it, and not for the first keys', async () => {
    const events: LatchkeyEvent[] = []
    const emit: KeyRingOptions['emit'] = (event) => events.push(event)
    const { ring, keys, clock } = await setUp({ emit })
    const other = await openRing(keys, { emit })
    assert.deepEqual(events, [])
    const [first = '', second = ''] = kids(ring)
    await ring.rotate()
    clock.now += 30 * DAY
    await other.advance()
    await ring.advance()
    const third = ring.active.kid
    await ring.pull(third)
    assert.deepEqual(events, [
      { type: 'keys_rotated', kid: second },
      { type: 'keys_rotated', kid: third },
      { type: 'keys_rotated', kid: ring.active.kid },
      { type: 'key_pulled', kid: third },
    ])
    assert.notEqual(first, third)
  })
})

describe('nodes that share a store', () => {
  it('started at once for the first time agree on one active key', async () => {
    const { keys } = await emptyStore()
    const rings = await Promise.all([1, 2, 3, 4].map(() => openRing(keys)))
    for (const ring of rings) await ring.advance()
    assert.equal(new Set(rings.map((ring) => ring.active.kid)).size, 1)
    assert.deepEqual(states(rings[0]), ['active', 'pending'])
  })

  it('rotating at once by age rotate once', async () => {
    const { ring, keys, clock } = await setUp()
    const rings = [ring, await openRing(keys), await openRing(keys)]
    const [, pending] = kids(ring)
    clock.now += 30 * DAY
    await Promise.all(rings.map((node) => node.advance()))
    for (const node of rings) await node.advance()
    assert.deepEqual(new Set(rings.map((node) => node.active.kid)), new Set([pending]))
    assert.deepEqual(states(ring), ['active', 'pending', 'retired'])
  })

  it('rotating at once on command still have one active key', async () => {
    const { ring, keys } = await setUp()
    const rings = [ring, await openRing(keys), await openRing(keys)]
    await Promise.all(rings.map((node) => node.rotate()))
    for (const node of rings) await node.advance()
    assert.equal(new Set(rings.map((node) => node.active.kid)).size, 1)
    assert.deepEqual(states(ring), ['active', 'pending', 'retired', 'retired', 'retired'])
  })

  it('find a key that another has only just made by its kid, also when many ask at once, with one look', async () => {
    const { ring, keys } = await setUp()
    const reads = counted(keys)
    const other = await openRing(reads.keys)
    await ring.rotate()
    await ring.rotate()
    reads.count = 0
    const found = await Promise.all(Array.from({ length: 50 }, () => other.find(ring.active.kid)))
    for (const key of found) assert.equal(key?.kid, ring.active.kid)
    assert.equal(reads.count, 1)
  })

  it('having looked for a kid in vain do not look again for a second', async (t) => {
    let monotonic = 0
    t.mock.method(performance, 'now', () => monotonic)
    const reads = counted((await emptyStore()).keys)
    const ring = await openRing(reads.keys)
    reads.count = 0
    for (let index = 0; index < 100; index++) assert.equal(await ring.find(`forged-${index}`), undefined)
    assert.equal(reads.count, 1)
    monotonic += 1000
    await ring.find('forged')
    assert.equal(reads.count, 2)
  })
})

describe('the key set that is published (KY-03)', () => {
  for (const alg of ['ES256', 'EdDSA', 'RS256'] as const) {
    it(`verifies ${alg} tokens with jose and has public members only`, async () => {
      const { ring, clock } = await setUp({ alg })
      const { accessToken } = await accessTokens(ring, clock).issue(row(clock.now), clock.now)
      const jwks = jwksOf(ring)
      const { payload, protectedHeader } = await jwtVerify(accessToken, createLocalJWKSet(jwks), {
        issuer: 'https://a.example/auth',
        audience: 'https://a.example',
        typ: 'at+jwt',
        algorithms: [alg],
        currentDate: new Date(clock.now),
      })
      assert.equal(payload.sub, 'ada')
      assert.equal(protectedHeader.kid, ring.active.kid)
      for (const key of jwks.keys) {
        assert.deepEqual(
          Object.keys(key).filter((member) => PRIVATE_MEMBERS.has(member)),
          [],
        )
        assert.deepEqual([key.alg, key.use], [alg, 'sig'])
      }
    })
  }
})

describe('a key set that somebody has written to', async () => {
  const stranger = await makeKey('ES256', 'retired', 0, NEW)
  const own = await makeKey('ES256', 'pending', 0, NEW)
  const attacks: Record<string, (keys: readonly StoredKey[]) => readonly unknown[]> = {
    'a key slipped in': (keys) => [...keys, stranger],
    'a known kid a second time, with the attacker’s public part': ([active, pending]) => [
      active,
      pending,
      { ...active, publicJwk: own.publicJwk },
    ],
    'the same before the true one': ([active, pending]) => [{ ...active, publicJwk: own.publicJwk }, active, pending],
    'a row twice': ([active, pending]) => [active, active, pending, pending],
    'what is no key at all': (keys) => [...keys, null, 7, {}],
  }
  for (const [what, attack] of Object.entries(attacks)) {
    for (const when of ['while a node runs', 'before it starts'] as const) {
      it(`with ${what} ${when}: goes on with the true keys only, and says so`, async () => {
        const faults: unknown[] = []
        const { ring, keys } = await setUp({ onFault: (fault) => faults.push(fault) })
        const before = ring.jwks
        await write(keys, attack(ring.keys))
        const node =
          when === 'before it starts' ? await openRing(keys, { onFault: (fault) => faults.push(fault) }) : ring
        await node.advance()
        assert.deepEqual(node.jwks, before)
        assert.ok(faults.length > 0)
        assert.equal(await node.find(stranger.kid), undefined)
      })
    }
  }

  const alterations: Record<string, (key: StoredKey) => Partial<StoredKey>> = {
    'its public part is the attacker’s': () => ({ publicJwk: own.publicJwk }),
    'its time is another': (key) => ({ since: key.since + 1 }),
    'its state is another': () => ({ state: 'retired' }),
    'its private part is the attacker’s': () => ({ sealedPrivateKey: own.sealedPrivateKey }),
  }
  for (const [what, alter] of Object.entries(alterations)) {
    it(`so that of the pending key ${what}: it is no key, also to a node that knew it before`, async () => {
      const faults: unknown[] = []
      const { ring, keys } = await setUp({ onFault: (fault) => faults.push(fault) })
      const [active, pending] = ring.keys
      assert.ok(active && pending)
      await write(keys, [active, { ...pending, ...alter(pending) }])
      await ring.advance()
      assert.equal(await ring.find(pending.kid), undefined)
      assert.deepEqual(ring.jwks.keys.map(({ kid }) => kid).includes(pending.kid), false)
      assert.deepEqual(states(ring), ['active', 'pending'], 'another takes its place')
      assert.ok(faults.length > 0)
    })
  }

  it('so that the active key does not open: running nodes go on with what they know, new ones refuse to start', async () => {
    const { ring, keys } = await setUp()
    const before = { jwks: ring.jwks, kid: ring.active.kid }
    await write(
      keys,
      ring.keys.map((key) => ({ ...key, publicJwk: own.publicJwk })),
    )
    await assert.rejects(ring.advance(), ConfigurationError)
    assert.deepEqual({ jwks: ring.jwks, kid: ring.active.kid }, before)
    await assert.rejects(openRing(keys), ConfigurationError)
  })

  it('so that the pending key claims to be active does not make it sign', async () => {
    const { ring, keys } = await setUp()
    const [active, pending] = ring.keys
    await write(keys, [{ ...pending, state: 'active' }, active])
    await ring.advance()
    assert.equal(ring.active.kid, active?.kid)
  })
})

describe('the server secret', () => {
  it('that does not open the stored keys refuses the start, names the setting, and changes nothing', async () => {
    const { keys } = await setUp({ sealing: [OLD] })
    const before = await keys.read()
    await assert.rejects(openRing(keys, { sealing: [NEW] }), (error: Error) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.message, /^LATCHKEY_SECRET does not open the signing keys/)
      return !error.message.includes('\n')
    })
    assert.deepEqual((await keys.read()).keys, before.keys)
  })

  it('that is new seals every key anew while the old one still opens them, after which the old one can go', async () => {
    const { ring, keys } = await setUp({ sealing: [OLD] })
    await ring.rotate()
    const both = await openRing(keys, { sealing: [NEW, OLD] })
    assert.equal(both.active.kid, ring.active.kid)
    const after = await openRing(keys, { sealing: [NEW] })
    assert.equal(after.active.kid, ring.active.kid)
    assert.deepEqual(states(after), ['active', 'pending', 'retired'])
  })
})

describe('keys that another node has sealed under a secret this one lacks', () => {
  // It used to be a fault at every such token, and a 500.
  it('leave this node with the keys it has; an unknown kid is refused, and looked for once a second', async () => {
    const faults: unknown[] = []
    const { ring, keys } = await setUp({ sealing: [OLD], onFault: (fault) => faults.push(fault) })
    await openRing(keys, { sealing: [NEW, OLD] })
    assert.equal(await ring.find('unknown'), undefined)
    assert.equal(await ring.find('unknown'), undefined)
    assert.equal((await ring.find(ring.active.kid))?.kid, ring.active.kid)
    assert.equal(faults.length, 1)
  })
})

describe('a store that fails', () => {
  it('leaves a running node with the keys it has, and the caller with store_unavailable (RT-11)', async () => {
    const { ring, store } = await setUp()
    const { kid } = ring.active
    await store.close()
    for (const call of [() => ring.advance(), () => ring.rotate(), () => ring.find('unknown')]) {
      await assert.rejects(call, (error) => error instanceof LatchkeyError && error.code === 'store_unavailable')
    }
    assert.equal(ring.active.kid, kid)
    assert.equal((await ring.find(kid))?.kid, kid)
  })
})

/** RFC 7518 §6, RFC 8037 §2: what a public key never has. */
const PRIVATE_MEMBERS = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])

async function emptyStore() {
  const clock = { now: 1_800_000_000_000 }
  const store = sqliteStore(':memory:', { now: () => clock.now })
  return { clock, store, keys: store.keys }
}

async function setUp(options: Partial<KeyRingOptions> = {}) {
  const opened = await emptyStore()
  return { ...opened, ring: await openRing(opened.keys, options) }
}

function openRing(keys: KeyStore, options: Partial<KeyRingOptions> = {}): Promise<KeyRing> {
  const sealing: readonly KeyObject[] = [OLD]
  const alg: SignatureAlgorithm = 'ES256'
  return KeyRing.open(keys, {
    alg,
    rotateEvery: 30 * DAY,
    accessTtl: ACCESS_TTL,
    sealing,
    onFault: () => {},
    emit: () => {},
    ...options,
  })
}

/** What somebody with the database in hand can do. */
async function write(keys: KeyStore, set: readonly unknown[]): Promise<void> {
  const { version } = await keys.read()
  assert.equal(await keys.replace(version, set as StoredKey[]), true)
}

function counted(keys: KeyStore) {
  const counter = {
    count: 0,
    keys: {
      read: () => {
        counter.count++
        return keys.read()
      },
      replace: (version: number, set: readonly StoredKey[]) => keys.replace(version, set),
    },
  }
  return counter
}

function jwksOf(ring: KeyRing): JSONWebKeySet {
  return { keys: ring.jwks.keys.map((key) => ({ ...key, kty: key.kty ?? '' })) }
}

function states(ring: KeyRing | undefined): string[] {
  return ring?.keys.map(({ state }) => state) ?? []
}

function kids(ring: KeyRing): string[] {
  return ring.keys.map(({ kid }) => kid)
}

let ids = 0

function accessTokens(keys: KeyRing, clock: { readonly now: number }): AccessTokens {
  return new AccessTokens({
    issuer: 'https://a.example/auth',
    audience: 'https://a.example',
    accessTtl: ACCESS_TTL,
    keys,
    claims: undefined,
    randomId: () => `${ids++}`,
    now: () => clock.now,
  })
}

function row(now: number): SessionRow {
  const times = { promotedAt: now, createdAt: now, expiresAt: now + DAY, revokedAt: null, revokedReason: null }
  const facts = { delivery: 'cookie', scope: null, amr: ['pwd'], device: { userAgent: null } } as const
  return { sid: 'sid', subject: 'ada', keyHash: 'hash', gen: 0, jti: null, ...times, ...facts }
}
