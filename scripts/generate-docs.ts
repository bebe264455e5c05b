/**
 * Writes the reference documents from the code they describe; with `--check`, fails when one differs from what it would
 * write, naming it. docs/errors and the files that begin by saying so are never edited by hand, nor docs/openapi.json.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeDocuments } from './documents.ts'

const DOCS = join(import.meta.dirname, '..', 'docs')
const check = process.argv.includes('--check')

const documents = await describeDocuments()
const stale = await findStale()
if (check) {
  for (const name of stale) console.error(`docs/${name} does not say what the code says: run npm run docs`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else {
  for (const name of stale) await renew(name)
  console.log(`${documents.size} documents, ${stale.length} renewed`)
}

async function findStale(): Promise<readonly string[]> {
  const errorPages = await readdir(join(DOCS, 'errors')).catch(() => [])
  const names = new Set([...documents.keys(), ...errorPages.map((page) => `errors/${page}`)])
  const stale: string[] = []
  for (const name of names) {
    const current = await readFile(join(DOCS, name), 'utf8').catch(() => undefined)
    if (current !== documents.get(name)) stale.push(name)
  }
  return stale
}

async function renew(name: string): Promise<void> {
  const file = join(DOCS, name)
  const text = documents.get(name)
  if (text === undefined) return rm(file)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
}
