// What rules say about places of one tree: found by JSONPath before the walk, asked by the walk.
import type { DivergenceKind, Severity } from '../../model/comparison.ts'
import type { Json } from './read.ts'

/** The id of a rule. */
export type RuleId = string

/** All that is said of one place; null: nothing. A mark on a place of either tree counts. */
export interface Mark {
  /** Neither the place nor what is below it counts, nor does it help or hinder the alignment of elements. */
  readonly ignore: RuleId | null
  /** The array there is a multiset. */
  readonly unordered: RuleId | null
  /** Elements of the array there belong together by these members. */
  readonly keyed: { readonly rule: RuleId; readonly by: readonly string[] } | null
  /** Asked, one after another, when the plain comparison says that the place differs. */
  readonly compare: readonly Compare[] | null
  /** Asked when both sides have the same value there; false: it counts as a difference nevertheless. */
  readonly confirm: ((value: Json) => boolean) | null
  /** Of differences there and below; the deepest mark wins. */
  readonly severity: { readonly rule: RuleId; readonly severity: Severity } | null
  /** Differences there and below that are wanted; `kinds` null: of any kind. */
  readonly expect: { readonly rule: RuleId; readonly kinds: readonly DivergenceKind[] | null } | null
}

/** undefined: absent on that side. Containers come only against an absent place or a value of another type. */
export type Compare = (legacy: Json | undefined, fresh: Json | undefined) => Compared

/** Where `equal`, the difference is hidden in the name of `rule`. */
export interface Compared {
  readonly equal: boolean
  readonly rule: RuleId | null
}

const NOTHING: Mark = {
  ignore: null,
  unordered: null,
  keyed: null,
  compare: null,
  confirm: null,
  severity: null,
  expect: null,
}

export class Marks {
  readonly #places = new Map<object, Map<string | number, Mark>>()
  readonly #unconfirmed = new Set<object>()
  #root: Mark | null = null

  /** Of the whole tree. */
  get root(): Mark | null {
    return this.#root
  }

  addRoot(mark: Partial<Mark>): void {
    this.#root = joined(this.#root, mark)
  }

  /** Of a member (by name) or an element (by number); what was said of it before stays, and counts first. */
  add(container: object, key: string | number, mark: Partial<Mark>): void {
    let places = this.#places.get(container)
    if (places === undefined) {
      places = new Map()
      this.#places.set(container, places)
    }
    const said = joined(places.get(key) ?? null, mark)
    places.set(key, said)
    if (said.confirm !== null) this.#unconfirmed.add(container)
  }

  at(container: object, key: string | number): Mark | null {
    return this.#places.get(container)?.get(key) ?? null
  }

  /** Containers with places that must be asked about even where they are equal. */
  get unconfirmed(): ReadonlySet<object> {
    return this.#unconfirmed
  }

  /** All places of one container that have a mark; null: none has. */
  of(container: object): ReadonlyMap<string | number, Mark> | null {
    return this.#places.get(container) ?? null
  }
}

function joined(first: Mark | null, then: Partial<Mark>): Mark {
  if (first === null) return { ...NOTHING, ...then }
  return {
    ignore: first.ignore ?? then.ignore ?? null,
    unordered: first.unordered ?? then.unordered ?? null,
    keyed: first.keyed ?? then.keyed ?? null,
    compare: first.compare === null ? (then.compare ?? null) : [...first.compare, ...(then.compare ?? [])],
    confirm: first.confirm ?? then.confirm ?? null,
    severity: first.severity ?? then.severity ?? null,
    expect: first.expect ?? then.expect ?? null,
  }
}
