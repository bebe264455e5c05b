import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { columnFault, toImportedUser } from './imported-user.ts'

const NOW = 1_800_000_000_000
const HASH = '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'
const ADA = { email: 'ada@example.com', password_hash: HASH }

describe('a user from a file', () => {
  it('has names in their one spelling, a hash, a time, and the rest as profile', () => {
    const given = {
      email: ' Ada@Example.COM ',
      username: 'ADA',
      passwordHash: HASH,
      created_at: 0,
      role: 'admin',
      x: null,
    }
    assert.deepEqual(toImportedUser(given, NOW), {
      email: 'ada@example.com',
      username: 'ada',
      credential: { hash: HASH },
      profile: { role: 'admin' },
      createdAt: 0,
    })
    const { createdAt, credential } = toImportedUser({ username: 'ada', password: 'x' }, NOW)
    assert.deepEqual([createdAt, credential], [undefined, { password: 'x' }])
  })

  for (const [given, expected] of [
    ['2026-01-31', Date.UTC(2026, 0, 31)],
    ['2026-01-31T12:00Z', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31 12:00:00', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31 12:00:00.123456+02', Date.UTC(2026, 0, 31, 10, 0, 0, 123)],
    ['2026-01-31T12:00:00-0530', Date.UTC(2026, 0, 31, 17, 30)],
    [1_700_000_000, 1_700_000_000_000],
    ['1700000000123', 1_700_000_000_123],
  ] as const) {
    it(`was made at ${given}`, () => {
      assert.equal(toImportedUser({ ...ADA, created_at: given }, NOW).createdAt, expected)
    })
  }

  for (const created_at of ['', 'yesterday', '31.1.2026', '2026-13-01', -1, 1.5, true, {}, '2030-01-01', NOW + 1]) {
    it(`cannot have been made at ${JSON.stringify(created_at)}`, () => {
      assert.throws(() => toImportedUser({ ...ADA, created_at }, NOW), { name: 'Broken', message: /^created_at: / })
    })
  }

  const broken: Record<string, Record<string, unknown>> = {
    'no name': { password_hash: HASH },
    'no credential': { email: 'ada@example.com' },
    'both credentials': { ...ADA, password: 'x' },
    'an unknown hash': { email: 'ada@example.com', password_hash: 'd41d8cd98f00b204e9800998ecf8427e' },
    'a hash that is no text': { email: 'ada@example.com', password_hash: 7 },
    'an e-mail that is none': { ...ADA, email: 'ada' },
    'an e-mail that is no text': { ...ADA, email: ['ada@example.com'] },
    'a username like an address': { ...ADA, username: 'ada@example.com' },
    'a password of a megabyte': { email: 'ada@example.com', password: 'x'.repeat(1e6) },
    'an empty password': { email: 'ada@example.com', password: '' },
    'a field that would pass for the id': { ...ADA, id: '7' },
    'a field that would change the prototype': JSON.parse(
      `{"email":"a@example.com","password":"x","__proto__":{"a":1}}`,
    ),
  }
  for (const [what, fields] of Object.entries(broken)) {
    it(`with ${what} is broken, and the reason names no value`, () => {
      assert.throws(
        () => toImportedUser(fields, NOW),
        (error: Error) => {
          assert.equal(error.name, 'Broken')
          assert.doesNotMatch(error.message, /d41d|\n/)
          return error.message.length < 200
        },
      )
    })
  }

  it('comes from columns that name what is needed, in either spelling', () => {
    assert.equal(columnFault(['username', 'passwordHash', 'createdAt', 'plan']), null)
    assert.equal(columnFault(['email', 'password']), null)
  })
})
