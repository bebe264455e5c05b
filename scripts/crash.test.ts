/**
 * The server killed under load, as by a power cut of the process: whoever holds a token goes on with the newest one they
 * have seen, and what was ended stays ended.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RunningServer, startServer } from './testing/start-server.ts'

const CLIENTS = 24
const KILLS = 3
const LOAD_MS = 1_500

interface Client {
  readonly email: string
  refreshToken: string
  accessToken: string
  /** Tokens of sessions whose end the server has acknowledged. */
  readonly ended: { readonly refreshToken: string; readonly accessToken: string }[]
  refreshes: number
}

test('RT-07 P5 killed under a load of refreshes, logins and logouts, three times: nobody is signed out, nothing ended comes back', {
  timeout: 120_000,
}, async (t) => {
  const server = await startServer(t, ['--turn-every', '0s', '--rate-limits', 'off'])
  const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => signUp(server, `user${n}@example.com`)))
  for (let kill = 1; kill <= KILLS; kill++) {
    const stop = new AbortController()
    const load = Promise.all(clients.map((client, n) => keepBusy(server, client, n, stop.signal)))
    await new Promise((resolve) => setTimeout(resolve, LOAD_MS))
    const restarted = server.killAndRestart()
    stop.abort()
    await Promise.all([restarted, load])
    for (const client of clients) await goesOn(server, client)
  }
  for (const client of clients) await staysEnded(server, client)
  const refreshes = clients.reduce((sum, client) => sum + client.refreshes, 0)
  const ended = clients.reduce((sum, client) => sum + client.ended.length, 0)
  assert.ok(refreshes > 100 && ended > 10, `there was a load: ${refreshes} refreshes, ${ended} logouts`)
  t.diagnostic(`${refreshes} refreshes, ${ended} logouts, ${KILLS} kills, 0 signed out`)
})

/** Refreshes mostly; now and then logs out and in again. An answer that is lost with the server is simply not known. */
async function keepBusy(server: RunningServer, client: Client, seed: number, signal: AbortSignal): Promise<void> {
  for (let step = seed; !signal.aborted; step++) {
    try {
      if (step % 9 === 0) await logOutAndIn(server, client)
      else await refresh(server, client)
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
    }
  }
}

async function signUp(server: RunningServer, email: string): Promise<Client> {
  const tokens = await post(server, '/signup', { ...credentials(email), delivery: 'body' }, 201)
  return { email, ...toTokens(tokens), ended: [], refreshes: 0 }
}

async function refresh(server: RunningServer, client: Client): Promise<void> {
  Object.assign(client, toTokens(await post(server, '/refresh', { refresh_token: client.refreshToken }, 200)))
  client.refreshes++
}

async function logOutAndIn(server: RunningServer, client: Client): Promise<void> {
  const { refreshToken, accessToken } = client
  // In first: if the server dies between the two, the client still has the session it had.
  const next = toTokens(await post(server, '/login', { ...credentials(client.email), delivery: 'body' }, 200))
  Object.assign(client, next)
  await post(server, '/logout', { refresh_token: refreshToken }, 204)
  client.ended.push({ refreshToken, accessToken })
}

async function goesOn(server: RunningServer, client: Client): Promise<void> {
  await refresh(server, client)
  assert.equal((await callMe(server, client.accessToken)).status, 200)
}

async function staysEnded(server: RunningServer, client: Client): Promise<void> {
  for (const { refreshToken, accessToken } of client.ended) {
    await post(server, '/refresh', { refresh_token: refreshToken }, 401)
    assert.equal((await callMe(server, accessToken)).status, 401)
  }
}

async function post(server: RunningServer, path: string, body: unknown, expected: number): Promise<unknown> {
  const response = await fetch(server.issuer + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  assert.equal(response.status, expected, `${path}: ${text}`)
  return JSON.parse(text || 'null')
}

function callMe(server: RunningServer, accessToken: string): Promise<Response> {
  return fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } })
}

function credentials(email: string) {
  return { email, password: 'correct horse battery staple' }
}

function toTokens(answer: unknown): { refreshToken: string; accessToken: string } {
  assert.ok(typeof answer === 'object' && answer !== null && 'refresh_token' in answer && 'access_token' in answer)
  return { refreshToken: String(answer.refresh_token), accessToken: String(answer.access_token) }
}
