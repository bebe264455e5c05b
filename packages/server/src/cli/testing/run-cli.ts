/** Command lines for tests: run within the test, or as the real program. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { createLatchkey, type LatchkeyOptions } from '../../latchkey.ts'
import { run } from '../run.ts'

export const SECRET = 'q7Zr0xkQ3mV8nB5tYw2LhJ6dPf9sGcA1'
export const ISSUER = 'https://app.example.com/auth'
export const PASSWORD = 'correct horse battery staple'

export interface Outcome {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

export interface Bench {
  readonly folder: string
  readonly file: string
  /** `--store` and its value. */
  readonly store: readonly [string, string]
  /** Runs a command on the store, within this process. */
  readonly cli: (args: string, given?: Given) => Promise<Outcome>
  /** As `cli`, for one that must succeed and prints JSON: what it printed, line by line. */
  readonly json: <Value>(args: string, given?: Given) => Promise<Value[]>
  /** A Latchkey on the store, as a running server has it. */
  readonly serve: (options?: LatchkeyOptions) => ReturnType<typeof createLatchkey>
}

interface Given {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
}

/** A folder of its own for a test, with the name of a store in it that is made once somebody makes it. */
export function setUpBench(t: TestContext): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-cli-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'latchkey.db')
  const store = ['--store', `sqlite:${file}`] as const
  const cli: Bench['cli'] = (args, given = {}) => runHere([...words(args), ...store], given)
  return {
    folder,
    file,
    store,
    cli,
    json: async (args, given) => {
      const { code, output, errors } = await cli(`${args} --json`, given)
      if (code !== 0) throw new Error(`${args}: exit code ${code}: ${errors}`)
      return output
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
    },
    serve: async (options = {}) => {
      const latchkey = await createLatchkey({ issuer: ISSUER, secret: SECRET, store: `sqlite:${file}`, ...options })
      t.after(() => latchkey.close())
      return latchkey
    },
  }
}

function words(args: string): readonly string[] {
  return args.split(' ').filter((word) => word !== '')
}

/** Runs a command line within this process, with nothing of the test's environment. */
export async function runHere(args: readonly string[], { input = '', env = {} }: Given = {}): Promise<Outcome> {
  const [output, errors] = [collector(), collector()]
  const code = await run(args, {
    env: { LATCHKEY_SECRET: SECRET, ...env },
    input: Readable.from([Buffer.from(input)]),
    output: output.stream,
    errors: errors.stream,
    isInputTTY: false,
    isErrorsTTY: false,
  })
  return { code, output: output.text(), errors: errors.text() }
}

/** Runs the real program. */
export async function runProgram(args: readonly string[], { input = '', env = {} }: Given = {}): Promise<Outcome> {
  const child = spawnProgram(args, env)
  child.stdin.end(input)
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, output, errors }
}

export function spawnProgram(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const main = join(import.meta.dirname, '../main.ts')
  const flags = ['--conditions=@latchkey/source', '--disable-warning=ExperimentalWarning']
  return spawn(process.execPath, [...flags, main, ...args], { env: { LATCHKEY_SECRET: SECRET, ...env } })
}

function collector() {
  const chunks: string[] = []
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      chunks.push(String(chunk))
      done()
    },
  })
  return { stream, text: () => chunks.join('') }
}
