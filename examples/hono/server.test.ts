import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { runExample } from '../testing/run-example.ts'
import { walkThrough } from '../testing/walk-through.ts'

test('the hono example signs up, guards its route, refreshes and signs out', async (t) => {
  const app = await runExample(t, join(import.meta.dirname, 'server.ts'))
  const { guarded, afterLogout } = await walkThrough(app)
  assert.match(guarded.hello ?? '', /^[\w-]{22}$/)
  assert.equal(afterLogout.code, 'session_revoked')
})
