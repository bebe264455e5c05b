import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { SignatureAlgorithm } from '@latchkey/protocol/access-token'
import { encodeJson } from '@latchkey/protocol/compact'
import { randomId } from '../random-id.ts'
import type { KeyState, StoredKey } from '../stores/store.ts'

/** A key in use by this process. `sign` and `verify` take the JWS signing input; signatures are base64url. */
export interface SigningKey {
  readonly kid: string
  readonly alg: SignatureAlgorithm
  /** The token header that goes with this key, encoded. */
  readonly header: string
  sign(signingInput: string): string
  verify(signingInput: string, signature: string): boolean
}

interface Algorithm {
  readonly digest: 'sha256' | null
  /** From what Node signs to what a JWS carries. */
  readonly toJws: (signature: Buffer) => Buffer
  generate(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }>
  /** The members of the public JWK (RFC 7517), beside `kid`, `alg` and `use`. */
  readonly members: readonly string[]
}

const generate = promisify(generateKeyPair)

/** One row an algorithm: nothing below this table enumerates them (RFC 7518 §3, RFC 8037). */
const ALGORITHMS: Readonly<Record<SignatureAlgorithm, Algorithm>> = {
  ES256: {
    digest: 'sha256',
    toJws: fromDer,
    generate: () => generate('ec', { namedCurve: 'P-256' }),
    members: ['kty', 'crv', 'x', 'y'],
  },
  EdDSA: { digest: null, toJws: asItIs, generate: () => generate('ed25519'), members: ['kty', 'crv', 'x'] },
  RS256: {
    digest: 'sha256',
    toJws: asItIs,
    generate: () => generate('rsa', { modulusLength: 3072 }),
    members: ['kty', 'n', 'e'],
  },
}

/**
 * The two numbers of an ECDSA signature side by side, 32 bytes each (RFC 7518 §3.4). Node makes this form by itself when
 * asked for `dsaEncoding: 'ieee-p1363'`, but then takes 38 µs for a signature instead of 19.
 */
function fromDer(der: Buffer): Buffer {
  const endOfR = 4 + der.readUInt8(3)
  return Buffer.concat([wide(der.subarray(4, endOfR)), wide(der.subarray(endOfR + 2))])
}

const ZEROS = Buffer.alloc(32)

/** DER writes as many bytes as a number needs, and one more when its first bit is set. */
function wide(number: Buffer): Buffer {
  return Buffer.concat([ZEROS, number]).subarray(-32)
}

function asItIs(signature: Buffer): Buffer {
  return signature
}

export function isAlgorithm(alg: string): alg is SignatureAlgorithm {
  return Object.hasOwn(ALGORITHMS, alg)
}

/** Makes a key pair and seals its private part. */
export async function makeKey(
  alg: SignatureAlgorithm,
  state: KeyState,
  since: number,
  sealing: KeyObject,
): Promise<StoredKey> {
  const { publicKey, privateKey } = await ALGORITHMS[alg].generate()
  const jwk = publicKey.export({ format: 'jwk' })
  const publicJwk: Record<string, string> = {}
  for (const member of ALGORITHMS[alg].members) publicJwk[member] = String(jwk[member])
  const open = { kid: randomId(), alg, state, publicJwk, since }
  return { ...open, sealedPrivateKey: seal(privateKey.export({ format: 'der', type: 'pkcs8' }), open, sealing) }
}

/** The same key in another state. The state is under the seal, so that a row cannot be given one by hand. */
export function moveKey(key: StoredKey, state: KeyState, since: number, sealing: readonly KeyObject[]): StoredKey {
  const moved = { ...key, state, since }
  return { ...moved, sealedPrivateKey: seal(unseal(key, sealing), moved, first(sealing)) }
}

/**
 * Opens a stored key for use. The public part is taken from the private one that was under the seal, never from the row.
 *
 * @throws Error when the seal does not hold under any of the given keys
 */
export function openKey(stored: StoredKey, sealing: readonly KeyObject[]): SigningKey {
  const { kid, alg } = stored
  if (!isAlgorithm(alg)) throw new Error(`key ${kid} has an unknown algorithm`)
  const privateKey = createPrivateKey({ key: unseal(stored, sealing), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  const { digest, toJws } = ALGORITHMS[alg]
  return {
    kid,
    alg,
    header: encodeJson({ alg, typ: 'at+jwt', kid }),
    sign: (signingInput) => toJws(sign(digest, Buffer.from(signingInput), privateKey)).toString('base64url'),
    verify: (signingInput, signature) =>
      verify(
        digest,
        Buffer.from(signingInput),
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      ),
  }
}

/** Whether the key's seal holds under one of the given keys. */
export function opens(stored: StoredKey, sealing: readonly KeyObject[]): boolean {
  try {
    unseal(stored, sealing)
    return true
  } catch {
    return false
  }
}

/** A key as the JWKS publishes it (RFC 7517 §4): public members only, whatever the row says. */
export function toJwk({ kid, alg, publicJwk }: StoredKey): JsonWebKey {
  const jwk: JsonWebKey = { kid, alg, use: 'sig' }
  if (isAlgorithm(alg)) for (const member of ALGORITHMS[alg].members) jwk[member] = publicJwk[member]
  return jwk
}

type OpenPart = Omit<StoredKey, 'sealedPrivateKey'>

const IV_BYTES = 12
const TAG_BYTES = 16

function seal(plain: Buffer, open: OpenPart, key: KeyObject): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(associatedData(open))
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

function unseal(stored: StoredKey, keys: readonly KeyObject[]): Buffer {
  const sealed = Buffer.from(stored.sealedPrivateKey, 'base64url')
  for (const key of keys) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
      decipher.setAAD(associatedData(stored)).setAuthTag(sealed.subarray(-TAG_BYTES))
      return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()])
    } catch {
      // Sealed under another secret, or tampered with: the next key, or the error below, decides.
    }
  }
  throw new Error(`signing key ${stored.kid} does not open: it was sealed under another secret, or altered`)
}

function associatedData({ kid, alg, state, publicJwk, since }: OpenPart): Buffer {
  const members = Object.keys(publicJwk)
    .sort()
    .map((member) => [member, publicJwk[member]])
  return Buffer.from(JSON.stringify([kid, alg, state, since, members]))
}

function first<Item>(items: readonly Item[]): Item {
  const [item] = items
  if (item === undefined) throw new Error('there is no server secret')
  return item
}
