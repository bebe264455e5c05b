/**
 * Refresh over HTTP, relative to the floor. Only the ratios mean anything, and only within one run: the floor and
 * Latchkey take turns, so that both see the same machine. Writes bench/results.json.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { CONNECTIONS, type CpuTime, type Load, type LoadMessage, SESSIONS, type Target } from './protocol.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 11)
const ROUND_MS = Number(process.env.BENCH_ROUND_MS ?? 1000)
const WARM_UP_MS = 2000

const CONTENDERS = {
  floor: { file: 'floor.ts', args: [] },
  'turnEvery 0s': { file: 'latchkey.ts', args: ['0s'] },
  'turnEvery 60s': { file: 'latchkey.ts', args: ['60s'] },
} as const
type Contender = keyof typeof CONTENDERS
const NAMES = Object.keys(CONTENDERS) as Contender[]

/** Of one contender in one round. */
interface Round {
  readonly perSecond: number
  /** Microseconds of the server's CPU time for one request. Other work on the machine disturbs it least. */
  readonly cpu: number
  /** The part of the answers that brought a new refresh token. */
  readonly turned: number
  /** The part of one core that the load process took. */
  readonly loadBusy: number
}

interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

const load = start('load.ts')
const constant = start('constant.ts')
const servers = await Promise.all(NAMES.map(async (name) => [name, await prepare(name)] as const))
await learn('constant', constant)

const ceiling = await measureCeiling()
for (const [name] of servers) await run(name, WARM_UP_MS)
const answerBytes = new Map<Contender, number>()
const rounds = await takeTurns()
report()
for (const child of [load, constant, ...servers.map(([, child]) => child)]) child.disconnect()

async function takeTurns(): Promise<Record<Contender, Round>[]> {
  const taken: Record<Contender, Round>[] = []
  for (let number = 0; number < ROUNDS; number++) {
    // There and back again, so that nobody always goes first.
    const order = number % 2 === 0 ? servers : servers.toReversed()
    const round = new Map<Contender, Round>()
    for (const [name, child] of order) round.set(name, await measure(name, child))
    taken.push(Object.fromEntries(round) as Record<Contender, Round>)
  }
  return taken
}

async function measure(name: Contender, child: ChildProcess): Promise<Round> {
  const before = await cpuOf(child)
  const { answers, milliseconds, turned, cpu, sample } = await run(name, ROUND_MS)
  answerBytes.set(name, sample.length)
  const after = await cpuOf(child)
  return {
    perSecond: (answers / milliseconds) * 1000,
    cpu: (after - before) / answers,
    turned: turned / answers,
    loadBusy: cpu / 1000 / milliseconds,
  }
}

async function measureCeiling(): Promise<number> {
  await run('constant', 500)
  const { answers, milliseconds } = await run('constant', 1000)
  return (answers / milliseconds) * 1000
}

function report(): void {
  const ratios = (of: Contender, value: (round: Round) => number) =>
    spread(rounds.map((round) => value(round[of]) / value(round.floor)))
  const results = {
    ratioToFloor: {
      'turnEvery 0s': ratios('turnEvery 0s', ({ perSecond }) => perSecond),
      'turnEvery 60s': ratios('turnEvery 60s', ({ perSecond }) => perSecond),
    },
    ratioToFloorByCpu: {
      'turnEvery 0s': inverse(ratios('turnEvery 0s', ({ cpu }) => cpu)),
      'turnEvery 60s': inverse(ratios('turnEvery 60s', ({ cpu }) => cpu)),
    },
    perSecond: each((name) => spread(rounds.map((round) => round[name].perSecond))),
    cpuMicroseconds: each((name) => spread(rounds.map((round) => round[name].cpu))),
    turned: each((name) => spread(rounds.map((round) => round[name].turned))),
    answerBytes: each((name) => answerBytes.get(name) ?? 0),
    loadBusy: spread(rounds.flatMap((round) => NAMES.map((name) => round[name].loadBusy))),
    ceiling: Math.round(ceiling),
    setting: { connections: CONNECTIONS, sessions: SESSIONS, rounds: ROUNDS, roundMilliseconds: ROUND_MS },
    node: process.version,
    at: new Date().toISOString(),
  }
  writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`)

  console.log(`Refresh over HTTP relative to the floor: median (min to max) of ${ROUNDS} rounds of ${ROUND_MS} ms\n`)
  for (const name of ['turnEvery 0s', 'turnEvery 60s'] as const) {
    const byCpu = show(results.ratioToFloorByCpu[name], 2)
    console.log(`  ${name.padEnd(14)} ${show(results.ratioToFloor[name], 2)}   by server CPU time ${byCpu}`)
  }
  console.log()
  for (const name of NAMES) {
    const cpu = show(results.cpuMicroseconds[name], 1)
    const share = `${(results.turned[name].median * 100).toFixed(0)} % turned`
    console.log(`  ${name.padEnd(14)} ${show(results.perSecond[name], 0)} requests/s   ${cpu} µs CPU   ${share}`)
  }
  console.log(`\n  the load process reaches ${results.ceiling} requests/s; it was ${show(results.loadBusy, 2)} busy`)
  console.log(`  bytes of an answer: ${NAMES.map((name) => `${name} ${results.answerBytes[name]}`).join(', ')}`)
  console.log(`  ${CONNECTIONS} connections, ${SESSIONS} sessions, node ${process.version}, loopback`)
}

function each<Value>(value: (name: Contender) => Value): Record<Contender, Value> {
  return Object.fromEntries(NAMES.map((name) => [name, value(name)])) as Record<Contender, Value>
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.floor(sorted.length / 2)] ?? 0)
  return { median: middle / 2, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 }
}

function inverse({ median, min, max }: Spread): Spread {
  return { median: 1 / median, min: 1 / max, max: 1 / min }
}

function show({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`
}

async function prepare(name: Contender): Promise<ChildProcess> {
  const { file, args } = CONTENDERS[name]
  const child = start(file, args)
  await learn(name, child)
  return child
}

async function learn(name: string, child: ChildProcess): Promise<void> {
  const [target] = (await once(child, 'message')) as [Target]
  tell({ learn: name, target })
}

async function run(name: string, milliseconds: number): Promise<Load> {
  tell({ load: name, milliseconds })
  const [result] = (await once(load, 'message')) as [Load]
  return result
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const [{ cpu }] = (await once(child, 'message')) as [CpuTime]
  return cpu
}

function tell(message: LoadMessage): void {
  load.send(message)
}

/** Children inherit the condition that resolves packages to their sources. One that fails ends the run. */
function start(file: string, args: readonly string[] = []): ChildProcess {
  const child = fork(new URL(file, import.meta.url), args)
  child.once('exit', (code) => {
    if (code === 0) return
    console.error(`${file} ended with code ${code}`)
    process.exit(1)
  })
  return child
}
