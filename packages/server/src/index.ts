/** Latchkey: sessions for TypeScript. */
export { CATALOGUE, type CatalogueEntry, type ErrorCode, LatchkeyError } from '@latchkey/protocol/errors'
export type { Delivery, Device, RevokedReason } from '@latchkey/protocol/rotation'
export type { Accounts, SignedIn } from './accounts/accounts.ts'
export type { User } from './accounts/user.ts'
export { ConfigurationError } from './config/read-settings.ts'
export {
  EVENTS,
  type EventEntry,
  type EventListener,
  type EventType,
  type LatchkeyEvent,
  type Severity,
} from './events.ts'
export type { Auth, AuthenticateOptions } from './http/authenticate.ts'
export { createLatchkey, type Latchkey, type LatchkeyOptions } from './latchkey.ts'
export type { AnsweredRequest, Gauges, Meter, RequestListener } from './observability/meter.ts'
export type { ClaimsCallback } from './sessions/access-tokens.ts'
export type { Session } from './sessions/session.ts'
export type { RefreshContext, Sessions, StartOptions, Tokens } from './sessions/sessions.ts'
export { type SqliteStoreOptions, sqliteStore } from './stores/sqlite/sqlite-store.ts'
export type { Store } from './stores/store.ts'
