import { parse } from 'csv-parse/sync'
import { Mistake } from '../command.ts'
import type { Line } from './lines.ts'

/** What stands on a line: fields by name, or why there are none. */
export interface Row {
  /** Where it begins, from 1. */
  readonly line: number
  /** Its last line; several in CSV, where a quoted field may go over lines. */
  readonly last: Line
  readonly fields: Readonly<Record<string, unknown>> | null
  readonly fault: string | null
}

/** JSON Lines (jsonlines.org): an object a line. Lines up to `after` have been read before. */
export async function* readJsonLines(lines: AsyncIterable<Line>, after: number): AsyncGenerator<Row> {
  for await (const last of lines) {
    const { number: line, text, fault } = last
    if (line <= after) continue
    if (text === null) yield { line, last, fields: null, fault }
    else if (text.trim() !== '') yield { line, last, ...toFields(text) }
  }
}

function toFields(text: string): Pick<Row, 'fields' | 'fault'> {
  try {
    const value: unknown = JSON.parse(text)
    if (isRecord(value)) return { fields: value, fault: null }
    return { fields: null, fault: 'is no JSON object' }
  } catch {
    return { fields: null, fault: 'is no JSON' }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * CSV (RFC 4180) whose first record names the columns. A record ends with the line on which its quotes are even. When
 * such a record does not hold, only its first line is to blame, and reading goes on with the next one: one stray quote
 * must not swallow the rest of the file. Records up to the line `after` have been read before.
 *
 * @throws Mistake when there are no column names
 */
export async function* readCsv(
  lines: AsyncIterable<Line>,
  after: number,
  check: (columns: readonly string[]) => void,
): AsyncGenerator<Row> {
  const source = new Lookahead(lines)
  let columns: readonly string[] | undefined
  for (let first = await source.next(); first !== undefined; first = await source.next()) {
    if (first.text?.trim() === '' || (columns !== undefined && first.number <= after)) continue
    const { number: line } = first
    const record = await source.complete(first)
    const last = record.at(-1) ?? first
    const unreadable = record.find(({ text }) => text === null)?.fault
    const cells = unreadable ?? toCells(record.map(({ text }) => text).join('\n'))
    if (columns === undefined) {
      if (typeof cells === 'string') throw new Mistake(`line ${line} has no column names: it ${cells}`)
      columns = cells.map((cell) => cell.trim())
      check(columns)
      continue
    }
    const row = toRow(columns, cells)
    if (row.fields === null) source.putBack(record.slice(1))
    yield { line, last: row.fields === null ? first : last, ...row }
  }
}

/** `cells` as text says what is wrong with them. An empty cell is no field. */
function toRow(columns: readonly string[], cells: readonly string[] | string): Pick<Row, 'fields' | 'fault'> {
  if (typeof cells === 'string') return { fields: null, fault: cells }
  if (cells.length !== columns.length) {
    return { fields: null, fault: `has ${cells.length} columns, the first line ${columns.length}` }
  }
  const fields = columns.map((column, index) => [column, cells[index]]).filter(([, cell]) => cell !== '')
  return { fields: Object.fromEntries(fields), fault: null }
}

/** One record's cells, or what is wrong with it. */
function toCells(text: string): readonly string[] | string {
  try {
    const [cells = []]: string[][] = parse(text)
    return cells
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return FAULTS[code] ?? 'is no CSV'
  }
}

const FAULTS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'has a quote that is not closed',
  CSV_INVALID_CLOSING_QUOTE: 'goes on after a closing quote',
  INVALID_OPENING_QUOTE: 'has a quote in a field without quotes',
}

const MAX_RECORD_LINES = 100

class Lookahead {
  readonly #lines: AsyncIterator<Line>
  #waiting: Line[] = []

  constructor(lines: AsyncIterable<Line>) {
    this.#lines = lines[Symbol.asyncIterator]()
  }

  async next(): Promise<Line | undefined> {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting
    const { done, value } = await this.#lines.next()
    return done ? undefined : value
  }

  putBack(lines: readonly Line[]): void {
    this.#waiting = [...lines, ...this.#waiting]
  }

  /** The line, with those that follow until its quotes are even. The line alone when they do not become so. */
  async complete(first: Line): Promise<readonly Line[]> {
    const record = [first]
    let isOpen = hasOddQuotes(first)
    while (isOpen && record.length < MAX_RECORD_LINES) {
      const line = await this.next()
      if (line === undefined) break
      record.push(line)
      if (line.text === null) break
      if (hasOddQuotes(line)) isOpen = false
    }
    if (!isOpen) return record
    this.putBack(record.slice(1))
    return [first]
  }
}

function hasOddQuotes({ text }: Line): boolean {
  return text !== null && text.split('"').length % 2 === 0
}
