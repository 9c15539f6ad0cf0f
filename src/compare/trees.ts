// Hands two trees to the tree comparison, with what rules say about their places, and takes what it found.
import type { Divergence } from '../model/comparison.ts'
import type { Comparing } from './bodies.ts'
import { diffTrees } from './json/diff.ts'
import type { Mark, Marks } from './json/marks.ts'
import { tokensOf } from './json/pointer.ts'
import type { Json, Read } from './json/read.ts'

/** `shown`: how a difference is shown, where that is not how it was found; null: not at all. */
export function compareTrees(
  legacy: Read,
  fresh: Read,
  comparing: Comparing,
  shown: (found: Divergence) => Divergence | null = difference => difference,
): void {
  const { policy, session, now, found } = comparing
  const legacyMarks = session?.marksFor(legacy.tree) ?? null
  const newMarks = session?.marksFor(fresh.tree) ?? null
  found.why = session?.undecided ?? null
  // With half of the rules there would be differences that nobody should see.
  if (found.why !== null) return
  const diff = diffTrees(legacy.tree, fresh.tree, { budget: policy.budget, now, legacyMarks, newMarks })
  for (const difference of diff.differences) {
    const seen = shown(difference)
    if (seen !== null) found.add(seen)
  }
  for (const [rule, times] of diff.suppressed) found.hide(rule, times)
  found.more += diff.more
  found.why = diff.undecided
  addDuplicates('missing', legacy, fresh, legacyMarks, comparing)
  addDuplicates('extra', fresh, legacy, newMarks, comparing)
}

/** Keys that come twice in one object of one side only: who reads it may take the first or the last. */
function addDuplicates(
  kind: 'missing' | 'extra',
  one: Read,
  other: Read,
  marks: Marks | null,
  { found }: Comparing,
): void {
  for (const path of one.duplicates) {
    if (other.duplicates.includes(path)) continue
    const said = marks === null ? [] : marksOn(path, one.tree, marks)
    const hidden = said.map(
      mark => mark.ignore ?? (mark.expect?.kinds?.includes(kind) === false ? null : mark.expect?.rule),
    )
    const rule = hidden.find(id => typeof id === 'string')
    if (rule !== undefined && rule !== null) found.hide(rule)
    else found.add({ kind, path, severity: 'medium', note: 'duplicate key' })
  }
}

/** What rules say about a place and those around it. */
function marksOn(path: string, tree: Json, marks: Marks): Mark[] {
  const found = [marks.root]
  let at: Json | undefined = tree
  for (const token of tokensOf(path)) {
    if (typeof at !== 'object' || at === null) break
    const key: string | number = Array.isArray(at) ? Number(token) : token
    found.push(marks.at(at, key))
    at = (at as { readonly [key: string | number]: Json })[key]
  }
  return found.filter(mark => mark !== null)
}
