import type { Terminal } from './terminal.ts'

/** A line for whoever called: the answer. */
export function say({ output }: Terminal, line: string): void {
  output.write(`${line}\n`)
}

/** A line about what is going on. */
export function note({ errors }: Terminal, line: string): void {
  errors.write(`${line}\n`)
}

export function sayJson(terminal: Terminal, value: unknown): void {
  say(terminal, JSON.stringify(value))
}

/** Rows in columns as wide as they need. Two spaces part them; the last one runs free. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, ...rows.map((row) => row.map(printable))]
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What people typed elsewhere may steer a terminal or turn the line around: such characters are shown by their number. */
export function printable(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`,
  )
}

/** `2026-11-22 04:29:23Z` */
export function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

/** `1 session`, `2 sessions` */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`
}
