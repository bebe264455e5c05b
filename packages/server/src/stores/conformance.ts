/** The contract of `store.ts` as tests: each of its sentences is one. Every engine's store passes all of them. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { LatchkeyError } from '@latchkey/protocol/errors'
import { REVOKED_REASONS, type SessionRow } from '@latchkey/protocol/rotation'
import type { Account, NewAccount, NewSession, Promotion, Store, StoredKey } from './store.ts'

/** An empty store whose clock the tests move. */
export interface OpenedStore {
  readonly store: Store
  /** Moves the store's clock, for every node. */
  readonly advance: (milliseconds: number) => void | Promise<void>
  /** A second node on the same data, for engines that can have one; the suite closes it. */
  readonly peer?: () => Promise<Store>
  /** Called after the store has been closed. */
  readonly cleanUp?: () => void | Promise<void>
}

const HOUR = 3_600_000
const TURN_EVERY = 60_000

/** Declares the suite. `open` is called before each test. */
export function conformance(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} keeps the contract of a store`, () => {
    let opened: OpenedStore
    let store: Store
    /** A second node where there can be one, else the first: races are run between the two. */
    let other: Store

    beforeEach(async () => {
      opened = await open()
      store = opened.store
      other = (await opened.peer?.()) ?? store
    })

    afterEach(async () => {
      await other.close()
      await store.close()
      await opened.cleanUp?.()
    })

    const startSession = async (change: Partial<NewSession> = {}): Promise<SessionRow> => {
      const row = await store.sessions.start(newSession(change))
      assert.ok(row)
      return row
    }

    const createAccount = async (change: Partial<NewAccount> = {}) => {
      const account = await store.accounts.create(newAccount(change))
      assert.ok(account)
      return account
    }

    const rowOf = async (sid: string) => (await other.sessions.find(sid)).row

    describe('time', () => {
      it('is the store’s: every answer that depends on it carries the same now', async () => {
        const { now } = await store.sessions.find('unknown')
        await opened.advance(HOUR)
        const row = await startSession()
        const answers = [
          await store.sessions.find(row.sid),
          await store.sessions.list(row.subject),
          await store.sessions.promote(promotionOf(row)),
          await store.keys.read(),
        ]
        for (const answer of answers) assertSoon(answer.now, now + HOUR)
        assertSoon(row.createdAt, now + HOUR)
      })
    })

    describe('start', () => {
      it('returns the row it stored: generation 0, no jti, promoted when created, ending after its lifetime', async () => {
        const session = newSession({ lifetime: 2 * HOUR })
        const row = await startSession(session)
        const { lifetime, ...given } = session
        assert.deepEqual(row, {
          ...given,
          gen: 0,
          jti: null,
          createdAt: row.createdAt,
          promotedAt: row.createdAt,
          expiresAt: row.createdAt + lifetime,
          revokedAt: null,
          revokedReason: null,
        })
        assert.deepEqual(await rowOf(row.sid), row)
      })

      for (const delivery of ['cookie', 'body', 'cookies'] as const) {
        it(`keeps what a session with ${delivery} delivery is made of, empty and long values included`, async () => {
          const row = await startSession({
            delivery,
            subject: 'ユーザー:“1”|%_\\'.padEnd(255, '!'),
            scope: delivery === 'body' ? 'read write' : null,
            amr: delivery === 'body' ? ['pwd', 'otp'] : [],
            device: { userAgent: delivery === 'body' ? 'Mozilla/5.0 ☃ \'"\\' : null },
          })
          assert.deepEqual(await rowOf(row.sid), row)
        })
      }

      it('with a guard inserts only while the account has the credential version that was checked', async () => {
        const { id, credentialVersion } = await createAccount()
        const attempt = (accountId: string, version: number) =>
          store.sessions.start(newSession({ subject: id }), { accountId, credentialVersion: version })
        assert.ok(await attempt(id, credentialVersion))
        assert.equal(await attempt(id, credentialVersion + 1), null)
        assert.equal(await attempt('unknown', credentialVersion), null)
        await store.accounts.changePassword(id, credentialVersion, 'hash-2')
        assert.equal(await attempt(id, credentialVersion), null)
        assert.equal((await store.sessions.list(id)).rows.length, 0)
      })

      it('with a guard inserts nothing for a disabled account', async () => {
        const { id, credentialVersion } = await createAccount()
        await other.accounts.setDisabled(id, true)
        assert.notEqual((await store.accounts.findById(id))?.disabledAt, null)
        assert.equal(
          await store.sessions.start(newSession({ subject: id }), { accountId: id, credentialVersion }),
          null,
        )
      })

      it('at once with a password change: either the change ends the session, or the start gets null', async () => {
        for (let round = 0; round < 10; round++) {
          const { id, credentialVersion } = await createAccount()
          const guard = { accountId: id, credentialVersion }
          const logins = (node: Store) => node.sessions.start(newSession({ subject: id }), guard)
          const change = round % 2 === 0 ? store : other
          const [first, changed, second] = await Promise.all([
            logins(other),
            change.accounts.changePassword(id, credentialVersion, 'hash-2'),
            logins(store),
          ])
          assert.ok(changed)
          const started = [first, second].filter((row) => row !== null).map(({ sid }) => sid)
          assert.deepEqual(changed.ended.map(({ sid }) => sid).sort(), started.sort())
          assert.deepEqual((await store.sessions.list(id)).rows, [])
        }
      })

      it('at once with the account’s deletion leaves no live session behind', async () => {
        for (let round = 0; round < 10; round++) {
          const { id, credentialVersion } = await createAccount()
          const guard = { accountId: id, credentialVersion }
          const nodes = round % 2 === 0 ? ([store, other] as const) : ([other, store] as const)
          await Promise.all([
            nodes[0].sessions.start(newSession({ subject: id }), guard),
            nodes[1].accounts.delete(id),
            nodes[0].sessions.start(newSession({ subject: id }), guard),
          ])
          assert.deepEqual((await store.sessions.list(id)).rows, [])
        }
      })

      it('at once with the account’s disabling: either that ends the session, or the start gets null', async () => {
        for (let round = 0; round < 10; round++) {
          const { id, credentialVersion } = await createAccount()
          const guard = { accountId: id, credentialVersion }
          const nodes = round % 2 === 0 ? ([store, other] as const) : ([other, store] as const)
          const [first, ended, second] = await Promise.all([
            nodes[0].sessions.start(newSession({ subject: id }), guard),
            nodes[1].accounts.setDisabled(id, true),
            nodes[0].sessions.start(newSession({ subject: id }), guard),
          ])
          assert.ok(ended)
          assert.deepEqual(sids(ended), sids([first, second].filter((row) => row !== null)))
          assert.deepEqual((await store.sessions.list(id)).rows, [])
        }
      })
    })

    describe('promote', () => {
      it('makes the presented token the confirmed one: gen, jti, promotedAt and device, and nothing else', async () => {
        const row = await startSession()
        await opened.advance(5000)
        const outcome = await store.sessions.promote(
          promotionOf(row, { gen: 7, jti: 'seven', device: { userAgent: 'new' } }),
        )
        assert.equal(outcome.promoted, true)
        const expected = { ...row, gen: 7, jti: 'seven', promotedAt: outcome.now, device: { userAgent: 'new' } }
        assert.deepEqual(outcome.row, expected)
        assert.deepEqual(await rowOf(row.sid), expected)
        assertSoon(outcome.now, row.createdAt + 5000)
      })

      const refusals: Record<string, (row: SessionRow) => Partial<Promotion>> = {
        'of another sid (rule 1)': () => ({ sid: 'unknown' }),
        'of another subject (rule 1)': () => ({ subject: 'mallory' }),
        'of another key (rule 1)': () => ({ keyHash: 'other' }),
        'that came another way than the session delivers (rule 1)': () => ({ arrivedIn: 'body' }),
        'of the promoted generation (rule 6)': (row) => ({ gen: row.gen, jti: row.jti ?? '' }),
        'of a sibling (rule 7)': (row) => ({ gen: row.gen, jti: 'sibling' }),
        'of an older generation (rule 7)': (row) => ({ gen: row.gen - 1 }),
        'of a successor within turnEvery of its issue (rule 4)': (row) => ({
          gen: row.gen + 1,
          issuedAt: row.promotedAt,
        }),
      }
      for (const [what, change] of Object.entries(refusals)) {
        it(`refuses a token ${what}, and changes nothing`, async () => {
          const { row: before } = await store.sessions.promote(promotionOf(await startSession(), { gen: 5 }))
          assert.ok(before)
          const outcome = await store.sessions.promote(promotionOf(before, { jti: 'next', ...change(before) }))
          assert.equal(outcome.promoted, false)
          assert.deepEqual(await rowOf(before.sid), before)
          assert.deepEqual(outcome.row, change(before).sid === undefined ? before : null)
        })
      }

      it('refuses a token of a revoked session (rule 2)', async () => {
        const row = await startSession()
        const revoked = await other.sessions.revoke(row.sid, 'signed_out')
        const outcome = await store.sessions.promote(promotionOf(row))
        assert.deepEqual({ ...outcome, now: 0 }, { now: 0, promoted: false, row: revoked })
      })

      it('refuses a token of a session that has reached its absolute limit (rule 3), and not a moment earlier', async () => {
        const row = await startSession({ lifetime: HOUR })
        await opened.advance(HOUR - 100)
        const { promoted } = await store.sessions.promote(promotionOf(row, { gen: 1 }))
        assert.equal(promoted, true)
        await opened.advance(100)
        const outcome = await store.sessions.promote(promotionOf(row, { gen: 2, turnEvery: 0 }))
        assert.equal(outcome.promoted, false)
        assert.equal(outcome.row?.gen, 1)
      })

      it('takes a successor once turnEvery has passed since its issue, or at once when it is 0 (rule 5)', async () => {
        const row = await startSession()
        const issuedAt = row.createdAt
        const promote = async (gen: number, turnEvery: number) =>
          (await store.sessions.promote(promotionOf(row, { gen, jti: `jti-${gen}`, issuedAt, turnEvery }))).promoted
        assert.equal(await promote(1, TURN_EVERY), true)
        await opened.advance(TURN_EVERY - 1000)
        assert.equal(await promote(2, TURN_EVERY), false)
        await opened.advance(1000)
        assert.equal(await promote(2, TURN_EVERY), true)
        assert.equal(await promote(3, 0), true)
        assert.equal(await promote(9, TURN_EVERY), true, 'a generation that skips some is newer all the same')
      })

      it('of one generation at once tells exactly one that it won; the others see the row that won (RT-04)', async () => {
        for (let round = 0; round < 5; round++) {
          const row = await startSession()
          const outcomes = await Promise.all(
            Array.from({ length: 20 }, (_, index) =>
              (index % 2 === 0 ? store : other).sessions.promote(promotionOf(row, { gen: 1, jti: `jti-${index}` })),
            ),
          )
          const winners = outcomes.filter(({ promoted }) => promoted)
          assert.equal(winners.length, 1)
          for (const outcome of outcomes) assert.deepEqual(outcome.row, winners[0]?.row)
          assert.deepEqual(await rowOf(row.sid), winners[0]?.row)
        }
      })

      it('of several generations at once never goes back to an older one', async () => {
        const row = await startSession()
        await Promise.all(
          [3, 1, 4, 2].map((gen, index) =>
            (index % 2 === 0 ? store : other).sessions.promote(promotionOf(row, { gen, jti: `${gen}`, turnEvery: 0 })),
          ),
        )
        const settled = await rowOf(row.sid)
        for (const gen of [1, 2, 3].filter((gen) => gen <= (settled?.gen ?? 0))) {
          await store.sessions.promote(promotionOf(row, { gen, jti: 'late', turnEvery: 0 }))
        }
        assert.deepEqual(await rowOf(row.sid), settled)
      })

      it('at once with a revocation either comes first, or is refused', async () => {
        for (let round = 0; round < 10; round++) {
          const row = await startSession()
          const promote = () => other.sessions.promote(promotionOf(row))
          const [first, revoked, second] = await Promise.all([
            round % 2 === 0 ? promote() : null,
            (round % 4 < 2 ? store : other).sessions.revoke(row.sid, 'revoked'),
            round % 2 === 0 ? null : promote(),
          ])
          const promoted = (first ?? second)?.promoted
          assert.deepEqual([revoked?.revokedReason, revoked?.gen], ['revoked', promoted ? 1 : 0])
          assert.deepEqual(await rowOf(row.sid), revoked)
        }
      })
    })

    describe('find and list', () => {
      it('find answers null for a session that is not there', async () => {
        assert.equal((await store.sessions.find('unknown')).row, null)
      })

      it('list gives one subject’s sessions that are neither revoked nor at their limit, newest first', async () => {
        const subject = 'ada'
        const oldest = await startSession({ subject })
        await opened.advance(10)
        const short = await startSession({ subject, lifetime: HOUR / 2 })
        const revoked = await startSession({ subject })
        await startSession({ subject: 'bob' })
        await opened.advance(10)
        const newest = await startSession({ subject })
        await store.sessions.revoke(revoked.sid, 'signed_out')
        assert.deepEqual((await other.sessions.list(subject)).rows, [newest, short, oldest])
        await opened.advance(HOUR / 2)
        assert.deepEqual((await other.sessions.list(subject)).rows, [newest, oldest])
        assert.deepEqual((await other.sessions.list('nobody')).rows, [])
      })
    })

    describe('revoke', () => {
      for (const reason of REVOKED_REASONS) {
        it(`ends a session for the reason ${reason}, seen by every later call on every node`, async () => {
          const row = await startSession()
          await opened.advance(1000)
          const revoked = await store.sessions.revoke(row.sid, reason)
          assert.ok(revoked?.revokedAt)
          assertSoon(revoked.revokedAt, row.createdAt + 1000)
          assert.deepEqual(revoked, { ...row, revokedAt: revoked.revokedAt, revokedReason: reason })
          assert.deepEqual(await rowOf(row.sid), revoked)
        })
      }

      it('returns null for a session that has been ended, whose first reason and time stay, and for an unknown one', async () => {
        const { sid } = await startSession()
        const first = await store.sessions.revoke(sid, 'reused')
        await opened.advance(1000)
        assert.equal(await other.sessions.revoke(sid, 'signed_out'), null)
        assert.deepEqual(await rowOf(sid), first)
        assert.equal(await store.sessions.revoke('unknown', 'signed_out'), null)
      })

      it('of several at once is told to exactly one', async () => {
        const { sid } = await startSession()
        const answers = await Promise.all(
          REVOKED_REASONS.map((reason, index) => (index % 2 === 0 ? store : other).sessions.revoke(sid, reason)),
        )
        const told = answers.filter((row) => row !== null)
        assert.equal(told.length, 1)
        assert.deepEqual(await rowOf(sid), told[0])
      })

      it('leaves every other session as it is', async () => {
        const bystander = await startSession()
        await store.sessions.revoke((await startSession({ subject: bystander.subject })).sid, 'signed_out')
        assert.deepEqual(await rowOf(bystander.sid), bystander)
      })
    })

    describe('revokeAll', () => {
      it('ends a subject’s sessions that have not been ended and returns exactly those', async () => {
        const subject = 'ada'
        const live = [await startSession({ subject }), await startSession({ subject })]
        const ended = await startSession({ subject })
        const bystander = await startSession({ subject: 'ada2' })
        const before = await store.sessions.revoke(ended.sid, 'signed_out')
        const rows = await store.sessions.revokeAll(subject, 'signed_out_everywhere')
        assert.deepEqual(sids(rows), sids(live))
        for (const row of rows) {
          assert.equal(row.revokedReason, 'signed_out_everywhere')
          assert.deepEqual(await rowOf(row.sid), row)
        }
        assert.deepEqual(await rowOf(ended.sid), before)
        assert.deepEqual(await rowOf(bystander.sid), bystander)
        assert.deepEqual(await other.sessions.revokeAll(subject, 'revoked'), [])
      })

      it('of two at once returns each session to exactly one', async () => {
        const started = [await startSession(), await startSession(), await startSession()]
        const answers = await Promise.all(
          [store, other, store].map((node) => node.sessions.revokeAll('user', 'revoked')),
        )
        assert.deepEqual(sids(answers.flat()), sids(started))
      })
    })

    describe('trim', () => {
      it('ends the live sessions beyond the last used ones for session_limit, and returns exactly those (RL-06)', async () => {
        const [used, unused, middle] = [await startSession(), await startSession(), await startSession()]
        await opened.advance(1000)
        await store.sessions.promote(promotionOf(middle))
        await opened.advance(1000)
        await store.sessions.promote(promotionOf(used))
        await opened.advance(1000)
        const newest = await startSession()
        const rows = await store.sessions.trim('user', 3, newest.sid)
        assert.deepEqual(sids(rows), [unused.sid])
        assert.ok(rows[0]?.revokedAt)
        assert.deepEqual(rows[0], { ...unused, revokedAt: rows[0].revokedAt, revokedReason: 'session_limit' })
        assert.deepEqual(await rowOf(unused.sid), rows[0])
        assert.deepEqual(sids(await other.sessions.trim('user', 2, newest.sid)), [middle.sid])
        assert.deepEqual(sids((await other.sessions.list('user')).rows), sids([used, newest]))
      })

      it('ends nothing while there are no more than may be kept, and nothing of anybody else', async () => {
        const bystanders = [await startSession({ subject: 'bob' }), await startSession({ subject: 'bob' })]
        const [first, second] = [await startSession(), await startSession()]
        assert.deepEqual(await store.sessions.trim('user', 2, second.sid), [])
        assert.deepEqual(await store.sessions.trim('user', 100, second.sid), [])
        assert.deepEqual(await store.sessions.trim('nobody', 0, 'unknown'), [])
        assert.deepEqual(sids(await store.sessions.trim('user', 1, second.sid)), [first.sid])
        for (const row of bystanders) assert.deepEqual(await rowOf(row.sid), row)
      })

      it('does not count sessions that have ended or reached their absolute limit', async () => {
        await startSession({ lifetime: HOUR })
        const { sid } = await startSession()
        await opened.advance(HOUR)
        await store.sessions.revoke(sid, 'signed_out')
        const [live, newest] = [await startSession(), await startSession()]
        assert.deepEqual(await store.sessions.trim('user', 2, newest.sid), [])
        assert.equal((await rowOf(sid))?.revokedReason, 'signed_out')
        assert.deepEqual(await rowOf(live.sid), live)
      })

      it('takes the newest for the last used, whatever the clock says of the others', async () => {
        for (let round = 0; round < 10; round++) {
          const subject = `user-${round}`
          const newest = await startSession({ subject })
          await opened.advance(round % 2)
          const later = [await startSession({ subject }), await startSession({ subject })]
          const rows = await store.sessions.trim(subject, 1, newest.sid)
          assert.deepEqual(sids(rows), sids(later))
        }
      })

      it('of several at once leaves as many as may be kept, and returns each ended one to one of them', async () => {
        const started = await Promise.all(Array.from({ length: 8 }, () => startSession()))
        const answers = await Promise.all(
          started.map(({ sid }, index) => (index % 2 === 0 ? store : other).sessions.trim('user', 3, sid)),
        )
        const { rows } = await store.sessions.list('user')
        assert.equal(rows.length, 3)
        assert.deepEqual(sids([...answers.flat(), ...rows]), sids(started))
      })
    })

    describe('revokeEverything', () => {
      it('ends the live sessions of all subjects, so many at once, and returns exactly those', async () => {
        const expired = await startSession({ subject: 'eve', lifetime: HOUR })
        await opened.advance(HOUR)
        const ended = await store.sessions.revoke((await startSession()).sid, 'signed_out')
        const live = await Promise.all(
          ['ada', 'bob', 'cid', 'ada', 'bob'].map((subject) => startSession({ subject, lifetime: 9 * HOUR })),
        )
        const rows: SessionRow[] = []
        for (const size of [2, 2, 1, 0]) {
          const batch = await (size === 2 ? store : other).sessions.revokeEverything('revoked', 2)
          assert.equal(batch.length, size)
          rows.push(...batch)
        }
        assert.deepEqual(sids(rows), sids(live))
        for (const row of rows) {
          assert.equal(row.revokedReason, 'revoked')
          assert.deepEqual(await rowOf(row.sid), row)
        }
        assert.deepEqual(await rowOf(expired.sid), expired)
        assert.deepEqual(await rowOf(ended?.sid ?? ''), ended)
      })

      it('ends also those that start between two calls, wherever they stand among the others', async () => {
        const started: SessionRow[] = []
        const ended: SessionRow[] = []
        for (let round = 0; round < 8; round++) {
          started.push(await startSession(), await startSession(), await startSession())
          ended.push(...(await store.sessions.revokeEverything('revoked', 2)))
        }
        assert.equal(ended.length, 16)
        ended.push(...(await store.sessions.revokeEverything('revoked', 100)))
        assert.deepEqual(sids(ended), sids(started))
      })

      it('of several at once returns each session to exactly one', async () => {
        const started = await Promise.all(Array.from({ length: 12 }, (_, n) => startSession({ subject: `user-${n}` })))
        const answers = await Promise.all(
          [store, other, store, other].map((node) => node.sessions.revokeEverything('revoked', 100)),
        )
        assert.deepEqual(sids(answers.flat()), sids(started))
      })
    })

    describe('purge', () => {
      it('deletes sessions that ended longer ago than it is told to keep, and no others (RT-13, LO-08)', async () => {
        const revoked = await startSession({ lifetime: 99 * HOUR })
        const expired = await startSession({ lifetime: HOUR })
        const live = await startSession({ lifetime: 99 * HOUR })
        await opened.advance(HOUR)
        await store.sessions.revoke(revoked.sid, 'signed_out')
        await opened.advance(HOUR - 1000)
        assert.equal(await store.sessions.purge(HOUR, 100), 0)
        assert.ok(await rowOf(revoked.sid), 'a revoked session stays while an access token of it may live')
        await opened.advance(2000)
        assert.equal(await store.sessions.purge(HOUR, 100), 2)
        assert.equal(await rowOf(revoked.sid), null)
        assert.equal(await rowOf(expired.sid), null)
        assert.deepEqual(await rowOf(live.sid), live)
      })

      it('deletes no more than its limit at once, counts each session once, and in the end leaves nothing', async () => {
        const sessions = await Promise.all(Array.from({ length: 10 }, () => startSession({ lifetime: HOUR })))
        for (const { sid } of sessions.slice(0, 6)) await store.sessions.revoke(sid, 'signed_out')
        await opened.advance(2 * HOUR)
        const counts: number[] = []
        for (let count = -1; count !== 0; counts.push(count)) count = await store.sessions.purge(1000, 4)
        assert.deepEqual(counts, [4, 4, 2, 0])
        for (const { sid } of sessions) assert.equal(await rowOf(sid), null)
      })

      it('leaves a token of a purged session unknown (RT-13)', async () => {
        const row = await startSession({ lifetime: HOUR })
        await opened.advance(3 * HOUR)
        await store.sessions.purge(HOUR, 10)
        const { promoted, row: after } = await store.sessions.promote(promotionOf(row))
        assert.deepEqual({ promoted, after }, { promoted: false, after: null })
      })
    })

    describe('accounts', () => {
      it('create returns the account it stored, to be found by id, e-mail and username', async () => {
        const profile = { name: 'Ada “☃” Lovelace', tags: [1, null, { deep: true }] }
        const given = newAccount({ email: 'ada@example.com', username: 'ada', profile })
        const account = await store.accounts.create(given)
        assert.ok(account)
        assert.deepEqual(account, {
          ...given,
          credentialVersion: account.credentialVersion,
          createdAt: account.createdAt,
          disabledAt: null,
        })
        assert.deepEqual(await other.accounts.findById(account.id), account)
        assert.deepEqual(await other.accounts.findByEmail('ada@example.com'), account)
        assert.deepEqual(await other.accounts.findByUsername('ada'), account)
      })

      it('finds nothing that is not there, and takes no name for another', async () => {
        const { id } = await createAccount({ email: 'ada@example.com', username: 'ada' })
        assert.equal(await store.accounts.findById('ada'), null)
        assert.equal(await store.accounts.findByEmail('ada'), null)
        assert.equal(await store.accounts.findByEmail('%@example.com'), null)
        assert.equal(await store.accounts.findByUsername('ada@example.com'), null)
        assert.equal(await store.accounts.findByUsername(id), null)
      })

      it('create takes over when an account was made elsewhere', async () => {
        const account = await createAccount({ createdAt: 1_234_567_890_123 })
        assert.equal(account.createdAt, 1_234_567_890_123)
        assert.deepEqual(await other.accounts.findById(account.id), account)
      })

      it('create returns null when the e-mail or the username is taken, and changes nothing', async () => {
        const ada = await createAccount({ email: 'ada@example.com', username: 'ada' })
        assert.equal(await store.accounts.create(newAccount({ email: 'ada@example.com', username: 'other' })), null)
        assert.equal(await other.accounts.create(newAccount({ email: 'other@example.com', username: 'ada' })), null)
        assert.deepEqual(await store.accounts.findById(ada.id), ada)
        assert.equal(await store.accounts.findByUsername('other'), null)
        assert.equal(await store.accounts.findByEmail('other@example.com'), null)
      })

      it('create lets any number of accounts have no e-mail, or no username', async () => {
        await createAccount({ email: null, username: 'a' })
        await createAccount({ email: null, username: 'b' })
        await createAccount({ email: 'a@example.com', username: null })
        await createAccount({ email: 'b@example.com', username: null })
      })

      it('create of two with one name at once lets one win', async () => {
        for (const name of [{ email: 'ada@example.com' }, { username: 'ada' }]) {
          const answers = await Promise.all(
            [store, other, store, other].map((node) => node.accounts.create(newAccount(name))),
          )
          assert.equal(answers.filter((account) => account !== null).length, 1)
        }
      })

      it('createSignedIn makes the account and its first session, or, when a name is taken, neither', async () => {
        const account = newAccount()
        const session = newSession({ subject: account.id })
        const created = await store.accounts.createSignedIn(account, session)
        assert.deepEqual(created?.account, await other.accounts.findById(account.id))
        assert.deepEqual(created?.session, (await other.sessions.find(session.sid)).row)
        const late = newSession()
        const again = { ...newAccount(), email: account.email }
        assert.equal(await other.accounts.createSignedIn(again, late), null)
        assert.equal((await store.sessions.find(late.sid)).row, null)
      })

      it('changePassword starts the given session, which is not among the ended', async () => {
        const account = await createAccount()
        const live = await startSession({ subject: account.id })
        const next = newSession({ subject: account.id })
        const changed = await store.accounts.changePassword(account.id, account.credentialVersion, 'hash-2', next)
        assert.deepEqual(
          changed?.ended.map(({ sid }) => sid),
          [live.sid],
        )
        assert.deepEqual(changed?.started, (await other.sessions.find(next.sid)).row)
        assert.equal(changed?.started?.revokedAt, null)
        const late = newSession({ subject: account.id })
        assert.equal(await other.accounts.changePassword(account.id, account.credentialVersion, 'hash-3', late), null)
        assert.equal((await store.sessions.find(late.sid)).row, null)
      })

      it('changePassword replaces the hash, raises the version by one, and ends and returns the sessions', async () => {
        const account = await createAccount()
        const live = await startSession({ subject: account.id })
        const bystander = await startSession()
        const changed = await store.accounts.changePassword(account.id, account.credentialVersion, 'hash-2')
        assert.ok(changed)
        const after = await other.accounts.findById(account.id)
        assert.deepEqual(after, {
          ...account,
          passwordHash: 'hash-2',
          credentialVersion: account.credentialVersion + 1,
        })
        assert.equal(changed.credentialVersion, after?.credentialVersion)
        assert.deepEqual(sids(changed.ended), [live.sid])
        assert.equal((await rowOf(live.sid))?.revokedReason, 'password_changed')
        assert.deepEqual(await rowOf(bystander.sid), bystander)
      })

      it('changePassword returns null when the version was another, and changes nothing', async () => {
        const account = await createAccount()
        const live = await startSession({ subject: account.id })
        for (const version of [account.credentialVersion - 1, account.credentialVersion + 1]) {
          assert.equal(await store.accounts.changePassword(account.id, version, 'hash-2'), null)
        }
        assert.equal(await store.accounts.changePassword('unknown', account.credentialVersion, 'hash-2'), null)
        assert.deepEqual(await store.accounts.findById(account.id), account)
        assert.deepEqual(await rowOf(live.sid), live)
      })

      it('changePassword of several at once lets one win', async () => {
        const { id, credentialVersion } = await createAccount()
        const answers = await Promise.all(
          [store, other, store].map((node, index) =>
            node.accounts.changePassword(id, credentialVersion, `hash-${index}`),
          ),
        )
        assert.equal(answers.filter((answer) => answer !== null).length, 1)
        const winner = answers.findIndex((answer) => answer !== null)
        assert.equal((await store.accounts.findById(id))?.passwordHash, `hash-${winner}`)
      })

      it('delete removes the account, ends its sessions and forgets their devices, but keeps the ended rows (LG-05)', async () => {
        const { id } = await createAccount({ email: 'ada@example.com', username: 'ada' })
        const device = { userAgent: 'Firefox' }
        const live = await startSession({ subject: id, device })
        const ended = await startSession({ subject: id, device })
        const bystander = await startSession({ device })
        await store.sessions.revoke(ended.sid, 'signed_out')
        const rows = await store.accounts.delete(id)
        assert.deepEqual(rows && sids(rows), [live.sid])
        for (const node of [store, other]) {
          assert.equal(await node.accounts.findById(id), null)
          assert.equal(await node.accounts.findByEmail('ada@example.com'), null)
          assert.equal(await node.accounts.findByUsername('ada'), null)
        }
        const kept = [await rowOf(live.sid), await rowOf(ended.sid)]
        assert.deepEqual(
          kept.map((row) => [row?.revokedReason, row?.device.userAgent]),
          [
            ['account_deleted', null],
            ['signed_out', null],
          ],
        )
        assert.deepEqual(await rowOf(bystander.sid), bystander)
      })

      it('delete returns null when there is no such account, and of two at once tells one', async () => {
        assert.equal(await store.accounts.delete('unknown'), null)
        const { id } = await createAccount()
        const answers = await Promise.all([store.accounts.delete(id), other.accounts.delete(id)])
        assert.equal(answers.filter((rows) => rows !== null).length, 1)
      })

      it('delete frees the names for a new account, whose sessions are its own', async () => {
        const first = await createAccount({ email: 'ada@example.com' })
        await store.accounts.delete(first.id)
        const second = await createAccount({ email: 'ada@example.com' })
        assert.deepEqual(await other.accounts.findByEmail('ada@example.com'), second)
      })
    })

    describe('rehash', () => {
      it('replaces the hash, and nothing else: neither the version nor a session', async () => {
        const account = await createAccount()
        const live = await startSession({ subject: account.id })
        assert.equal(await store.accounts.rehash(account.id, 'hash-1', 'hash-1 anew'), true)
        assert.deepEqual(await other.accounts.findById(account.id), { ...account, passwordHash: 'hash-1 anew' })
        assert.deepEqual(await rowOf(live.sid), live)
      })

      it('answers false when the hash was another or there is no account, and changes nothing', async () => {
        const account = await createAccount()
        const bystander = await createAccount()
        assert.equal(await store.accounts.rehash(account.id, 'hash-2', 'hash-3'), false)
        assert.equal(await store.accounts.rehash('unknown', 'hash-1', 'hash-3'), false)
        assert.deepEqual(await other.accounts.findById(account.id), account)
        assert.deepEqual(await other.accounts.findById(bystander.id), bystander)
      })

      it('of several at once tells one true', async () => {
        const { id } = await createAccount()
        const answers = await Promise.all(
          [store, other, store].map((node, index) => node.accounts.rehash(id, 'hash-1', `anew-${index}`)),
        )
        assert.equal(answers.filter((answer) => answer).length, 1)
        assert.equal((await store.accounts.findById(id))?.passwordHash, `anew-${answers.indexOf(true)}`)
      })

      it('at once with a password change never brings the password before back', async () => {
        for (let round = 0; round < 10; round++) {
          const { id, credentialVersion } = await createAccount()
          const [first, changed, second] = await Promise.all([
            round % 2 === 0 ? store.accounts.rehash(id, 'hash-1', 'hash-1 anew') : null,
            other.accounts.changePassword(id, credentialVersion, 'hash-2'),
            round % 2 === 0 ? null : store.accounts.rehash(id, 'hash-1', 'hash-1 anew'),
          ])
          assert.ok(changed, 'whichever comes first')
          assert.equal(typeof (first ?? second), 'boolean')
          assert.equal((await store.accounts.findById(id))?.passwordHash, 'hash-2')
        }
      })
    })

    describe('a reset', () => {
      it('is found by its digest until it expires, and not a moment longer (PW-11)', async () => {
        const account = await createAccount()
        const { now } = await store.sessions.find('unknown')
        const expiresAt = await store.accounts.createReset(account.id, 'digest', HOUR)
        assertSoon(expiresAt ?? 0, now + HOUR)
        assert.deepEqual(await other.accounts.findReset('digest'), account)
        assert.deepEqual(await other.accounts.findReset('digest'), account, 'looking does not use it')
        await opened.advance(HOUR - 5000)
        assert.deepEqual(await other.accounts.findReset('digest'), account)
        await opened.advance(5000)
        assert.equal(await other.accounts.findReset('digest'), null)
        assert.equal(await other.accounts.redeemReset('digest', 'hash-2'), null)
        assert.deepEqual(await store.accounts.findById(account.id), account)
      })

      it('redeemed replaces the hash, raises the version by one, and ends and returns the sessions (LO-05)', async () => {
        const account = await createAccount()
        const [live, ended] = [await startSession({ subject: account.id }), await startSession({ subject: account.id })]
        const bystander = await startSession()
        const before = await store.sessions.revoke(ended.sid, 'signed_out')
        await store.accounts.createReset(account.id, 'digest', HOUR)
        const rows = await other.accounts.redeemReset('digest', 'hash-2')
        assert.deepEqual(rows && sids(rows), [live.sid])
        assert.deepEqual(await store.accounts.findById(account.id), {
          ...account,
          passwordHash: 'hash-2',
          credentialVersion: account.credentialVersion + 1,
        })
        assert.equal((await rowOf(live.sid))?.revokedReason, 'password_changed')
        assert.deepEqual(await rowOf(ended.sid), before)
        assert.deepEqual(await rowOf(bystander.sid), bystander)
      })

      it('works once, and of several at once for one (PW-11)', async () => {
        const { id, credentialVersion } = await createAccount()
        await store.accounts.createReset(id, 'digest', HOUR)
        const answers = await Promise.all(
          [store, other, store, other].map((node, index) => node.accounts.redeemReset('digest', `hash-${index}`)),
        )
        const winners = answers.flatMap((rows, index) => (rows === null ? [] : [index]))
        assert.equal(winners.length, 1)
        const after = await store.accounts.findById(id)
        assert.deepEqual([after?.passwordHash, after?.credentialVersion], [`hash-${winners[0]}`, credentialVersion + 1])
        assert.equal(await store.accounts.redeemReset('digest', 'hash-9'), null)
        assert.equal(await other.accounts.findReset('digest'), null)
      })

      it('takes the place of an earlier one of its account, and of nobody else’s', async () => {
        const [ada, bob] = [await createAccount(), await createAccount()]
        await store.accounts.createReset(ada.id, 'first', HOUR)
        await store.accounts.createReset(bob.id, 'of bob', HOUR)
        await other.accounts.createReset(ada.id, 'second', HOUR)
        assert.equal(await store.accounts.findReset('first'), null)
        assert.equal(await store.accounts.redeemReset('first', 'hash-2'), null)
        assert.deepEqual(await store.accounts.findReset('second'), ada)
        assert.deepEqual(await store.accounts.findReset('of bob'), bob)
      })

      it('of several made at once for one account, one is left', async () => {
        const { id } = await createAccount()
        const digests = ['a', 'b', 'c', 'd']
        await Promise.all(
          digests.map((digest, index) => (index % 2 === 0 ? store : other).accounts.createReset(id, digest, HOUR)),
        )
        const found = await Promise.all(digests.map((digest) => store.accounts.findReset(digest)))
        assert.equal(found.filter((account) => account !== null).length, 1)
      })

      it('is not made for an account that is unknown or disabled', async () => {
        const { id } = await createAccount()
        await store.accounts.setDisabled(id, true)
        assert.equal(await other.accounts.createReset(id, 'digest', HOUR), null)
        assert.equal(await store.accounts.createReset('unknown', 'digest', HOUR), null)
        assert.equal(await store.accounts.findReset('digest'), null)
        await store.accounts.setDisabled(id, false)
        assert.equal(await store.accounts.findReset('digest'), null)
        assert.equal(await store.accounts.findReset('unknown'), null)
      })

      it('is of no use while its account is disabled', async () => {
        const { id } = await createAccount()
        await store.accounts.createReset(id, 'digest', HOUR)
        const before = (await other.accounts.setDisabled(id, true)) && (await store.accounts.findById(id))
        assert.equal(await store.accounts.findReset('digest'), null)
        assert.equal(await store.accounts.redeemReset('digest', 'hash-2'), null)
        assert.deepEqual(await store.accounts.findById(id), before)
      })

      it('at once with the account’s disabling: either comes first, and no session is left', async () => {
        for (let round = 0; round < 10; round++) {
          const { id } = await createAccount()
          const { sid } = await startSession({ subject: id })
          await store.accounts.createReset(id, `digest-${round}`, HOUR)
          const redeem = () => other.accounts.redeemReset(`digest-${round}`, 'hash-2')
          const [first, disabled, second] = await Promise.all([
            round % 2 === 0 ? redeem() : null,
            store.accounts.setDisabled(id, true),
            round % 2 === 0 ? null : redeem(),
          ])
          const redeemed = first ?? second
          assert.deepEqual(sids([...(redeemed ?? []), ...(disabled ?? [])]), [sid], 'told to one of them')
          assert.equal((await store.accounts.findById(id))?.passwordHash, redeemed === null ? 'hash-1' : 'hash-2')
        }
      })

      it('dies with a password change, and at once with one either of them wins', async () => {
        for (let round = 0; round < 10; round++) {
          const { id, credentialVersion } = await createAccount()
          await store.accounts.createReset(id, `digest-${round}`, HOUR)
          const redeem = () => other.accounts.redeemReset(`digest-${round}`, 'hash-reset')
          const [first, changed, second] = await Promise.all([
            round % 2 === 0 ? redeem() : null,
            store.accounts.changePassword(id, credentialVersion, 'hash-changed'),
            round % 2 === 0 ? null : redeem(),
          ])
          const redeemed = first ?? second
          assert.equal(Number(redeemed !== null) + Number(changed !== null), 1)
          const after = await store.accounts.findById(id)
          const winner = changed === null ? 'hash-reset' : 'hash-changed'
          assert.deepEqual([after?.passwordHash, after?.credentialVersion], [winner, credentialVersion + 1])
          assert.equal(await store.accounts.findReset(`digest-${round}`), null)
        }
      })

      it('is forgotten with its account', async () => {
        const { id } = await createAccount({ email: 'ada@example.com' })
        await store.accounts.createReset(id, 'digest', HOUR)
        await store.accounts.delete(id)
        assert.equal(await other.accounts.findReset('digest'), null)
        const again = await createAccount({ id, email: 'ada@example.com' })
        assert.equal(await other.accounts.redeemReset('digest', 'hash-2'), null)
        assert.deepEqual(await store.accounts.findById(id), again, 'not even an account of the same id inherits it')
      })

      it('is forgotten with everybody’s by forgetResets, which counts them and changes no account', async () => {
        const accounts = [await createAccount(), await createAccount()]
        for (const { id } of accounts) await store.accounts.createReset(id, `digest of ${id}`, HOUR)
        assert.equal(await other.accounts.forgetResets(), 2)
        for (const account of accounts) {
          assert.equal(await store.accounts.findReset(`digest of ${account.id}`), null)
          assert.equal(await store.accounts.redeemReset(`digest of ${account.id}`, 'hash-2'), null)
          assert.deepEqual(await store.accounts.findById(account.id), account)
        }
        assert.equal(await store.accounts.forgetResets(), 0)
      })

      it('survives a hash that is only made anew', async () => {
        const { id } = await createAccount()
        await store.accounts.createReset(id, 'digest', HOUR)
        await store.accounts.rehash(id, 'hash-1', 'hash-1 anew')
        assert.deepEqual(await store.accounts.redeemReset('digest', 'hash-2'), [])
      })
    })

    describe('setDisabled', () => {
      it('marks the account with the time, ends its sessions and returns them (LO-06)', async () => {
        const account = await createAccount()
        const [live, ended] = [await startSession({ subject: account.id }), await startSession({ subject: account.id })]
        const bystander = await startSession()
        const before = await store.sessions.revoke(ended.sid, 'signed_out')
        await opened.advance(1000)
        const rows = await store.accounts.setDisabled(account.id, true)
        assert.deepEqual(rows && sids(rows), [live.sid])
        assert.equal((await rowOf(live.sid))?.revokedReason, 'account_disabled')
        assert.deepEqual(await rowOf(ended.sid), before)
        assert.deepEqual(await rowOf(bystander.sid), bystander)
        const after = await other.accounts.findById(account.id)
        assertSoon(after?.disabledAt ?? 0, account.createdAt + 1000)
        assert.deepEqual({ ...after, disabledAt: null }, account)
      })

      it('takes it back, ends nothing, and lets sessions start again, but none that has ended', async () => {
        const account = await createAccount()
        const { sid } = await startSession({ subject: account.id })
        await store.accounts.setDisabled(account.id, true)
        assert.deepEqual(await other.accounts.setDisabled(account.id, false), [])
        assert.deepEqual(await store.accounts.findById(account.id), account)
        assert.equal((await rowOf(sid))?.revokedReason, 'account_disabled')
        const { id: accountId, credentialVersion } = account
        const guard = { accountId, credentialVersion }
        const live = await store.sessions.start(newSession({ subject: accountId }), guard)
        assert.ok(live)
        assert.deepEqual(await other.accounts.setDisabled(accountId, false), [])
        assert.deepEqual(await rowOf(live.sid), live)
      })

      it('returns null for an account that is not there, and each session to one of two at once', async () => {
        assert.equal(await store.accounts.setDisabled('unknown', true), null)
        assert.equal(await store.accounts.setDisabled('unknown', false), null)
        const { id } = await createAccount()
        const started = [await startSession({ subject: id }), await startSession({ subject: id })]
        const answers = await Promise.all([store, other].map((node) => node.accounts.setDisabled(id, true)))
        assert.deepEqual(sids(answers.flatMap((rows) => rows ?? [])), sids(started))
      })
    })

    describe('list of accounts', () => {
      it('gives all of them by id, page after page, each once', async () => {
        const created = []
        for (const id of ['b', 'a', 'e', 'D', 'c', '_', '-']) created.push(await createAccount({ id }))
        const listed: Account[] = []
        for (let page = await store.accounts.list('', 3); page.length > 0; ) {
          assert.ok(page.length <= 3)
          listed.push(...page)
          assert.ok(listed.length <= created.length, 'and comes to an end')
          page = await other.accounts.list(page.at(-1)?.id ?? '', 3)
        }
        const byId = ({ id: one }: Account, { id: two }: Account) => (one < two ? -1 : 1)
        assert.deepEqual(listed, created.sort(byId))
      })

      it('is empty after the last one, and includes who is disabled', async () => {
        assert.deepEqual(await store.accounts.list('', 10), [])
        const { id } = await createAccount()
        await store.accounts.setDisabled(id, true)
        const [listed] = await store.accounts.list('', 10)
        assert.notEqual(listed?.disabledAt, null)
        assert.deepEqual(await store.accounts.list(id, 10), [])
        assert.deepEqual(await store.accounts.list('', 0), [])
      })
    })

    describe('keys', () => {
      it('read answers version 0 and no keys for a store that has none yet', async () => {
        const { version, keys } = await store.keys.read()
        assert.deepEqual({ version, keys }, { version: 0, keys: [] })
      })

      it('replace puts in the whole set under its version and raises that', async () => {
        assert.equal(await store.keys.replace(0, [storedKey('a'), storedKey('b')]), true)
        const first = await other.keys.read()
        assert.deepEqual(first.keys, [storedKey('a'), storedKey('b')])
        assert.equal(await other.keys.replace(first.version, [storedKey('c')]), true)
        const second = await store.keys.read()
        assert.deepEqual(second.keys, [storedKey('c')])
        assert.ok(second.version > first.version)
      })

      it('replace under another version answers false and changes nothing', async () => {
        await store.keys.replace(0, [storedKey('a')])
        const before = await store.keys.read()
        for (const version of [before.version - 1, before.version + 1]) {
          assert.equal(await other.keys.replace(version, []), false)
        }
        const { version, keys } = await store.keys.read()
        assert.deepEqual({ version, keys }, { version: before.version, keys: before.keys })
      })

      it('replace of several at once tells exactly one true, and its set is the one there', async () => {
        for (let round = 0; round < 5; round++) {
          const { version } = await store.keys.read()
          const answers = await Promise.all(
            [store, other, store, other].map((node, index) => node.keys.replace(version, [storedKey(`kid-${index}`)])),
          )
          assert.equal(answers.filter((won) => won).length, 1)
          assert.deepEqual((await other.keys.read()).keys, [storedKey(`kid-${answers.indexOf(true)}`)])
        }
      })
    })

    describe('close', () => {
      it('finishes what was begun', async () => {
        const row = await startSession()
        const begun = [store.sessions.revoke(row.sid, 'signed_out'), store.sessions.start(newSession())]
        await store.close()
        for (const answer of await Promise.all(begun)) assert.ok(answer)
        if (other !== store) assert.equal((await rowOf(row.sid))?.revokedReason, 'signed_out')
      })

      it('makes every later call throw store_unavailable (RT-11), and may be called again', async () => {
        const row = await startSession()
        await store.close()
        await store.close()
        const calls: Record<string, () => Promise<unknown>> = {
          ping: () => store.ping(),
          start: () => store.sessions.start(newSession()),
          promote: () => store.sessions.promote(promotionOf(row)),
          find: () => store.sessions.find(row.sid),
          list: () => store.sessions.list(row.subject),
          revoke: () => store.sessions.revoke(row.sid, 'revoked'),
          revokeAll: () => store.sessions.revokeAll(row.subject, 'revoked'),
          trim: () => store.sessions.trim('a', 1, 'sid'),
          revokeEverything: () => store.sessions.revokeEverything('revoked', 1),
          purge: () => store.sessions.purge(0, 1),
          create: () => store.accounts.create(newAccount()),
          findById: () => store.accounts.findById('a'),
          findByEmail: () => store.accounts.findByEmail('a@example.com'),
          findByUsername: () => store.accounts.findByUsername('a'),
          createSignedIn: () => store.accounts.createSignedIn(newAccount(), newSession()),
          changePassword: () => store.accounts.changePassword('a', 1, 'hash'),
          rehash: () => store.accounts.rehash('a', 'hash', 'hash'),
          createReset: () => store.accounts.createReset('a', 'digest', 1),
          findReset: () => store.accounts.findReset('digest'),
          redeemReset: () => store.accounts.redeemReset('digest', 'hash'),
          forgetResets: () => store.accounts.forgetResets(),
          setDisabled: () => store.accounts.setDisabled('a', true),
          listAccounts: () => store.accounts.list('', 1),
          delete: () => store.accounts.delete('a'),
          read: () => store.keys.read(),
          replace: () => store.keys.replace(0, []),
        }
        for (const [name, call] of Object.entries(calls)) await assert.rejects(call, isUnavailable, name)
      })
    })

    it('ping resolves while the store can serve', async () => {
      await store.ping()
    })
  })
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof LatchkeyError && error.code === 'store_unavailable'
}

export function newSession(change: Partial<NewSession> = {}): NewSession {
  return {
    sid: randomId(),
    subject: 'user',
    keyHash: 'key-hash',
    lifetime: 24 * HOUR,
    delivery: 'cookie',
    scope: null,
    amr: ['pwd'],
    device: { userAgent: 'test' },
    ...change,
  }
}

/** The promotion that a session's next token asks for. */
export function promotionOf(row: SessionRow, change: Partial<Promotion> = {}): Promotion {
  const { sid, subject, keyHash, gen, delivery, device } = row
  const arrivedIn = delivery === 'body' ? 'body' : 'cookie'
  const token = { sid, subject, keyHash, arrivedIn, gen: gen + 1, jti: 'jti', issuedAt: 0 } as const
  return { ...token, turnEvery: TURN_EVERY, device, ...change }
}

export function newAccount(change: Partial<NewAccount> = {}): NewAccount {
  const id = randomId()
  return {
    id,
    email: `${id.toLowerCase()}@example.com`,
    username: null,
    passwordHash: 'hash-1',
    profile: {},
    ...change,
  }
}

export function storedKey(kid: string): StoredKey {
  return { kid, alg: 'ES256', state: 'active', publicJwk: { kty: 'EC', x: '☃' }, sealedPrivateKey: 'sealed', since: 1 }
}

function randomId(): string {
  return randomBytes(16).toString('base64url')
}

function sids(rows: readonly SessionRow[]): string[] {
  return rows.map(({ sid }) => sid).sort()
}

/** Engines that only shift their clock let it run on: an answer may come a little later, never earlier. */
function assertSoon(time: number, expected: number): void {
  assert.ok(time >= expected && time < expected + 5000, `${time} is not soon after ${expected}`)
}
