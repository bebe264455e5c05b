import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { SIGNATURE_ALGORITHMS } from '@latchkey/protocol/access-token'
import { createRemoteJWKSet, type JWTVerifyOptions, jwtVerify } from 'jose'
import { createLatchkey, type Latchkey } from '../../latchkey.ts'
import { AUDIENCE, start } from '../testing/start.ts'
import { listen } from '../testing/transports.ts'

describe('the issuer’s documents', () => {
  for (const alg of SIGNATURE_ALGORITHMS) {
    it(`KY-08 a resource server that knows only the issuer verifies ${alg} tokens, before and after a rotation`, async () => {
      let latchkey: Latchkey | undefined
      const { port, close } = await listen((request, response) => latchkey?.node(request, response))
      const issuer = `http://localhost:${port}/auth`
      latchkey = await createLatchkey({ issuer, audience: AUDIENCE, alg, store: 'sqlite::memory:' })
      after(async () => {
        await latchkey?.close()
        await close()
      })

      const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
      const { issuer: named, jwks_uri } = metadata as Record<string, string>
      assert.equal(named, issuer, 'KY-08')
      const keys = createRemoteJWKSet(new URL(jwks_uri ?? ''))
      const options: JWTVerifyOptions = { issuer, audience: AUDIENCE, typ: 'at+jwt', algorithms: [alg] }
      const verify = (token: string) => jwtVerify(token, keys, options)

      const before = await latchkey.sessions.start({ subject: 'ada', scope: 'orders:read' })
      await latchkey.keys.rotate()
      const after_ = await latchkey.sessions.start({ subject: 'ada' })
      for (const { accessToken, session } of [before, after_]) {
        const { payload, protectedHeader } = await verify(accessToken)
        assert.deepEqual([payload.sub, payload.sid], ['ada', session.sid])
        assert.equal(protectedHeader.alg, alg)
      }
      await assert.rejects(jwtVerify(before.accessToken, keys, { ...options, audience: 'https://other.example' }))
    })
  }

  it('KY-03 publishes public members only, each key with kid, alg and use', async () => {
    const server = await start()
    const { body, headers } = await server.send('GET', '/.well-known/jwks.json')
    assert.ok(Array.isArray(body.keys))
    assert.equal(body.keys.length, 2, 'the key that signs and the next one')
    for (const key of body.keys)
      assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    assert.equal(new Set(body.keys.map(({ kid }) => kid)).size, 2)
    assert.equal(headers.get('cache-control'), 'public, max-age=300')
    await server.close()
  })
})
