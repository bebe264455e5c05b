/** What is required of Latchkey (requirements/requirements.json), and the tests that show it: the ids in their titles. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export const LEVELS = ['M', 'S', 'O'] as const
export type Level = (typeof LEVELS)[number]

/** What a row says of itself, with its reason; a row that does not is met when a test names it, and may have a remark. */
const STATED = ['partly', 'departs', 'open', 'not applicable'] as const
export const STATUSES = ['met', ...STATED, 'missing'] as const
export type Status = (typeof STATUSES)[number]

interface Row {
  readonly id: string
  readonly level: Level
  readonly source: string
  readonly text: string
  readonly status?: (typeof STATED)[number]
  readonly reason?: string
}

interface Title {
  readonly file: string
  readonly text: string
}

export interface Requirement extends Omit<Row, 'status'> {
  readonly status: Status
  readonly tests: readonly Title[]
}

const ROOT = join(import.meta.dirname, '..')
const ROWS = 'requirements/requirements.json'
const TEST_FILES = [
  'packages/*/src/**/*.test.ts',
  'packages/*/src/stores/conformance.ts',
  '{scripts,examples}/**/*.test.ts',
]

const GROUPS: Readonly<Record<string, string>> = {
  PW: 'Passwords and login',
  SE: 'Session tokens',
  RT: 'Refresh rotation and reuse detection',
  LO: 'Logout and revocation',
  JW: 'JWT verification',
  KY: 'Keys and secrets',
  CK: 'Cookies and CSRF',
  ER: 'Errors and headers',
  RL: 'Rate limiting and abuse',
  LG: 'Logging and privacy',
  BR: 'Browser client',
}

