import type { Connection } from '../http/app.ts'
import type { AnsweredRequest, RequestListener } from './meter.ts'

/** Filled in by the router: which route a request was for. */
export interface Matched {
  route: string | null
}

type Answering<Bindings> = (request: Request, connection?: Bindings) => Response | Promise<Response>

/** The same function, whose answers the listeners are told of. What one throws changes nothing. */
export function observeRequests(
  fetch: Answering<Connection & { readonly matched?: Matched }>,
  listeners: readonly RequestListener[],
  report: (fault: unknown) => void,
): Answering<Connection> {
  // Nothing is measured for nobody.
  if (listeners.length === 0) return fetch
  return (request, connection) => {
    const startedAt = performance.now()
    const matched: Matched = { route: null }
    const tell = (response: Response) => {
      const milliseconds = performance.now() - startedAt
      notify({ method: request.method, route: matched.route, status: response.status, milliseconds })
      return response
    }
    const answer = fetch(request, { ...connection, matched })
    return answer instanceof Promise ? answer.then(tell) : tell(answer)
  }

  function notify(request: AnsweredRequest): void {
    for (const listener of listeners) {
      try {
        listener(request)
      } catch (fault) {
        report(fault)
      }
    }
  }
}
