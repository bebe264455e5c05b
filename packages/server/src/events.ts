/** What happened to a session or an account: for logs, alarms and the person concerned. Nothing in it is secret. */
import type { RevokedReason } from '@latchkey/protocol/rotation'

export type LatchkeyEvent =
  | { readonly type: 'account_created'; readonly subject: string }
  | { readonly type: 'account_deleted'; readonly subject: string }
  | { readonly type: 'login_failed'; readonly subject: string | null }
  | { readonly type: 'password_changed'; readonly subject: string }
  | { readonly type: 'password_reset_created'; readonly subject: string }
  | { readonly type: 'account_disabled'; readonly subject: string }
  | { readonly type: 'account_enabled'; readonly subject: string }
  | { readonly type: 'session_started'; readonly subject: string; readonly sid: string }
  | { readonly type: 'session_turned'; readonly subject: string; readonly sid: string; readonly gen: number }
  | { readonly type: 'session_held'; readonly subject: string; readonly sid: string; readonly gen: number }
  /** A confirmed token came again. `late`: longer ago than answers take; `otherDevice`: not from where it came before. */
  | {
      readonly type: 'session_replayed'
      readonly subject: string
      readonly sid: string
      readonly gen: number
      readonly late: boolean
      readonly otherDevice: boolean
    }
  /** The gravest: two parties held one session. It has been ended. */
  | { readonly type: 'refresh_token_reused'; readonly subject: string; readonly sid: string; readonly gen: number }
  | {
      readonly type: 'session_ended'
      readonly subject: string
      readonly sid: string
      readonly reason: RevokedReason
    }
  | { readonly type: 'keys_rotated'; readonly kid: string }
  | { readonly type: 'csrf_rejected'; readonly path: string }
  | { readonly type: 'rate_limited'; readonly action: string }

/** May be asynchronous; nobody waits for it, and what it throws changes nothing. */
export type EventListener = (event: LatchkeyEvent) => unknown

/** How grave each event is, as log levels. */
export const SEVERITY: Readonly<Record<LatchkeyEvent['type'], 'debug' | 'info' | 'warn' | 'fatal'>> = {
  account_created: 'info',
  account_deleted: 'info',
  login_failed: 'warn',
  password_changed: 'info',
  password_reset_created: 'info',
  account_disabled: 'warn',
  account_enabled: 'info',
  session_started: 'info',
  session_turned: 'debug',
  session_held: 'debug',
  session_replayed: 'info',
  refresh_token_reused: 'fatal',
  session_ended: 'info',
  keys_rotated: 'info',
  csrf_rejected: 'warn',
  rate_limited: 'warn',
}
