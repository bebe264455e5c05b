import type { Store } from '../stores/store.ts'
import { inSpan } from './spans.ts'

/** The same store, with a span around every operation; `onError` is told of those that fail. */
export function observeStore(store: Store, onError?: (operation: string) => void): Store {
  const { name, sessions, accounts, keys } = store
  return {
    name,
    sessions: observePart(sessions, 'sessions', name, onError),
    accounts: observePart(accounts, 'accounts', name, onError),
    keys: observePart(keys, 'keys', name, onError),
    ping: () => store.ping(),
    close: () => store.close(),
  }
}

function observePart<Part extends object>(
  part: Part,
  partName: string,
  system: string,
  onError: ((operation: string) => void) | undefined,
): Part {
  const calls = new Map<string | symbol, unknown>()
  return new Proxy(part, {
    get(target, key) {
      const known = calls.get(key)
      if (known !== undefined) return known
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      const operation = `${partName}.${String(key)}`
      const spanName = `latchkey.store.${operation}`
      const call = (...args: readonly unknown[]) =>
        inSpan(spanName, (span) => {
          span.setAttribute('db.system.name', system)
          const method: (...args: readonly unknown[]) => Promise<unknown> = Reflect.get<object, PropertyKey>(
            target,
            key,
          )
          const result = Reflect.apply(method, target, args)
          if (onError !== undefined) result.catch(() => onError(operation))
          return result
        })
      calls.set(key, call)
      return call
    },
  })
}
