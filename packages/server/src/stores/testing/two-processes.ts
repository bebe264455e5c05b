/** What the contract promises of several processes on one store, shown with two real ones. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newSession } from '../conformance.ts'
import { openStore } from '../open-store.ts'
import type { Acknowledged, Order, Winnings } from './second-process.ts'

const SESSIONS = 300
/** So many sessions are fought over before the processes wait for each other, lest one run away. */
const AT_ONCE = 10
const FRESH_STORES = 15
const ACKNOWLEDGED = 300

/** Declares the suite. `fresh` names a store that nobody has opened yet. */
export function conformanceAcrossProcesses(name: string, fresh: () => string): void {
  describe(`${name} with two processes at once`, { timeout: 60_000 }, () => {
    let workers: readonly [Worker, Worker]

    before(async () => {
      workers = await Promise.all([Worker.start('a'), Worker.start('b')])
    })
    after(() => workers.map((worker) => worker.kill()))

    it('is brought up to date by both when both open it for the first time', async () => {
      for (let round = 0; round < FRESH_STORES; round++) {
        const url = fresh()
        await Promise.all(workers.map((worker) => worker.ask({ url, command: 'open' })))
      }
    })

    it('gives each generation, revocation, name and key set to exactly one of them (RT-04)', async () => {
      const url = fresh()
      const store = openStore(url)
      const rows = await Promise.all(
        Array.from({ length: SESSIONS }, async () => {
          const row = await store.sessions.start(newSession())
          assert.ok(row)
          return row
        }),
      )
      const winnings: Winnings[] = []
      for (let at = 0; at < SESSIONS; at += AT_ONCE) {
        const order = { url, command: 'race', rows: rows.slice(at, at + AT_ONCE) } as const
        winnings.push(...(await Promise.all(workers.map((worker) => worker.ask<Winnings>(order)))))
      }
      const all = (kind: 'promoted' | 'revoked' | 'created') => winnings.flatMap((won) => won[kind]).sort()
      const sids = rows.map(({ sid }) => sid).sort()
      assert.deepEqual(all('revoked'), sids)
      assert.deepEqual(all('created'), sids)
      assert.equal(new Set(all('promoted')).size, all('promoted').length)
      assert.equal(new Set(winnings.flatMap(({ seen }) => seen)).size, all('promoted').length, 'all see one winner')
      const replaced = winnings.map((won) => won.replaced).reduce((sum, count) => sum + count)
      assert.equal((await store.keys.read()).version, replaced)
      for (const { sid } of rows) assert.equal((await store.sessions.find(sid)).row?.revokedReason, 'signed_out')
      for (const worker of ['a', 'b']) {
        assert.ok(
          winnings.some((won) => won.worker === worker && won.promoted.length > 0),
          `${worker} had a chance`,
        )
      }
      await store.close()
    })

    it('still has every acknowledged start and revocation after one is killed in mid-write (RT-07)', async () => {
      const url = fresh()
      const victim = await Worker.start('victim')
      const acknowledged = await victim.killAfter(ACKNOWLEDGED, { url, command: 'stream' })
      const store = openStore(url)
      for (const { started, revoked } of acknowledged) {
        const { row } = await store.sessions.find(started)
        assert.equal(row?.gen, 1)
        assert.equal(row.revokedReason, revoked === undefined ? null : 'signed_out')
      }
      await store.close()
    })
  })
}

class Worker {
  readonly #name: string
  readonly #child: ChildProcess

  private constructor(name: string, child: ChildProcess) {
    this.#name = name
    this.#child = child
  }

  static async start(name: string): Promise<Worker> {
    const child = fork(join(import.meta.dirname, 'second-process.ts'), {
      execArgv: ['--conditions=@latchkey/source', '--no-warnings'],
    })
    const worker = new Worker(name, child)
    await worker.#answer()
    return worker
  }

  async ask<Answer>(order: Pick<Order, 'url' | 'command'> & Partial<Order>): Promise<Answer> {
    this.#send(order)
    return (await this.#answer()) as Answer
  }

  /** Kills the process without warning once it has reported so many writes, and returns all that it reported. */
  async killAfter(count: number, order: Pick<Order, 'url' | 'command'>): Promise<readonly Acknowledged[]> {
    const acknowledged: Acknowledged[] = []
    this.#child.on('message', (message: { acknowledged: Acknowledged } | { failed: string }) => {
      if ('acknowledged' in message) acknowledged.push(message.acknowledged)
      if ('failed' in message || acknowledged.length === count) this.kill()
    })
    this.#send(order)
    await once(this.#child, 'close')
    assert.ok(acknowledged.length >= count, 'it failed before it could be killed')
    return acknowledged
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #send(order: Pick<Order, 'url' | 'command'> & Partial<Order>): void {
    this.#child.send({ worker: this.#name, rows: [], ...order })
  }

  async #answer(): Promise<unknown> {
    const [message] = await once(this.#child, 'message')
    if ('failed' in message) throw new Error(`process ${this.#name}: ${message.failed}`)
    return message.done
  }
}
