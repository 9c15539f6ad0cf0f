// Rules of a route, made ready for comparing: which places of a body they name, and what differences there mean.
import type { Rule } from '../../model/comparison.ts'
import type { EpochMs } from '../../model/units.ts'
import { type Mark, Marks, type RuleId } from '../json/marks.ts'
import type { Json } from '../json/read.ts'
import { IdPairs, type KnownIds } from './id-pairs.ts'
import { markOf } from './mark.ts'
import { type BodyPath, isPath, readPath } from './path.ts'
import { type PlainRules, plainRules } from './plain.ts'
import { type Place, select, TooManyPlaces, Visits } from './select.ts'

export type { KnownIds } from './id-pairs.ts'
export type { PlainRules } from './plain.ts'

/** The rules that count at one moment. */
export interface CompiledRules {
  readonly isEmpty: boolean
  /** For one comparison. `ids`: what is known of ids from elsewhere. */
  begin(ids?: KnownIds): RuleSession
}

/** The rules within one comparison: `idMap` remembers which id stood for which. */
export interface RuleSession {
  /** What rules say about places of one tree (of either side); null: nothing. */
  marksFor(tree: Json): Marks | null
  /** About a header, by its name in lower case; null: nothing. */
  header(name: string): PlainRules | null
  readonly status: PlainRules | null
  /** Why the comparison must end `undecided`; null: it need not. Known after `marksFor`. */
  readonly undecided: string | null
}

/** Places of one tree that paths may look at, all rules together. */
const MAX_VISITS = 1_000_000

interface Ready {
  readonly rule: Rule
  readonly body: readonly BodyPath[]
}

/** Rules whose time is over at `at` are left out. Bad rules are refused before (mistakes.ts): here they have no effect. */
export function compileRules(rules: readonly Rule[], at: EpochMs): CompiledRules {
  const counting = rules.filter(({ until }) => until === null || until > at)
  const ready = counting.map(rule => ({ rule, body: bodyPathsOf(rule) }))
  return { isEmpty: ready.length === 0, begin: ids => new Session(ready, ids ?? null) }
}

function bodyPathsOf(rule: Rule): readonly BodyPath[] {
  return rule.paths.flatMap(text => {
    if (!text.startsWith('$')) return []
    const path = readPath(text)
    return isPath(path) ? [path] : []
  })
}

class Session implements RuleSession {
  readonly #rules: readonly Ready[]
  readonly #ids: ReadonlyMap<RuleId, IdPairs>
  /** By the numbers of the rules that name a place: most places with a mark have the same. */
  readonly #marks = new Map<string, Partial<Mark>>()
  undecided: string | null = null

  constructor(rules: readonly Ready[], known: KnownIds | null) {
    this.#rules = rules
    const mapping = rules.filter(({ rule }) => rule.does === 'idMap')
    this.#ids = new Map(mapping.map(({ rule }) => [rule.id, new IdPairs(rule.id, known)]))
  }

  marksFor(tree: Json): Marks | null {
    const named = this.#named(tree)
    if (named.size === 0) return null
    const marks = new Marks()
    for (const [container, keys] of named) {
      for (const [key, numbers] of keys) {
        const mark = this.#markBy(numbers)
        if (container === null) marks.addRoot(mark)
        else marks.add(container, key, mark)
      }
    }
    return marks
  }

  header(name: string): PlainRules | null {
    const path = `header:${name}`
    return this.#plain('header', text => text.toLowerCase() === path)
  }

  get status(): PlainRules | null {
    return this.#plain('status', text => text === 'status')
  }

  /** Which rules name which places, in the order of the rules. */
  #named(tree: Json): Map<Place['container'], Map<string | number, number[]>> {
    const named = new Map<Place['container'], Map<string | number, number[]>>()
    const visits = new Visits(MAX_VISITS)
    for (const [number, { rule, body }] of this.#rules.entries()) {
      try {
        for (const path of body) for (const place of select(path, tree, tree, visits)) note(named, place, number)
      } catch (error) {
        if (!(error instanceof TooManyPlaces)) throw error
        this.undecided = `rules look at more than ${MAX_VISITS} places (${rule.id})`
        break
      }
    }
    return named
  }

  #markBy(numbers: readonly number[]): Partial<Mark> {
    const name = numbers.join()
    let mark = this.#marks.get(name)
    if (mark === undefined) {
      mark = markOf(this.#rulesBy(numbers), this.#ids)
      this.#marks.set(name, mark)
    }
    return mark
  }

  #rulesBy(numbers: readonly number[]): readonly Rule[] {
    return numbers.map(number => (this.#rules[number] as Ready).rule)
  }

  #plain(kind: 'header' | 'status', isMeant: (path: string) => boolean): PlainRules | null {
    const rules = this.#rules.filter(({ rule }) => rule.paths.some(isMeant)).map(({ rule }) => rule)
    return rules.length === 0 ? null : plainRules(kind, rules, this.#ids)
  }
}

function note(named: Map<Place['container'], Map<string | number, number[]>>, place: Place, number: number): void {
  let keys = named.get(place.container)
  if (keys === undefined) {
    keys = new Map()
    named.set(place.container, keys)
  }
  const numbers = keys.get(place.key)
  if (numbers === undefined) keys.set(place.key, [number])
  // A path may come to a place more than once.
  else if (numbers.at(-1) !== number) numbers.push(number)
}
