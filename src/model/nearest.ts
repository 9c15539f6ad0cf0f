// Near misses of words: which of the known ones somebody probably meant.
const MAX_KNOWN = 200

/** The known word that is nearest, if one is near enough. */
export function nearest(word: string, known: readonly string[]): string | null {
  // A longer one is no slip of the fingers, and distances cost length × length for each known word.
  if (word.length > 64) return null
  const wanted = word.toLowerCase()
  let best: string | null = null
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const name of known.slice(0, MAX_KNOWN)) {
    if (Math.abs(name.length - word.length) >= least) continue
    const distance = editsBetween(wanted, name.toLowerCase())
    if (distance < least) [best, least] = [name, distance]
  }
  return best
}

export function didYouMean(word: string, known: readonly string[]): string | null {
  const name = nearest(word, known)
  return name === null ? null : `did you mean ${name}?`
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editsBetween(a: string, b: string): number {
  let older: number[] = []
  let old = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (old[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min((old[j] as number) + 1, (row[j - 1] as number) + 1, replaced)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, (older[j - 2] as number) + 1)
      row.push(least)
    }
    older = old
    old = row
  }
  return old[b.length] as number
}
