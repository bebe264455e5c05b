import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { createLatchkey, type Latchkey } from '../latchkey.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'

const SECRET = 'q7Zr0xkQ3mV8nB5tYw2LhJ6dPf9sGcA1'
const ISSUER = 'https://app.example.com/auth'

/** Two nodes on one store. */
async function setUp(t: TestContext) {
  const store = sqliteStore(':memory:')
  const nodes = await Promise.all([1, 2].map(() => createLatchkey({ issuer: ISSUER, secret: SECRET, store })))
  t.after(() => Promise.all(nodes.map((node) => node.close())))
  const [node, other] = nodes
  assert.ok(node && other)
  return { node, other }
}

function authenticate(node: Latchkey, accessToken: string) {
  return node.authenticate(new Request(ISSUER, { headers: { authorization: `Bearer ${accessToken}` } }))
}

describe('access tokens of a key that is pulled (KY-04)', () => {
  it('are refused at once where it was pulled, remembered ones too, and the session gets others', async (t) => {
    const { node } = await setUp(t)
    const { accessToken, refreshToken } = await node.sessions.start({ subject: 'ada' })
    for (let attempt = 0; attempt < 2; attempt++) await authenticate(node, accessToken)
    await node.keys.pull(node.keys.active.kid)
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(authenticate(node, accessToken), { code: 'access_token_invalid' })
    }
    const next = await node.sessions.refresh(refreshToken)
    assert.equal((await authenticate(node, next.accessToken)).subject, 'ada')
  })

  it('are refused on other nodes once they have looked at the keys', async (t) => {
    const { node, other } = await setUp(t)
    const { accessToken } = await node.sessions.start({ subject: 'ada' })
    await authenticate(other, accessToken)
    await node.keys.pull(node.keys.active.kid)
    await other.keys.advance()
    await assert.rejects(authenticate(other, accessToken), { code: 'access_token_invalid' })
  })

  it('leave the tokens of every other key as good as they were', async (t) => {
    const { node } = await setUp(t)
    const { kid } = node.keys.active
    const first = await node.sessions.start({ subject: 'ada' })
    await node.keys.rotate()
    const second = await node.sessions.start({ subject: 'bob' })
    await node.keys.pull(kid)
    await assert.rejects(authenticate(node, first.accessToken), { code: 'access_token_invalid' })
    assert.equal((await authenticate(node, second.accessToken)).subject, 'bob')
  })
})
