import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { decodeRefreshToken, encodeRefreshToken } from '@latchkey/protocol/refresh-token'
import type { LatchkeyEvent } from '../events.ts'
import { deriveKeys } from '../keys/secret.ts'
import { createLatchkey, type LatchkeyOptions } from '../latchkey.ts'
import { sqliteStore } from '../stores/sqlite/sqlite-store.ts'
import type { SessionStore, Store } from '../stores/store.ts'
import { withChanges } from '../stores/testing/with-changes.ts'

const SECRET = 'q7Zr0xkQ3mV8nB5tYw2LhJ6dPf9sGcA1'
const OTHER_SECRET = 'T4hK9vRz1yWnC6uXe0SjLq3oMb8iFgD5'
const ISSUER = 'https://app.example.com/auth'
const START = 1_800_000_000_000
const MINUTE = 60_000
const DAY = 86_400_000

describe('starting a session', () => {
  it('gives an access token, a first refresh token and the session', async (t) => {
    const { sessions, clock } = await setUp(t)
    const tokens = await sessions.start({ subject: 'ada', scope: 'read', userAgent: 'Firefox' })
    const { sid, ...session } = tokens.session
    assert.deepEqual(session, {
      subject: 'ada',
      delivery: 'cookie',
      scope: 'read',
      createdAt: clock.store,
      lastUsedAt: clock.store,
      expiresAt: clock.store + 30 * DAY,
      device: { userAgent: 'Firefox' },
    })
    assert.deepEqual([tokens.decision, tokens.expiresIn, tokens.refreshExpiresIn], ['start', 900, (7 * DAY) / 1000])
    assert.deepEqual(claimsOf(tokens.refreshToken).sid, sid)
  })

  for (const subject of ['', 'a'.repeat(256), '日'.repeat(86), 'a\u0000b', 'a\nb', 'a\ud800']) {
    it(`refuses the subject ${JSON.stringify(subject.slice(0, 5))}… and stores nothing`, async (t) => {
      const { sessions, events } = await setUp(t)
      assert.equal(await codeOf(sessions.start({ subject })), 'validation_failed')
      assert.deepEqual(events, [])
    })
  }

  for (const subject of ['a'.repeat(255), '日'.repeat(85), '"'.repeat(255), 'ユーザー 1', '😀']) {
    it(`takes the subject ${subject.slice(0, 5)}… and refreshes it`, async (t) => {
      const { sessions, refresh } = await setUp(t, { issuer: `https://app.example.com/${'a'.repeat(231)}` })
      const { refreshToken } = await sessions.start({ subject })
      assert.equal(await refresh(refreshToken), 'turn')
      assert.equal((await sessions.list(subject)).length, 1)
    })
  }
})

