/** What happened to a session or an account: for logs, alarms and the person concerned. Nothing in it is secret. */
import type { RevokedReason } from '@latchkey/protocol/rotation'

/** When each is told, and how grave it is: see `EVENTS`. `subject` is null where no account is known. */
export type LatchkeyEvent =
  | { readonly type: 'account_created'; readonly subject: string }
  | { readonly type: 'account_deleted'; readonly subject: string }
  | { readonly type: 'account_disabled'; readonly subject: string }
  | { readonly type: 'account_enabled'; readonly subject: string }
  | { readonly type: 'login_succeeded'; readonly subject: string; readonly sid: string }
  | { readonly type: 'login_failed'; readonly subject: string | null }
  | { readonly type: 'login_locked'; readonly subject: string | null }
  | { readonly type: 'password_changed'; readonly subject: string }
  | { readonly type: 'password_reset_created'; readonly subject: string }
  | { readonly type: 'password_reset_used'; readonly subject: string }
  | { readonly type: 'password_reset_refused' }
  | { readonly type: 'session_started'; readonly subject: string; readonly sid: string }
  | { readonly type: 'session_turned'; readonly subject: string; readonly sid: string; readonly gen: number }
  | { readonly type: 'session_held'; readonly subject: string; readonly sid: string; readonly gen: number }
  | {
      readonly type: 'session_replayed'
      readonly subject: string
      readonly sid: string
      readonly gen: number
      /** It came longer ago than answers take to arrive. */
      readonly late: boolean
      /** It came from another kind of device than before. */
      readonly otherDevice: boolean
    }
  | { readonly type: 'refresh_token_reused'; readonly subject: string; readonly sid: string; readonly gen: number }
  | {
      readonly type: 'refresh_refused'
      readonly subject: string | null
      readonly sid: string | null
      readonly reason: 'invalid' | 'expired' | 'revoked'
    }
  | {
      readonly type: 'session_ended'
      readonly subject: string
      readonly sid: string
      readonly reason: RevokedReason
    }
  /** `kid`: the key that signs now. */
  | { readonly type: 'keys_rotated'; readonly kid: string }
  /** `kid`: the key that is good for nothing any more. */
  | { readonly type: 'key_pulled'; readonly kid: string }
  /** `path`: the route's, with `{name}` for what varies. */
  | { readonly type: 'csrf_rejected'; readonly path: string }
  | { readonly type: 'rate_limited'; readonly action: string }

export type EventType = LatchkeyEvent['type']

/** As log levels: `debug` for what every refresh does, `fatal` for what should wake somebody. */
export type Severity = 'debug' | 'info' | 'warn' | 'fatal'

export interface EventEntry {
  readonly severity: Severity
  /** When it is told. */
  readonly when: string
}

/** The one catalogue of events. Log levels, metrics and docs/events.md are made from it. */
export const EVENTS = {
  account_created: { severity: 'info', when: 'Somebody signed up, or an operator made an account.' },
  account_deleted: { severity: 'info', when: 'An account was deleted; its sessions have ended.' },
  account_disabled: {
    severity: 'warn',
    when: 'An operator disabled an account; its sessions have ended and none can start.',
  },
  account_enabled: { severity: 'info', when: 'An operator let a disabled account sign in again.' },
  login_succeeded: { severity: 'info', when: 'A password was right, and a session was started for it.' },
  login_failed: {
    severity: 'warn',
    when: 'A password was wrong, at login or where it is asked for again; or the account is unknown or disabled.',
  },
  login_locked: {
    severity: 'warn',
    when: 'An attempt was refused unchecked, because too many wrong passwords came before it. Live sessions go on.',
  },
  password_changed: { severity: 'info', when: 'The owner replaced the password; all earlier sessions have ended.' },
  password_reset_created: { severity: 'info', when: 'A reset token was made for an account.' },
  password_reset_used: { severity: 'info', when: 'A reset token set a new password; all sessions have ended.' },
  password_reset_refused: { severity: 'warn', when: 'A reset token was unknown, used, replaced or expired.' },
  session_started: { severity: 'info', when: 'A session was started, by a sign-in or by the application.' },
  session_turned: { severity: 'debug', when: 'A refresh token turned: its successor is the session’s token now.' },
  session_held: { severity: 'debug', when: 'A refresh came so soon after the last that the token was kept.' },
  session_replayed: {
    severity: 'info',
    when: 'The session’s current refresh token came again, as it does when an answer was lost.',
  },
  refresh_token_reused: {
    severity: 'fatal',
    when: 'A superseded refresh token came: two parties held one session. It has ended for both.',
  },
  refresh_refused: {
    severity: 'info',
    when: 'A refresh token was forged or unknown (`invalid`), too old (`expired`), or of an ended session (`revoked`).',
  },
  session_ended: { severity: 'info', when: 'A session was ended before its time. Once for each session.' },
  keys_rotated: { severity: 'info', when: 'Another key signs access tokens now. Told by the process that saw to it.' },
  key_pulled: { severity: 'warn', when: 'A key was withdrawn at once: what it signed is refused from now on.' },
  csrf_rejected: { severity: 'warn', when: 'A request that changes something came from another origin.' },
  rate_limited: { severity: 'warn', when: 'A request was refused by the limits per address or overall.' },
} as const satisfies Readonly<Record<EventType, EventEntry>>

export const EVENT_TYPES = Object.keys(EVENTS) as readonly EventType[]

/** How grave each event is, as log levels. */
export const SEVERITY = Object.fromEntries(EVENT_TYPES.map((type) => [type, EVENTS[type].severity])) as Readonly<
  Record<EventType, Severity>
>

/** May be asynchronous; nobody waits for it, and what it throws changes nothing. */
export type EventListener = (event: LatchkeyEvent) => unknown
