import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, printable, table, time } from './output.ts'

describe('what people read', () => {
  it('stands in columns as wide as they need', () => {
    const rows = [
      ['1', 'Ada Lovelace', ''],
      ['22', 'Bob', 'x'],
    ]
    assert.equal(table(['ID', 'NAME', 'D'], rows), 'ID  NAME          D\n1   Ada Lovelace\n22  Bob           x')
  })

  it('has no character that steers a terminal or turns a line around', () => {
    assert.equal(printable('a\u001b[31m\n\u202e\u2028\u0000'), 'a\\u{1B}[31m\\u{A}\\u{202E}\\u{2028}\\u{0}')
    assert.equal(printable('Ünïcode 日本 😀'), 'Ünïcode 日本 😀')
    assert.ok(!table(['NAME'], [['\u001b[2J']]).includes('\u001b'))
  })

  it('tells times in UTC and counts in words', () => {
    assert.equal(time(1_800_000_000_123), '2027-01-15 08:00:00Z')
    assert.deepEqual([count(1, 'session'), count(2000, 'session')], ['1 session', '2,000 sessions'])
  })
})
