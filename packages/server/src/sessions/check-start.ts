import { type FieldError, LatchkeyError } from '@latchkey/protocol/errors'
import { DELIVERIES } from '@latchkey/protocol/rotation'
import type { StartOptions } from './sessions.ts'

const MAX_SUBJECT_BYTES = 255

/** RFC 6749 §3.3 */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/** What a session can be started with. Applications pass on what strangers send, whatever its declared type. */
const CHECKS: readonly (readonly [field: keyof StartOptions, isFair: (value: unknown) => boolean, expected: string])[] =
  [
    ['subject', isSubject, `must have 1 to ${MAX_SUBJECT_BYTES} bytes of UTF-8, none of them a control character`],
    ['delivery', isDelivery, `must be one of ${DELIVERIES.join(', ')}`],
    ['scope', (scope) => typeof scope === 'string' && SCOPE.test(scope), 'must be scopes separated by single spaces'],
    ['amr', isTextList, 'must be a list of names'],
    ['userAgent', (userAgent) => typeof userAgent === 'string', 'must be text'],
  ]

/** @throws LatchkeyError `validation_failed` */
export function checkStart(options: StartOptions): void {
  const errors = CHECKS.flatMap(([field, isFair, detail]): FieldError[] => {
    const value = options[field]
    const isFine = value === undefined ? field !== 'subject' : isFair(value)
    return isFine ? [] : [{ pointer: `/${field}`, detail }]
  })
  if (errors.length > 0) throw new LatchkeyError('validation_failed', { errors })
}

/** Stores keep no lone surrogates, so two subjects with one could be taken for each other; some keep no NUL. */
function isSubject(subject: unknown): boolean {
  if (typeof subject !== 'string' || subject === '') return false
  return Buffer.byteLength(subject) <= MAX_SUBJECT_BYTES && subject.isWellFormed() && !/\p{Cc}/u.test(subject)
}

function isDelivery(delivery: unknown): boolean {
  return DELIVERIES.some((known) => known === delivery)
}

function isTextList(list: unknown): boolean {
  return Array.isArray(list) && list.every((item) => typeof item === 'string' && item !== '')
}
