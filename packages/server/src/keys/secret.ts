import { createHash, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { chmodSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type RefreshTokenKey, refreshTokenKey } from '@latchkey/protocol/refresh-token'

/** Keys made from one server secret, one for each use (HKDF, RFC 5869), so that no use can lend its key to another. */
export interface DerivedKeys {
  readonly refreshToken: RefreshTokenKey
  /** AES-256-GCM: seals the private signing keys. */
  readonly sealing: KeyObject
}

export const MIN_SECRET_BYTES = 32

/** Secrets that stand in tutorials and documentation, this project's included: everybody knows them. */
const PUBLISHED = [
  'your-256-bit-secret',
  'a-string-secret-at-least-256-bits-long',
  'your-super-secret-jwt-key-change-this-in-production',
  'your-secret-key-must-be-at-least-32-characters-long',
  'please-change-me-please-change-me',
  'replace-this-with-48-random-bytes-in-base64url',
]

/** What is wrong with a secret, or null. */
export function secretFault(secret: string): string | null {
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) return `is shorter than ${MIN_SECRET_BYTES} bytes`
  if (PUBLISHED.includes(secret.toLowerCase())) return 'is a published example'
  if (new Set(secret).size < 10) return 'repeats itself: it has fewer than 10 different characters'
  return null
}

export function deriveKeys(secret: string): DerivedKeys {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', secret, '', `latchkey/v1/${use}`, 32))
  const kid = createHash('sha256').update(derive('key-id')).digest('base64url').slice(0, 8)
  return {
    refreshToken: refreshTokenKey(createSecretKey(derive('refresh-token')), kid),
    sealing: createSecretKey(derive('key-sealing')),
  }
}

/**
 * The secret of the embedded default: a file only its owner can read, made at the first start. Several processes may
 * start at once: the file appears whole, and the first one's stays.
 *
 * @throws Error when the file cannot be read or made, others could read it, or it holds no good secret
 */
export function secretFromFile(file: string): string {
  const existing = secretInFile(file)
  if (existing !== null) return existing
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(draft, `${randomBytes(48).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
    chmodSync(draft, 0o600)
    linkSync(draft, file)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return read(file)
}

/** The secret in a file, or null when there is no such file. @throws Error as `secretFromFile` does */
export function secretInFile(file: string): string | null {
  try {
    return read(file)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null
    throw error
  }
}

function read(file: string): string {
  const secret = readFileSync(file, 'utf8').trim()
  // Windows keeps no such bits: there the folder's access list decides.
  const isPrivate = process.platform === 'win32' || (statSync(file).mode & 0o077) === 0
  const fault = isPrivate ? secretFault(secret) : 'can be read by others: make its mode 0600'
  if (fault !== null) throw new Error(`the secret in ${file} ${fault}`)
  return secret
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
