import type { StoredKey } from '../stores/store.ts'
import { command, Failure, JSON_OPTION } from './command.ts'
import { isoTime, say, sayJson, table, time } from './output.ts'
import { atWork, openKeyRing } from './workplace.ts'

export const listKeys = command({
  name: 'keys list',
  summary: 'Lists the signing keys: kid, algorithm, state, and since when.',
  details: 'pending: published, signs next. active: signs. retired: still verifies. pulled: verifies nothing any more.',
  options: { json: JSON_OPTION },
  settings: ['store'],
  run: (invocation) =>
    atWork(invocation, {}, async ({ store, terminal }) => {
      const { keys } = await store.keys.read()
      if (invocation.options.json) for (const key of keys) sayJson(terminal, toJson(key))
      else say(terminal, table(['KID', 'ALG', 'STATE', 'SINCE'], keys.map(toRow)))
      return 0
    }),
})

export const rotateKeys = command({
  name: 'keys rotate',
  summary: 'Makes the next key sign from now on. Older tokens stay good until they expire.',
  details: 'Running servers follow within a minute.',
  options: { json: JSON_OPTION },
  settings: ['store', 'secret'],
  run: (invocation) =>
    atWork(invocation, {}, async (place) => {
      const ring = await openKeyRing(place)
      const kid = await ring.rotate()
      if (invocation.options.json) sayJson(place.terminal, { active: kid })
      else say(place.terminal, `${kid} signs from now on`)
      return 0
    }),
})

export const pullKey = command({
  name: 'keys pull',
  summary: 'Withdraws a key: every token that it signed is refused, and it cannot come back.',
  details:
    'For a key that others may have. Sessions go on: their next refresh gets a token of another key. Running servers\nfollow within a minute.',
  operands: ['KID'],
  options: { json: JSON_OPTION },
  settings: ['store', 'secret'],
  run: (invocation) =>
    atWork(invocation, {}, async (place) => {
      const [kid = ''] = invocation.operands
      const ring = await openKeyRing(place)
      const [pulled] = await ring.pull(kid)
      if (pulled === undefined) {
        const why = ring.keys.some((key) => key.kid === kid) ? 'has been pulled already' : 'is not there'
        throw new Failure(`the key ${JSON.stringify(kid)} ${why}; see latchkey keys list`)
      }
      const active = ring.active.kid
      if (invocation.options.json) sayJson(place.terminal, { pulled, active })
      else say(place.terminal, `${pulled} is pulled; ${active} signs`)
      return 0
    }),
})

/** Neither the sealed part nor the public one: the state is what is asked for. */
function toJson({ kid, alg, state, since }: StoredKey) {
  return { kid, alg, state, since: isoTime(since) }
}

function toRow({ kid, alg, state, since }: StoredKey): readonly string[] {
  return [kid, alg, state, time(since)]
}
