import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_LINE_BYTES, readLines } from './lines.ts'

async function linesOf(...chunks: readonly (string | Buffer)[]) {
  async function* source() {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  const lines: [number, number, string | null][] = []
  for await (const { number, end, text, fault } of readLines(source())) lines.push([number, end, text ?? fault])
  return lines
}

describe('reading lines', () => {
  it('ends them at LF or CRLF, wherever the chunks end, and at the end of the file', async () => {
    const bytes = Buffer.from('a\r\n\nbé\r\nc ')
    for (let cut = 0; cut <= bytes.length; cut++) {
      assert.deepEqual(await linesOf(bytes.subarray(0, cut), bytes.subarray(cut)), [
        [1, 3, 'a'],
        [2, 4, ''],
        [3, 9, 'bé'],
        [4, 11, 'c '],
      ])
    }
    assert.deepEqual(await linesOf(''), [])
    assert.deepEqual(await linesOf('\n'), [[1, 1, '']])
  })

  it('leaves out a byte order mark, at the beginning only', async () => {
    assert.deepEqual(await linesOf('\uFEFFa\n\uFEFFb'), [
      [1, 5, 'a'],
      [2, 9, '\uFEFFb'],
    ])
  })

  it('says which cannot be read, and goes on after it', async () => {
    const long = 'x'.repeat(MAX_LINE_BYTES)
    const lines = await linesOf('a\n', Buffer.from([0xc3, 0x0a]), long, '\n', long, long, 'y\n', 'b')
    assert.deepEqual(
      lines.map(([number, , text]) => [number, text?.slice(0, 40)]),
      [
        [1, 'a'],
        [2, 'is not UTF-8'],
        [3, long.slice(0, 40)],
        [4, `is longer than ${MAX_LINE_BYTES} bytes`],
        [5, 'b'],
      ],
    )
    assert.equal(lines.at(-1)?.[1], 2 + 2 + MAX_LINE_BYTES + 1 + 2 * MAX_LINE_BYTES + 2 + 1)
  })
})
