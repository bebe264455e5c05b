import assert from 'node:assert/strict'
import { createHash, pbkdf2Sync, scryptSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { hash as hashArgon2 } from '@node-rs/argon2'
import { hash as hashBcrypt } from '@node-rs/bcrypt'
import type { LatchkeyEvent } from '../events.ts'
import { createLatchkey } from '../latchkey.ts'
import { FREE_ATTEMPTS, Limits } from '../limits/limits.ts'
import { newAccount } from '../stores/conformance.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import { Accounts } from './accounts.ts'
import { PasswordPolicy } from './password-policy.ts'
import { Passwords } from './passwords.ts'

const PASSWORD = 'correct horse battery staple'
const NEXT = 'a different horse altogether'
const EMAIL = 'ada@example.com'
const ADA = { email: EMAIL, username: 'ada', password: PASSWORD, profile: { name: 'Ada' } }

describe('signing up', () => {
  it('makes an account and a session for it, and tells no hash', async (t) => {
    const { accounts, clock, sessions, events } = await setUp(t)
    const { user, tokens } = await accounts.signup(ADA, { delivery: 'body', userAgent: 'Firefox' })
    assert.deepEqual(user, {
      id: user.id,
      email: EMAIL,
      username: 'ada',
      createdAt: clock.now,
      profile: { name: 'Ada' },
    })
    assert.deepEqual(await accounts.find(user.id), user)
    const { subject, delivery, device } = tokens.session
    assert.deepEqual([subject, delivery, device.userAgent], [user.id, 'body', 'Firefox'])
    assert.equal((await sessions.list(user.id)).length, 1)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['account_created', 'session_started'],
    )
  })

  it('under a taken name is account_exists, and of two at once one wins', async (t) => {
    const { accounts } = await setUp(t)
    const outcomes = await Promise.all([accounts.signup(ADA), accounts.signup(ADA)].map(codeOf))
    assert.deepEqual(outcomes.sort(), ['account_exists', 'fulfilled'])
    assert.equal(await codeOf(accounts.signup({ ...ADA, email: 'other@example.com' })), 'account_exists')
  })
})

