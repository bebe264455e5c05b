import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { checkStart } from './check-start.ts'
import type { StartOptions } from './sessions.ts'

describe('a session is not started with', () => {
  const WRONG: readonly (readonly [what: string, options: Record<string, unknown>, pointer: string])[] = [
    ['no subject', {}, '/subject'],
    ['a subject that is an object', { subject: { $ne: null } }, '/subject'],
    ['a delivery there is not', { delivery: 'nope' }, '/delivery'],
    ['a scope that is no text', { scope: { a: 1 } }, '/scope'],
    ['a scope that a header could not carry', { scope: 'orders:read "admin' }, '/scope'],
    ['authentication methods that are no list', { amr: 'pwd' }, '/amr'],
    ['a user agent that is a list', { userAgent: ['curl'] }, '/userAgent'],
  ]
  for (const [what, options, pointer] of WRONG) {
    it(`PW-12 ${what}`, () => {
      const given = { ...(pointer !== '/subject' && { subject: 'ada' }), ...options } as unknown as StartOptions
      assert.throws(
        () => checkStart(given),
        (error) => error instanceof LatchkeyError && error.facts.errors?.map((each) => each.pointer).join() === pointer,
      )
    })
  }

  it('but with everything that is right', () => {
    checkStart({ subject: 'ada' })
    checkStart({ subject: 'ada', delivery: 'cookies', scope: 'orders:read admin', amr: ['pwd'], userAgent: 'curl/8' })
  })
})
