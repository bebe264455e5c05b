import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Mistake } from '../command.ts'
import { readLines } from './lines.ts'
import { type Row, readCsv, readJsonLines } from './rows.ts'

async function* bytesOf(text: string) {
  yield Buffer.from(text)
}

async function collect(rows: AsyncIterable<Row>) {
  const found: unknown[] = []
  for await (const { line, last, fields, fault } of rows) found.push([line, last.number, fields ?? fault])
  return found
}

function csv(text: string, after = 0) {
  return collect(readCsv(readLines(bytesOf(text)), after, () => {}))
}

describe('CSV', () => {
  it('has quoted fields with commas, quotes and line ends, and leaves empty cells out', async () => {
    assert.deepEqual(await csv('a,b\n1,"x, ""y"""\n\n"2\r\nmore",\n3,4'), [
      [2, 2, { a: '1', b: 'x, "y"' }],
      [4, 5, { a: '2\nmore' }],
      [6, 6, { a: '3', b: '4' }],
    ])
  })

  it('with a stray quote loses that line only, wherever the next quote is', async () => {
    const good = (n: number) => ({ a: `${n}`, b: 'x' })
    for (const broken of ['"1,x', '1,"x', '1"2,x', '1,x"', '"1"2,x', '"""']) {
      for (const rest of ['2,x\n3,x', '2,x\n"3",x', `${'2,x\n'.repeat(150)}3,x`]) {
        const found = await csv(`a,b\n${broken}\n${rest}`)
        assert.equal(found.length, rest.split('\n').length + 1, broken)
        assert.equal(typeof (found[0] as unknown[])[2], 'string')
        assert.deepEqual((found.at(-1) as unknown[])[2], good(3))
      }
    }
  })

  it('goes on after a line that was done before', async () => {
    const text = 'a,b\n1,x\n"2\nmore",x\n3,x\n'
    assert.deepEqual(await csv(text, 4), [[5, 5, { a: '3', b: 'x' }]])
    assert.deepEqual(await csv(text, 5), [])
  })

  it('without column names is a mistake; without anything it is empty', async () => {
    await assert.rejects(csv('"a\n1'), Mistake)
    assert.deepEqual(await csv('\n\n'), [])
  })
})

describe('JSON Lines', () => {
  it('has an object a line; all else is broken', async () => {
    const text = '{"a":1}\n\n[1]\nnull\n{"a":\n"x"\n{"b":{"c":[]}}'
    assert.deepEqual(await collect(readJsonLines(readLines(bytesOf(text)), 0)), [
      [1, 1, { a: 1 }],
      [3, 3, 'is no JSON object'],
      [4, 4, 'is no JSON object'],
      [5, 5, 'is no JSON'],
      [6, 6, 'is no JSON object'],
      [7, 7, { b: { c: [] } }],
    ])
    assert.equal((await collect(readJsonLines(readLines(bytesOf(text)), 5))).length, 2)
  })
})
