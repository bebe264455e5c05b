/** Prints the table of docs/model.md: `node --conditions=@latchkey/source packages/protocol/src/model/report.ts`. */
import { DEFAULT_SEED, DEFAULT_SESSIONS, type Run, runModel, total } from './run.ts'
import { LATCHKEY } from './server.ts'
import { COUNTED, type Tally } from './simulate.ts'

export const TABLE_BEGINS = '<!-- the model’s counts: written by report.ts -->'
export const TABLE_ENDS = '<!-- end of the model’s counts -->'

/** The counts of a run as a Markdown table: a line a profile, then their sums. */
export function table(run: Run): string {
  const line = (name: string, count: (what: keyof Tally) => number) =>
    row([name, ...COUNTED.map((what) => count(what).toLocaleString('en'))])
  return [
    row(['profile', ...COUNTED]),
    row(['---', ...COUNTED.map(() => '--:')]),
    ...[...run.tallies].map(([profile, tally]) => line(profile, (what) => tally[what])),
    line('**all**', (what) => total(run, what)),
  ].join('\n')
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

if (import.meta.main) {
  console.log(`${TABLE_BEGINS}\n${table(runModel(LATCHKEY, DEFAULT_SEED, DEFAULT_SESSIONS))}\n${TABLE_ENDS}`)
}
