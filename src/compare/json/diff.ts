// How two JSON trees differ: typed leaves with pointers, what rules hid of them, and whether the budget was enough to say so.
// One walk without recursion over what is in both; a frame is two containers that belong together.
import type { CompareBudget, Divergence, DivergenceKind, Severity } from '../../model/comparison.ts'
import type { Milliseconds } from '../../model/units.ts'
import { Pairer, type Way } from './elements.ts'
import { Hashes } from './hash.ts'
import type { Mark, Marks, RuleId } from './marks.ts'
import { Meter, OverBudget } from './meter.ts'
import { pointerOf } from './pointer.ts'
import { Exact, type Json } from './read.ts'
import { type JsonObject, member, Sameness, sameScalar, type Unsure } from './same.ts'

export interface DiffOptions {
  readonly budget: CompareBudget
  readonly now: () => Milliseconds
  /** null: no rule says anything about that tree. */
  readonly legacyMarks: Marks | null
  readonly newMarks: Marks | null
  /** Without it: `usualSeverity`. Rules go before it. */
  readonly severityOf?: (kind: DivergenceKind) => Severity
}

export interface TreeDiff {
  /** Leaves of a container come before those further down; at most as many as the budget lists. */
  readonly differences: Divergence[]
  /** Those that are not listed. */
  readonly more: number
  /** Differences that rules hid, by rule. */
  readonly suppressed: Map<RuleId, number>
  /** Why there may be more, or none: the budget was not enough. */
  readonly undecided: string | null
}

/** What one has lost weighs more than what it has got. */
export function usualSeverity(kind: DivergenceKind): Severity {
  return kind === 'extra' || kind === 'order' ? 'low' : kind === 'value' || kind === 'header' ? 'medium' : 'high'
}

export function diffTrees(legacy: Json, fresh: Json, options: DiffOptions): TreeDiff {
  const walk = new Walk(options)
  try {
    walk.run(legacy, fresh)
  } catch (error) {
    if (!(error instanceof OverBudget)) throw error
    return walk.result(error.message)
  }
  return walk.result(null)
}

type Container = readonly Json[] | JsonObject
type Key = string | number

interface Frame {
  /** null: the whole. */
  readonly parent: Frame | null
  readonly legacy: Container
  readonly new: Container
  readonly key: Key
  readonly newKey: Key
  readonly depth: number
  /** What rules say about the place and what is around it, the nearest first; null: nothing. */
  readonly said: Said | null
}

interface Said {
  readonly mark: Mark
  /** Of the place that has the mark. */
  readonly depth: number
  readonly next: Said | null
}

class Walk {
  readonly #options: DiffOptions
  readonly #meter: Meter
  /** For what is ignored. */
  readonly #sameness: Sameness
  readonly #pairer: Pairer
  readonly #frames: Frame[] = []
  readonly #differences: Divergence[] = []
  readonly #suppressed = new Map<RuleId, number>()
  #more = 0

