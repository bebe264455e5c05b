import { appendFileSync, createReadStream, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { command, type ExitCode, JSON_OPTION, Mistake } from './command.ts'
import { type Checkpoint, checkpointFile, forget, resume, save, startOf } from './import/checkpoint.ts'
import { Broken, columnFault, type ImportedUser, toImportedUser } from './import/imported-user.ts'
import { readLines } from './import/lines.ts'
import { type Progress, startProgress } from './import/progress.ts'
import { type Row, readCsv, readJsonLines } from './import/rows.ts'
import { note, say, sayJson } from './output.ts'
import { accountAdmin, atWork, type Workplace } from './workplace.ts'

/** So many users share a commit. */
const BATCH = 500

export const importUsers = command({
  name: 'users import',
  summary: 'Makes accounts from a CSV file (with a line of column names) or JSON Lines.',
  details: [
    'Columns or fields: email and username, one at least; password_hash (argon2, bcrypt of any prefix, scrypt and PBKDF2 in',
    'PHC form; they are replaced by argon2id as their owners log in) or password (plain, as it is: hashing takes its time);',
    'created_at. All others become the profile. Accounts that are there are counted and left as they are, so a file may be',
    'imported again. Lines that cannot be taken go with their number and the reason to FILE.import-errors.jsonl, and the',
    'exit code is 1; the others are imported all the same.',
  ].join('\n'),
  operands: ['FILE'],
  options: {
    resume: { type: 'boolean', description: 'Go on where an import of this file was interrupted.' },
    json: JSON_OPTION,
  },
  settings: ['store'],
  run: async ({ operands: [file = ''], options, ...invocation }) => {
    const read = readerOf(file)
    const start = await startOf(file)
    const earlier = options.resume ? resume(file, start) : null
    if (options.resume) {
      const from =
        earlier === null ? 'nothing was interrupted: starts at the beginning' : `goes on after line ${earlier.line}`
      note(invocation.terminal, from)
    }
    return atWork(invocation, { mayMakeStore: true }, async (place) => {
      const imported = await importAll(place, file, read, earlier ?? start)
      return report(place, file, imported, options.json)
    })
  },
})

interface Imported extends Checkpoint {
  readonly isInterrupted: boolean
}

type Reader = (file: string, after: number) => AsyncIterable<Row>

const READERS: Readonly<Record<string, Reader>> = {
  csv: (file, after) => readCsv(readLines(createReadStream(file)), after, checkColumns),
  jsonl: (file, after) => readJsonLines(readLines(createReadStream(file)), after),
}

function readerOf(file: string): Reader {
  const extension = /\.([^.]+)$/.exec(file)?.[1]?.toLowerCase() ?? ''
  const reader = Object.hasOwn(READERS, extension) ? READERS[extension] : undefined
  if (reader === undefined) throw new Mistake(`${JSON.stringify(file)} must be named FILE.csv or FILE.jsonl`)
  if (!existsSync(file) || !statSync(file).isFile()) throw new Mistake(`there is no file ${JSON.stringify(file)}`)
  return reader
}

function checkColumns(columns: readonly string[]): void {
  const fault = columnFault(columns)
  if (fault !== null) throw new Mistake(`the file cannot be imported: ${fault}`)
}

function reportFile(input: string): string {
  return `${input}.import-errors.jsonl`
}

async function importAll(place: Workplace, file: string, read: Reader, start: Checkpoint): Promise<Imported> {
  if (start.line === 0) rmSync(reportFile(file), { force: true })
  const importer = new Importer(place)
  const interruption = new AbortController()
  const interrupt = () => interruption.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  const progress = startProgress(place.terminal, start.size, start.line)
  let at = start
  try {
    for await (const rows of batches(read(file, start.line), BATCH)) {
      at = await importBatch(importer, file, rows, at, progress)
      if (interruption.signal.aborted) return { ...at, isInterrupted: true }
    }
    forget(file)
    return { ...at, isInterrupted: false }
  } finally {
    progress.stop()
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

/** What is committed is reported before it is checkpointed: an import that is cut off between the two repeats itself. */
async function importBatch(
  importer: Importer,
  file: string,
  rows: readonly Row[],
  before: Checkpoint,
  progress: Progress,
): Promise<Checkpoint> {
  const outcomes = await Promise.all(rows.map((row) => importer.import(row)))
  const faults = outcomes.filter((outcome) => typeof outcome === 'object')
  if (faults.length > 0) {
    if (before.broken === 0) writeFileSync(reportFile(file), '', { mode: 0o600 })
    appendFileSync(reportFile(file), faults.map((fault) => `${JSON.stringify(fault)}\n`).join(''))
  }
  const last = rows.at(-1)?.last
  const after = {
    ...before,
    line: last?.number ?? before.line,
    created: before.created + outcomes.filter((outcome) => outcome === 'created').length,
    exists: before.exists + outcomes.filter((outcome) => outcome === 'exists').length,
    broken: before.broken + faults.length,
  }
  save(file, after)
  progress.update(last?.end ?? 0, after.line)
  return after
}

interface Fault {
  readonly line: number
  readonly reason: string
}

class Importer {
  readonly #place: Workplace
  readonly #admin: ReturnType<typeof accountAdmin>
  #hasWarned = false

  constructor(place: Workplace) {
    this.#place = place
    this.#admin = accountAdmin(place, BATCH)
  }

  async import({ line, fields, fault }: Row): Promise<'created' | 'exists' | Fault> {
    try {
      if (fields === null) throw new Broken(fault ?? 'cannot be read')
      return await this.#add(toImportedUser(fields, Date.now()))
    } catch (error) {
      if (error instanceof Broken) return { line, reason: error.message }
      throw error
    }
  }

  async #add(user: ImportedUser): Promise<'created' | 'exists'> {
    const { email, username, profile, createdAt, credential } = user
    // A second run should not hash everything again to find that all is there.
    if ('password' in credential && (await this.#exists(user))) return 'exists'
    const passwordHash = 'hash' in credential ? credential.hash : await this.#hash(credential.password)
    if (await this.#admin.add({ email, username, passwordHash, profile, createdAt })) return 'created'
    if (await this.#exists(user)) return 'exists'
    throw new Broken('username: another account has it')
  }

  /** Whoever has the e-mail address is the same user; without one, the username tells. */
  async #exists({ email, username }: ImportedUser): Promise<boolean> {
    const { accounts } = this.#place.store
    if (email !== null) return (await accounts.findByEmail(email)) !== null
    return username !== null && (await accounts.findByUsername(username)) !== null
  }

  #hash(password: string): Promise<string> {
    if (!this.#hasWarned)
      note(
        this.#place.terminal,
        'the file has plain passwords: each takes some 20 ms to hash, and the file should not stay',
      )
    this.#hasWarned = true
    return this.#admin.hash(password)
  }
}

function report({ terminal }: Workplace, file: string, imported: Imported, asJson: boolean): ExitCode {
  const { line, created, exists, broken, isInterrupted } = imported
  const errors = broken > 0 ? reportFile(file) : null
  if (asJson) sayJson(terminal, { lines: line, created, exists, broken, errors, interrupted: isInterrupted })
  else {
    const [lines, made, there, bad] = [line, created, exists, broken].map((number) => number.toLocaleString('en-US'))
    say(terminal, `${lines} lines: ${made} created, ${there} exist already, ${bad} broken`)
  }
  if (errors !== null) note(terminal, `the broken lines are in ${errors}`)
  if (isInterrupted) note(terminal, `interrupted: --resume goes on after line ${line} (${checkpointFile(file)})`)
  return broken > 0 || isInterrupted ? 1 : 0
}

async function* batches<Item>(items: AsyncIterable<Item>, size: number): AsyncGenerator<readonly Item[]> {
  let batch: Item[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
