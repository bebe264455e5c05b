import type { Session } from '../sessions/session.ts'
import { command, Failure, JSON_OPTION, Mistake } from './command.ts'
import { count, isoTime, say, sayJson, table, time } from './output.ts'
import { atWork, findUser, sessionAdmin, type Workplace } from './workplace.ts'

const USER_OPTION = {
  type: 'string',
  value: 'NAME',
  description: 'The user with this id, e-mail address or username.',
} as const

export const listSessions = command({
  name: 'sessions list',
  summary: 'Lists the live sessions of a subject or a user, newest first.',
  operands: ['[SUBJECT]'],
  options: { user: USER_OPTION, json: JSON_OPTION },
  settings: ['store', 'idleTtl'],
  run: ({ operands: [subject], options, ...invocation }) => {
    if ((subject === undefined) === (options.user === undefined)) {
      throw new Mistake('sessions list needs either SUBJECT or --user NAME; see latchkey sessions list --help')
    }
    return atWork(invocation, {}, async (place) => {
      const sessions = await sessionAdmin(place).list(subject ?? (await subjectOf(place, options.user)))
      if (options.json) for (const session of sessions) sayJson(place.terminal, toJson(session))
      else
        say(place.terminal, table(['SID', 'STARTED', 'LAST USED', 'ENDS', 'DELIVERY', 'DEVICE'], sessions.map(toRow)))
      return 0
    })
  },
})

export const revokeSessions = command({
  name: 'sessions revoke',
  summary: 'Ends a session, all of a user’s or a subject’s, or everybody’s.',
  details: 'Their access tokens are refused at once wherever the store is asked.',
  operands: ['[SID]'],
  options: {
    user: USER_OPTION,
    subject: { type: 'string', value: 'SUBJECT', description: 'The subject of an application with users of its own.' },
    all: { type: 'boolean', description: 'Everybody’s sessions.' },
    yes: { type: 'boolean', description: 'Confirms --all.' },
    json: JSON_OPTION,
  },
  settings: ['store'],
  run: ({ operands: [sid], options, ...invocation }) => {
    const { user, subject, all, yes, json } = options
    const ways = [sid, user, subject, all || undefined].filter((way) => way !== undefined)
    if (ways.length !== 1) {
      throw new Mistake(
        'sessions revoke needs one of SID, --user, --subject and --all; see latchkey sessions revoke --help',
      )
    }
    if (all && !yes) throw new Mistake('sessions revoke --all signs everybody out; confirm it with --yes')
    return atWork(invocation, {}, async (place) => {
      const sessions = sessionAdmin(place)
      const end = async () => {
        if (all) return sessions.revokeEverything()
        if (sid === undefined) return sessions.revokeAll(subject ?? (await subjectOf(place, user)))
        if (await sessions.revoke(sid)) return 1
        throw new Failure(`there is no live session ${JSON.stringify(sid)}`)
      }
      const ended = await end()
      if (json) sayJson(place.terminal, { ended })
      else say(place.terminal, `${count(ended, 'session')} ended`)
      return 0
    })
  },
})

async function subjectOf(place: Workplace, user = ''): Promise<string> {
  return (await findUser(place, user)).id
}

function toJson({ createdAt, lastUsedAt, expiresAt, ...session }: Session) {
  const times = { createdAt: isoTime(createdAt), lastUsedAt: isoTime(lastUsedAt), expiresAt: isoTime(expiresAt) }
  return { ...session, ...times }
}

function toRow({ sid, createdAt, lastUsedAt, expiresAt, delivery, device }: Session): readonly string[] {
  return [sid, time(createdAt), time(lastUsedAt), time(expiresAt), delivery, device.userAgent ?? '']
}
