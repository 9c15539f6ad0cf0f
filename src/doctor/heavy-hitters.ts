// Which of very many keys have most of the traffic, in a fixed number of counters: Space-Saving (A. Metwally, D. Agrawal,
// A. El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005), with weights.
//
// A key without a counter takes over the smallest one, and owns to its count as a possible error. So with k counters and a
// total weight N, for each key kept: count − error ≤ truth ≤ count, and error ≤ N / k; and every key with more than N / k of
// the weight is kept. What is reported as a share is the lower end: a key is never said to have more than it has.
//
// Old traffic fades: everything is halved after each half-life. That is linear, so the bounds stay.
import type { Clock, Milliseconds } from '../model/units.ts'

interface Counter<About> {
  count: number
  error: number
  readonly about: About
}

export interface Hitter<About> {
  readonly key: string
  /** 0 to 1: at least, and at most, of all that was seen. */
  readonly share: number
  readonly atMost: number
  readonly about: About
}

export interface HittersOptions<About> {
  readonly counters: number
  readonly halfLifeMs: Milliseconds
  readonly clock: Pick<Clock, 'monotonic'>
  /** What is kept beside a counter; made anew when a key takes it over. */
  readonly about: () => About
}

export class HeavyHitters<About> {
  readonly #options: HittersOptions<About>
  readonly #counters = new Map<string, Counter<About>>()
  #total = 0
  #squares = 0
  #keyless = 0
  #halvedAt: Milliseconds

  constructor(options: HittersOptions<About>) {
    this.#options = options
    this.#halvedAt = options.clock.monotonic()
  }

  /** null: something that has no key. Answers with what is kept beside the key's counter. */
  add(key: string | null, weight: number): About | null {
    this.#fade()
    this.#total += weight
    this.#squares += weight * weight
    if (key === null) {
      this.#keyless += weight
      return null
    }
    const known = this.#counters.get(key)
    if (known !== undefined) {
      known.count += weight
      return known.about
    }
    let error = 0
    if (this.#counters.size >= this.#options.counters) error = this.#evict()
    const counter = { count: error + weight, error, about: this.#options.about() }
    this.#counters.set(key, counter)
    return counter.about
  }

  /**
   * So many equal draws would say as much (L. Kish, Survey Sampling, 1965): samples that stand for many are worth less than
   * their weight. Fading leaves it as it is.
   */
  get samples(): number {
    this.#fade()
    return this.#squares === 0 ? 0 : (this.#total * this.#total) / this.#squares
  }

  /** 0 to 1. */
  get keylessShare(): number {
    return this.#total === 0 ? 0 : this.#keyless / this.#total
  }

  /** By their share, largest first. */
  top(most: number): Hitter<About>[] {
    this.#fade()
    const total = this.#total
    return [...this.#counters]
      .map(([key, { count, error, about }]) => ({ key, share: (count - error) / total, atMost: count / total, about }))
      .sort((a, b) => b.share - a.share)
      .slice(0, most)
  }

  /** The smallest counter goes; its count is what the next key may be wrong by. */
  #evict(): number {
    let smallest: string | null = null
    let least = Number.POSITIVE_INFINITY
    for (const [key, { count }] of this.#counters) {
      if (count >= least) continue
      least = count
      smallest = key
    }
    if (smallest !== null) this.#counters.delete(smallest)
    return least
  }

  #fade(): void {
    const { clock, halfLifeMs } = this.#options
    const halves = Math.floor((clock.monotonic() - this.#halvedAt) / halfLifeMs)
    if (halves < 1) return
    this.#halvedAt += halves * halfLifeMs
    const rest = 0.5 ** halves
    this.#total *= rest
    this.#keyless *= rest
    this.#squares *= rest * rest
    for (const counter of this.#counters.values()) {
      counter.count *= rest
      counter.error *= rest
    }
  }
}

/** The lower end of what a share may be in truth after so many draws (Wilson's interval, 95 %). */
export function wilsonLow(share: number, draws: number): number {
  return wilson(share, draws, -1)
}

export function wilsonHigh(share: number, draws: number): number {
  return wilson(share, draws, 1)
}

const Z = 1.96

function wilson(share: number, draws: number, sign: 1 | -1): number {
  if (draws <= 0) return sign === 1 ? 1 : 0
  const z2 = Z * Z
  const middle = share + z2 / (2 * draws)
  const half = Z * Math.sqrt((share * (1 - share)) / draws + z2 / (4 * draws * draws))
  return Math.min(1, Math.max(0, (middle + sign * half) / (1 + z2 / draws)))
}
