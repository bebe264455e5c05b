import { SingleBar } from 'cli-progress'
import { note } from '../output.ts'
import type { Terminal } from '../terminal.ts'

/** Tells how far long work has come: as a bar to a person, as a line now and then to a log. */
export interface Progress {
  /** `done` is in the unit that `total` was given in; `line` is for people. */
  readonly update: (done: number, line: number) => void
  readonly stop: () => void
}

const LINE_EVERY_MS = 5_000

export function startProgress(terminal: Terminal, total: number, firstLine: number): Progress {
  const startedAt = performance.now()
  const pace = (line: number) => perMinute(line - firstLine, performance.now() - startedAt)
  return terminal.isErrorsTTY ? bar(terminal, total, pace) : lines(terminal, total, pace)
}

function bar({ errors }: Terminal, total: number, pace: (line: number) => string): Progress {
  const format = '{bar} {percentage} % · line {line} · {pace} a minute · {eta_formatted} left'
  const single = new SingleBar({ format, stream: errors, hideCursor: true, barsize: 30, etaBuffer: 200 })
  single.start(Math.max(1, total), 0, { line: 0, pace: '–' })
  return {
    update: (done, line) => single.update(done, { line: line.toLocaleString('en-US'), pace: pace(line) }),
    stop: () => single.stop(),
  }
}

function lines(terminal: Terminal, total: number, pace: (line: number) => string): Progress {
  let saidAt = performance.now()
  return {
    update: (done, line) => {
      if (performance.now() - saidAt < LINE_EVERY_MS) return
      saidAt = performance.now()
      const percentage = Math.floor((100 * done) / Math.max(1, total))
      note(terminal, `${percentage} % · line ${line.toLocaleString('en-US')} · ${pace(line)} a minute`)
    },
    stop: () => {},
  }
}

function perMinute(lines: number, milliseconds: number): string {
  return Math.round((lines * 60_000) / Math.max(milliseconds, 1)).toLocaleString('en-US')
}
