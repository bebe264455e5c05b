import { isUtf8 } from 'node:buffer'

/** A line of a file. `end` is the offset of the byte after it. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly end: number
  /** Without its end; null when it cannot be read as text. */
  readonly text: string | null
  /** Why it cannot. */
  readonly fault: string | null
}

/** Longer lines are no users, and a file without line ends must not fill the memory. */
export const MAX_LINE_BYTES = 65_536

/** Splits bytes into lines at LF or CRLF. A byte order mark is left out. Nothing that is in the file makes this throw. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let number = 0
  let end = 0
  let rest: Buffer = Buffer.alloc(0)
  let dropped = 0
  const finish = (bytes: Buffer, terminator: number): Line => {
    number += 1
    end += dropped + bytes.length + terminator
    const isTooLong = dropped + bytes.length > MAX_LINE_BYTES
    dropped = 0
    return { number, end, ...(isTooLong ? TOO_LONG : decode(bytes, number === 1)) }
  }
  for await (const chunk of chunks) {
    let data = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    for (let at = data.indexOf(LF); at !== -1; at = data.indexOf(LF)) {
      yield finish(data.subarray(0, at), 1)
      data = data.subarray(at + 1)
    }
    if (dropped + data.length > MAX_LINE_BYTES) {
      dropped += data.length
      data = Buffer.alloc(0)
    }
    rest = data
  }
  if (dropped + rest.length > 0) yield finish(rest, 0)
}

const LF = 0x0a
const TOO_LONG = { text: null, fault: `is longer than ${MAX_LINE_BYTES} bytes` }

function decode(bytes: Buffer, isFirst: boolean): Pick<Line, 'text' | 'fault'> {
  if (!isUtf8(bytes)) return { text: null, fault: 'is not UTF-8' }
  const text = bytes.toString('utf8')
  const begin = isFirst && text.startsWith('\uFEFF') ? 1 : 0
  return { text: text.slice(begin, text.endsWith('\r') ? -1 : undefined), fault: null }
}
