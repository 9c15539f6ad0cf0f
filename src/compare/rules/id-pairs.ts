// Which id of legacy's stands for which of new's: one for one and back, as far as one rule and one exchange go.
import type { RuleId } from '../json/marks.ts'
import { Exact, type Json } from '../json/read.ts'

/** The id map across exchanges: what legacy's id is called by new. Rules keep the ids of one sort of things apart from others'. */
export interface KnownIds {
  known(legacy: string, rule: RuleId): string | undefined
}

export class IdPairs {
  readonly #rule: RuleId
  readonly #known: KnownIds | null
  readonly #toNew = new Map<string, string>()
  readonly #toLegacy = new Map<string, string>()

  constructor(rule: RuleId, known: KnownIds | null) {
    this.#rule = rule
    this.#known = known
  }

  /** Whether what both sides have can be the same thing's. True for what is no id. */
  confirms(value: Json): boolean {
    return nameOf(value) === null || this.agree(value, value)
  }

  /** Whether the two can be the same thing's; they are from now on. False for what is no id, and for a number and a text. */
  agree(legacy: Json | undefined, fresh: Json | undefined): boolean {
    const [ours, theirs] = [nameOf(legacy), nameOf(fresh)]
    if (ours === null || theirs === null || ours[0] !== theirs[0]) return false
    const elsewhere = this.#known?.known(String(legacy), this.#rule)
    if (elsewhere !== undefined && elsewhere !== String(fresh)) return false
    const [mapped, back] = [this.#toNew.get(ours), this.#toLegacy.get(theirs)]
    if (mapped === undefined && back === undefined) {
      this.#toNew.set(ours, theirs)
      this.#toLegacy.set(theirs, ours)
      return true
    }
    return mapped === theirs && back === ours
  }
}

/** The first letter is its type. */
function nameOf(value: Json | undefined): string | null {
  if (typeof value === 'string') return `s${value}`
  return typeof value === 'number' || value instanceof Exact ? `n${value}` : null
}
