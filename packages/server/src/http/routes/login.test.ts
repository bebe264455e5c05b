import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { AUDIENCE, ISSUER, outcome, PASSWORD, start } from '../testing/start.ts'

const server = await start()
after(() => server.close())
const ada = await server.signUp('cookie', 'ada@example.com')

const login = (json: Record<string, unknown>, headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' }) =>
  server.send('POST', '/login', { json: { password: PASSWORD, ...json }, headers })

describe('POST /signup', () => {
  it('answers 201 with a token response and the user, in public', async () => {
    const client = server.client()
    const answer = await client.post('/signup', {
      email: ' Grace@Example.COM ',
      username: 'grace',
      name: 'Grace Hopper',
      password: PASSWORD,
    })
    const { access_token, user, ...rest } = answer.body
    assert.equal(answer.status, 201)
    assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 900 })
    assert.deepEqual(Object.keys(user ?? {}).sort(), ['createdAt', 'email', 'id', 'name', 'username'])
    assert.equal(user?.email, 'grace@example.com')
    assert.deepEqual((await client.me(access_token)).body, user)
  })

  it('PW-12 keeps one account per canonical address or name: 409 for the second', async () => {
    const taken = { username: 'Grace', email: 'other@example.com' }
    assert.equal(outcome(await server.client().post('/signup', { ...taken, password: PASSWORD })), '409 account_exists')
    const again = await server.client().post('/signup', { email: 'ADA@example.com', password: PASSWORD })
    assert.equal(outcome(again), '409 account_exists')
    assert.deepEqual(again.setCookies, [])
  })

  it('PW-12 ignores fields that are not on the list', async () => {
    const form = { email: 'mallory@example.com', password: PASSWORD, id: 'root', role: 'admin', createdAt: 0 }
    const { user } = (await server.client().post('/signup', form)).body
    assert.notEqual(user?.id, 'root')
    assert.equal(user?.role, undefined)
    assert.notEqual(user?.createdAt, 0)
  })

  for (const [what, form, pointer] of [
    ['neither e-mail nor username', { password: PASSWORD }, '/email'],
    ['no password', { email: 'x@example.com' }, '/password'],
    ['PW-01 a password of 14 characters', { email: 'x@example.com', password: 'a'.repeat(14) }, '/password'],
    ['PW-03 eight emoji, which are 16 code units', { email: 'x@example.com', password: '🔑'.repeat(8) }, '/password'],
    ['PW-02 a password longer than can be set', { email: 'x@example.com', password: 'a'.repeat(257) }, '/password'],
    ['no e-mail address', { email: 'ada', password: PASSWORD }, '/email'],
    ['a username that looks like an address', { username: 'a@b.example', password: PASSWORD }, '/username'],
    ['a delivery there is not', { email: 'x@example.com', password: PASSWORD, delivery: 'query' }, '/delivery'],
    ['a profile field of the wrong type', { email: 'x@example.com', password: PASSWORD, name: {} }, '/name'],
  ] as const) {
    it(`refuses ${what}: 422 that points at ${pointer}`, async () => {
      const answer = await server.client().post('/signup', form)
      assert.equal(outcome(answer), '422 validation_failed')
      assert.ok(answer.body.errors?.some((error) => error.pointer === pointer))
      if ('password' in form) assert.ok(!answer.text.includes(form.password), 'ER-04')
    })
  }
})

describe('POST /login', () => {
  it('signs in by `login`, `email` or `username`, whatever their case', async () => {
    await server.client().post('/signup', { email: 'bob@example.com', username: 'Bob', password: PASSWORD })
    for (const name of [
      { login: 'BOB@example.com' },
      { login: 'bob' },
      { email: 'Bob@Example.com' },
      { username: 'bob' },
    ]) {
      const { status, body } = await login(name)
      assert.deepEqual([status, body.user?.username], [200, 'bob'])
    }
  })

  it('asks for exactly one of them', async () => {
    assert.equal(outcome(await login({})), '422 validation_failed')
    assert.equal(outcome(await login({ login: 'a', email: 'b' })), '422 validation_failed')
  })

  it('RFC 9068, SE-04, SE-09, JW-13: the access token has the claims of the profile, and nothing personal', async () => {
    const claims = decodeJwt(ada.accessToken ?? '')
    const names = ['amr', 'aud', 'auth_time', 'client_id', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub']
    assert.deepEqual(Object.keys(claims).sort(), names)
    const { iss, aud, iat, exp, auth_time } = claims
    const now = server.clock.seconds
    assert.deepEqual(
      { iss, aud, iat, exp, auth_time },
      { iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + 900, auth_time: now },
    )
  })

  it('PW-10 answers an unknown account and a wrong password alike, to the header', async () => {
    const answers = [
      await login({ email: 'nobody@example.com' }),
      await login({ email: 'ada@example.com', password: 'wrong horse battery staple' }),
      await login({ username: 'nobody' }),
      await login({ login: 'ada@example.com\u0000', password: PASSWORD }),
    ]
    const [first, ...others] = answers.map(({ status, headers, text }) => ({ status, headers: [...headers], text }))
    assert.equal(first?.status, 401)
    for (const other of others)
      assert.deepEqual(
        { ...other, headers: withoutDate(other.headers) },
        { ...first, headers: withoutDate(first?.headers) },
      )
  })

  for (const delivery of ['cookie', 'body', 'cookies'] as const) {
    it(`SE-03 ends the session whose cookie the request carried, on ${delivery} delivery too`, async () => {
      const held = await server.device(ada)
      const cookie = `${server.cookieName}=${held.refreshToken}`
      const headers = { cookie, 'sec-fetch-site': 'same-origin' }
      const { body, setCookies } = await login({ email: 'ada@example.com', delivery }, headers)
      assert.notEqual(setCookies.join(), cookie)
      assert.equal(body.user?.email, 'ada@example.com')
      assert.equal(outcome(await held.refresh()), '401 session_revoked')
      assert.equal(outcome(await held.me()), '401 session_revoked')
    })
  }

  it('SE-03 ends it also when the token had been superseded', async () => {
    const held = await server.device(ada)
    const superseded = held.refreshToken
    await held.refresh()
    server.clock.advance(61)
    await held.refresh()
    await login(
      { email: 'ada@example.com' },
      { cookie: `${server.cookieName}=${superseded}`, 'sec-fetch-site': 'same-origin' },
    )
    assert.equal(outcome(await held.refresh()), '401 session_revoked')
  })

  it('SE-03 a login that fails ends nothing, and garbage in the cookie is no hindrance', async () => {
    const held = await server.device(ada)
    const cookie = `${server.cookieName}=${held.refreshToken}`
    const wrong = { email: 'ada@example.com', password: 'wrong horse battery staple' }
    const refused = await login(wrong, { cookie, 'sec-fetch-site': 'same-origin' })
    assert.deepEqual([outcome(refused), refused.setCookies], ['401 invalid_credentials', []])
    assert.equal((await held.refresh()).status, 200)
    const planted = { cookie: `${server.cookieName}=chosen-by-me`, 'sec-fetch-site': 'same-origin' }
    assert.equal((await login({ email: 'ada@example.com' }, planted)).status, 200)
  })
})

function withoutDate(headers: readonly (readonly [string, string])[] = []) {
  return headers.filter(([name]) => name !== 'date')
}
