/**
 * Runs one of the project's programs from a fresh clone: installs what the lock file names if that has not been done,
 * then hands over to the pinned Node. Plain JavaScript, because the Node that starts it may be older than the one that
 * runs the rest.
 *
 *   node scripts/run.mjs packages/server/src/cli/main.ts serve --port 4000
 */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LOCK = join(ROOT, '.installing')
const STAMP = join(ROOT, 'node_modules', '.latchkey-install')
const PINNED_NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node')
const STALE_LOCK_MS = 15_000

await install()
handOver(chooseNode(), process.argv.slice(2))

/** Two first runs at once would tear each other's node_modules apart, so the second waits for the first. */
async function install() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
  const isDone = () => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted
  while (!isDone()) {
    if (!takeLock()) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      continue
    }
    // The lock is held for as long as it is touched; one whose holder died goes stale.
    const touch = setInterval(() => utimesSync(LOCK, new Date(), new Date()), 2_000)
    try {
      if (isDone()) return
      console.error('First run: installing dependencies (about 20 seconds) …')
      await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
      writeFileSync(STAMP, wanted)
    } finally {
      clearInterval(touch)
      rmdirSync(LOCK)
    }
  }
}

function takeLock() {
  try {
    mkdirSync(LOCK)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    const touchedAt = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - touchedAt > STALE_LOCK_MS) rmdirSync(LOCK)
    return false
  }
}

/** The pinned Node where its binary runs; else the one that runs this, if it is new enough. */
function chooseNode() {
  try {
    execFileSync(PINNED_NODE, ['--version'], { stdio: 'ignore' })
    return PINNED_NODE
  } catch {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
    console.error(`Node ${process.versions.node} is too old, and the pinned one does not run here: install Node 24.`)
    process.exit(1)
  }
}

/** Signals reach the program, and its exit code comes back. */
function handOver(node, args) {
  const child = spawn(node, ['--conditions=@latchkey/source', '--disable-warning=ExperimentalWarning', ...args], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)))
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', process.stderr, process.stderr] })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} failed`))))
  })
}
