// Signatures that were acknowledged. When one comes again it is new, and its rate is of what was compared since.

/** The oldest goes first: of those the rate is of everything again. */
const MOST = 200

/** Comparisons by template, at that time. */
type Comparisons = readonly (readonly [template: string, count: number])[]
export type StoredAcknowledged = readonly (readonly [signature: string, comparisons: Comparisons])[]

export class Acknowledged {
  readonly #before: Map<string, ReadonlyMap<string, number>>

  constructor(stored: StoredAcknowledged = []) {
    this.#before = new Map(stored.map(([id, comparisons]) => [id, new Map(comparisons)]))
  }

  add(signature: string, comparisons: Comparisons): void {
    this.#before.delete(signature)
    this.#before.set(signature, new Map(comparisons))
    const [oldest] = this.#before.keys()
    if (this.#before.size > MOST && oldest !== undefined) this.#before.delete(oldest)
  }

  /** Comparisons that do not count, because they were before. */
  before(signature: string, templates: Iterable<string>): number {
    const known = this.#before.get(signature)
    let sum = 0
    for (const template of templates) sum += known?.get(template) ?? 0
    return sum
  }

  toJSON(): StoredAcknowledged {
    return [...this.#before].map(([id, comparisons]) => [id, [...comparisons]])
  }
}