describe('logging in', () => {
  it('works by e-mail and by username, and gives each login a session of its own', async (t) => {
    const { accounts, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    await accounts.login({ email: EMAIL }, PASSWORD)
    await accounts.login({ username: 'ada' }, PASSWORD)
    assert.equal((await sessions.list(user.id)).length, 3)
  })

  it('PW-10 fails alike for an unknown account, a wrong password and a disabled account, after the same work', async (t) => {
    const { accounts, passwords, events } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const attempts: readonly (readonly [string | null, () => Promise<unknown>])[] = [
      [null, () => accounts.login({ email: 'nobody@example.com' }, PASSWORD)],
      [null, () => accounts.login({ username: 'nobody' }, PASSWORD)],
      [user.id, () => accounts.login({ email: EMAIL }, 'wrong')],
      [
        user.id,
        async () => {
          await accounts.disable(user.id)
          return accounts.login({ email: EMAIL }, PASSWORD)
        },
      ],
    ]
    for (const [subject, attempt] of attempts) {
      passwords.checks = 0
      events.length = 0
      assert.equal(await codeOf(attempt()), 'invalid_credentials')
      assert.equal(passwords.checks, 1)
      const failed = events.filter(({ type }) => type === 'login_failed')
      assert.deepEqual(failed, [{ type: 'login_failed', subject }])
    }
  })

  it('that races a password change gets no session that survives it', async (t) => {
    const { accounts, passwords, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const { held, release } = passwords.holdNextCheck()
    const late = codeOf(accounts.login({ email: EMAIL }, PASSWORD))
    await held
    const { tokens } = await accounts.changePassword(user.id, PASSWORD, NEXT)
    release()
    assert.equal(await late, 'invalid_credentials', 'the old password was right when it was looked up')
    assert.deepEqual(
      (await sessions.list(user.id)).map(({ sid }) => sid),
      [tokens.session.sid],
    )
  })

  it('that races the deletion of the account gets no session', async (t) => {
    const { accounts, passwords, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const { held, release } = passwords.holdNextCheck()
    const late = codeOf(accounts.login({ email: EMAIL }, PASSWORD))
    await held
    await accounts.delete(user.id)
    release()
    assert.equal(await late, 'invalid_credentials')
    assert.deepEqual(await sessions.list(user.id), [])
  })

  it('is server_busy when too many passwords wait, and signs nobody out', async (t) => {
    const { accounts, sessions } = await setUp(t, { concurrency: 1, queue: 0 })
    const { user } = await accounts.signup(ADA)
    const outcomes = await Promise.all([1, 2, 3].map(() => codeOf(accounts.login({ email: EMAIL }, PASSWORD))))
    assert.deepEqual(outcomes.sort(), ['fulfilled', 'server_busy', 'server_busy'])
    assert.equal((await sessions.list(user.id)).length, 2)
  })
})

describe('changing the password', () => {
  it('LO-05 ends every session, starts a new one, and from then on only the new password is good', async (t) => {
    const { accounts, sessions, events } = await setUp(t)
    const { user, tokens: first } = await accounts.signup(ADA)
    const { tokens: second } = await accounts.login({ email: EMAIL }, PASSWORD)
    events.length = 0
    const { tokens } = await accounts.changePassword(user.id, PASSWORD, NEXT)
    for (const { refreshToken } of [first, second]) {
      assert.equal(await codeOf(sessions.refresh(refreshToken)), 'session_revoked')
    }
    assert.equal((await sessions.refresh(tokens.refreshToken)).decision, 'turn')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, NEXT)), 'fulfilled')
    assert.deepEqual(
      events.slice(0, 4).map((event) => [event.type, 'reason' in event ? event.reason : null]),
      [
        ['password_changed', null],
        ['session_ended', 'password_changed'],
        ['session_ended', 'password_changed'],
        ['session_started', null],
      ],
    )
  })

  it('PW-09 needs the current one, and changes nothing without it', async (t) => {
    const { accounts, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    assert.equal(await codeOf(accounts.changePassword(user.id, 'wrong', NEXT)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.checkPassword(user.id, 'wrong')), 'invalid_credentials')
    assert.equal(await codeOf(accounts.checkPassword(user.id, PASSWORD)), 'fulfilled')
    assert.equal((await sessions.list(user.id)).length, 1)
    assert.equal(await codeOf(accounts.changePassword('nobody', PASSWORD, NEXT)), 'session_revoked')
  })

  it('twice at once works once', async (t) => {
    const { accounts, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const changes = [NEXT, 'a third horse of a third kind'].map((next) =>
      codeOf(accounts.changePassword(user.id, PASSWORD, next)),
    )
    assert.deepEqual((await Promise.all(changes)).sort(), ['fulfilled', 'invalid_credentials'])
    assert.equal((await sessions.list(user.id)).length, 1)
  })
})

describe('a hash from elsewhere', () => {
  const salt = Buffer.from('sixteen bytes ok')
  const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  const hashes: Record<string, () => string | Promise<string>> = {
    'bcrypt $2a$': () => hashBcrypt(PASSWORD, { cost: 4, version: '2a' }),
    'bcrypt $2b$': () => hashBcrypt(PASSWORD, { cost: 4, version: '2b' }),
    'bcrypt $2x$': async () => (await hashBcrypt(PASSWORD, { cost: 4 })).replace('$2b$', '$2x$'),
    'bcrypt $2y$': () => hashBcrypt(PASSWORD, { cost: 4, version: '2y' }),
    argon2i: () => hashArgon2(PASSWORD, { algorithm: 1, memoryCost: 65_536, timeCost: 3 }),
    'weak argon2id': () => hashArgon2(PASSWORD, { memoryCost: 64, timeCost: 1 }),
    scrypt: () => `$scrypt$ln=4,r=8,p=1$${base64(salt)}$${base64(scryptSync(PASSWORD, salt, 32, { N: 16 }))}`,
    PBKDF2: () => `$pbkdf2-sha512$i=10$${base64(salt)}$${base64(pbkdf2Sync(PASSWORD, salt, 10, 64, 'sha512'))}`,
  }
  for (const [scheme, make] of Object.entries(hashes)) {
    it(`PW-08 ${scheme} signs in, is argon2id from then on, and leaves the sessions alone`, async (t) => {
      const { accounts, sessions, hashOf, seed } = await setUp(t)
      const stored = await make()
      const { id, credentialVersion } = await seed(stored)
      const { refreshToken } = await sessions.start({ subject: id })
      assert.equal(await codeOf(accounts.login({ email: EMAIL }, 'wrong')), 'invalid_credentials')
      assert.equal(await hashOf(id), stored, 'a wrong password upgrades nothing')
      const { tokens } = await accounts.login({ email: EMAIL }, PASSWORD)
      const upgraded = await hashOf(id)
      assert.match(upgraded ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      for (const token of [refreshToken, tokens.refreshToken]) {
        assert.equal((await sessions.refresh(token)).decision, 'turn')
      }
      assert.equal(await codeOf(accounts.login({ email: EMAIL }, 'wrong')), 'invalid_credentials')
      await accounts.login({ email: EMAIL }, PASSWORD)
      assert.equal(await hashOf(id), upgraded, 'once is enough')
      assert.equal((await accounts.changePassword(id, PASSWORD, NEXT)).user.id, id)
      assert.equal(credentialVersion, 1)
    })
  }

  it('PW-06 of a password typed in another form of Unicode signs in, and afterwards in either form', async (t) => {
    const { accounts, hashOf, seed } = await setUp(t)
    const [composed, decomposed] = ['caf\u00e9 horse battery', 'cafe\u0301 horse battery']
    const { id } = await seed(await hashBcrypt(decomposed, { cost: 4 }))
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, composed)), 'invalid_credentials')
    await accounts.login({ email: EMAIL }, decomposed)
    assert.match((await hashOf(id)) ?? '', /^\$argon2id\$/)
    for (const form of [composed, decomposed]) await accounts.login({ email: EMAIL }, form)
  })

  it('PW-05 PW-08 by bcrypt of a password that it cuts short is not replaced by what was typed beyond the cut', async (t) => {
    const { accounts, hashOf, seed } = await setUp(t)
    const long = 'zqvkxwjp'.repeat(10)
    const stored = await hashBcrypt(long, { cost: 4 })
    const { id } = await seed(stored)
    for (const typed of [`${long}with a slip`, long.slice(0, 72), long]) {
      await accounts.login({ email: EMAIL }, typed)
      assert.equal(await hashOf(id), stored)
    }
    await accounts.changePassword(id, long, `${long}!`)
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, long)), 'invalid_credentials')
  })

  it('of a form that nobody knows never signs in, and is answered as a wrong password', async (t) => {
    const { accounts, hashOf, seed } = await setUp(t)
    const { id } = await seed('5f4dcc3b5aa765d61d8327deb882cf99')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    assert.equal(await hashOf(id), '5f4dcc3b5aa765d61d8327deb882cf99')
  })

  for (const [what, obstruct] of Object.entries({
    server_busy: (t: TestContext, { passwords }: Setup) =>
      t.mock.method(passwords, 'hash', async () => {
        throw new LatchkeyError('server_busy', { retryAfter: 2 })
      }),
    store_unavailable: (t: TestContext, { store }: Setup) =>
      t.mock.method(store.accounts, 'rehash', async () => {
        throw new LatchkeyError('store_unavailable', { retryAfter: 1 })
      }),
  })) {
    it(`PW-08 that cannot be upgraded (${what}) signs in all the same, and the next login upgrades it`, async (t) => {
      const set = await setUp(t)
      const stored = await hashBcrypt(PASSWORD, { cost: 4 })
      const { id } = await set.seed(stored)
      const obstacle = obstruct(t, set)
      const { tokens } = await set.accounts.login({ email: EMAIL }, PASSWORD)
      assert.equal(obstacle.mock.callCount(), 1)
      assert.equal((await set.sessions.refresh(tokens.refreshToken)).decision, 'turn')
      assert.equal(await set.hashOf(id), stored)
      obstacle.mock.restore()
      await set.accounts.login({ email: EMAIL }, PASSWORD)
      assert.match((await set.hashOf(id)) ?? '', /^\$argon2id\$/)
    })
  }

  it('PW-08 is upgraded once by two logins at once, and both sign in', async (t) => {
    const { accounts, sessions, store, seed } = await setUp(t)
    const { id } = await seed(await hashBcrypt(PASSWORD, { cost: 4 }))
    const rehash = t.mock.method(store.accounts, 'rehash')
    await Promise.all([1, 2].map(() => accounts.login({ email: EMAIL }, PASSWORD)))
    const upgrades = await Promise.all(rehash.mock.calls.map(({ result }) => result))
    assert.deepEqual(upgrades.sort(), [false, true])
    assert.equal((await sessions.list(id)).length, 2)
    await accounts.login({ email: EMAIL }, PASSWORD)
  })

  it('PW-08 whose upgrade meets a password change does not bring the old password back', async (t) => {
    const { accounts, passwords, store, sessions, seed } = await setUp(t)
    const account = await seed(await hashBcrypt(PASSWORD, { cost: 4 }))
    const next = await passwords.hash(NEXT)
    const { held, release } = passwords.holdNextCheck()
    const late = codeOf(accounts.login({ email: EMAIL }, PASSWORD))
    await held
    await store.accounts.changePassword(account.id, account.credentialVersion, next)
    release()
    assert.equal(await late, 'invalid_credentials')
    assert.deepEqual(await sessions.list(account.id), [])
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, NEXT)), 'fulfilled')
  })
})

