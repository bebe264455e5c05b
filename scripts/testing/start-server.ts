import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { findFreePort } from '../../examples/testing/run-example.ts'

export interface RunningServer {
  readonly issuer: string
  readonly folder: string
  /** The newest process: another one after `restart`. */
  readonly process: () => ChildProcess
  /** Kills the server as a crash would, and starts it again on the same database and port. */
  readonly killAndRestart: () => Promise<void>
}

/** The standalone server in a process of its own, on a free port and in a folder of its own, until the test ends. */
export async function startServer(t: TestContext, flags: readonly string[] = []): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-server-'))
  const port = await findFreePort()
  let current = await spawnServer(folder, port, flags)
  t.after(async () => {
    await end(current, 'SIGTERM')
    await rm(folder, { recursive: true })
  })
  return {
    issuer: `http://localhost:${port}/auth`,
    folder,
    process: () => current,
    killAndRestart: async () => {
      await end(current, 'SIGKILL')
      current = await spawnServer(folder, port, flags)
    },
  }
}

async function spawnServer(folder: string, port: number, flags: readonly string[]): Promise<ChildProcess> {
  const main = join(import.meta.dirname, '../../packages/server/src/cli/main.ts')
  const args = ['serve', '--port', String(port), '--log-level', 'silent', ...flags]
  const child = spawn(process.execPath, [...process.execArgv, main, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
      if (said.includes('ready')) resolve()
    })
    child.once('exit', () => reject(new Error(`the server ended: ${said}`)))
  })
  return child
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await ended
}
