import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { PASSWORD, setUpBench } from './testing/run-cli.ts'

describe('after-restore', () => {
  it('ends what a backup brought back: ended sessions, used reset links, pulled keys; accounts stay', async (t) => {
    const { cli, json, serve, file } = setUpBench(t)
    await cli('users create --username ada', { input: PASSWORD })
    const before = await serve()
    const { tokens } = (await before.accounts?.login({ username: 'ada' }, PASSWORD)) ?? {}
    const [reset] = await json<{ token: string }>('users reset-link ada')
    assert.ok(tokens && reset)
    const leaked = before.keys.keys.map(({ kid }) => kid)
    await before.close()
    copyFileSync(file, `${file}.backup`)

    const meanwhile = await serve()
    await meanwhile.sessions.revoke(tokens.session.sid)
    await meanwhile.accounts?.resetPassword(reset.token, 'another horse, another battery')
    for (const kid of leaked) await json(`keys pull ${kid}`)
    await meanwhile.close()
    copyFileSync(`${file}.backup`, file)

    const [answer] = await json<{ sessions: number; resets: number; pulled: string[]; active: string }>(
      'after-restore --yes',
    )
    assert.deepEqual([answer?.sessions, answer?.resets, answer?.pulled.toSorted()], [1, 1, leaked.toSorted()])
    const restored = await serve()
    assert.equal(restored.keys.active.kid, answer?.active)
    assert.ok(!leaked.includes(restored.keys.active.kid))
    await assert.rejects(restored.sessions.refresh(tokens.refreshToken), { code: 'session_revoked' })
    const request = new Request('https://x/', { headers: { authorization: `Bearer ${tokens.accessToken}` } })
    await assert.rejects(restored.authenticate(request), { code: 'access_token_invalid' })
    await assert.rejects(
      restored.accounts?.resetPassword(reset.token, 'a third horse of a third kind') ?? Promise.resolve(),
      {
        code: 'reset_token_invalid',
      },
    )
    assert.ok(await restored.accounts?.login({ username: 'ada' }, PASSWORD))
  })

  it('tells people in one line, and may be run again', async (t) => {
    const { cli, serve } = setUpBench(t)
    await serve()
    for (const keys of [2, 2]) {
      const { code, output } = await cli('after-restore --yes')
      assert.equal(code, 0)
      assert.match(output, new RegExp(`^0 sessions and 0 reset links ended; ${keys} keys pulled; \\S+ signs\n$`))
    }
  })
})