describe('resetting the password', () => {
  it('PW-11 LO-05 works once, ends all sessions, signs nobody in, and from then on only the new password is good', async (t) => {
    const { accounts, sessions, events, resetOf, isSignedIn } = await setUp(t)
    const { user, tokens } = await accounts.signup(ADA)
    const { tokens: other } = await accounts.login({ email: EMAIL }, PASSWORD)
    const token = await resetOf(user.id)
    assert.equal((await sessions.list(user.id)).length, 2, 'a link alone ends nothing')
    events.length = 0
    assert.equal(await codeOf(accounts.resetPassword(token, NEXT)), 'fulfilled')
    assert.deepEqual(
      events.filter(({ type }) => type === 'session_ended').map((event) => 'reason' in event && event.reason),
      ['password_changed', 'password_changed'],
    )
    assert.deepEqual(await sessions.list(user.id), [])
    for (const { refreshToken, accessToken } of [tokens, other]) {
      assert.equal(await codeOf(sessions.refresh(refreshToken)), 'session_revoked')
      assert.equal(await isSignedIn(accessToken), 'session_revoked')
    }
    assert.equal(await codeOf(accounts.resetPassword(token, PASSWORD)), 'reset_token_invalid')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, NEXT)), 'fulfilled')
  })

  it('PW-11 twice at once with one token works once', async (t) => {
    const { accounts, resetOf } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const token = await resetOf(user.id)
    const nexts = [NEXT, 'a third horse of a third kind']
    const outcomes = await Promise.all(nexts.map((next) => codeOf(accounts.resetPassword(token, next))))
    assert.deepEqual(outcomes.toSorted(), ['fulfilled', 'reset_token_invalid'])
    for (const [index, next] of nexts.entries()) {
      const expected = outcomes[index] === 'fulfilled' ? 'fulfilled' : 'invalid_credentials'
      assert.equal(await codeOf(accounts.login({ email: EMAIL }, next)), expected)
    }
  })

  for (const [what, lifetime, minutes] of [
    ['ten minutes', undefined, 10],
    ['as long as it was made for', 3_600_000, 60],
  ] as const) {
    it(`PW-11 works for ${what}, and not a millisecond longer`, async (t) => {
      const { accounts, clock } = await setUp(t)
      const { user } = await accounts.signup(ADA)
      const expiries: (string | undefined)[] = []
      for (const wait of [minutes * 60_000, minutes * 60_000 - 1]) {
        const reset = await accounts.createReset(user.id, lifetime)
        assert.equal(reset?.expiresAt, clock.now + minutes * 60_000)
        clock.now += wait
        expiries.push(await codeOf(accounts.resetPassword(reset.token, NEXT)))
      }
      assert.deepEqual(expiries, ['reset_token_invalid', 'fulfilled'])
    })
  }

  it('PW-11 works by the newest link only, and not by one from before a password change or another reset', async (t) => {
    const { accounts, resetOf } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const [first, second] = [await resetOf(user.id), await resetOf(user.id)]
    assert.notEqual(first, second)
    assert.equal(await codeOf(accounts.resetPassword(first, NEXT)), 'reset_token_invalid')
    await accounts.changePassword(user.id, PASSWORD, NEXT)
    assert.equal(await codeOf(accounts.resetPassword(second, PASSWORD)), 'reset_token_invalid')
    assert.equal(await codeOf(accounts.resetPassword(await resetOf(user.id), PASSWORD)), 'fulfilled')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'fulfilled')
  })

  it('PW-11 keeps 256 random bits’ digest and never the token itself: neither in the files nor in the events', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-accounts-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const { accounts, events, resetOf } = await setUp(t, {}, { file: join(folder, 'latchkey.db') })
    const { user } = await accounts.signup(ADA)
    const token = await resetOf(user.id)
    assert.equal(Buffer.from(token, 'base64url').length, 32)
    const bytes = Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))
    assert.ok(bytes.includes(createHash('sha256').update(token).digest('base64url')), 'the dump is a whole one')
    for (const form of [token, Buffer.from(token, 'base64url'), Buffer.from(token, 'base64url').toString('hex')]) {
      assert.ok(!bytes.includes(form))
    }
    assert.ok(!JSON.stringify(events).includes(token))
  })

  it('PW-01 PW-07 holds the new password to the policy, after which the token is still good', async (t) => {
    const { accounts, resetOf, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const token = await resetOf(user.id)
    assert.equal(await codeOf(accounts.resetPassword(token, 'short')), 'validation_failed')
    assert.equal(await codeOf(accounts.resetPassword(token, 'passwordpassword')), 'password_too_common')
    assert.equal(await codeOf(accounts.resetPassword(token, `${EMAIL}-2026`)), 'password_too_common', 'her own name')
    assert.equal((await sessions.list(user.id)).length, 1)
    assert.equal(await codeOf(accounts.resetPassword(token, NEXT)), 'fulfilled')
  })

  it('tells nothing of the policy, and hashes nothing, for a token that is unknown', async (t) => {
    const { accounts, passwords } = await setUp(t)
    const hash = t.mock.method(passwords, 'hash')
    for (const token of ['', 'unknown', 'x'.repeat(100_000)]) {
      assert.equal(await codeOf(accounts.resetPassword(token, 'short')), 'reset_token_invalid')
    }
    assert.equal(hash.mock.callCount(), 0)
  })

  it('is not for an account that is unknown, deleted or disabled', async (t) => {
    const { accounts, resetOf } = await setUp(t)
    assert.equal(await accounts.createReset('unknown'), null)
    const { user } = await accounts.signup(ADA)
    const token = await resetOf(user.id)
    await accounts.disable(user.id)
    assert.equal(await accounts.createReset(user.id), null)
    assert.equal(await codeOf(accounts.resetPassword(token, NEXT)), 'reset_token_invalid')
    await accounts.enable(user.id)
    const again = await resetOf(user.id)
    await accounts.delete(user.id)
    assert.equal(await accounts.createReset(user.id), null)
    assert.equal(await codeOf(accounts.resetPassword(again, NEXT)), 'reset_token_invalid')
  })

  it('RL-04 is the way back in: it ends the wait that wrong passwords cost', async (t) => {
    const { accounts, resetOf } = await setUp(t, {}, { limited: true })
    const { user } = await accounts.signup(ADA)
    const guess = () => codeOf(accounts.login({ email: EMAIL }, 'wrong'))
    for (let attempt = 0; attempt <= FREE_ATTEMPTS; attempt++) assert.equal(await guess(), 'invalid_credentials')
    assert.equal(await guess(), 'rate_limited')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'rate_limited')
    await accounts.resetPassword(await resetOf(user.id), NEXT)
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, NEXT)), 'fulfilled')
    for (let attempt = 0; attempt <= FREE_ATTEMPTS; attempt++) assert.equal(await guess(), 'invalid_credentials')
    assert.equal(await guess(), 'rate_limited', 'and counting begins anew')
  })

  it('RL-04 is the way back in whichever name the wrong passwords were given with', async (t) => {
    const { accounts, resetOf } = await setUp(t, {}, { limited: true })
    const { user } = await accounts.signup(ADA)
    for (const name of [{ email: EMAIL }, { username: 'ada' }]) {
      for (let attempt = 0; attempt <= FREE_ATTEMPTS; attempt++) await codeOf(accounts.login(name, 'wrong'))
      assert.equal(await codeOf(accounts.login(name, PASSWORD)), 'rate_limited')
    }
    await accounts.resetPassword(await resetOf(user.id), NEXT)
    for (const name of [{ email: EMAIL }, { username: 'ada' }]) {
      assert.equal(await codeOf(accounts.login(name, NEXT)), 'fulfilled')
    }
  })
})

