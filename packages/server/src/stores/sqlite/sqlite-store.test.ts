import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, it, type TestContext } from 'node:test'
import type { SessionRow } from '@latchkey/protocol/rotation'
import { conformance, isUnavailable, newAccount, newSession, promotionOf, storedKey } from '../conformance.ts'
import { conformanceAcrossProcesses } from '../testing/two-processes.ts'
import { sqliteSchema } from './migrate.ts'
import { type SqliteStore, sqliteStore } from './sqlite-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
const freshFile = () => join(folder, `${files++}.db`)

conformance('SQLite in memory', async () => {
  const clock = movable()
  return { store: sqliteStore(':memory:', clock), advance: clock.advance }
})

conformance('SQLite on a file', async () => {
  const clock = movable()
  const file = freshFile()
  return {
    store: sqliteStore(file, clock),
    advance: clock.advance,
    peer: async () => sqliteStore(file, clock),
  }
})

conformanceAcrossProcesses('SQLite', () => `sqlite:${freshFile()}`)

describe('a write that SQLite cannot commit', () => {
  for (const [why, obstruct] of [
    ['the disk is full', fillDisk],
    ['another process holds the write lock', holdLock],
  ] as const) {
    it(`fails every caller of its group with store_unavailable when ${why}, and changes nothing (RT-11)`, async (t) => {
      const { store, file, db } = await openTracked(t)
      const { sid, subject } = await start(store)
      const before = dump(file)
      const release = obstruct(db, file)
      const group = [
        store.sessions.revoke(sid, 'signed_out'),
        store.sessions.start(newSession({ scope: 'x'.repeat(100_000) })),
        store.accounts.create(newAccount()),
        store.keys.replace(0, [storedKey('kid')]),
        store.sessions.purge(0, 10),
      ]
      for (const outcome of await Promise.allSettled(group)) {
        assert.ok(outcome.status === 'rejected' && isUnavailable(outcome.reason))
        assert.equal(outcome.reason.facts.retryAfter, 1)
      }
      assert.deepEqual(dump(file), before)
      assert.equal((await store.sessions.list(subject)).rows.length, 1, 'reads go on')
      await store.ping()
      release()
      assert.ok(await store.sessions.revoke(sid, 'signed_out'), 'and writes, once the obstacle is gone')
    })
  }

  // One argument of the wrong type used to fail every write of the same turn of the event loop.
  it('is done without the one whose arguments cannot be stored: only its own caller fails', async (t) => {
    const { store } = await openTracked(t)
    const row = await start(store)
    const settled = await Promise.allSettled([
      store.sessions.start(newSession()),
      store.sessions.revoke(undefined as unknown as string, 'signed_out'),
      store.sessions.start(newSession({ delivery: 'nope' as 'body' })),
      store.sessions.revoke(row.sid, 'signed_out'),
    ])
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    )
    assert.equal((await store.sessions.find(row.sid)).row?.revokedReason, 'signed_out')
  })

  it('does not fail for a profile that is no JSON: only its own caller does', async (t) => {
    const { store } = await openTracked(t)
    const [bad, good] = await Promise.allSettled([
      store.accounts.create(newAccount({ profile: { big: 1n } })),
      store.sessions.start(newSession()),
    ])
    assert.deepEqual([bad.status, good.status], ['rejected', 'fulfilled'])
  })
})

describe('a group of writes', () => {
  it('is committed durably when one of them must be, else cheaply, and all at once', async (t) => {
    const { store, db } = await openTracked(t)
    const row = await start(store)
    const commits: string[] = []
    const exec = db.exec.bind(db)
    t.mock.method(db, 'exec', (sql: string) => {
      if (sql === 'COMMIT') commits.push(synchronous(db))
      exec(sql)
    })
    const promote = (gen: number) => store.sessions.promote(promotionOf(row, { gen, turnEvery: 0 }))
    const groups: Record<string, () => Promise<unknown>[]> = {
      NORMAL: () => [promote(1), store.sessions.purge(0, 1)],
      FULL: () => [promote(2), store.sessions.start(newSession()), store.sessions.purge(0, 1)],
    }
    for (const [level, group] of Object.entries(groups)) {
      await Promise.all(group())
      assert.deepEqual(commits.splice(0), [level])
    }
    const durable: Record<string, () => Promise<unknown>> = {
      start: () => store.sessions.start(newSession()),
      revoke: () => store.sessions.revoke('unknown', 'signed_out'),
      revokeAll: () => store.sessions.revokeAll('nobody', 'signed_out'),
      create: () => store.accounts.create(newAccount()),
      changePassword: () => store.accounts.changePassword('nobody', 1, 'hash'),
      rehash: () => store.accounts.rehash('nobody', 'hash', 'hash'),
      createReset: () => store.accounts.createReset('nobody', 'digest', 1),
      redeemReset: () => store.accounts.redeemReset('digest', 'hash'),
      forgetResets: () => store.accounts.forgetResets(),
      revokeEverything: () => store.sessions.revokeEverything('revoked', 1),
      setDisabled: () => store.accounts.setDisabled('nobody', true),
      delete: () => store.accounts.delete('nobody'),
      replace: () => store.keys.replace(0, []),
    }
    for (const [name, call] of Object.entries(durable)) {
      await promote(3)
      commits.length = 0
      await call()
      assert.deepEqual(commits, ['FULL'], name)
    }
  })
})

