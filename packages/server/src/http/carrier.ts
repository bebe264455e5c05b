/** The little of a request that authentication reads: a web `Request` has it, and a Node request is given it. */
export interface Carrier {
  readonly method: string
  readonly headers: HeaderReader
}

export interface HeaderReader {
  get(name: string): string | null
}
