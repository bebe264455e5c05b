import assert from 'node:assert/strict'
import { it } from 'node:test'
import { EVENT_TYPES, EVENTS, SEVERITY } from './events.ts'

it('LG-01 reuse is the only event of the highest level', () => {
  assert.deepEqual(
    EVENT_TYPES.filter((type) => SEVERITY[type] === 'fatal'),
    ['refresh_token_reused'],
  )
})

for (const type of EVENT_TYPES) {
  it(`${type} says when it is told, in whole sentences`, () => {
    assert.match(EVENTS[type].when, /^[A-Z].*\.$/)
    assert.match(type, /^[a-z]+(?:_[a-z]+)+$/)
  })
}