describe('opening a SQLite file', () => {
  it('makes it, and those beside it, readable by their owner only, whatever the umask', async (t) => {
    const umask = process.umask(0)
    t.after(() => process.umask(umask))
    const { store, file } = await openTracked(t)
    await start(store)
    for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(file + suffix).mode & 0o777, 0o600, suffix)
  })

  it('refuses a schema newer than this program, and says so', () => {
    const file = freshFile()
    const db = new DatabaseSync(file)
    db.exec('PRAGMA user_version = 9999')
    assert.throws(() => sqliteStore(file), /the database has schema 9999, this program knows \d+: use a newer latchkey/)
    assert.equal(db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.tables, 0)
    db.close()
  })

  it('and only looking at its schema leaves the file as it is, or away', async (t) => {
    const missing = freshFile()
    const { current, latest } = sqliteSchema(missing)
    assert.deepEqual([current, latest > 0, existsSync(missing)], [0, true, false])
    const old = freshFile()
    const db = new DatabaseSync(old)
    t.after(() => db.close())
    db.exec('PRAGMA user_version = 1')
    assert.deepEqual(sqliteSchema(old), { current: 1, latest })
    assert.deepEqual(sqliteSchema((await openTracked(t)).file), { current: latest, latest })
    assert.equal(db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.tables, 0)
  })

  it('finds everything as it was left (RT-07)', async (t) => {
    const { store, file } = await openTracked(t)
    const row = await start(store)
    await store.sessions.promote(promotionOf(row))
    await store.sessions.revoke(row.sid, 'reused')
    await store.accounts.create(newAccount())
    await store.keys.replace(0, [storedKey('kid')])
    const before = dump(file)
    await store.close()
    await sqliteStore(file).close()
    assert.deepEqual(dump(file), before)
  })

  it('refuses a file that is no database', () => {
    const file = freshFile()
    writeFileSync(file, 'not a database, whatever its name says'.repeat(100))
    assert.throws(() => sqliteStore(file), /file is not a database/)
  })

  it('answers store_unavailable, never an empty result, once the tables are gone', async (t) => {
    const { store, db } = await openTracked(t)
    const { sid } = await start(store)
    db.exec('DROP TABLE sessions')
    await assert.rejects(store.ping(), isUnavailable)
    await assert.rejects(store.sessions.find(sid), isUnavailable)
    await assert.rejects(store.sessions.revoke(sid, 'revoked'), isUnavailable)
  })
})

function movable() {
  let time = 1_800_000_000_000
  return {
    now: () => time,
    advance: (milliseconds: number) => {
      time += milliseconds
    },
  }
}

/** A store on a file of its own, with the connection it writes by. */
async function openTracked(t: TestContext) {
  const file = freshFile()
  const used: DatabaseSync[] = []
  const { exec } = DatabaseSync.prototype
  const spy = t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
    used.push(this)
    exec.call(this, sql)
  })
  const store = sqliteStore(file, { busyTimeout: 20 })
  spy.mock.restore()
  t.after(() => store.close())
  const [db] = used
  assert.ok(db)
  return { store, file, db }
}

async function start(store: SqliteStore): Promise<SessionRow> {
  const row = await store.sessions.start(newSession())
  assert.ok(row)
  return row
}

/** No page may be added from now on. */
function fillDisk(db: DatabaseSync): () => void {
  const pages = db.prepare('PRAGMA page_count').get()?.page_count
  db.exec(`PRAGMA max_page_count = ${pages}`)
  return () => db.exec('PRAGMA max_page_count = 1000000')
}

function holdLock(_db: DatabaseSync, file: string): () => void {
  const other = new DatabaseSync(file)
  other.exec('BEGIN IMMEDIATE')
  return () => other.close()
}

function synchronous(db: DatabaseSync): string {
  const level = db.prepare('PRAGMA synchronous').get()?.synchronous
  return ['OFF', 'NORMAL', 'FULL', 'EXTRA'][Number(level)] ?? 'unknown'
}

/** Everything in the database, as another process sees it. */
function dump(file: string): unknown {
  const db = new DatabaseSync(file, { readOnly: true })
  const tables = ['sessions', 'accounts', 'signing_keys', 'password_resets'].map((table) =>
    db.prepare(`SELECT * FROM ${table}`).all(),
  )
  db.close()
  return tables
}