describe('disabling an account', () => {
  it('LO-06 ends its sessions and access tokens, is told once, and touches nobody else', async (t) => {
    const { accounts, sessions, events, isSignedIn } = await setUp(t)
    const { user, tokens } = await accounts.signup(ADA)
    const bob = await accounts.signup({ ...ADA, email: 'bob@example.com', username: 'bob' })
    assert.equal(await isSignedIn(tokens.accessToken), 'fulfilled')
    events.length = 0
    assert.equal(await accounts.disable(user.id), true)
    assert.deepEqual(
      events.map((event) => [event.type, 'reason' in event ? event.reason : null]),
      [
        ['account_disabled', null],
        ['session_ended', 'account_disabled'],
      ],
    )
    assert.equal(await codeOf(sessions.refresh(tokens.refreshToken)), 'session_revoked')
    assert.equal(await isSignedIn(tokens.accessToken), 'session_revoked')
    assert.deepEqual(await sessions.list(user.id), [])
    assert.equal(await isSignedIn(bob.tokens.accessToken), 'fulfilled')
    assert.equal((await sessions.refresh(bob.tokens.refreshToken)).decision, 'turn')
    assert.deepEqual([await accounts.disable('unknown'), await accounts.enable('unknown')], [false, false])
  })

  it('PW-10 is answered as a wrong password is, and the password can be neither checked nor changed', async (t) => {
    const { accounts } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const wrong = await refusalOf(accounts.login({ email: EMAIL }, 'wrong'))
    await accounts.disable(user.id)
    for (const password of [PASSWORD, 'wrong']) {
      const refusal = await refusalOf(accounts.login({ email: EMAIL }, password))
      assert.deepEqual([refusal.code, refusal.message, refusal.facts], [wrong.code, wrong.message, wrong.facts])
    }
    assert.equal(await codeOf(accounts.checkPassword(user.id, PASSWORD)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.changePassword(user.id, PASSWORD, NEXT)), 'invalid_credentials')
  })

  it('PW-10 RL-05 counts against the limit as a wrong password does', async (t) => {
    const { accounts } = await setUp(t, {}, { limited: true })
    const { user } = await accounts.signup(ADA)
    await accounts.disable(user.id)
    for (let attempt = 0; attempt <= FREE_ATTEMPTS; attempt++) {
      assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    }
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'rate_limited')
  })

  it('LO-06 that races a login leaves no session behind', async (t) => {
    const { accounts, passwords, sessions } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    const { held, release } = passwords.holdNextCheck()
    const late = codeOf(accounts.login({ email: EMAIL }, PASSWORD))
    await held
    await accounts.disable(user.id)
    release()
    assert.equal(await late, 'invalid_credentials')
    assert.deepEqual(await sessions.list(user.id), [])
  })

  it('is undone by enabling: login works again, and what had ended stays ended', async (t) => {
    const { accounts, sessions, events } = await setUp(t)
    const { user, tokens } = await accounts.signup(ADA)
    await accounts.disable(user.id)
    events.length = 0
    assert.equal(await accounts.enable(user.id), true)
    assert.deepEqual(events, [{ type: 'account_enabled', subject: user.id }])
    assert.equal(await codeOf(sessions.refresh(tokens.refreshToken)), 'session_revoked')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'fulfilled')
    assert.equal((await sessions.list(user.id)).length, 1)
  })
})

