const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `10s`, `15m`, `12h`, `7d` in milliseconds; null for anything else. */
export function parseDuration(text: string): number | null {
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
  const factor = unit === undefined ? undefined : UNITS[unit]
  return factor === undefined ? null : Number(amount) * factor
}

/** The shortest exact spelling. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const factor = UNITS[unit]
    if (factor !== undefined && milliseconds >= factor && milliseconds % factor === 0) {
      return `${milliseconds / factor}${unit}`
    }
  }
  return milliseconds === 0 ? '0s' : `${milliseconds}ms`
}
