import type { Decision, PresentedToken, SessionRow } from '../rotation.ts'

/** A refresh token, with what only the model knows of it. */
export interface Token extends Omit<PresentedToken, 'arrivedIn'> {
  /** Which one it is, whatever its claims say. */
  readonly serial: number
  /** The token it was issued in exchange for; null at sign-in. */
  readonly parent: Token | null
  /** False for what an attacker made with the server secret, but without the session's `key`. */
  readonly genuine: boolean
}

/** What a finding speaks against: DESIGN's P1 to P5, a requirement, or the promise of one conditional write a turn. */
export type Property = 'P1' | 'P2' | 'P3' | 'P4' | 'P5' | 'RT-09' | 'writes'

export interface Finding {
  readonly property: Property
  readonly message: string
}

/**
 * Judges every answer by the tokens' family tree alone: it looks at no generation and no `jti`, so it shares nothing with
 * the rules it judges. A token is *current* when it is the token last promoted, or descends from it. Otherwise it is
 * *superseded*, unless it descends from a promotion that the store has lost, which nobody can know of any more.
 */
export class Lineage {
  readonly findings: Finding[] = []
  #promotions: { readonly token: Token; readonly at: number }[] = []
  readonly #forgotten = new Set<Token>()

  promoted(token: Token, at: number): void {
    this.#promotions.push({ token, at })
  }

  promotionsLost(since: number): void {
    for (const { token, at } of this.#promotions) if (at > since) this.#forgotten.add(token)
    this.#promotions = this.#promotions.filter(({ at }) => at <= since)
  }

  /** `row` is as it was when the decision fell. */
  judge(row: SessionRow, token: Token, arrivedIn: 'cookie' | 'body', decision: Decision, now: number): void {
    const own = token.genuine && (arrivedIn === 'body') === (row.delivery === 'body')
    const live = row.revokedAt === null && now < row.expiresAt
    const current = own && this.#isCurrent(token)
    const superseded = own && !current && !descends(token, (ancestor) => this.#forgotten.has(ancestor))
    const yields = decision === 'hold' || decision === 'turn' || decision === 'replay'
    if (yields && !own) this.find('RT-09', 'a forged token, or one out of place, yielded')
    if (yields && !live) this.find('P4', 'a revoked or expired session yielded')
    if (yields && superseded) this.find('P3', 'a superseded token yielded')
    if (superseded && live && decision !== 'reuse') this.find('P2', 'a superseded token did not end the session')
    if (current && live && !yields) this.falseSignOut(`a current token was refused as ${decision}`)
  }

  /** Against P1 or, once the store has lost promotions, against P5. */
  falseSignOut(message: string): void {
    this.find(this.#forgotten.size === 0 ? 'P1' : 'P5', message)
  }

  find(property: Property, message: string): void {
    this.findings.push({ property, message })
  }

  #isCurrent(token: Token): boolean {
    const last = this.#promotions.at(-1)
    return last === undefined || descends(token, (ancestor) => ancestor === last.token)
  }
}

/** Whether a token, or one that it descends from, is such a token. */
function descends(token: Token, isSuch: (ancestor: Token) => boolean): boolean {
  for (let ancestor: Token | null = token; ancestor !== null; ancestor = ancestor.parent) {
    if (isSuch(ancestor)) return true
  }
  return false
}
