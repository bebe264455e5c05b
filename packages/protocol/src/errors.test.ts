import assert from 'node:assert/strict'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { describe, it } from 'node:test'
import { CATALOGUE, type CatalogueEntry, type ErrorCode, entryOf, LatchkeyError, toProblem } from './errors.ts'

const TYPE_BASE = 'https://latchkey.example/errors'

/** What clients decide by. A code is added here when it is added to the catalogue; none ever changes. */
const CONTRACT: Record<ErrorCode, readonly [status: number, challenge?: string | null]> = {
  access_token_missing: [401, null],
  access_token_expired: [401, 'invalid_token'],
  access_token_invalid: [401, 'invalid_token'],
  authorization_malformed: [400, 'invalid_request'],
  insufficient_scope: [403, 'insufficient_scope'],
  reauthentication_required: [401, 'insufficient_user_authentication'],
  session_revoked: [401, 'invalid_token'],
  refresh_token_missing: [401, null],
  refresh_token_invalid: [401, null],
  refresh_token_expired: [401, null],
  refresh_token_reused: [401, null],
  invalid_credentials: [401, null],
  account_exists: [409],
  reset_token_invalid: [400],
  password_too_common: [422],
  session_not_found: [404],
  validation_failed: [422],
  body_malformed: [400],
  content_type_unsupported: [415],
  body_too_large: [413],
  csrf_rejected: [403],
  rate_limited: [429],
  not_found: [404],
  method_not_allowed: [405],
  server_busy: [503],
  store_unavailable: [503],
  internal_error: [500],
}

const ENTRIES: [ErrorCode, CatalogueEntry][] = Object.keys(CONTRACT).map((code) => [
  code as ErrorCode,
  entryOf(code as ErrorCode),
])

describe('the catalogue', () => {
  it('ER-03 holds exactly the codes that clients know', () => {
    assert.deepEqual(Object.keys(CATALOGUE).sort(), Object.keys(CONTRACT).sort())
  })

  for (const [code, entry] of ENTRIES) {
    const [status, challenge] = CONTRACT[code]
    it(`ER-01 ER-03 keeps ${code} at ${status}${challenge ? ` with the challenge ${challenge}` : ''}`, () => {
      assert.equal(entry.status, status)
      assert.equal(entry.challenge, challenge)
    })
  }

  it('ER-03 describes every error in full: a title, when it is answered, what to do', () => {
    for (const [code, { title, when, remedy }] of ENTRIES) {
      assert.match(code, /^[a-z]+(?:_[a-z]+)*$/)
      assert.match(title, /^[A-Z].*[^.]$/, `${code}: a title is no sentence`)
      assert.match(when, /^[A-Z].*\.$/s, `${code}: when`)
      assert.match(remedy, /^[A-Z].*\.$/s, `${code}: remedy`)
    }
  })

  it('ER-03 has one title for one code, and no two alike', () => {
    assert.equal(new Set(ENTRIES.map(([, { title }]) => title)).size, ENTRIES.length)
  })

  it('ER-01 has only titles that can stand in an error_description (RFC 6750 §3)', () => {
    for (const [code, { title }] of ENTRIES) assert.match(title, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, code)
  })

  it('ER-01 gives every 401 a challenge (RFC 9110 §15.5.2), and none to what credentials would not mend', () => {
    for (const [code, { status, challenge }] of ENTRIES) {
      assert.equal(challenge !== undefined, status === 401 || typeof challenge === 'string', code)
    }
  })
})

