import assert from 'node:assert/strict'
import { createDecipheriv, createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto'
import { describe, it } from 'node:test'
import { SIGNATURE_ALGORITHMS } from '@latchkey/protocol/access-token'
import { encodeJson } from '@latchkey/protocol/compact'
import { CompactSign, compactVerify, importJWK } from 'jose'
import type { StoredKey } from '../stores/store.ts'
import { makeKey, moveKey, openKey, toJwk } from './signing-key.ts'

const SEALING = createSecretKey(Buffer.alloc(32, 1))
const NEW_SEALING = createSecretKey(Buffer.alloc(32, 2))
const PUBLIC_MEMBERS = { ES256: ['crv', 'x', 'y'], EdDSA: ['crv', 'x'], RS256: ['e', 'n'] }
const PAYLOAD = encodeJson({ sub: 'ada', iat: 1_800_000_000 })

for (const alg of SIGNATURE_ALGORITHMS) {
  describe(`a signing key for ${alg}`, async () => {
    const stored = await makeKey(alg, 'active', 1_800_000_000_000, SEALING)
    const key = openKey(stored, [SEALING])
    const signingInput = `${key.header}.${PAYLOAD}`
    const published = await importJWK({ ...toJwk(stored) }, alg)
    const accepts = async (signature: Buffer, input = signingInput) => {
      const text = signature.toString('base64url')
      const ours = key.verify(input, text)
      const theirs = await compactVerify(`${input}.${text}`, published).then(
        () => true,
        () => false,
      )
      assert.equal(ours, theirs, 'latchkey and jose disagree')
      return ours
    }

    it('makes tokens that jose verifies, with the header RFC 9068 asks for', async () => {
      const { protectedHeader } = await compactVerify(`${signingInput}.${key.sign(signingInput)}`, published)
      assert.deepEqual(protectedHeader, { alg, typ: 'at+jwt', kid: stored.kid })
    })

    it('verifies what jose signs with the sealed key, and what a second process signs with the same row', async () => {
      const signer = new CompactSign(Buffer.from(PAYLOAD, 'base64url')).setProtectedHeader({ alg })
      const [header, payload, signature = ''] = (await signer.sign(unsealed(stored))).split('.')
      assert.equal(await accepts(Buffer.from(signature, 'base64url'), `${header}.${payload}`), true)
      const again = openKey(structuredClone(stored), [SEALING])
      assert.equal(await accepts(Buffer.from(again.sign(signingInput), 'base64url')), true)
    })

    it('JW-14 refuses exactly the signatures that jose refuses: altered, cut, lengthened, of another input or key', async () => {
      const good = Buffer.from(key.sign(signingInput), 'base64url')
      const stranger = openKey(await makeKey(alg, 'active', 0, SEALING), [SEALING])
      const last = good.length - 1
      const altered = Array.from({ length: 24 }, (_, index) => {
        const copy = Buffer.from(good)
        const at = Math.floor((index * last) / 23)
        copy.writeUInt8(copy.readUInt8(at) ^ (1 << (index % 8)), at)
        return copy
      })
      const bad = [
        ...altered,
        good.subarray(0, last),
        good.subarray(1),
        Buffer.concat([good, Buffer.alloc(1)]),
        Buffer.concat([Buffer.alloc(1), good]),
        Buffer.alloc(0),
        Buffer.alloc(good.length),
        Buffer.alloc(good.length, 0xff),
        Buffer.from(good).reverse(),
        Buffer.from(stranger.sign(signingInput), 'base64url'),
      ]
      for (const signature of bad) assert.equal(await accepts(signature), false, signature.toString('hex'))
      assert.equal(await accepts(good, `${key.header}.${encodeJson({ sub: 'mallory' })}`), false)
      assert.equal(await accepts(good), true)
    })

    it('publishes public members only, as kid, alg and use say (KY-03)', () => {
      assert.deepEqual(Object.keys(toJwk(stored)).sort(), ['alg', 'kid', 'kty', 'use', ...PUBLIC_MEMBERS[alg]].sort())
      const careless = { ...stored, publicJwk: { ...stored.publicJwk, d: 'secret', k: 'secret', p: 'secret' } }
      assert.deepEqual(toJwk(careless), toJwk(stored))
      assert.equal(createPublicKey({ key: toJwk(stored), format: 'jwk' }).type, 'public')
    })

    it('stays the same key in another state, under the newest secret', async () => {
      const moved = moveKey(stored, 'retired', 1_900_000_000_000, [NEW_SEALING, SEALING])
      assert.deepEqual(
        { ...moved, sealedPrivateKey: '' },
        {
          ...stored,
          state: 'retired',
          since: 1_900_000_000_000,
          sealedPrivateKey: '',
        },
      )
      assert.throws(() => openKey(moved, [SEALING]), /does not open/)
      assert.equal(openKey(moved, [NEW_SEALING]).verify(signingInput, key.sign(signingInput)), true)
    })
  })
}

describe('JW-14 ES256 signatures (RFC 7518 §3.4)', async () => {
  const stored = await makeKey('ES256', 'active', 0, SEALING)
  const key = openKey(stored, [SEALING])
  const published = await importJWK({ ...toJwk(stored) }, 'ES256')
  const signingInput = `${key.header}.${PAYLOAD}`
  const N = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const good = Buffer.from(key.sign(signingInput), 'base64url')
  const [r, s] = [toInteger(good.subarray(0, 32)), toInteger(good.subarray(32))]
  const cases: Record<string, readonly [Buffer, boolean]> = {
    'r and s as they were': [p1363(r, s), true],
    's mirrored, which is the same signature by the mathematics': [p1363(r, N - s), true],
    'r zero': [p1363(0n, s), false],
    's zero': [p1363(r, 0n), false],
    'both zero (CVE-2022-21449)': [p1363(0n, 0n), false],
    'r the order': [p1363(N, s), false],
    's the order': [p1363(r, N), false],
    'r and s the order (CVE-2022-21449)': [p1363(N, N), false],
    'r and s one': [p1363(1n, 1n), false],
    'r and s swapped': [p1363(s, r), false],
    'DER instead of r and s': [toDer(r, s), false],
    'r and s with leading zeros': [
      Buffer.concat([Buffer.alloc(1), good.subarray(0, 32), Buffer.alloc(1), good.subarray(32)]),
      false,
    ],
  }
  for (const [what, [signature, expected]] of Object.entries(cases)) {
    it(`with ${what}: ${expected ? 'good' : 'refused'}, by jose as well`, async () => {
      const text = signature.toString('base64url')
      assert.equal(key.verify(signingInput, text), expected)
      const theirs = compactVerify(`${signingInput}.${text}`, published)
      if (expected) await theirs
      else await assert.rejects(theirs)
    })
  }
})

describe('a stored key that was tampered with is no key', async () => {
  const stored = await makeKey('ES256', 'retired', 1_800_000_000_000, SEALING)
  const other = await makeKey('ES256', 'retired', 1_800_000_000_000, SEALING)
  const tampered: Record<string, Partial<StoredKey>> = {
    'its kid changed': { kid: other.kid },
    'its algorithm changed': { alg: 'RS256' },
    'an unknown algorithm': { alg: 'none' },
    'an algorithm that every object inherits': { alg: 'constructor' },
    'its state changed': { state: 'active' },
    'its time changed': { since: stored.since + 1 },
    'its public part swapped for another key’s': { publicJwk: other.publicJwk },
    'a public member added': { publicJwk: { ...stored.publicJwk, use: 'enc' } },
    'a public member taken away': { publicJwk: { kty: 'EC' } },
    'its private part swapped for another key’s': { sealedPrivateKey: other.sealedPrivateKey },
    'its private part cut': { sealedPrivateKey: stored.sealedPrivateKey.slice(0, -4) },
    'its private part altered': {
      sealedPrivateKey: stored.sealedPrivateKey.replace(/^./, (char) => (char === 'A' ? 'E' : 'A')),
    },
    'its private part emptied': { sealedPrivateKey: '' },
  }
  for (const [what, change] of Object.entries(tampered)) {
    it(`with ${what}`, () => {
      assert.throws(() => openKey({ ...stored, ...change }, [SEALING]))
    })
  }

  it('under another secret; several secrets open what any of them sealed', () => {
    assert.throws(() => openKey(stored, [NEW_SEALING]), /does not open: it was sealed under another secret, or altered/)
    assert.throws(() => openKey(stored, []), /does not open/)
    assert.equal(openKey(stored, [NEW_SEALING, SEALING]).kid, stored.kid)
  })

  it('and the order of the public members is not tampering: engines may keep them otherwise', () => {
    const publicJwk = Object.fromEntries(Object.entries(stored.publicJwk).reverse())
    assert.equal(openKey({ ...stored, publicJwk }, [SEALING]).kid, stored.kid)
  })
})

/** The private part of a row, opened by hand: AES-256-GCM, IV first, tag last, all other fields as associated data. */
function unsealed({ kid, alg, state, since, publicJwk, sealedPrivateKey }: StoredKey) {
  const members = Object.entries(publicJwk).sort(([a], [b]) => (a < b ? -1 : 1))
  const sealed = Buffer.from(sealedPrivateKey, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', SEALING, sealed.subarray(0, 12))
  decipher.setAAD(Buffer.from(JSON.stringify([kid, alg, state, since, members]))).setAuthTag(sealed.subarray(-16))
  const key = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

function toInteger(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

function p1363(r: bigint, s: bigint): Buffer {
  return Buffer.from([r, s].map((part) => part.toString(16).padStart(64, '0')).join(''), 'hex')
}

function toDer(r: bigint, s: bigint): Buffer {
  const parts = [r, s].map((part) => {
    const hex = part.toString(16).padStart(66, '0')
    return Buffer.concat([Buffer.from([2, 33]), Buffer.from(hex, 'hex')])
  })
  return Buffer.concat([Buffer.from([0x30, 70]), ...parts])
}