  constructor(options: DiffOptions) {
    const { legacyMarks, newMarks } = options
    this.#options = options
    this.#meter = new Meter(options.budget, options.now)
    this.#sameness = new Sameness(this.#meter)
    const unsure = unsureOf(legacyMarks, newMarks)
    this.#pairer = new Pairer(
      { hashes: new Hashes(legacyMarks, this.#meter), marks: legacyMarks },
      { hashes: new Hashes(newMarks, this.#meter), marks: newMarks },
      unsure === null ? this.#sameness : new Sameness(this.#meter, unsure),
      unsure,
      this.#meter,
    )
  }

  run(legacy: Json, fresh: Json): void {
    this.#meter.values(2)
    this.#place(
      null,
      '',
      '',
      legacy,
      fresh,
      this.#options.legacyMarks?.root ?? null,
      this.#options.newMarks?.root ?? null,
    )
    for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) {
      const below = this.#frames.length
      this.#meter.depth(frame.depth)
      if (Array.isArray(frame.legacy)) this.#elements(frame, frame.legacy, frame.new as readonly Json[])
      else this.#members(frame, frame.legacy as JsonObject, frame.new as JsonObject)
      reverseFrom(this.#frames, below)
    }
  }

  result(undecided: string | null): TreeDiff {
    return { differences: this.#differences, more: this.#more, suppressed: this.#suppressed, undecided }
  }

  #members(frame: Frame, legacy: JsonObject, fresh: JsonObject): void {
    const marks = this.#options.legacyMarks?.of(legacy) ?? null
    const newMarks = this.#options.newMarks?.of(fresh) ?? null
    let count = 0
    let shared = 0
    for (const name in legacy) {
      count++
      const one = legacy[name]
      const other = member(fresh, name)
      if (other !== undefined) shared++
      if (one === other && marks === null && newMarks === null) continue
      this.#place(frame, name, name, one, other, marks?.get(name) ?? null, newMarks?.get(name) ?? null)
    }
    let newCount = 0
    for (const _ in fresh) newCount++
    this.#meter.members(Math.max(count, newCount))
    this.#meter.values(count + newCount)
    if (newCount === shared) return
    for (const name in fresh) {
      if (member(legacy, name) !== undefined) continue
      this.#place(frame, name, name, undefined, fresh[name], null, newMarks?.get(name) ?? null)
    }
  }

  #elements(frame: Frame, legacy: readonly Json[], fresh: readonly Json[]): void {
    const { rule, way } = wayOf(frame)
    const found = this.#pairer.pair(legacy, fresh, frame.depth, way)
    if (found === null) return
    if (found.moved && rule !== null) this.#suppress(rule)
    else if (found.moved) this.#report('order', frame, frame.said, frame.legacy, frame.new)
    const marks = this.#options.legacyMarks?.of(legacy) ?? null
    const newMarks = this.#options.newMarks?.of(fresh) ?? null
    const note = found.unkeyed ? 'by position: some have no key, or not a key of their own' : null
    const place = (i: number, k: number, one: Json | undefined, other: Json | undefined) =>
      this.#place(frame, i, k, one, other, marks?.get(i) ?? null, newMarks?.get(k) ?? null, note)
    for (const [i, k] of found.pairs) place(i, k, legacy[i], fresh[k])
    for (const i of found.missing) place(i, -1, legacy[i], undefined)
    for (const k of found.extra) place(-1, k, undefined, fresh[k])
  }

  /** What belongs together in both trees, or is only in one. */
  #place(
    parent: Frame | null,
    key: Key,
    newKey: Key,
    legacy: Json | undefined,
    fresh: Json | undefined,
    mark: Mark | null,
    newMark: Mark | null,
    note: string | null = null,
  ): void {
    const isSame = sameScalar(legacy, fresh)
    if (isSame && isConfirmed(mark, legacy) && isConfirmed(newMark, legacy)) return
    const depth = parent === null ? 0 : parent.depth + 1
    const ignored = mark?.ignore ?? newMark?.ignore ?? null
    if (ignored !== null) {
      if (!this.#sameness.same(legacy, fresh, depth)) this.#suppress(ignored)
      return
    }
    let said = parent?.said ?? null
    if (newMark !== null) said = { mark: newMark, depth, next: said }
    if (mark !== null) said = { mark, depth, next: said }
    const kind = kindOf(legacy, fresh)
    const frame: Frame = { parent, legacy: legacy as Container, new: fresh as Container, key, newKey, depth, said }
    if (kind === null) this.#frames.push(frame)
    else if (isSame || !this.#isEqualByRule(mark, newMark, legacy, fresh))
      this.#report(kind, frame, said, legacy, fresh, note)
  }

  #isEqualByRule(mark: Mark | null, newMark: Mark | null, legacy: Json | undefined, fresh: Json | undefined): boolean {
    if (mark === null && newMark === null) return false
    // One rule mostly marks both.
    for (const compare of new Set([...(mark?.compare ?? []), ...(newMark?.compare ?? [])])) {
      const { equal, rule } = compare(legacy, fresh)
      if (!equal) continue
      if (rule !== null) this.#suppress(rule)
      return true
    }
    return false
  }

  #report(
    kind: DivergenceKind,
    at: Frame,
    said: Said | null,
    legacy: Json | undefined,
    fresh: Json | undefined,
    note: string | null = null,
  ): void {
    let severity: Severity | null = null
    for (let one = said; one !== null; one = one.next) {
      const { expect } = one.mark
      if (expect !== null && (expect.kinds === null || expect.kinds.includes(kind))) {
        this.#suppress(expect.rule)
        return
      }
      severity ??= one.mark.severity?.severity ?? null
    }
    if (this.#differences.length >= this.#options.budget.differences) {
      this.#more++
      return
    }
    severity ??= (this.#options.severityOf ?? usualSeverity)(kind)
    const newPath = pathOf(at, 'newKey')
    const path = kind === 'extra' ? newPath : pathOf(at, 'key')
    const found: Draft = { kind, path, severity }
    if (kind !== 'missing' && newPath !== path) found.newPath = newPath
    if (legacy !== undefined) found.legacy = legacy
    if (fresh !== undefined) found.new = fresh
    if (note !== null) found.note = note
    this.#differences.push(found)
  }

  #suppress(rule: RuleId): void {
    this.#suppressed.set(rule, (this.#suppressed.get(rule) ?? 0) + 1)
  }
}

