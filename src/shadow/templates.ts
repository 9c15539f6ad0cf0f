// How many comparisons there were in each template of a route: what rates are rates of.
import type { EpochMs } from '../model/units.ts'

/** Others share one count. */
const MOST = 500
const OTHERS = '*'

export type StoredTemplates = readonly (readonly [template: string, count: number, at: EpochMs])[]

export class Templates {
  readonly #counts: Map<string, { count: number; at: EpochMs }>

  constructor(stored: StoredTemplates = []) {
    this.#counts = new Map(stored.map(([template, count, at]) => [template, { count, at }]))
  }

  compared(template: string, at: EpochMs): void {
    const name = this.#counts.has(template) || this.#counts.size < MOST ? template : OTHERS
    const known = this.#counts.get(name)
    if (known === undefined) this.#counts.set(name, { count: 1, at })
    else {
      known.count++
      known.at = at
    }
  }

  /** By the names under which they are counted. */
  comparisons(templates: Iterable<string>): readonly (readonly [name: string, count: number])[] {
    const names = new Set(Array.from(templates, template => (this.#counts.has(template) ? template : OTHERS)))
    return [...names].map(name => [name, this.#counts.get(name)?.count ?? 0])
  }

  /** What is still in use stays. */
  removeBefore(at: EpochMs): void {
    for (const [template, counted] of this.#counts) if (counted.at < at) this.#counts.delete(template)
  }

  toJSON(): StoredTemplates {
    return [...this.#counts].map(([template, { count, at }]) => [template, count, at])
  }
}
