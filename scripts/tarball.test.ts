/**
 * What is published is what is tested: all packages packed, installed together with production dependencies only in an
 * empty folder, and the README's embed run there, on each Node that is supported.
 */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { findFreePort } from '../examples/testing/run-example.ts'
import { walkThrough } from '../examples/testing/walk-through.ts'

const ROOT = join(import.meta.dirname, '..')
const NODES = ['22', '24'] as const
const run = promisify(execFile)

describe('the published packages', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-tarballs-'))
    await run('npm', ['pack', '--pack-destination', folder, ...PACKAGES], { cwd: ROOT })
    await installTarballs(folder)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  for (const version of NODES) {
    it(`run the README's embed on Node ${version}`, { timeout: 120_000 }, async (t) => {
      const node = await installNode(folder, version)
      const port = await findFreePort()
      const home = join(folder, `embed-${version}`)
      await mkdir(home)
      const program = join(home, 'embed.mjs')
      await writeFile(program, (await readEmbed()).replaceAll('3000', String(port)))
      const child = spawn(node, [program], {
        cwd: home,
        env: { PATH: process.env.PATH },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.after(() => child.kill())
      await new Promise((resolve) => child.stdout.once('data', resolve))
      const { guarded, afterLogout } = await walkThrough(`http://localhost:${port}`)
      assert.match(guarded.hello ?? '', /^[\w-]{22}$/)
      assert.equal(afterLogout.code, 'session_revoked')
      assert.equal((await fetch(`http://localhost:${port}/auth/docs/swagger-ui.css`)).status, 200)
    })
  }

  it('KY-06 carry no test, no source of the workspace and no secret', async () => {
    const files = await readdir(join(folder, 'node_modules/latchkey'), { recursive: true })
    const own = files.filter((file) => !file.startsWith('node_modules'))
    assert.deepEqual(
      own.filter((file) => /\.test\.|testing|conformance|\.tsbuildinfo|\.secret|\.db$|\.env/.test(file)),
      [],
    )
    assert.ok(own.includes('LICENSE') && own.includes('README.md'))
  })

  it('declare types that a strict program accepts', { timeout: 120_000 }, async () => {
    const program = (await readEmbed()).replaceAll('3000', '3999')
    await writeFile(join(folder, 'embed.mts'), program)
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node']
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    await run('npm', ['install', '--no-save', '@types/node@24', '@types/express@5'], { cwd: folder })
    await run(process.execPath, [tsc, ...options, '--skipLibCheck', 'false', 'embed.mts'], { cwd: folder })
  })
})

const PACKAGES = ['--workspace', 'packages/protocol', '--workspace', 'packages/server']

/** Together: one alone would look for the others in the registry. */
async function installTarballs(folder: string): Promise<void> {
  const tarballs = (await readdir(folder)).filter((file) => file.endsWith('.tgz'))
  assert.ok(tarballs.length >= 2, 'every package was packed')
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  await run('npm', ['install', '--omit=dev', ...tarballs.map((file) => `./${file}`), 'express@5'], { cwd: folder })
}

async function installNode(folder: string, version: string): Promise<string> {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath
  const prefix = join(folder, `node-${version}`)
  await mkdir(prefix)
  await writeFile(join(prefix, 'package.json'), '{ "private": true, "allowScripts": { "node": true } }')
  await run('npm', ['install', `node@${version}`], { cwd: prefix })
  return join(prefix, 'node_modules/node/bin/node')
}

/** The README's embed is the program between its markers. */
async function readEmbed(): Promise<string> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
  const [, program] = /<!-- embed -->\n```ts\n([\s\S]*?)```/.exec(readme) ?? []
  assert.ok(program !== undefined, 'the README has an embed')
  return program
}