type Draft = { -readonly [name in keyof Divergence]: Divergence[name] }

function isConfirmed(mark: Mark | null, value: Json | undefined): boolean {
  return mark === null || mark.confirm === null || value === undefined || mark.confirm(value)
}

/** null: there are no containers that must be looked into even where they are equal. */
function unsureOf(legacyMarks: Marks | null, newMarks: Marks | null): Unsure | null {
  const [ones, others] = [legacyMarks?.unconfirmed, newMarks?.unconfirmed]
  if ((ones?.size ?? 0) + (others?.size ?? 0) === 0) return null
  return (one, other) => ones?.has(one) === true || others?.has(other) === true
}

/** null: two containers of one kind, which are equal or differ further down. Scalars are known to differ. */
function kindOf(legacy: Json | undefined, fresh: Json | undefined): DivergenceKind | null {
  if (legacy === undefined) return 'extra'
  if (fresh === undefined) return 'missing'
  const type = typeOf(legacy)
  if (type !== typeOf(fresh)) return 'type'
  return type === 'object' || type === 'array' ? null : 'value'
}

function typeOf(value: Json): string {
  if (typeof value !== 'object') return typeof value
  return value === null ? 'null' : Array.isArray(value) ? 'array' : value instanceof Exact ? 'number' : 'object'
}

/** How the elements of an array belong together, and the rule that says so. */
function wayOf({ said, depth }: Frame): { readonly rule: RuleId | null; readonly way: Way } {
  for (let one = said; one !== null && one.depth === depth; one = one.next) {
    if (one.mark.keyed !== null) return { rule: one.mark.keyed.rule, way: one.mark.keyed.by }
    if (one.mark.unordered !== null) return { rule: one.mark.unordered, way: 'unordered' }
  }
  return { rule: null, way: 'position' }
}

function pathOf(frame: Frame, key: 'key' | 'newKey'): string {
  const tokens: Key[] = []
  for (let at = frame; at.parent !== null; at = at.parent) tokens.push(at[key])
  return pointerOf(tokens.reverse())
}

/** What was pushed last is taken first: now the first of what was pushed is. */
function reverseFrom(frames: Frame[], start: number): void {
  for (let i = start, k = frames.length - 1; i < k; i++, k--) {
    const frame = frames[i] as Frame
    frames[i] = frames[k] as Frame
    frames[k] = frame
  }
}
