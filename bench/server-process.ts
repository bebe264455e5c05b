/** The frame of every server under test: announces itself, tells its CPU time when asked, and ends with main. */
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CpuTime, ServerMessage, Target } from './protocol.ts'

/** Nothing here runs longer than this, whatever becomes of main. */
const LIFETIME_MS = 300_000

/** A folder that is gone when the process is. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Listens on a free port of the loopback interface. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

export function announce(target: Target): void {
  process.on('message', (_message: ServerMessage) => send({ cpu: cpuTime() }))
  endWithMain()
  process.send?.(target)
}

export function endWithMain(): void {
  process.once('disconnect', () => process.exit())
  setTimeout(() => process.exit(1), LIFETIME_MS).unref()
}

export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function send(message: CpuTime): void {
  process.send?.(message)
}
