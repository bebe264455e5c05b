import assert from 'node:assert/strict'

type Answer = Readonly<Record<string, string>>

/** A visit by a command-line client: sign up, call the guarded route, refresh, sign out, call again. */
export async function walkThrough(app: string) {
  const signedUp = await post(`${app}/auth/signup`, {
    email: 'ada@example.com',
    password: 'correct horse battery staple',
    delivery: 'body',
  })
  assert.equal(signedUp.status, 201)
  const first = await read(signedUp)
  const guarded = await get(`${app}/api/protected`, first.access_token)
  assert.equal((await fetch(`${app}/api/protected`)).status, 401)

  const refreshed = await post(`${app}/auth/refresh`, { refresh_token: first.refresh_token })
  assert.equal(refreshed.status, 200)
  const second = await read(refreshed)
  assert.notEqual(second.refresh_token, first.refresh_token)

  assert.equal((await post(`${app}/auth/logout`, { refresh_token: second.refresh_token })).status, 204)
  return { guarded, afterLogout: await get(`${app}/api/protected`, second.access_token) }
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function get(url: string, accessToken: string | undefined): Promise<Answer> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${accessToken}` } })
  return read(response)
}

async function read(response: Response): Promise<Answer> {
  return JSON.parse(await response.text())
}
