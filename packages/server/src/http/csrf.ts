import { LatchkeyError } from '@latchkey/protocol/errors'
import type { HeaderReader } from './carrier.ts'

/** For callers that are not browsers and carry cookies all the same: no page of another origin can set it unasked. */
export const CSRF_HEADER = 'x-latchkey'

/**
 * Refuses what another origin may have sent. A browser says where a request comes from, in `Sec-Fetch-Site` or at least
 * in `Origin`; same origin or an exact entry of the allow-list passes. Siblings (`same-site`) and `null` are strangers.
 * A caller that says neither is no browser: it passes when no cookie is involved, or with the header `X-Latchkey: 1`.
 *
 * @throws LatchkeyError `csrf_rejected`
 */
export function assertTrustedOrigin(
  headers: HeaderReader,
  allowedOrigins: ReadonlySet<string>,
  involvesCookies: boolean,
): void {
  const site = headers.get('sec-fetch-site')
  const origin = headers.get('origin')
  if (site === 'same-origin') return
  if (origin !== null && allowedOrigins.has(origin)) return
  if (site === null && origin === null && (!involvesCookies || headers.get(CSRF_HEADER) === '1')) return
  throw new LatchkeyError('csrf_rejected')
}
