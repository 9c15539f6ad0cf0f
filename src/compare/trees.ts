// Hands two trees to the tree comparison, with what rules say about their places, and takes what it found.
import type { Divergence } from '../model/comparison.ts'
import type { Comparing } from './bodies.ts'
import type { Read } from './json/read.ts'

/** `shown`: how a difference is shown, where that is not how it was found. */
export function compareTrees(
  legacy: Read,
  fresh: Read,
  comparing: Comparing,
  shown: ((found: Divergence) => Divergence) | null = null,
): void {
  const { found } = comparing
  // Until the tree comparison is there.
  if (JSON.stringify(legacy.tree) === JSON.stringify(fresh.tree)) return
  const difference: Divergence = { kind: 'value', path: '', legacy: legacy.tree, new: fresh.tree, severity: 'medium' }
  found.add(shown === null ? difference : shown(difference))
}
