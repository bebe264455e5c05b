import { LatchkeyError, type ProblemResponse, toProblem } from '@latchkey/protocol/errors'

/** What a route answers; the only way in which anything leaves. */
export interface Reply {
  readonly status: number
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is; `headers` names its type. */
  readonly text?: string
  readonly cookies?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

type HeaderList = [name: string, value: string][]

/** Nothing is cached or sniffed unless a route says so: `headers` of a reply win. */
export function toResponse({ status, json, text, cookies = [], headers = {} }: Reply): Response {
  const all: Record<string, string> = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers }
  if (json !== undefined) all['content-type'] ??= 'application/json; charset=utf-8'
  const body = json === undefined ? (text ?? null) : JSON.stringify(json)
  // A plain record is what the server adapter sends without building a Headers object; it cannot hold two of a name.
  if (cookies.length <= 1) {
    const [cookie] = cookies
    if (cookie !== undefined) all['set-cookie'] = cookie
    return new Response(body, { status, headers: all })
  }
  const list: HeaderList = Object.entries(all)
  for (const cookie of cookies) list.push(['set-cookie', cookie])
  return new Response(body, { status, headers: list })
}

export function problemReply(error: LatchkeyError, typeBase: string): Reply {
  const { status, headers, body }: ProblemResponse = toProblem(error, typeBase)
  return { status, headers, json: body }
}

/** Faults become catalogue errors here; `report` is told of those that are ours. */
export function toLatchkeyError(error: unknown, report: (fault: unknown) => void): LatchkeyError {
  if (!(error instanceof LatchkeyError)) {
    report(error)
    return new LatchkeyError('internal_error')
  }
  if (error.status >= 500) report(error)
  return error
}
