import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LatchkeyError } from '@latchkey/protocol/errors'

/** Longer passwords are refused, so that nobody can make the server hash a megabyte. Counted in code points. */
export const MAX_PASSWORD_LENGTH = 256

/** Shorter ones are no words: the `com` of an address is, its `a` is not. */
const MIN_CONTEXT_WORD = 3

const BLOCKLIST = join(import.meta.dirname, '../../blocklist')

/** Whose password it will be: nobody's password should be made of these. */
export interface PasswordContext {
  readonly email?: string | null | undefined
  readonly username?: string | null | undefined
}

/**
 * What a password to be set must be: long enough, and not one that everybody tries first. There are no rules of
 * composition and no expiry (NIST SP 800-63B-4 §3.1.1.2); length counts in code points.
 */
export class PasswordPolicy {
  readonly minimum: number
  readonly #common: ReadonlySet<string>
  readonly #serviceWords: readonly string[]

  /** `service` is the issuer: its host's name is a word that people use. */
  constructor(minimum: number, service: string) {
    this.minimum = minimum
    this.#common = readBlocklist(minimum)
    this.#serviceWords = wordsOf(new URL(service).hostname)
  }

  /**
   * @param pointer where in the body the password stands (RFC 6901)
   * @throws LatchkeyError `validation_failed` for its length, `password_too_common`
   */
  check(password: string, { email, username }: PasswordContext, pointer = '/password'): void {
    const length = codePoints(password)
    if (length < this.minimum || length > MAX_PASSWORD_LENGTH || !password.isWellFormed()) {
      const detail = `must have ${this.minimum} to ${MAX_PASSWORD_LENGTH} characters`
      throw new LatchkeyError('validation_failed', { errors: [{ pointer, detail }] })
    }
    const folded = password.normalize('NFC').toLowerCase()
    const words = [...this.#serviceWords, ...wordsOf(email ?? ''), ...wordsOf(username ?? ''), 'latchkey', 'password']
    if (this.#common.has(folded) || isMadeOf(folded, words)) {
      throw new LatchkeyError('password_too_common', {
        errors: [{ pointer, detail: 'is among the first that everybody tries' }],
      })
    }
  }
}

export function codePoints(text: string): number {
  return Array.from(text).length
}

function readBlocklist(minimum: number): ReadonlySet<string> {
  const files = ['from-15-characters.txt', ...(minimum < 15 ? ['from-8-to-14-characters.txt'] : [])]
  return new Set(files.flatMap((file) => readFileSync(join(BLOCKLIST, file), 'utf8').trimEnd().split('\n')))
}

function wordsOf(text: string): readonly string[] {
  return [text, ...text.split(/[^\p{L}\p{N}]+/u)].filter((word) => word.length >= MIN_CONTEXT_WORD)
}

/** One or several of the words, over and over, with nothing else but digits and signs. Any other letter makes it fair. */
function isMadeOf(password: string, words: readonly string[]): boolean {
  const longestFirst = words.toSorted((one, other) => other.length - one.length)
  const rest = longestFirst.reduce((text, word) => text.replaceAll(word, ''), password)
  return rest !== password && !/\p{L}/u.test(rest)
}
