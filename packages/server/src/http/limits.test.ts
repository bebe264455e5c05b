/** The limits as strangers and owners meet them over HTTP. */
import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { createLatchkey, type Latchkey } from '../latchkey.ts'
import { Limits } from '../limits/limits.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import type { Connection } from './app.ts'

const PASSWORD = 'correct horse battery staple'
const LOGIN_FAILURES = 60

describe('limits on login', () => {
  it('RL-02 one password against many accounts from one address is stopped before the end', async (t) => {
    const { login } = await setUp(t)
    const statuses = await all(200, (n) => login(`user${n}@example.com`, 'the same wrong password', '192.0.2.1'))
    assert.equal(count(statuses, 401), LOGIN_FAILURES)
    assert.equal(count(statuses, 429), 200 - LOGIN_FAILURES)
  })

  it('RL-03 two thousand addresses of one /64 count as one', async (t) => {
    const { login } = await setUp(t)
    const statuses = await all(2_000, (n) => login(`user${n}@example.com`, 'wrong', `2001:db8::${n.toString(16)}`))
    assert.equal(count(statuses, 401), LOGIN_FAILURES)
  })

  // A reset connection has no address any more; it used to count against nobody.
  it('RL-02 connections whose client has gone count as one', async (t) => {
    const { latchkey } = await setUp(t)
    const gone: Connection = { incoming: new IncomingMessage(new Socket()) }
    const statuses = await all(80, (n) => post(latchkey, `user${n}@example.com`, 'wrong', gone))
    assert.equal(count(statuses, 401), LOGIN_FAILURES)
  })

  it('RL-01 RL-04 an account that strangers guess at is locked, while its owner refreshes on', async (t) => {
    const { latchkey, login } = await setUp(t)
    const owner = await latchkey.accounts?.login({ email: 'ada@example.com' }, PASSWORD, { delivery: 'body' })
    const statuses = await all(20, (n) => login('ada@example.com', 'wrong', `192.0.2.${n}`))
    assert.ok(count(statuses, 429) > 0)
    assert.equal(await login('ada@example.com', PASSWORD, '192.0.2.200'), 429, 'RL-05')
    assert.ok(owner)
    assert.equal((await latchkey.sessions.refresh(owner.tokens.refreshToken, { arrivedIn: 'body' })).decision, 'turn')
    await latchkey.accounts?.changePassword(owner.user.id, PASSWORD, 'another horse, another battery')
  })

  it('RL-04 a reset is the way back for an owner whom strangers keep out', async (t) => {
    const { ada, latchkey, login } = await setUp(t)
    await all(20, (n) => login('ada@example.com', 'wrong', `192.0.2.${n}`))
    const { accounts } = latchkey
    const reset = await accounts?.createReset(ada)
    await accounts?.resetPassword(reset?.token ?? '', 'another horse, another battery')
    assert.equal(await login('ada@example.com', 'another horse, another battery', '192.0.2.200'), 200)
  })

  // Counted by account, the lock of one name used to show on the other: both were known to exist, and to be one person's.
  it('RL-05 PW-10 known and unknown names are locked alike, and the lock of one name says nothing of another', async (t) => {
    const { login } = await setUp(t)
    const lock = (name: string) => all(14, (n) => login(name, 'wrong', `192.0.2.${n}`))
    const [known, unknown] = [await lock('ada@example.com'), await lock('nobody@example.com')]
    assert.deepEqual(known, unknown)
    assert.equal(await login('ada', 'wrong', '192.0.2.100'), await login('stranger', 'wrong', '192.0.2.100'))
  })

  it('right passwords are cheap, but one address cannot have them without end', async () => {
    const limits = new Limits(true, () => {})
    const address = () => '192.0.2.1'
    const login = async () => {
      await limits.admit('login', address)
      await limits.refundLogin(address)
    }
    for (let logins = 0; logins < 590; logins++) await login()
    await assert.rejects(
      async () => {
        for (let logins = 0; logins < 20; logins++) await login()
      },
      { code: 'rate_limited' },
    )
  })
})

async function setUp(t: TestContext) {
  const latchkey = await createLatchkey({
    issuer: 'https://app.example.com/auth',
    secret: 'limits-test-0123456789-abcdefghijklmnop',
    store: sqliteStore(':memory:'),
  })
  t.after(() => latchkey.close())
  const names = { email: 'ada@example.com', username: 'ada' }
  const signedUp = await latchkey.accounts?.signup({ ...names, password: PASSWORD, profile: {} })
  const login = (email: string, password: string, address: string) => post(latchkey, email, password, { address })
  return { ada: signedUp?.user.id ?? '', latchkey, login }
}

async function post(latchkey: Latchkey, login: string, password: string, connection: Connection): Promise<number> {
  const request = new Request(`${latchkey.issuer}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ login, password, delivery: 'body' }),
  })
  return (await latchkey.fetch(request, connection)).status
}

function all(times: number, act: (n: number) => Promise<number>): Promise<number[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => act(n)))
}

function count(statuses: readonly number[], status: number): number {
  return statuses.filter((each) => each === status).length
}