describe('deleting an account', () => {
  it('LO-06 SE-09 ends its sessions, is told once, and frees its name for an account with another subject', async (t) => {
    const { accounts, sessions, events } = await setUp(t)
    const { user, tokens } = await accounts.signup(ADA)
    events.length = 0
    await accounts.delete(user.id)
    await accounts.delete(user.id)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['session_ended', 'account_deleted'],
    )
    assert.equal(await codeOf(sessions.refresh(tokens.refreshToken)), 'session_revoked')
    assert.equal(await codeOf(accounts.login({ email: EMAIL }, PASSWORD)), 'invalid_credentials')
    assert.equal(await codeOf(accounts.find(user.id)), 'session_revoked')
    assert.notEqual((await accounts.signup(ADA)).user.id, user.id)
  })
})

describe('a store that is away', () => {
  it('is store_unavailable for every one of these, never a wrong password (RT-11)', async (t) => {
    const { accounts, store } = await setUp(t)
    const { user } = await accounts.signup(ADA)
    await store.close()
    const calls = {
      signup: () => accounts.signup(ADA),
      login: () => accounts.login({ email: EMAIL }, PASSWORD),
      find: () => accounts.find(user.id),
      changePassword: () => accounts.changePassword(user.id, PASSWORD, NEXT),
      createReset: () => accounts.createReset(user.id),
      resetPassword: () => accounts.resetPassword('token', NEXT),
      disable: () => accounts.disable(user.id),
      enable: () => accounts.enable(user.id),
      delete: () => accounts.delete(user.id),
    }
    for (const [name, call] of Object.entries(calls)) assert.equal(await codeOf(call()), 'store_unavailable', name)
  })
})

