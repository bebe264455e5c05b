import { openStore, schemaOf, storeFile } from '../stores/open-store.ts'
import { command, Failure, JSON_OPTION, Mistake } from './command.ts'
import { say, sayJson } from './output.ts'

export const migrate = command({
  name: 'migrate',
  summary: 'Brings the schema of the store up to date, and makes the store if it is not there.',
  options: {
    check: { type: 'boolean', description: 'Change nothing; the exit code is 1 when there is something to do.' },
    json: JSON_OPTION,
  },
  settings: ['store'],
  run: async ({ options, settings, terminal }) => {
    if (storeFile(settings.store) === undefined) throw new Mistake(`${settings.store} has nothing to keep up to date`)
    const { current: from, latest: to } = schemaOf(settings.store)
    if (from > to) throw new Failure(`the database has schema ${from}, this program knows ${to}: use a newer latchkey`)
    if (!options.check) await openStore(settings.store).close()
    if (options.json) sayJson(terminal, { store: settings.store, from, to, changed: !options.check && from !== to })
    else if (from === to) say(terminal, `schema ${to}: up to date`)
    else say(terminal, options.check ? `schema ${from}: behind ${to}` : `schema ${from} → ${to}`)
    return options.check && from !== to ? 1 : 0
  },
})
