// Differences of two trees as an RFC 6902 patch: applied to legacy's it gives new's, where no rule had a say, none was left out
// and no key came twice.
import type { Divergence } from '../../model/comparison.ts'
import { tokensOf } from './pointer.ts'
import type { Json } from './read.ts'

export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }

/**
 * Three passes, so that every index is right when its turn comes: what is replaced, while all is where legacy had it (an array in
 * another order is replaced as a whole); what is removed, from the end; what is added, from the beginning, where new has it.
 */
export function toPatch(differences: readonly Divergence[]): Operation[] {
  const replaced: Operation[] = []
  const removed: Placed[] = []
  const added: Placed[] = []
  for (const difference of differences) {
    const { kind, path } = difference
    const value = difference.new as Json
    if (kind === 'missing') removed.push(placed({ op: 'remove', path }))
    else if (kind === 'extra') added.push(placed({ op: 'add', path, value }))
    else if (kind === 'value' || kind === 'type' || kind === 'order') replaced.push({ op: 'replace', path, value })
  }
  removed.sort((one, other) => byPlace(other.tokens, one.tokens))
  added.sort((one, other) => byPlace(one.tokens, other.tokens))
  return [...replaced, ...removed.map(({ operation }) => operation), ...added.map(({ operation }) => operation)]
}

interface Placed {
  readonly operation: Operation
  readonly tokens: readonly string[]
}

function placed(operation: Operation): Placed {
  return { operation, tokens: tokensOf(operation.path) }
}

/** Elements of one array by index; of members the order is of no matter, as long as there is one. */
function byPlace(one: readonly string[], other: readonly string[]): number {
  for (let i = 0; i < one.length && i < other.length; i++) {
    const [a, b] = [one[i] as string, other[i] as string]
    if (a === b) continue
    const [x, y] = [indexOf(a), indexOf(b)]
    if (x !== null && y !== null) return x - y
    return x !== null ? -1 : y !== null ? 1 : a < b ? -1 : 1
  }
  return one.length - other.length
}

function indexOf(token: string): number | null {
  return /^(0|[1-9]\d{0,15})$/.test(token) ? Number(token) : null
}