describe('refreshing', () => {
  it('turns at first use, holds for turnEvery, then turns again', async (t) => {
    const { sessions, clock } = await setUp(t)
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    const first = await sessions.refresh(refreshToken)
    assert.equal(first.decision, 'turn')
    assert.ok(first.refreshToken)
    clock.advance(MINUTE - 1)
    const held = await sessions.refresh(first.refreshToken)
    assert.deepEqual([held.decision, held.refreshToken, held.refreshExpiresIn], ['hold', null, null])
    assert.ok(held.accessToken)
    clock.advance(1)
    const second = await sessions.refresh(first.refreshToken)
    assert.equal(second.decision, 'turn')
    assert.equal(second.session.lastUsedAt, clock.store)
    assert.equal(claimsOf(second.refreshToken).gen, 3)
  })

  it('replays the promoted token with another successor each time', async (t) => {
    const { sessions } = await setUp(t)
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    const answers = [await sessions.refresh(refreshToken), await sessions.refresh(refreshToken)]
    assert.deepEqual(
      answers.map(({ decision }) => decision),
      ['turn', 'replay'],
    )
    const [a, b] = answers.map((answer) => claimsOf(answer.refreshToken))
    assert.equal(a?.gen, b?.gen)
    assert.notEqual(a?.jti, b?.jti)
  })

  it('fifty times at once with one token turns once; of the successors one will ever work (RT-04)', async (t) => {
    const { sessions, refresh } = await setUp(t, { turnEvery: '0s' })
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    const answers = await Promise.all(Array.from({ length: 50 }, () => sessions.refresh(refreshToken)))
    assert.equal(answers.filter(({ decision }) => decision === 'turn').length, 1)
    const successors = answers.map((answer) => answer.refreshToken ?? '')
    const outcomes = await Promise.all(successors.map(refresh))
    assert.equal(outcomes.filter((outcome) => outcome === 'turn').length, 1)
    assert.ok(outcomes.every((outcome) => ['turn', 'refresh_token_reused', 'session_revoked'].includes(outcome)))
  })

  const lates = [
    { after: 0, userAgent: 'Firefox/1.0', late: false, otherDevice: false },
    { after: MINUTE - 1, userAgent: 'Firefox/2.1', late: false, otherDevice: false },
    { after: MINUTE, userAgent: 'Firefox/2.1', late: true, otherDevice: false },
    { after: 0, userAgent: 'curl/8.0', late: false, otherDevice: true },
    { after: DAY, userAgent: undefined, late: true, otherDevice: true },
  ]
  for (const { after, userAgent, ...expected } of lates) {
    it(`reports a replay ${after / 1000} s later from ${userAgent ?? 'nowhere'} as ${JSON.stringify(expected)}`, async (t) => {
      const { sessions, clock, events } = await setUp(t)
      const { refreshToken, session } = await sessions.start({ subject: 'ada' })
      await sessions.refresh(refreshToken, { userAgent: 'Firefox/1.0' })
      clock.advance(after)
      await sessions.refresh(refreshToken, { userAgent })
      assert.deepEqual(events.at(-1), {
        type: 'session_replayed',
        subject: 'ada',
        sid: session.sid,
        gen: 1,
        ...expected,
      })
    })
  }

  for (const [delivery, arrivedIn] of [
    ['cookie', 'body'],
    ['cookies', 'body'],
    ['body', 'cookie'],
  ] as const) {
    it(`refuses a ${delivery} session’s token that arrived in a ${arrivedIn}, and keeps the session`, async (t) => {
      const { sessions } = await setUp(t)
      const { refreshToken } = await sessions.start({ subject: 'ada', delivery })
      assert.equal(await codeOf(sessions.refresh(refreshToken, { arrivedIn })), 'refresh_token_invalid')
      const right = arrivedIn === 'body' ? 'cookie' : 'body'
      assert.equal((await sessions.refresh(refreshToken, { arrivedIn: right })).decision, 'turn')
    })
  }

  it('refuses tokens of another issuer, another secret, another store, and what is no token', async (t) => {
    const { sessions, refresh } = await setUp(t)
    await sessions.start({ subject: 'ada' })
    for (const options of [{ issuer: 'https://other.example.com/auth' }, { secret: OTHER_SECRET }, {}]) {
      const other = await setUp(t, options)
      assert.equal(
        await refresh((await other.sessions.start({ subject: 'ada' })).refreshToken),
        'refresh_token_invalid',
      )
    }
    for (const garbage of ['', '.', '..', 'a.b.c', 'x'.repeat(5000)]) {
      assert.equal(await refresh(garbage), 'refresh_token_invalid')
    }
  })

  it('SE-02 refuses what was forged with the server secret but without the session’s own key, also for signing out', async (t) => {
    const { sessions, refresh } = await setUp(t)
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    const { refreshToken: key } = deriveKeys(SECRET)
    const claims = decodeRefreshToken(refreshToken, [key], ISSUER)
    for (const change of [{ key: 'guessed' }, { sub: 'bob' }, { sid: 'other' }]) {
      const forged = encodeRefreshToken({ ...claims, gen: 9, ...change }, key)
      assert.equal(await refresh(forged), 'refresh_token_invalid')
      assert.equal(await sessions.revokeByToken(forged, 'signed_out'), false)
    }
    assert.equal(await refresh(refreshToken), 'turn')
  })

  it('reads tokens under every secret and makes them under the first', async (t) => {
    const store = sqliteStore(':memory:', { now: () => START })
    const old = await setUp(t, { store, secret: OTHER_SECRET })
    const { refreshToken } = await old.sessions.start({ subject: 'ada' })
    const both = await setUp(t, { store, secret: [SECRET, OTHER_SECRET] })
    const turned = await both.sessions.refresh(refreshToken)
    assert.equal(await old.refresh(turned.refreshToken ?? ''), 'refresh_token_invalid')
    assert.equal(await both.refresh(turned.refreshToken ?? ''), 'hold')
  })
})

