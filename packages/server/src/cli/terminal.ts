/** Where a command reads and writes; tests give their own. */
import type { Readable, Writable } from 'node:stream'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly input: Readable
  /** What was asked for. */
  readonly output: Writable
  /** What is said about it: notes, progress, logs. */
  readonly errors: Writable
  /** Whether a person sits at standard input, and at standard error. */
  readonly isInputTTY: boolean
  readonly isErrorsTTY: boolean
}

export function processTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process
  return {
    env,
    input: stdin,
    output: stdout,
    errors: stderr,
    isInputTTY: stdin.isTTY === true,
    isErrorsTTY: stderr.isTTY === true,
  }
}
