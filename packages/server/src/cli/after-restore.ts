import { command, JSON_OPTION, Mistake } from './command.ts'
import { count, say, sayJson } from './output.ts'
import { atWork, openKeyRing, sessionAdmin } from './workplace.ts'

export const afterRestore = command({
  name: 'after-restore',
  summary: 'Ends what a restored backup makes untrustworthy. Accounts stay.',
  details: [
    'A backup brings sessions back that had been ended since, reset links that had been used, and keys that had been',
    'pulled. So every session and every reset link ends, and every signing key is pulled and replaced: everybody signs in',
    'again. Passwords are as they were when the backup was made. Run it before the servers start.',
  ].join('\n'),
  options: { yes: { type: 'boolean', description: 'Confirms it.' }, json: JSON_OPTION },
  settings: ['store', 'secret'],
  run: async (invocation) => {
    const { options } = invocation
    if (!options.yes) throw new Mistake('after-restore signs everybody out; confirm it with --yes')
    return atWork(invocation, {}, async (place) => {
      // The keys first: opening them is what can fail, and access tokens are what outlives its session elsewhere.
      const ring = await openKeyRing(place)
      const pulled = await ring.pull(...ring.keys.map(({ kid }) => kid))
      const sessions = await sessionAdmin(place).revokeEverything()
      const resets = await place.store.accounts.forgetResets()
      const active = ring.active.kid
      if (options.json) sayJson(place.terminal, { sessions, resets, pulled, active })
      else {
        const ended = `${count(sessions, 'session')} and ${count(resets, 'reset link')} ended`
        say(place.terminal, `${ended}; ${count(pulled.length, 'key')} pulled; ${active} signs`)
      }
      return 0
    })
  },
})
