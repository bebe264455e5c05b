import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { email, toLoginName, username } from './schemas.ts'

describe('a username', () => {
  for (const [typed, kept] of [
    ['Ada', 'ada'],
    ['  ada.lovelace ', 'ada.lovelace'],
    ['ａｄｍｉｎ', 'admin'],
    ['Zoë', 'zoë'],
    ['李小龙', '李小龙'],
  ] as const) {
    it(`PW-12 "${typed}" is kept as "${kept}", and found by either`, () => {
      assert.equal(username.parse(typed), kept)
      assert.deepEqual(toLoginName(typed), { username: kept })
    })
  }

  for (const name of [
    'ad',
    'a b',
    'ada@home',
    '.ada',
    'admin\u3164',
    'admin\ufe0f',
    'ad\u034fmin',
    '\u115fadmin',
    '',
  ]) {
    it(`PW-12 ${JSON.stringify(name)} is refused`, () => {
      assert.equal(username.safeParse(name).success, false)
    })
  }
})

describe('an e-mail address', () => {
  it('PW-12 has one spelling', () => {
    assert.equal(email.parse(' Ada@Example.COM '), 'ada@example.com')
    assert.deepEqual(toLoginName(' Ada@Example.COM '), { email: 'ada@example.com' })
  })
})