describe('a superseded refresh token (P2, P3)', () => {
  it('of any age, and any sibling, yields nothing and ends the session for both parties', async (t) => {
    const { sessions, clock, refresh, events } = await setUp(t)
    const history = async () => {
      const { refreshToken, session } = await sessions.start({ subject: 'ada' })
      const superseded: string[] = []
      let current = refreshToken
      for (let turn = 0; turn < 4; turn++) {
        const { refreshToken: next } = await sessions.refresh(current)
        const { refreshToken: sibling } = await sessions.refresh(current)
        superseded.push(current, sibling ?? '')
        current = next ?? ''
        clock.advance(MINUTE)
      }
      await sessions.refresh(current)
      return { superseded, current, sid: session.sid }
    }
    const { length } = (await history()).superseded
    for (let index = 0; index < length; index++) {
      const { superseded, current, sid } = await history()
      events.length = 0
      assert.equal(await refresh(superseded[index] ?? ''), 'refresh_token_reused')
      assert.deepEqual(
        events.map((event) => [event.type, 'reason' in event && event.reason]),
        [
          ['session_ended', 'reused'],
          ['refresh_token_reused', false],
        ],
      )
      for (const token of [...superseded, current]) assert.equal(await refresh(token), 'session_revoked')
      assert.equal(await sessions.findLive(sid), null)
    }
  })

  it('presented ten times at once is reported and ends the session once', async (t) => {
    const { sessions, clock, refresh, events } = await setUp(t)
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    const { refreshToken: next } = await sessions.refresh(refreshToken)
    clock.advance(MINUTE)
    await sessions.refresh(next ?? '')
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)))
    assert.ok(outcomes.every((outcome) => outcome === 'refresh_token_reused' || outcome === 'session_revoked'))
    assert.equal(events.filter(({ type }) => type === 'session_ended').length, 1)
  })
})

describe('the limits of a session (P4)', () => {
  it('SE-06 idle: a refresh token lives that long from its issue, and turning starts it anew', async (t) => {
    const { sessions, clock, refresh } = await setUp(t, { idleTtl: '7d' })
    let { refreshToken }: { refreshToken: string | null } = await sessions.start({ subject: 'ada' })
    for (let turn = 0; turn < 3; turn++) {
      clock.advance(7 * DAY - 1000)
      refreshToken = (await sessions.refresh(refreshToken ?? '')).refreshToken
    }
    clock.advance(7 * DAY)
    assert.equal(await refresh(refreshToken ?? ''), 'refresh_token_expired')
  })

  it('SE-05 absolute: nothing lives longer, neither the session nor a token of it', async (t) => {
    const { sessions, clock, refresh } = await setUp(t, { idleTtl: '30d' })
    const { refreshToken, refreshExpiresIn } = await sessions.start({ subject: 'ada' })
    assert.equal(refreshExpiresIn, (30 * DAY) / 1000)
    clock.advance(30 * DAY - 10_000)
    const last = await sessions.refresh(refreshToken)
    assert.deepEqual([last.expiresIn, last.refreshExpiresIn], [10, 10])
    clock.advance(10_000)
    for (const token of [refreshToken, last.refreshToken ?? ''])
      assert.equal(await refresh(token), 'refresh_token_expired')
    assert.equal(await sessions.findLive(last.session.sid), null)
    assert.deepEqual(await sessions.list('ada'), [])
  })

  it('are read on the store’s clock: a node whose own is behind does not lengthen them', async (t) => {
    const { sessions, clock, refresh } = await setUp(t, { idleTtl: '1h', absoluteTtl: '1h' })
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    clock.store += 60 * MINUTE
    assert.equal(await refresh(refreshToken), 'refresh_token_expired')
  })

  it('hide a session from the list once no token of it can be alive', async (t) => {
    const { sessions, clock } = await setUp(t, { idleTtl: '7d' })
    await sessions.start({ subject: 'ada' })
    clock.advance(14 * DAY - 1)
    assert.equal((await sessions.list('ada')).length, 1)
    clock.advance(1)
    assert.deepEqual(await sessions.list('ada'), [])
  })
})

