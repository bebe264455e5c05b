import { LatchkeyError } from '@latchkey/protocol/errors'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { protectedRoute, type Route } from '../route.ts'

const sessionSchema = z
  .object({
    sid: z.string(),
    current: z.boolean().meta({ description: 'Whether it is the session of this request.' }),
    device: z.object({ userAgent: z.string().nullable() }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().meta({ description: 'When its refresh token last turned.' }),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'Session' })

export function listSessionsRoute({ authenticator, sessions }: Services): Route {
  return protectedRoute(authenticator, {
    method: 'GET',
    path: '/sessions',
    name: 'listSessions',
    tag: 'Sessions',
    summary: 'The user’s live sessions, newest first',
    success: { status: 200, description: 'The sessions', schema: z.object({ sessions: z.array(sessionSchema) }) },
    errors: [],
    async handle({ auth }) {
      const live = await sessions.list(auth.subject)
      const shown = live.map(({ sid, device, createdAt, lastUsedAt, expiresAt }) => ({
        sid,
        current: sid === auth.sid,
        device,
        createdAt: new Date(createdAt).toISOString(),
        lastUsedAt: new Date(lastUsedAt).toISOString(),
        expiresAt: new Date(expiresAt).toISOString(),
      }))
      return { status: 200, json: { sessions: shown } }
    },
  })
}

export function endSessionRoute({ authenticator, cookies, sessions }: Services): Route {
  return protectedRoute(authenticator, {
    method: 'DELETE',
    path: '/sessions/{sid}',
    name: 'endSession',
    tag: 'Sessions',
    summary: 'End one of the user’s sessions',
    success: { status: 204, description: 'Ended' },
    errors: ['session_not_found', 'csrf_rejected'],
    async handle({ auth, param }) {
      const sid = param('sid')
      const row = await sessions.findLive(sid)
      // Another user's session is answered as one that is not there.
      if (row === null || row.subject !== auth.subject) throw new LatchkeyError('session_not_found')
      await sessions.revoke(sid, 'signed_out')
      return { status: 204, ...(sid === auth.sid && { cookies: cookies.clear() }) }
    },
  })
}
