/** What sign-up and login accept. Parsed once, at the edge; nothing behind it checks again. */
import { z } from 'zod'
import { codePoints, MAX_PASSWORD_LENGTH } from './password-policy.ts'

const EXAMPLE = 'correct horse battery staple'

export const email = z
  .string()
  .trim()
  .max(254)
  .pipe(z.email({ error: 'must be an e-mail address' }))
  .transform(canonical)
  .meta({ example: 'ada@example.com' })

/**
 * Letters and digits of any script, and `. _ -`: never an @, so that a name is not taken for an address, and nothing that
 * cannot be seen. Fullwidth and other compatible spellings are one with the usual (NFKC); letters of two scripts that
 * look alike are not.
 */
export const username = z
  .string()
  .transform(canonicalUsername)
  .refine((name) => USERNAME.test(name) && !/\p{Default_Ignorable_Code_Point}/u.test(name), {
    error: 'must be 3 to 64 letters, digits, or . _ -',
  })
  .meta({ example: 'ada' })

/** A password to set. What makes it a good one is for `PasswordPolicy` to say; here it is only a text of fair length. */
export function newPassword(minimum: number) {
  return password.meta({ minLength: minimum, maxLength: MAX_PASSWORD_LENGTH })
}

/** A password to check. Whatever could never have been set is simply wrong, but a megabyte is not hashed. */
export const password = z
  .string()
  .min(1)
  .refine((text) => codePoints(text) <= MAX_PASSWORD_LENGTH, {
    error: `must have at most ${MAX_PASSWORD_LENGTH} characters`,
  })
  .meta({ example: EXAMPLE })

/** What a sign-up may add by default; an application names its own. */
export const defaultProfile = z.object({ name: z.string().trim().min(1).max(200).optional() })

export type ProfileSchema = z.ZodObject

/** Names that a profile cannot have: they are the credential's, or the answer's. */
export const RESERVED_PROFILE_FIELDS = ['id', 'email', 'username', 'password', 'delivery', 'createdAt'] as const

const USERNAME = /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._-]{2,63}$/u

export function canonicalUsername(text: string): string {
  return text.trim().normalize('NFKC').toLowerCase()
}

/** One account, one spelling. */
export function canonical(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

/** By what a person signs in: with an @ it is an address. */
export function toLoginName(text: string): { email: string } | { username: string } {
  return text.includes('@') ? { email: canonical(text.trim()) } : { username: canonicalUsername(text) }
}