const ID = new RegExp(String.raw`\b(?:${Object.keys(GROUPS).join('|')})-\d\d\b`, 'g')
/** What a template fills in, which may hold templates in its turn. */
const HOLE = /\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\}/g
const STRING = new RegExp(
  String.raw`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\x60(?:${HOLE.source}|[^\x60\\]|\\.)*\x60`,
  'g',
)
/** The calls that give a title; `refuses` is a suite's own, around `describe`. */
const TITLED = /^\s*(?:it|test|describe|refuses)\(['"`]/
const TITLED_BELOW = /^\s*(?:it|test|describe|refuses)\(\s*$/

/** @throws Error when a row is not well-formed, or a test names an id that is not a row's */
export function readRequirements(): readonly Requirement[] {
  const rows: readonly Row[] = JSON.parse(readFileSync(join(ROOT, ROWS), 'utf8'))
  const titles = collectTitles()
  const known = new Set<string>()
  for (const { id, level, status, reason } of rows) {
    const isStated = status === undefined || (STATED.includes(status) && reason)
    if (!id.match(ID) || known.has(id) || !LEVELS.includes(level) || !isStated) throw new Error(`${ROWS}: ${id}`)
    known.add(id)
  }
  for (const [id, [title]] of titles) {
    if (!known.has(id)) throw new Error(`${title?.file}: ${id} is not in ${ROWS}`)
  }
  return rows.map((row) => {
    const tests = titles.get(row.id) ?? []
    return { ...row, status: row.status ?? (tests.length > 0 ? 'met' : 'missing'), tests }
  })
}

function collectTitles(): ReadonlyMap<string, readonly Title[]> {
  const titles = new Map<string, Title[]>()
  for (const pattern of TEST_FILES) {
    const files = globSync(pattern, { cwd: ROOT, exclude: (name) => name.includes('node_modules') })
    for (const file of files.map((name) => name.replaceAll('\\', '/')).sort()) {
      for (const [id, texts] of titlesOf(readFileSync(join(ROOT, file), 'utf8'))) {
        const all = titles.get(id) ?? []
        all.push(...texts.map((text) => ({ file, text })))
        titles.set(id, all)
      }
    }
  }
  return titles
}

/**
 * The titles in a test file, by the ids they name. Titles of a loop come from a table: its rows that name an id are given
 * as one entry. What an assertion says is no title.
 */
function titlesOf(source: string): ReadonlyMap<string, readonly string[]> {
  const titles = new Map<string, string[]>()
  const tables = new Map<string, string[]>()
  const lines = source.split('\n')
  for (const [at, line] of lines.entries()) {
    const isTitle = TITLED.test(line) || TITLED_BELOW.test(lines[at - 1] ?? '')
    if (/^\s*(?:\/?\*|\/\/)/.test(line) || (!isTitle && /\bassert\b/.test(line))) continue
    const texts = stringsIn(line)
    for (const text of isTitle ? texts.slice(0, 1) : texts) {
      for (const id of new Set(text.match(ID))) {
        const found = isTitle ? titles : tables
        found.set(id, [...(found.get(id) ?? []), text === id ? `${id} ${titleBelow(lines, at)}` : text])
      }
    }
  }
  for (const [id, [first = '', ...others]] of tables) {
    const entry = others.length === 0 ? first : `${first} (first of ${others.length + 1} like it)`
    titles.set(id, [...(titles.get(id) ?? []), entry])
  }
  return new Map([...titles].map(([id, texts]) => [id, texts.map((text) => text.replaceAll(HOLE, '…'))]))
}

/** The title that a table's loop gives: the next one built from its rows. */
function titleBelow(lines: readonly string[], at: number): string {
  const line = lines.slice(at).find((each) => /^\s*(?:it|test)\(`/.test(each)) ?? ''
  return stringsIn(line)[0] ?? ''
}

/** The strings that stand on a line, without their quotes. */
function stringsIn(line: string): readonly string[] {
  return (line.match(STRING) ?? []).map((quoted) => quoted.slice(1, -1))
}

/** How many rows of each level have each status. */
export function countOf(rows: readonly Requirement[], status: Status, level?: Level): number {
  return rows.filter((row) => row.status === status && (level === undefined || row.level === level)).length
}

export function describeRequirements(rows: readonly Requirement[] = readRequirements()): string {
  const counts = STATUSES.filter((status) => countOf(rows, status) > 0).map(
    (status) => `| ${status} | ${LEVELS.map((level) => countOf(rows, status, level)).join(' | ')} |`,
  )
  const groups = Object.entries(GROUPS).map(([prefix, name]) => {
    const lines = rows.filter(({ id }) => id.startsWith(prefix)).map(describeRow)
    return `## ${name}

| id | level | requirement | from | status | shown by |
|---|---|---|---|---|---|
${lines.join('\n')}
`
  })
  return `<!-- Made from ${ROWS} and the titles of the tests by \`npm run docs\`. Edit those, not this file. -->

# Requirements

What is required of a system of access and refresh tokens, where each requirement comes from, and the tests that show that
Latchkey meets it. Level M must be met, S should be, O holds only if the feature is there. \`npm run check:requirements\`
prints the counts, and fails when a row of level M is neither met nor has its reason.

- **met**: the tests named beside it show it; they have the id in their title.
- **partly**: the tests show a part; what is missing is said.
- **departs**: decided otherwise on purpose, for the reason given; the tests show what holds instead.
- **open**: not yet, with what it waits for.

A title in a test is a claim. Checks that remove each guard and see the named test fail are still to come. What holds for
every answer (ER-02, ER-03, ER-05, CK-01 to CK-04) is asserted on each one that the HTTP tests receive, not only in those named.

| status | ${LEVELS.join(' | ')} |
|---|---|---|---|
${counts.join('\n')}

${groups.join('\n')}`
}

function describeRow({ id, level, text, source, status, reason, tests }: Requirement): string {
  const said = reason === undefined ? `**${status}**` : `**${status}**: ${reason}`
  const shown = tests.map((test) => `[${basename(test.file)}](../${test.file}): ${escapeCell(test.text)}`)
  return `| ${id} | ${level} | ${escapeCell(text)} | ${source} | ${said} | ${shown.join('<br>')} |`
}

/** Text as it is, in a cell of a Markdown table. */
function escapeCell(text: string): string {
  return text.replaceAll(/[\\|*_<[\]`]/g, '\\$&')
}