describe('ending sessions', () => {
  it('one: true once, and no token of it ever works again (P4)', async (t) => {
    const { sessions, clock, refresh, events } = await setUp(t)
    const { refreshToken, session } = await sessions.start({ subject: 'ada' })
    const { refreshToken: next } = await sessions.refresh(refreshToken)
    assert.equal(await sessions.revoke(session.sid), true)
    assert.equal(await sessions.revoke(session.sid), false)
    assert.equal(await sessions.revoke('unknown'), false)
    for (const wait of [0, MINUTE, DAY]) {
      clock.advance(wait)
      for (const token of [refreshToken, next ?? '']) assert.equal(await refresh(token), 'session_revoked')
    }
    const ended = events.filter(({ type }) => type === 'session_ended')
    assert.deepEqual(ended, [{ type: 'session_ended', subject: 'ada', sid: session.sid, reason: 'revoked' }])
  })

  it('all of a subject’s, and nobody else’s', async (t) => {
    const { sessions, refresh, events } = await setUp(t)
    const tokens = [await sessions.start({ subject: 'ada' }), await sessions.start({ subject: 'ada' })]
    const bystander = await sessions.start({ subject: 'bob' })
    assert.equal(await sessions.revokeAll('ada', 'signed_out_everywhere'), 2)
    assert.equal(await sessions.revokeAll('ada'), 0)
    for (const { refreshToken } of tokens) assert.equal(await refresh(refreshToken), 'session_revoked')
    assert.equal(await refresh(bystander.refreshToken), 'turn')
    assert.equal(events.filter((event) => event.type === 'session_ended').length, 2)
  })

  const presented: Record<string, (set: Awaited<ReturnType<typeof setUp>>, first: string) => Promise<string>> = {
    'that is current': async ({ sessions }, first) => (await sessions.refresh(first)).refreshToken ?? '',
    'that is superseded': async ({ sessions, clock }, first) => {
      const { refreshToken } = await sessions.refresh(first)
      clock.advance(MINUTE)
      await sessions.refresh(refreshToken ?? '')
      return first
    },
    'that has expired': async ({ clock }, first) => {
      clock.advance(8 * DAY)
      return first
    },
  }
  for (const [what, present] of Object.entries(presented)) {
    it(`by a refresh token ${what}`, async (t) => {
      const set = await setUp(t)
      const { refreshToken, session } = await set.sessions.start({ subject: 'ada' })
      const token = await present(set, refreshToken)
      assert.equal(await set.sessions.revokeByToken(token, 'signed_out'), true)
      assert.equal(await set.sessions.findLive(session.sid), null)
      assert.equal(await set.sessions.revokeByToken(token, 'signed_out'), false)
    })
  }

  it('by what is no token of theirs: nothing ends', async (t) => {
    const { sessions, refresh } = await setUp(t)
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    const forger = await setUp(t, { secret: OTHER_SECRET })
    const forged = await forger.sessions.start({ subject: 'ada' })
    for (const token of ['', 'garbage', forged.refreshToken, `${refreshToken}A`, refreshToken.slice(0, -1)]) {
      assert.equal(await sessions.revokeByToken(token, 'signed_out'), false)
    }
    assert.equal(await refresh(refreshToken), 'turn')
  })
})

