// Names that somebody may have meant; commander does it for commands and flags, this does it for route ids.

const MAX_SUGGESTIONS = 3

/** The nearest of `known`, best first, at most three; empty when nothing is near. */
export function nearest(word: string, known: readonly string[]): readonly string[] {
  const wanted = word.toLowerCase()
  return known
    .map(name => ({ name, distance: distanceOf(wanted, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(Math.max(name.length, word.length) * 0.4)))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, MAX_SUGGESTIONS)
    .map(({ name }) => name)
}

/** ` Did you mean a or b?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const names = nearest(word, known)
  return names.length === 0 ? '' : `Did you mean ${names.join(' or ')}?`
}

function distanceOf(a: string, b: string): number {
  // Half a name is a usual way to mistake one: `order` for `orders-read`.
  if (a.length >= 3 && b.includes(a)) return 1
  return edits(a, b)
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function edits(a: string, b: string): number {
  let older: number[] = []
  let old = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = old[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(old[j]! + 1, row[j - 1]! + 1, replaced)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, older[j - 2]! + 1)
      row.push(least)
    }
    older = old
    old = row
  }
  return old[b.length]!
}
