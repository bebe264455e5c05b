/**
 * `npm run check:requirements`: how many requirements are met, and which that must be are not, each with its reason. Fails
 * when one of those has none, or when docs/requirements.md is not up to date.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { countOf, describeRequirements, LEVELS, readRequirements, STATUSES } from './requirements.ts'

const rows = readRequirements()

console.log(['', ...LEVELS, 'all'].map((cell, at) => (at === 0 ? cell.padEnd(14) : cell.padStart(5))).join(''))
for (const status of STATUSES) {
  const counts = [...LEVELS.map((level) => countOf(rows, status, level)), countOf(rows, status)]
  console.log(status.padEnd(14) + counts.map((count) => String(count).padStart(5)).join(''))
}

for (const status of STATUSES.filter((each) => each !== 'met')) {
  const listed = rows.filter((row) => row.level === 'M' && row.status === status)
  if (listed.length > 0) console.log(`\nLevel M, ${status}:`)
  for (const { id, reason } of listed) console.log(`  ${id}  ${reason ?? 'no test names it, and there is no reason'}`)
}

const isStale = readPage() !== describeRequirements(rows)
if (isStale) console.error('\ndocs/requirements.md does not say what the tests say: run npm run docs')
if (isStale || countOf(rows, 'missing', 'M') > 0) process.exitCode = 1

function readPage(): string | undefined {
  try {
    return readFileSync(join(import.meta.dirname, '..', 'docs', 'requirements.md'), 'utf8')
  } catch {
    return undefined
  }
}