describe('the cap on sessions', () => {
  it('RL-06 ends the least recently used when there is one more, for session_limit, and tells', async (t) => {
    const { sessions, clock, events, refresh } = await setUp(t, { maxSessions: '3' })
    const tokens: string[] = []
    for (let login = 0; login < 3; login++) {
      tokens.push((await sessions.start({ subject: 'ada' })).refreshToken)
      clock.advance(MINUTE)
    }
    const [oldest = '', second = '', third = ''] = tokens
    const { refreshToken: current, session: used } = await sessions.refresh(oldest)
    clock.advance(MINUTE)
    assert.equal((await sessions.list('ada')).length, 3)
    events.length = 0
    const newest = await sessions.start({ subject: 'ada' })
    const ended = claimsOf(second).sid
    assert.deepEqual(events, [
      { type: 'session_started', subject: 'ada', sid: newest.session.sid },
      { type: 'session_ended', subject: 'ada', sid: ended, reason: 'session_limit' },
    ])
    assert.equal(await refresh(second), 'session_revoked')
    assert.equal(await sessions.findLive(String(ended)), null)
    for (const token of [current ?? '', third, newest.refreshToken]) assert.equal(await refresh(token), 'turn')
    assert.ok(
      (await sessions.list('ada')).some(({ sid }) => sid === used.sid),
      'the first, which is in use, stays',
    )
  })

  it('RL-06 ends nothing up to the cap, counts no session that has ended, and each subject for itself', async (t) => {
    const { sessions, events } = await setUp(t, { maxSessions: '2' })
    for (const subject of ['ada', 'bob']) {
      await sessions.start({ subject })
      const { session } = await sessions.start({ subject })
      await sessions.revoke(session.sid, 'signed_out')
      await sessions.start({ subject })
      assert.equal((await sessions.list(subject)).length, 2)
    }
    const reasons = events.map((event) => 'reason' in event && event.reason)
    assert.ok(!reasons.includes('session_limit'))
  })

  for (const [when, step] of Object.entries({
    'within one millisecond': 0,
    'while the clock runs backwards': -MINUTE,
    'as time goes by': MINUTE,
  })) {
    it(`RL-06 never ends the new one, with twenty logins ${when}`, async (t) => {
      const { sessions, clock, refresh } = await setUp(t, { maxSessions: '1', turnEvery: '0s' })
      let before: string | undefined
      for (let login = 0; login < 20; login++) {
        const { refreshToken, session } = await sessions.start({ subject: 'ada' })
        assert.deepEqual(
          (await sessions.list('ada')).map(({ sid }) => sid),
          [session.sid],
        )
        assert.equal(await refresh(refreshToken), 'turn')
        if (before !== undefined) assert.equal(await refresh(before), 'session_revoked')
        before = refreshToken
        clock.store += step
      }
    })
  }

  it('RL-06 is kept by fifty logins at once, each ended one told once', async (t) => {
    const { sessions, events, refresh } = await setUp(t, { maxSessions: '5' })
    const started = await Promise.all(Array.from({ length: 50 }, () => sessions.start({ subject: 'ada' })))
    const live = (await sessions.list('ada')).map(({ sid }) => sid)
    assert.equal(live.length, 5)
    const ended = events.flatMap((event) => (event.type === 'session_ended' ? [event.sid] : []))
    assert.deepEqual([...live, ...ended].sort(), started.map(({ session }) => session.sid).sort())
    for (const { refreshToken, session } of started) {
      assert.equal(await refresh(refreshToken), live.includes(session.sid) ? 'turn' : 'session_revoked')
    }
  })

  it('is a hundred unless set', async (t) => {
    const { sessions } = await setUp(t)
    for (let login = 0; login < 102; login++) await sessions.start({ subject: 'ada' })
    assert.equal((await sessions.list('ada')).length, 100)
  })
})

describe('a store that fails', () => {
  const failures: Record<string, (promote: SessionStore['promote']) => SessionStore['promote']> = {
    'before it promotes': () => async () => {
      throw new LatchkeyError('store_unavailable')
    },
    'after it has promoted': (promote) => async (promotion) => {
      await promote(promotion)
      throw new LatchkeyError('store_unavailable')
    },
    'by losing every race': (promote) => async (promotion) => ({
      ...(await promote({ ...promotion, keyHash: 'other' })),
      promoted: false,
    }),
  }
  for (const [when, fail] of Object.entries(failures)) {
    it(`${when}: store_unavailable, nothing is revoked, and the same token works afterwards (RT-11)`, async (t) => {
      const store = sqliteStore(':memory:', { now: () => START })
      let fails = false
      const flaky = withPromote(store, (promotion) =>
        (fails
          ? fail((given) => store.sessions.promote(given))
          : (given: typeof promotion) => store.sessions.promote(given))(promotion),
      )
      const { sessions, refresh, events } = await setUp(t, { store: flaky })
      const { refreshToken } = await sessions.start({ subject: 'ada' })
      fails = true
      for (let attempt = 0; attempt < 3; attempt++) assert.equal(await refresh(refreshToken), 'store_unavailable')
      fails = false
      assert.match(await refresh(refreshToken), /^(turn|replay)$/)
      assert.ok(events.every(({ type }) => type !== 'session_ended'))
    })
  }

  it('while a reused token is answered: not told as ended before it is', async (t) => {
    const store = sqliteStore(':memory:', { now: () => START })
    const { sessions, refresh, events, clock } = await setUp(t, { store, turnEvery: '0s' })
    const { refreshToken } = await sessions.start({ subject: 'ada' })
    const { refreshToken: next } = await sessions.refresh(refreshToken)
    await sessions.refresh(next ?? '')
    const revoke = t.mock.method(store.sessions, 'revoke', async () => {
      throw new LatchkeyError('store_unavailable')
    })
    clock.advance(1)
    assert.equal(await refresh(refreshToken), 'store_unavailable')
    assert.ok(events.every(({ type }) => type !== 'refresh_token_reused'))
    revoke.mock.restore()
    assert.equal(await refresh(refreshToken), 'refresh_token_reused')
  })
})

