// Differences as a tree of places: status, headers, and the body by its pointers; stretches without a fork are one node.
import type { SignatureAnswer } from '../api-compare.ts'
import { plain } from './words.ts'

export interface Node {
  /** '' where what differs is the root itself. */
  readonly name: string
  readonly path: string
  /** Differences at this very place. */
  readonly items: readonly SignatureAnswer[]
  readonly below: readonly Node[]
  /** Of all at it and below it. */
  readonly count: number
}

interface Growing {
  readonly items: SignatureAnswer[]
  readonly below: Map<string, Growing>
}

export function treeOf(items: readonly SignatureAnswer[]): readonly Node[] {
  const root: Growing = { items: [], below: new Map() }
  for (const item of items) {
    let at = root
    for (const name of wayTo(item)) {
      const next = at.below.get(name) ?? { items: [], below: new Map() }
      at.below.set(name, next)
      at = next
    }
    at.items.push(item)
  }
  return nodesOf(root, '')
}

/** Of its first place: it is in one field, at however many places. */
function wayTo({ kind, field, differences }: SignatureAnswer): readonly string[] {
  const path = differences[0]?.path ?? ''
  const keys = path.split('/').slice(1).map(unescaped)
  if (kind === 'status') return ['Status', field]
  if (kind === 'header') return ['Headers', keys.length === 0 ? field : keys.join('/')]
  return ['Body', ...keys]
}

function nodesOf({ below }: Growing, path: string): readonly Node[] {
  return [...below]
    .map(([name, growing]) => {
      let [shown, at, here] = [name, growing, `${path}/${name}`]
      // Not the first level: what is in a body is said to be in it.
      while (path !== '' && at.items.length === 0 && at.below.size === 1) {
        const [[next, inside]] = at.below as unknown as [[string, Growing]]
        shown = `${shown} / ${next}`
        here = `${here}/${next}`
        at = inside
      }
      const inside = nodesOf(at, here)
      const count =
        at.items.reduce((sum, item) => sum + item.count, 0) + inside.reduce((sum, node) => sum + node.count, 0)
      return { name: shown, path: here, items: at.items, below: inside, count }
    })
    .sort((one, other) => other.count - one.count || (one.name < other.name ? -1 : 1))
}

function unescaped(key: string): string {
  return plain(key.replaceAll('~1', '/').replaceAll('~0', '~'))
}
