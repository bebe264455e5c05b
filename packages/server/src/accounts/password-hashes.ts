/** The password hashes that are understood: ours, and what people bring from elsewhere. */
import { pbkdf2, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { hash, verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'

/** argon2id (the library's default) with 19 MiB, two passes, one lane: OWASP Password Storage Cheat Sheet. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

type Check = (password: string) => Promise<boolean>

interface Scheme {
  /** What a hash of this scheme looks like. */
  readonly form: RegExp
  /** Given what the form and its groups matched. undefined for parameters that contradict each other or cost too much. */
  readonly read: (matched: readonly string[]) => Check | undefined
}

/**
 * What one hash from elsewhere may cost, so that nobody's can stall the server: at most 512 MiB, and some two seconds of
 * one core. The forms set the bounds of bcrypt (2¹⁵ rounds) and PBKDF2 (three million, of two blocks at most).
 */
const MAX_ARGON2_KIB = 524_288
const MAX_ARGON2_WORK = 3 * MAX_ARGON2_KIB
/** A block of scrypt has 128 bytes. */
const MAX_SCRYPT_BLOCKS = 2 ** 22

const deriveScrypt = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)
const derivePbkdf2 = promisify(pbkdf2)

/** PHC strings (github.com/P-H-C/phc-string-format), bcrypt's own form, and passlib's PBKDF2. */
const SCHEMES: readonly Scheme[] = [
  {
    form: /^\$argon2(?:id|i|d)\$v=1[69]\$m=([1-9]\d{0,5}),t=([1-9]\d{0,2}),p=([1-9]\d?)\$([\w+/]{11,64})\$([\w+/]{16,86})$/,
    read([stored = '', m, t, p, ...texts]) {
      const [memory, passes, lanes] = [Number(m), Number(t), Number(p)]
      const isFair = memory <= MAX_ARGON2_KIB && memory * passes <= MAX_ARGON2_WORK && memory >= 8 * lanes
      return isFair && texts.every(isBase64) ? (password) => verifyArgon2(stored, password) : undefined
    },
  },
  {
    // The last letters of salt and digest are ones with no stray bits: with any other, no password would match.
    form: /^\$2[abxy]\$(?:0[4-9]|1[0-5])\$[A-Za-z\d./]{21}[.Oeu][A-Za-z\d./]{30}[.CGKOSWaeimquy26]$/,
    read([stored = '']) {
      return (password) => verifyBcrypt(password, stored)
    },
  },
  {
    form: /^\$scrypt\$ln=([1-9]|1\d),r=([1-9]\d?),p=([1-9]\d?)\$([\w+/]{2,88})\$([\w+/]{22,86})$/,
    read([, ln, r, p, salt = '', digest = '']) {
      const [cost, blockSize, parallelization] = [2 ** Number(ln), Number(r), Number(p)]
      // N < 2^(128 * r / 8): RFC 7914 §2.
      const isFair = cost * blockSize * parallelization <= MAX_SCRYPT_BLOCKS && Number(ln) < 16 * blockSize
      if (!isFair || !isBase64(salt) || !isBase64(digest)) return undefined
      const options = { cost, blockSize, parallelization, maxmem: 256 * MAX_SCRYPT_BLOCKS }
      return async (password) => {
        const expected = decode(digest)
        return timingSafeEqual(await deriveScrypt(password, decode(salt), expected.length, options), expected)
      }
    },
  },
  {
    form: /^\$pbkdf2-(sha256|sha512)\$(?:i=)?([1-9]\d{0,5}|[12]\d{6})(?:,l=\d{1,3})?\$([\w+/.]{2,88})\$([\w+/.]{22,86})$/,
    read([, algorithm = '', iterations, salt = '', digest = '']) {
      if (!isBase64(salt) || !isBase64(digest)) return undefined
      return async (password) => {
        const expected = decode(digest)
        const derived = await derivePbkdf2(password, decode(salt), Number(iterations), expected.length, algorithm)
        return timingSafeEqual(derived, expected)
      }
    },
  },
]

/** A PHC string with its parameters and a salt of its own. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, PARAMETERS)
}

/** Whether a stored hash is one that `verifyPassword` can check. */
export function isKnownHash(stored: string): boolean {
  return checkOf(stored) !== undefined
}

/** False also for a hash of a form that is not known. */
export async function verifyPassword(stored: string, password: string): Promise<boolean> {
  return (await checkOf(stored)?.(password)) ?? false
}

function checkOf(stored: string): Check | undefined {
  for (const { form, read } of SCHEMES) {
    const matched = form.exec(stored)
    if (matched !== null) return read(matched)
  }
  return undefined
}

/** bcrypt reads 72 bytes: beyond them, what was typed need not be what was set, and must not take its place. */
export function isCutShort(stored: string, password: string): boolean {
  return (
    stored.startsWith('$2') && Math.max(Buffer.byteLength(password), Buffer.byteLength(password.normalize('NFC'))) >= 72
  )
}

/** Whether a hash is weaker than what `hashPassword` makes now: another scheme, or lower parameters. */
export function isOutdated(stored: string): boolean {
  const [, memory = 0, time = 0] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/.exec(stored) ?? []
  return Number(memory) < PARAMETERS.memoryCost || Number(time) < PARAMETERS.timeCost
}

/** base64 without padding, passlib's spelling included. */
function decode(text: string): Buffer {
  return Buffer.from(toStandard(text), 'base64')
}

/** Whether the text is what an encoder makes of some bytes: no letter over, no stray bits. */
function isBase64(text: string): boolean {
  return decode(text).toString('base64').replace(/=+$/, '') === toStandard(text)
}

function toStandard(text: string): string {
  return text.replaceAll('.', '+')
}
