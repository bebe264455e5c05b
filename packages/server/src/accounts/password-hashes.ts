/** The password hashes that are understood: ours, and what people bring from elsewhere. */
import { pbkdf2, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { hash, verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'

/** argon2id (the library's default) with 19 MiB, two passes, one lane: OWASP Password Storage Cheat Sheet. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

interface Scheme {
  /** What a hash of this scheme looks like, within bounds that cannot be used to stall the server. */
  readonly form: RegExp
  /** Given what the form's groups matched. */
  readonly verify: (password: string, stored: string, ...groups: readonly string[]) => Promise<boolean>
}

const deriveScrypt = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)
const derivePbkdf2 = promisify(pbkdf2)

/** PHC strings (github.com/P-H-C/phc-string-format), bcrypt's own form, and passlib's PBKDF2. */
const SCHEMES: readonly Scheme[] = [
  {
    form: /^\$argon2(?:id|i|d)\$v=\d{1,3}\$m=\d{1,7},t=\d{1,3},p=\d{1,2}\$[\w+/]{11,}\$[\w+/]{16,}$/,
    verify: (password, stored) => verifyArgon2(stored, password),
  },
  { form: /^\$2[abxy]\$(?:0[4-9]|1[0-6])\$[\w./]{53}$/, verify: (password, stored) => verifyBcrypt(password, stored) },
  {
    form: /^\$scrypt\$ln=([1-9]|1[0-8]),r=([1-9]|[12]\d|3[0-2]),p=([1-9]|1[0-6])\$([\w+/]+)\$([\w+/]{22,})$/,
    async verify(password, _stored, ln, r, p, salt = '', digest = '') {
      const [cost, blockSize, parallelization] = [2 ** Number(ln), Number(r), Number(p)]
      const expected = decode(digest)
      const options = { cost, blockSize, parallelization, maxmem: 256 * cost * blockSize }
      return timingSafeEqual(await deriveScrypt(password, decode(salt), expected.length, options), expected)
    },
  },
  {
    form: /^\$pbkdf2-(sha256|sha512)\$(?:i=)?(\d{1,7})(?:,l=\d+)?\$([\w+/.]+)\$([\w+/.]{22,})$/,
    async verify(password, _stored, algorithm = '', iterations = '', salt = '', digest = '') {
      const expected = decode(digest)
      const derived = await derivePbkdf2(password, decode(salt), Number(iterations), expected.length, algorithm)
      return timingSafeEqual(derived, expected)
    },
  },
]

/** A PHC string with its parameters and a salt of its own. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, PARAMETERS)
}

/** Whether a stored hash is one that `verifyPassword` can check. */
export function isKnownHash(stored: string): boolean {
  return SCHEMES.some(({ form }) => form.test(stored))
}

/** False also for a hash of a form that is not known. */
export async function verifyPassword(stored: string, password: string): Promise<boolean> {
  for (const { form, verify } of SCHEMES) {
    const groups = form.exec(stored)?.slice(1)
    if (groups !== undefined) return verify(password, stored, ...groups)
  }
  return false
}

/** Whether a hash is weaker than what `hashPassword` makes now: another scheme, or lower parameters. */
export function isOutdated(stored: string): boolean {
  const [, memory = 0, time = 0] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$/.exec(stored) ?? []
  return Number(memory) < PARAMETERS.memoryCost || Number(time) < PARAMETERS.timeCost
}

/** base64 without padding, passlib's spelling included. */
function decode(text: string): Buffer {
  return Buffer.from(text.replaceAll('.', '+'), 'base64')
}
