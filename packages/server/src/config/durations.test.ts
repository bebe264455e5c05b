import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formatDuration, parseDuration } from './durations.ts'

describe('a duration', () => {
  const good = {
    '0s': 0,
    '500ms': 500,
    '10s': 10_000,
    '15m': 900_000,
    '12h': 43_200_000,
    '7d': 604_800_000,
    '007s': 7000,
  }
  for (const [text, milliseconds] of Object.entries(good)) {
    it(`${text} is ${milliseconds} ms`, () => assert.equal(parseDuration(text), milliseconds))
  }

  const bad = [
    '',
    '10',
    's',
    '-1s',
    '+1s',
    '1.5h',
    '1e3s',
    '1 s',
    ' 1s',
    '1s ',
    '1s\n',
    '1S',
    '1w',
    '1d12h',
    '٣s',
    '1234567890s',
  ]
  for (const text of [...bad, '__proto__', '1constructor', 'Infinityd']) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(parseDuration(text), null))
  }

  it('is written as it reads back, in the largest unit that is exact', () => {
    const written = {
      '0s': 0,
      '1ms': 1,
      '1s': 1000,
      '1500ms': 1500,
      '90s': 90_000,
      '2m': 120_000,
      '36h': 129_600_000,
      '400d': 34_560_000_000,
    }
    for (const [text, milliseconds] of Object.entries(written)) assert.equal(formatDuration(milliseconds), text)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (milliseconds) => {
        assert.equal(parseDuration(formatDuration(milliseconds)), milliseconds)
      }),
      { seed: 9700 },
    )
  })
})
