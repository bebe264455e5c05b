import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Latchkey } from '../latchkey.ts'
import { PASSWORD, setUpBench } from './testing/run-cli.ts'

interface Listed {
  readonly sid: string
  readonly device: { readonly userAgent: string | null }
}

async function setUp(t: Parameters<typeof setUpBench>[0]) {
  const bench = setUpBench(t)
  const [ada] = await bench.json<{ id: string }>('users create --email Ada@example.com', { input: PASSWORD })
  const server = await bench.serve()
  const start = (subject: string, userAgent?: string) => server.sessions.start({ subject, userAgent })
  return { ...bench, server, start, ada: ada?.id ?? '' }
}

async function live({ sessions }: Latchkey, subject: string): Promise<number> {
  return (await sessions.list(subject)).length
}

describe('sessions', () => {
  it('list names those of a subject or a user, by any of their names', async (t) => {
    const { cli, json, start, ada } = await setUp(t)
    const { session } = await start(ada, 'Firefox\u001b[2J')
    await start('somebody')
    for (const args of [ada, '--user ada@EXAMPLE.com', `--user ${ada}`]) {
      const listed = await json<Listed>(`sessions list ${args}`)
      assert.deepEqual(
        listed.map(({ sid }) => sid),
        [session.sid],
      )
    }
    assert.equal((await json('sessions list somebody')).length, 1)
    assert.deepEqual(await json('sessions list nobody'), [])
    const { output } = await cli(`sessions list ${ada}`)
    assert.match(output, /^SID +STARTED +LAST USED +ENDS +DELIVERY +DEVICE\n/)
    assert.ok(output.includes('Firefox\\u{1B}[2J'), 'a device cannot steer the terminal')
    assert.equal((await cli('sessions list --user nobody')).code, 1)
  })

  it('revoke ends one, once', async (t) => {
    const { cli, json, start, server } = await setUp(t)
    const [{ session }] = [await start('ada'), await start('ada')]
    assert.deepEqual(await json(`sessions revoke ${session.sid}`), [{ ended: 1 }])
    assert.equal(await live(server, 'ada'), 1)
    const { code, errors } = await cli(`sessions revoke ${session.sid}`)
    assert.deepEqual([code, errors], [1, `latchkey: there is no live session "${session.sid}"\n`])
  })

  it('LO-06 revoke ends a user’s, or a subject’s, and nobody else’s', async (t) => {
    const { cli, json, start, server, ada } = await setUp(t)
    await Promise.all([start(ada), start(ada), start('bob'), start('cid')])
    assert.deepEqual(await json('sessions revoke --user ada@example.com'), [{ ended: 2 }])
    assert.equal((await cli('sessions revoke --subject bob')).output, '1 session ended\n')
    assert.deepEqual([await live(server, ada), await live(server, 'bob'), await live(server, 'cid')], [0, 0, 1])
  })

  it('LO-06 revoke --all --yes ends everybody’s, however many', async (t) => {
    const { json, start, server } = await setUp(t)
    const subjects = Array.from({ length: 2100 }, (_, n) => `user-${n}`)
    await Promise.all(subjects.map((subject) => start(subject)))
    assert.deepEqual(await json('sessions revoke --all --yes'), [{ ended: 2100 }])
    assert.equal(await live(server, 'user-0'), 0)
    assert.equal(await live(server, 'user-2099'), 0)
  })
})