describe('toProblem', () => {
  const challenges: [sentence: string, error: LatchkeyError, status: number, challenge: string | undefined][] = [
    ['no credentials get a challenge without an error', new LatchkeyError('access_token_missing'), 401, 'Bearer'],
    [
      'a bad token is an invalid_token',
      new LatchkeyError('access_token_invalid'),
      401,
      'Bearer error="invalid_token", error_description="Access token invalid"',
    ],
    [
      'an expired token is an invalid_token',
      new LatchkeyError('access_token_expired'),
      401,
      'Bearer error="invalid_token", error_description="Access token expired"',
    ],
    [
      'a token of an ended session is an invalid_token',
      new LatchkeyError('session_revoked'),
      401,
      'Bearer error="invalid_token", error_description="Session ended"',
    ],
    [
      'a missing scope is named',
      new LatchkeyError('insufficient_scope', { scope: 'reports:read reports:write' }),
      403,
      'Bearer error="insufficient_scope", error_description="Scope insufficient", scope="reports:read reports:write"',
    ],
    [
      'two tokens are an invalid_request',
      new LatchkeyError('authorization_malformed'),
      400,
      'Bearer error="invalid_request", error_description="Authorization header malformed"',
    ],
    [
      'a sign-in too long ago asks for another (RFC 9470)',
      new LatchkeyError('reauthentication_required'),
      401,
      'Bearer error="insufficient_user_authentication", error_description="Recent sign-in required"',
    ],
    ['a bad refresh token says nothing of access tokens', new LatchkeyError('refresh_token_invalid'), 401, 'Bearer'],
    ['a wrong password gets a challenge without an error', new LatchkeyError('invalid_credentials'), 401, 'Bearer'],
    ['a fault of the body gets no challenge', new LatchkeyError('validation_failed'), 422, undefined],
    ['an outage gets no challenge', new LatchkeyError('store_unavailable'), 503, undefined],
  ]
  for (const [sentence, error, status, challenge] of challenges) {
    it(`ER-01 ${sentence}`, () => {
      const problem = toProblem(error, TYPE_BASE)
      assert.equal(problem.status, status)
      assert.equal(problem.headers['www-authenticate'], challenge)
    })
  }

  it('ER-03 answers every code as problem details that agree with the status and the catalogue', () => {
    for (const [code, { status, title }] of ENTRIES) {
      const problem = toProblem(new LatchkeyError(code), TYPE_BASE)
      assert.equal(problem.status, status)
      assert.equal(problem.headers['content-type'], 'application/problem+json; charset=utf-8')
      assert.deepEqual(problem.body, { type: `${TYPE_BASE}/${code}`, title, status, code })
    }
  })

  it('ER-03 keeps type and title constant, and says what is particular in detail and errors', () => {
    const errors = [{ pointer: '/email', detail: 'is not an e-mail address' }]
    const { body } = toProblem(new LatchkeyError('validation_failed', { detail: 'One field.', errors }), TYPE_BASE)
    assert.deepEqual(body, {
      type: `${TYPE_BASE}/validation_failed`,
      title: 'Validation failed',
      status: 422,
      code: 'validation_failed',
      detail: 'One field.',
      errors,
    })
  })

  it('ER-04 says nothing of the cause, the stack, or a fact that is not its own to tell', () => {
    const cause = Object.assign(new Error('hunter2'), { query: 'hunter2' })
    for (const [code] of ENTRIES) {
      const error = new LatchkeyError(code, { cause, detail: 'A detail.' })
      const sent = JSON.stringify(toProblem(error, TYPE_BASE))
      assert.doesNotMatch(sent, /hunter2|stack|errors\.test|cause/, code)
    }
  })

  it('gives Retry-After in whole seconds, rounded up, and never 0', () => {
    const seconds: [given: number, sent: string][] = [
      [30, '30'],
      [1.01, '2'],
      [0.2, '1'],
      [0, '1'],
      [-5, '1'],
    ]
    for (const [retryAfter, sent] of seconds) {
      const { headers } = toProblem(new LatchkeyError('rate_limited', { retryAfter }), TYPE_BASE)
      assert.equal(headers['retry-after'], sent)
    }
    assert.equal(toProblem(new LatchkeyError('not_found'), TYPE_BASE).headers['retry-after'], undefined)
  })

  it('names the methods there are, when the one used is not among them', () => {
    const problem = toProblem(new LatchkeyError('method_not_allowed', { allow: ['GET', 'HEAD'] }), TYPE_BASE)
    assert.equal(problem.status, 405)
    assert.equal(problem.headers.allow, 'GET, HEAD')
    assert.equal(toProblem(new LatchkeyError('not_found'), TYPE_BASE).headers.allow, undefined)
  })

  it('makes headers that Node sends', () => {
    for (const [code] of ENTRIES) {
      const error = new LatchkeyError(code, { retryAfter: 3, scope: 'a b', allow: ['GET'], detail: 'Zoë’s' })
      for (const [name, value] of Object.entries(toProblem(error, TYPE_BASE).headers)) {
        validateHeaderName(name)
        validateHeaderValue(name, value)
        assert.equal(name, name.toLowerCase())
      }
    }
  })
})

describe('LatchkeyError', () => {
  it('is an Error that one decides by its code', () => {
    const error = new LatchkeyError('refresh_token_reused')
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'LatchkeyError')
    assert.equal(error.code, 'refresh_token_reused')
    assert.equal(error.status, 401)
    assert.equal(error.message, 'Refresh token reused')
    assert.equal('cause' in error, false)
  })

  it('says its detail where it has one', () => {
    assert.equal(
      new LatchkeyError('rate_limited', { detail: 'Five sign-ins a minute.' }).message,
      'Five sign-ins a minute.',
    )
  })

  it('keeps its cause for the log', () => {
    const cause = new Error('connection refused')
    assert.equal(new LatchkeyError('store_unavailable', { cause }).cause, cause)
    assert.equal(new LatchkeyError('store_unavailable', { cause: null }).cause, null)
  })

  // It used to keep its cause among its facts, and `response.json(error)` sent it to the caller.
  it('ER-04 keeps its cause and its stack out of JSON', () => {
    const error = new LatchkeyError('store_unavailable', { cause: { query: 'SELECT 1' }, retryAfter: 2 })
    assert.deepEqual(JSON.parse(JSON.stringify(error)), {
      name: 'LatchkeyError',
      code: 'store_unavailable',
      facts: { retryAfter: 2 },
    })
  })
})
