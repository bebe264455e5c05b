/**
 * The one catalogue of errors. Types, problem details, OpenAPI and the pages in docs/errors are all made from it.
 * A code never changes its meaning: clients decide by it.
 */

export interface CatalogueEntry {
  readonly status: number
  /** Constant per code (RFC 9457 §3.1.3). */
  readonly title: string
  /** When it is answered. */
  readonly when: string
  /** What the person who meets it can do. */
  readonly remedy: string
  /** The `error` of the Bearer challenge (RFC 6750 §3.1); null: a challenge without one. Absent: no challenge. */
  readonly challenge?:
    | 'invalid_token'
    | 'insufficient_scope'
    | 'invalid_request'
    | 'insufficient_user_authentication'
    | null
}

export const CATALOGUE = {
  access_token_missing: {
    status: 401,
    title: 'Access token missing',
    when: 'A protected route was called without credentials.',
    remedy: 'Send `Authorization: Bearer ACCESS_TOKEN`.',
    challenge: null,
  },
  access_token_expired: {
    status: 401,
    title: 'Access token expired',
    when: 'The access token was good until its `exp`, which has passed.',
    remedy: 'Refresh, then repeat the request with the new token.',
    challenge: 'invalid_token',
  },
  access_token_invalid: {
    status: 401,
    title: 'Access token invalid',
    when: 'The access token is malformed, was tampered with, or was made by another issuer or for another audience.',
    remedy: 'Refresh once. When the new token is refused too, compare issuer and audience on both sides.',
    challenge: 'invalid_token',
  },
  authorization_malformed: {
    status: 400,
    title: 'Authorization header malformed',
    when: 'There is more than one Authorization header, or the Bearer scheme is not followed by exactly one token.',
    remedy: 'Send one header: `Authorization: Bearer ACCESS_TOKEN`.',
    challenge: 'invalid_request',
  },
  insufficient_scope: {
    status: 403,
    title: 'Scope insufficient',
    when: 'The access token is good, but its scope does not cover this route.',
    remedy: 'Sign in with an account that has the scope named in the challenge.',
    challenge: 'insufficient_scope',
  },
  reauthentication_required: {
    status: 401,
    title: 'Recent sign-in required',
    when: 'The route needs a sign-in of the last few minutes, or the current password with the request (RFC 9470).',
    remedy: 'Send `currentPassword`, or sign in again.',
    challenge: 'insufficient_user_authentication',
  },
  session_revoked: {
    status: 401,
    title: 'Session ended',
    when: 'The token is authentic, but its session was ended: by signing out, a password change, an operator, or reuse.',
    remedy: 'Sign in again.',
    challenge: 'invalid_token',
  },
  refresh_token_missing: {
    status: 401,
    title: 'Refresh token missing',
    when: 'A refresh came with neither the refresh cookie nor a `refresh_token` in its body.',
    remedy: 'Sign in. In a browser, check that the request includes credentials and goes to the issuer’s own site.',
    challenge: null,
  },
  refresh_token_invalid: {
    status: 401,
    title: 'Refresh token invalid',
    when: 'The refresh token is malformed, forged or unknown, or came in another way than its session’s delivery.',
    remedy: 'Sign in again.',
    challenge: null,
  },
  refresh_token_expired: {
    status: 401,
    title: 'Refresh token expired',
    when: 'The session was idle for too long, or has reached its absolute limit.',
    remedy: 'Sign in again.',
    challenge: null,
  },
  refresh_token_reused: {
    status: 401,
    title: 'Refresh token reused',
    when: 'A superseded refresh token was presented, so two parties hold this session. It has been ended for both.',
    remedy: 'Sign in again. If it happens without a cause you know, treat it as theft: change the password.',
    challenge: null,
  },
  invalid_credentials: {
    status: 401,
    title: 'Credentials invalid',
    when: 'The account is unknown, the password is wrong, or the account cannot sign in. The answer does not tell which.',
    remedy: 'Check the spelling and try again.',
    challenge: null,
  },
  reset_token_invalid: {
    status: 400,
    title: 'Reset token invalid',
    when: 'The password reset is unknown, was used, was replaced by a newer one, or has expired.',
    remedy: 'Ask for a new link.',
  },
  account_exists: {
    status: 409,
    title: 'Account exists',
    when: 'The e-mail address or the username is taken.',
    remedy: 'Sign in, or choose another.',
  },
  session_not_found: {
    status: 404,
    title: 'Session not found',
    when: 'The user has no live session with this id.',
    remedy: 'List the sessions again.',
  },
  validation_failed: {
    status: 422,
    title: 'Validation failed',
    when: 'The body is JSON, but a field is missing, of the wrong type or out of bounds. `errors` names each.',
    remedy: 'Mend the fields that `errors` names.',
  },
  password_too_common: {
    status: 422,
    title: 'Password too common',
    when: 'The new password stands on the list of those that are tried first, or is made of the account’s or the service’s name.',
    remedy: 'Choose another: several words that have nothing to do with each other are easy to keep in mind.',
  },
  body_malformed: {
    status: 400,
    title: 'Body malformed',
    when: 'The body is not one JSON object in UTF-8 that names each member once.',
    remedy: 'Send valid JSON.',
  },
  content_type_unsupported: {
    status: 415,
    title: 'Content type unsupported',
    when: 'The body is not declared as `application/json`.',
    remedy: 'Send `Content-Type: application/json`.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    when: 'The body is longer than 16 KiB.',
    remedy: 'Send less.',
  },
  csrf_rejected: {
    status: 403,
    title: 'Cross-site request rejected',
    when: 'A request that changes something came from another origin, or a cookie came without proof of where from.',
    remedy:
      'Call from the issuer’s own origin, add yours to `LATCHKEY_ALLOWED_ORIGINS`, or, outside browsers, use body delivery or send `X-Latchkey: 1`.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    when: 'A limit per account, per address or overall has been reached.',
    remedy: 'Wait for the seconds that `Retry-After` names.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    when: 'There is no such route.',
    remedy: 'See `openapi.json` for the routes there are.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    when: 'The route exists, but not for this method.',
    remedy: 'Use one of the methods that `Allow` names.',
  },
  server_busy: {
    status: 503,
    title: 'Server busy',
    when: 'More passwords wait to be checked than the server admits at once.',
    remedy: 'Try again after the seconds that `Retry-After` names.',
  },
  store_unavailable: {
    status: 503,
    title: 'Store unavailable',
    when: 'The session store does not answer. No cookie was touched, and nobody is signed out.',
    remedy:
      'Try again after the seconds that `Retry-After` names, with the same token. A sign-up that then finds its name taken was stored the first time: log in.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    when: 'A fault of ours, or of the application. Nobody is signed out by it.',
    remedy: 'Try again; report it if it stays.',
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof CATALOGUE

/** One field's fault: a JSON Pointer (RFC 6901) into the body, and what is wrong there. */
export interface FieldError {
  readonly pointer: string
  readonly detail: string
}

export interface ErrorFacts {
  /** A sentence about this occurrence; it never repeats what the caller sent. */
  readonly detail?: string
  readonly errors?: readonly FieldError[]
  /** Seconds. */
  readonly retryAfter?: number
  /** For `insufficient_scope`: what the route needs. */
  readonly scope?: string
  /** For `method_not_allowed`. */
  readonly allow?: readonly string[]
  /** What went wrong underneath: for the log, never for the caller. */
  readonly cause?: unknown
}

/**
 * Every error that Latchkey raises on purpose. Decide by `code`.
 *
 * @example
 * try { await latchkey.sessions.refresh(token) }
 * catch (error) { if (error instanceof LatchkeyError && error.code === 'refresh_token_reused') warnTheUser() }
 */
export class LatchkeyError extends Error {
  readonly code: ErrorCode
  readonly facts: Omit<ErrorFacts, 'cause'>

  constructor(code: ErrorCode, { cause, ...facts }: ErrorFacts = {}) {
    // The cause is kept where JSON.stringify does not look, for the handlers that send a whole error to the caller.
    super(facts.detail ?? CATALOGUE[code].title, cause === undefined ? undefined : { cause })
    this.name = 'LatchkeyError'
    this.code = code
    this.facts = facts
  }

  /** The HTTP status that goes with the code. */
  get status(): number {
    return CATALOGUE[this.code].status
  }
}

export interface ProblemResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * The HTTP form of an error: problem details (RFC 9457) with the Bearer challenge (RFC 6750 §3) and `Retry-After` where
 * they belong. `typeBase` is the URL below which each code has its page.
 */
export function toProblem(error: LatchkeyError, typeBase: string): ProblemResponse {
  const { status, title, challenge } = entryOf(error.code)
  const { detail, errors, retryAfter, scope, allow } = error.facts
  const headers: Record<string, string> = { 'content-type': 'application/problem+json; charset=utf-8' }
  if (challenge !== undefined) headers['www-authenticate'] = bearerChallenge(challenge, title, scope)
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter)))
  if (allow !== undefined) headers.allow = allow.join(', ')
  const body = { type: `${typeBase}/${error.code}`, title, status, code: error.code }
  return { status, headers, body: { ...body, ...(detail && { detail }), ...(errors && { errors }) } }
}

export function entryOf(code: ErrorCode): CatalogueEntry {
  return CATALOGUE[code]
}

function bearerChallenge(error: string | null, description: string, scope: string | undefined): string {
  if (error === null) return 'Bearer'
  const parts = [`error="${error}"`, `error_description="${description}"`]
  if (scope !== undefined) parts.push(`scope="${scope}"`)
  return `Bearer ${parts.join(', ')}`
}
