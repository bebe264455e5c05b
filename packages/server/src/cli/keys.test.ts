import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setUpBench } from './testing/run-cli.ts'

interface Key {
  readonly kid: string
  readonly alg: string
  readonly state: string
  readonly since: string
}

describe('keys', () => {
  it('list shows what there is and makes nothing; nothing secret is in it', async (t) => {
    const { cli, json, serve } = setUpBench(t)
    await cli('migrate')
    assert.deepEqual(await json('keys list'), [])
    const { keys } = await serve()
    const listed = await json<Key>('keys list')
    assert.deepEqual(
      listed.map(({ kid, state }) => [kid, state]),
      keys.keys.map(({ kid, state }) => [kid, state]),
    )
    assert.deepEqual(Object.keys(listed[0] ?? {}), ['kid', 'alg', 'state', 'since'])
    assert.match((await cli('keys list')).output, /^KID +ALG +STATE +SINCE\n\S+ +ES256 +active +\d{4}-\d\d-\d\d /)
  })

  it('rotate makes the next one sign, in the algorithm of the servers, and tokens stay good', async (t) => {
    const { json, serve } = setUpBench(t)
    const server = await serve({ alg: 'EdDSA', accessTtl: '1h' })
    const [, pending] = server.keys.keys
    const { accessToken } = await server.sessions.start({ subject: 'ada' })
    assert.deepEqual(await json('keys rotate'), [{ active: pending?.kid }])
    await server.keys.advance()
    assert.deepEqual([server.keys.active.kid, server.keys.active.alg], [pending?.kid, 'EdDSA'])
    const request = new Request('https://x/', { headers: { authorization: `Bearer ${accessToken}` } })
    assert.equal((await server.authenticate(request)).subject, 'ada')
  })

  it('pull ends the tokens of a key on every server that has looked, and the sessions go on (KY-04)', async (t) => {
    const { cli, json, serve } = setUpBench(t)
    const server = await serve()
    const { kid } = server.keys.active
    const { accessToken, refreshToken } = await server.sessions.start({ subject: 'ada' })
    const request = () => new Request('https://x/', { headers: { authorization: `Bearer ${accessToken}` } })
    await server.authenticate(request())
    const [answer] = await json<{ pulled: string; active: string }>(`keys pull ${kid}`)
    assert.equal(answer?.pulled, kid)
    await server.keys.advance()
    await assert.rejects(server.authenticate(request()), { code: 'access_token_invalid' })
    const again = await server.sessions.refresh(refreshToken)
    assert.equal(again.decision, 'turn')
    const listed = await json<Key>('keys list')
    assert.deepEqual(listed.map(({ state }) => state).sort(), ['active', 'pending', 'pulled'])
    assert.equal(listed.find(({ state }) => state === 'active')?.kid, answer?.active)
    const twice = await cli(`keys pull ${kid}`)
    assert.deepEqual([twice.code, twice.output], [1, ''])
    assert.match(twice.errors, /has been pulled already/)
    assert.match((await cli('keys pull unknown')).errors, /the key "unknown" is not there; see latchkey keys list/)
  })

  it('are changed with their secret only, and what is missing is not made up', async (t) => {
    const { cli, serve, json } = setUpBench(t)
    await serve()
    const before = await json('keys list')
    const none = await cli('keys rotate', { env: { LATCHKEY_SECRET: '' } })
    assert.deepEqual(none, {
      code: 2,
      output: '',
      errors: 'latchkey: LATCHKEY_SECRET must be given: the signing keys are sealed under it\n',
    })
    const other = await cli('keys rotate', { env: { LATCHKEY_SECRET: 'T4hK9vRz1yWnC6uXe0SjLq3oMb8iFgD5' } })
    assert.equal(other.code, 2)
    assert.match(other.errors, /^latchkey: LATCHKEY_SECRET does not open the signing keys[^\n]*\n$/)
    assert.deepEqual(await json('keys list'), before)
  })
})
