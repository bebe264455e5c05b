import { LatchkeyError } from '@latchkey/protocol/errors'

/** Runs a query outside the grouped writer; whatever the engine throws becomes `store_unavailable`. */
export async function reading<Result>(query: () => Result): Promise<Result> {
  try {
    return query()
  } catch (cause) {
    throw new LatchkeyError('store_unavailable', { retryAfter: 1, cause })
  }
}
