import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { createLatchkey, type LatchkeyOptions } from '../latchkey.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'

describe('claims of the application’s', () => {
  it('are in the token, and cannot be changed for the next request that brings it', async (t) => {
    const { bearer, authenticate } = await setUp(t, { claims: () => ({ roles: ['reader'] }) })
    const { claims } = await authenticate(bearer)
    assert.deepEqual(claims.roles, ['reader'])
    assert.throws(() => (claims.roles as string[]).push('admin'), TypeError)
    assert.deepEqual((await authenticate(bearer)).claims.roles, ['reader'])
  })

  it('that make a token longer than is accepted are a fault when it is made, not when it is used', async (t) => {
    const long = () => ({ picture: 'x'.repeat(7_000) })
    await assert.rejects(setUp(t, { claims: long }), RangeError)
  })

  it('in `cookies` delivery must leave the token short enough for a cookie', async (t) => {
    const { latchkey } = await setUp(t, { claims: () => ({ picture: 'x'.repeat(3_000) }) })
    await assert.rejects(latchkey.sessions.start({ subject: 'ada', delivery: 'cookies' }), RangeError)
  })

  for (const claim of ['sub', 'sid', 'exp', 'scope', '__proto__']) {
    it(`cannot set ${claim}`, async (t) => {
      const claims = () => JSON.parse(`{ ${JSON.stringify(claim)}: "mine" }`)
      await assert.rejects(setUp(t, { claims }), new RegExp(`may not set ${claim}`))
    })
  }
})

async function setUp(t: TestContext, options: LatchkeyOptions) {
  const latchkey = await createLatchkey({
    issuer: 'https://app.example.com/auth',
    store: sqliteStore(':memory:'),
    accounts: false,
    ...options,
  })
  t.after(() => latchkey.close())
  const { accessToken: bearer } = await latchkey.sessions.start({ subject: 'ada' })
  const authenticate = (token: string) =>
    latchkey.authenticate(new Request(latchkey.issuer, { headers: { authorization: `Bearer ${token}` } }))
  return { latchkey, bearer, authenticate }
}