describe('the application’s callbacks', () => {
  it('are told every step of a session', async (t) => {
    const { sessions, events, clock } = await setUp(t)
    const { refreshToken, session } = await sessions.start({ subject: 'ada' })
    const { refreshToken: next } = await sessions.refresh(refreshToken)
    await sessions.refresh(refreshToken)
    await sessions.refresh(next ?? '')
    clock.advance(MINUTE)
    await sessions.refresh(next ?? '')
    await codeOf(sessions.refresh(refreshToken))
    assert.deepEqual(
      events.map(({ type }) => type),
      [
        'session_started',
        'session_turned',
        'session_replayed',
        'session_held',
        'session_turned',
        'session_ended',
        'refresh_token_reused',
      ],
    )
    for (const event of events) assert.equal('sid' in event && event.sid, session.sid)
    assert.ok(!JSON.stringify(events).includes('.'), 'no token is in an event')
  })

  it('LG-04 when onEvent throws, nothing changes, and the fault is reported', async (t) => {
    const faults: unknown[] = []
    const onEvent = () => {
      throw new Error('listener')
    }
    const { sessions, clock } = await setUp(t, { onEvent, onFault: (fault) => faults.push(fault) })
    const { refreshToken, session } = await sessions.start({ subject: 'ada' })
    const { refreshToken: next } = await sessions.refresh(refreshToken)
    clock.advance(MINUTE)
    assert.equal((await sessions.refresh(next ?? '')).decision, 'turn')
    assert.equal(await codeOf(sessions.refresh(refreshToken)), 'refresh_token_reused')
    assert.equal(await sessions.findLive(session.sid), null)
    assert.equal(faults.length, 5)
  })

  it('when claims throws, or sets what latchkey sets, the refresh fails and the session stays', async (t) => {
    let extra: Record<string, unknown> | Error = { role: 'admin' }
    const claims = () => {
      if (extra instanceof Error) throw extra
      return extra
    }
    const { sessions, refresh } = await setUp(t, { claims })
    const { refreshToken, accessToken } = await sessions.start({ subject: 'ada' })
    assert.equal(claimsOf(accessToken).role, 'admin')
    for (extra of [new Error('callback'), { sub: 'mallory' }, { exp: 9e9 }, { sid: 'other' }]) {
      await assert.rejects(sessions.refresh(refreshToken))
    }
    extra = {}
    assert.equal(await refresh(refreshToken), 'replay')
  })
})

/** A library with one clock for the store and one for the node; they go together unless a test parts them. */
async function setUp(t: TestContext, options: LatchkeyOptions = {}) {
  const clock = {
    store: START,
    node: START,
    advance(milliseconds: number) {
      clock.store += milliseconds
      clock.node += milliseconds
    },
  }
  const events: LatchkeyEvent[] = []
  const latchkey = await createLatchkey({
    issuer: ISSUER,
    secret: SECRET,
    store: sqliteStore(':memory:', { now: () => clock.store }),
    accounts: false,
    now: () => clock.node,
    onEvent: (event) => events.push(event),
    ...options,
  })
  t.after(() => latchkey.close())
  const { sessions } = latchkey
  const refresh = (token: string) => sessions.refresh(token).then(({ decision }) => decision, toCode)
  return { sessions, clock, events, refresh }
}

function withPromote(store: Store, promote: SessionStore['promote']): Store {
  const { name, accounts, keys, sessions } = store
  return {
    name,
    accounts,
    keys,
    ping: () => store.ping(),
    close: () => store.close(),
    sessions: withChanges(sessions, { promote }),
  }
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'fulfilled', toCode)
}

function toCode(error: unknown): string {
  if (error instanceof LatchkeyError) return error.code
  throw error
}

function claimsOf(token: string | null): Record<string, unknown> {
  return JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString())
}
