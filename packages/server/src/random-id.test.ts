import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomId } from './random-id.ts'

test('SE-01 ids are 128 random bits: none repeats, every bit varies, and none could be taken for an option', () => {
  const ids = Array.from({ length: 20_000 }, randomId)
  assert.equal(new Set(ids).size, ids.length)
  const ones = Array.from({ length: 128 }, () => 0)
  for (const id of ids) {
    assert.match(id, /^[\w][\w-]{21}$/)
    const bytes = Buffer.from(id, 'base64url')
    assert.equal(bytes.length, 16)
    for (let bit = 0; bit < 128; bit++) ones[bit] = (ones[bit] ?? 0) + (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1)
  }
  // The first six bits lack one of 64 values; the others are even.
  ones.forEach((count, bit) => {
    assert.ok(Math.abs(count / ids.length - 0.5) < 0.03, `bit ${bit} is one in ${count}`)
  })
})
