/** Typed reading of result columns. A column of another type than its schema's means a damaged file: a fault, not input. */
import type { SQLOutputValue } from 'node:sqlite'

export type Columns = Record<string, SQLOutputValue>

export function text(columns: Columns, name: string): string {
  const value = columns[name]
  if (typeof value === 'string') return value
  throw new TypeError(`column ${name} does not hold text`)
}

export function integer(columns: Columns, name: string): number {
  const value = columns[name]
  if (typeof value === 'number') return value
  throw new TypeError(`column ${name} does not hold an integer`)
}

export function optionalText(columns: Columns, name: string): string | null {
  return columns[name] === null ? null : text(columns, name)
}

export function optionalInteger(columns: Columns, name: string): number | null {
  return columns[name] === null ? null : integer(columns, name)
}

export function oneOf<Value extends string>(columns: Columns, name: string, values: readonly Value[]): Value {
  const found = values.find((value) => value === columns[name])
  if (found !== undefined) return found
  throw new TypeError(`column ${name} holds none of ${values.join(', ')}`)
}