/** Counts checks, and can hold one back until it is let go. */
class WatchedPasswords extends Passwords {
  checks = 0
  #hold: { readonly reached: () => void; readonly released: Promise<void> } | undefined

  holdNextCheck() {
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    this.#hold = { reached: reached.resolve, released: released.promise }
    return { held: reached.promise, release: released.resolve }
  }

  override async verify(stored: string | null, password: string): Promise<boolean> {
    this.checks++
    const hold = this.#hold
    this.#hold = undefined
    const matches = await super.verify(stored, password)
    hold?.reached()
    await hold?.released
    return matches
  }
}

type Setup = Awaited<ReturnType<typeof setUp>>

async function setUp(t: TestContext, hashing = {}, { file = ':memory:', limited = false } = {}) {
  const clock = { now: 1_800_000_000_000 }
  const events: LatchkeyEvent[] = []
  const store = sqliteStore(file, { now: () => clock.now })
  const latchkey = await createLatchkey({
    issuer: 'https://app.example.com/auth',
    store,
    accounts: false,
    now: () => clock.now,
    onEvent: (event) => events.push(event),
  })
  t.after(() => latchkey.close())
  const { sessions } = latchkey
  const passwords = new WatchedPasswords(hashing)
  const accounts = new Accounts(store.accounts, {
    sessions,
    passwords,
    policy: new PasswordPolicy(15, 'https://app.example.com/auth'),
    limits: new Limits(limited, () => {}),
    emit: (event) => events.push(event),
    randomId: () => crypto.randomUUID(),
  })

  /** An account as an import makes it. */
  const seed = async (passwordHash: string) => {
    const account = await store.accounts.create(newAccount({ email: EMAIL, passwordHash }))
    assert.ok(account)
    return account
  }
  const hashOf = async (id: string) => (await store.accounts.findById(id))?.passwordHash
  const resetOf = async (id: string) => {
    const reset = await accounts.createReset(id)
    assert.ok(reset)
    return reset.token
  }
  const isSignedIn = (accessToken: string) => {
    const headers = { authorization: `Bearer ${accessToken}` }
    return codeOf(latchkey.authenticate(new Request('https://app.example.com/', { headers })))
  }
  return { accounts, sessions, passwords, store, clock, events, seed, hashOf, resetOf, isSignedIn }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'fulfilled'
  } catch (error) {
    if (error instanceof LatchkeyError) return error.code
    throw error
  }
}

async function refusalOf(promise: Promise<unknown>): Promise<LatchkeyError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof LatchkeyError) return error
  }
  return assert.fail('was not refused')
}
