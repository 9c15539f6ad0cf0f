// How long both sides took for the same request, and by how much they differed: paired, so that a heavy request weighs the same
// on both sides.
import { LATENCY_BUCKETS, latencyBucket, latencyQuantile } from '../model/latency.ts'
import type { Milliseconds } from '../model/units.ts'
import type { LatencyView } from './view.ts'

const COUNTS = ['legacy', 'new', 'slower', 'faster'] as const
type Stored = Readonly<Record<(typeof COUNTS)[number], readonly number[]>>

export class LatencyPairs {
  readonly #legacy: number[]
  readonly #new: number[]
  /** By how much new was slower, and by how much it was faster or equal. */
  readonly #slower: number[]
  readonly #faster: number[]

  constructor(stored: Stored | null = null) {
    const [legacy, fresh, slower, faster] = COUNTS.map(name => counts(stored?.[name])) as [
      ...[number[], number[], number[], number[]],
    ]
    this.#legacy = legacy
    this.#new = fresh
    this.#slower = slower
    this.#faster = faster
  }

  add(legacyMs: Milliseconds, newMs: Milliseconds): void {
    count(this.#legacy, legacyMs)
    count(this.#new, newMs)
    if (newMs > legacyMs) count(this.#slower, newMs - legacyMs)
    else count(this.#faster, legacyMs - newMs)
  }

  view(): LatencyView {
    const pairs = sum(this.#legacy)
    const slower = sum(this.#slower)
    const of = (counts: readonly number[]) => ({
      p50Ms: latencyQuantile([counts], pairs, 0.5),
      p95Ms: latencyQuantile([counts], pairs, 0.95),
    })
    return {
      pairs,
      legacy: of(this.#legacy),
      new: of(this.#new),
      delta: { p50Ms: this.#delta(0.5), p95Ms: this.#delta(0.95) },
      newSlower: pairs === 0 ? null : slower / pairs,
    }
  }

  toJSON(): Stored {
    return { legacy: this.#legacy, new: this.#new, slower: this.#slower, faster: this.#faster }
  }

  /** In order: what was faster, most first, then what was slower. */
  #delta(q: number): Milliseconds | null {
    const [faster, slower] = [sum(this.#faster), sum(this.#slower)]
    const rank = q * (faster + slower)
    if (rank > faster) return latencyQuantile([this.#slower], slower, (rank - faster) / slower)
    const gained = latencyQuantile([this.#faster], faster, (faster - rank) / faster)
    return gained === null ? null : 0 - gained
  }
}

function counts(stored: readonly number[] | undefined): number[] {
  return Array.from({ length: LATENCY_BUCKETS }, (_, i) => stored?.[i] ?? 0)
}

function count(counts: number[], ms: Milliseconds): void {
  const bucket = latencyBucket(Math.max(0, ms))
  counts[bucket] = (counts[bucket] as number) + 1
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, one) => all + one, 0)
}
