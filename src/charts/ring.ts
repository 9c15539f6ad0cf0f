// The last points of a route's figures, in one array of fixed size. Points are numbered by the clock, so that those of all
// routes lie over each other; what was never put is no number.

export const FIGURES = [
  'legacyRequests',
  'legacyErrors',
  'legacyP50',
  'legacyP95',
  'newRequests',
  'newErrors',
  'newP50',
  'newP95',
  'effective',
  'observed',
  'compared',
  'matching',
] as const
export type Figure = (typeof FIGURES)[number]

export class Ring {
  readonly points: number
  /** One figure's points after the other's; 24 bits are enough for what happens in one of them. */
  readonly #values: Float32Array

  constructor(points: number) {
    this.points = points
    this.#values = new Float32Array(points * FIGURES.length).fill(Number.NaN)
  }

  get(figure: Figure, point: number): number | null {
    const value = this.#values[this.#at(figure, point)] as number
    return Number.isNaN(value) ? null : value
  }

  put(figure: Figure, point: number, value: number | null): void {
    this.#values[this.#at(figure, point)] = value ?? Number.NaN
  }

  add(figure: Figure, point: number, value: number): void {
    this.put(figure, point, (this.get(figure, point) ?? 0) + value)
  }

  /** They begin, in place of those that were `points` before them. */
  clear(first: number, last: number): void {
    for (let point = Math.max(first, last - this.points + 1); point <= last; point++) {
      for (const figure of FIGURES) this.put(figure, point, null)
    }
  }

  #at(figure: Figure, point: number): number {
    return FIGURES.indexOf(figure) * this.points + (point % this.points)
  }
}
