import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { Mistake } from '../command.ts'

/** How far an import has come. Kept beside the file after every batch, so that another run can go on from there. */
const schema = z.object({
  version: z.literal(1),
  size: z.number(),
  sha256: z.string(),
  /** The last line that is done with. */
  line: z.number(),
  created: z.number(),
  exists: z.number(),
  broken: z.number(),
})

export type Checkpoint = z.infer<typeof schema>

export function checkpointFile(input: string): string {
  return `${input}.import-state.json`
}

/** The beginning of an import of this file. */
export async function startOf(input: string): Promise<Checkpoint> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(input)) hash.update(chunk)
  const { size } = statSync(input)
  return { version: 1, size, sha256: hash.digest('hex'), line: 0, created: 0, exists: 0, broken: 0 }
}

/** Where an earlier import of the same file stopped; null when there was none. @throws Mistake when it was another file */
export function resume(input: string, start: Checkpoint): Checkpoint | null {
  const file = checkpointFile(input)
  if (!existsSync(file)) return null
  const { success, data } = schema.safeParse(read(file))
  if (!success) throw new Mistake(`${file} is no state of an import; start again without --resume`)
  if (data.size === start.size && data.sha256 === start.sha256) return data
  throw new Mistake(`${input} has changed since; start again without --resume`)
}

/** The file is whole at every moment. */
export function save(input: string, checkpoint: Checkpoint): void {
  const draft = `${checkpointFile(input)}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(checkpoint)}\n`, { mode: 0o600 })
  renameSync(draft, checkpointFile(input))
}

export function forget(input: string): void {
  rmSync(checkpointFile(input), { force: true })
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}
