// The arithmetic of a bench: medians, percentiles, ratios against a bar, and the text that shows them.

export const MIB = 1024 * 1024

/** What several rounds of one measurement gave. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** A ratio that has to reach a value, or to stay under it. */
export interface Bar {
  readonly kind: 'at least' | 'at most'
  readonly value: number
}

/** One figure of a question, held against its bar. */
export interface Verdict {
  readonly asked: string
  readonly figure: Spread
  readonly unit: string
  /** null: measured for information. */
  readonly bar: Bar | null
}

/** The smallest value that `share` of all values do not exceed (nearest rank); the median of an even count is the mean of two. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('no values')
  return value
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  if (upper === undefined) throw new Error('no values')
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[sorted.length / 2 - 1] as number)) / 2
}

export function spreadOf(values: readonly number[]): Spread {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) }
}

/** Round by round, so that what slowed a whole round down slows both its parts. */
export function ratios(over: readonly number[], under: readonly number[]): Spread {
  if (over.length !== under.length) throw new Error('the rounds do not pair')
  return spreadOf(over.map((value, i) => value / (under[i] as number)))
}

export function isMet(figure: Spread, bar: Bar): boolean {
  return bar.kind === 'at least' ? figure.median >= bar.value : figure.median <= bar.value
}

/** `1.93 × (1.88 … 1.97)   bar: at least 1.70: met` */
export function verdictText({ asked, figure, unit, bar }: Verdict): string {
  const range = figure.min === figure.max ? '' : ` (${shown(figure.min)} … ${shown(figure.max)})`
  const held = bar === null ? '' : `   bar: ${bar.kind} ${shown(bar.value)}: ${isMet(figure, bar) ? 'met' : 'MISSED'}`
  return `${asked}: ${shown(figure.median)} ${unit}${range}${held}`
}

export function shown(value: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** Columns as wide as their widest cell: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return rows.map(row => line(row).trimEnd()).join('\n')
}
