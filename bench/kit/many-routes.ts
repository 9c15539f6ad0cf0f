// Many routes of three shapes, and the targets that hit them: the same for the whole path and for match() alone.

/** Path pattern of route i: a literal, a parameter at the end, or a star. Texts are equally long for every i below 10^5. */
export function patternOf(i: number): string {
  const base = baseOf(i)
  return i % 3 === 0 ? `${base}/list` : i % 3 === 1 ? `${base}/:id` : `${base}/*`
}

/** A target of route i. */
export function targetOf(i: number): string {
  return i % 3 === 0 ? `${baseOf(i)}/list` : i % 3 === 1 ? `${baseOf(i)}/4711` : `${baseOf(i)}/a/bc`
}

/** Route numbers in an order that no cache can guess: all of them, again and again, shuffled. */
export function shuffled(routes: number, length: number, random: () => number): readonly number[] {
  const order = Array.from({ length }, (_, i) => i % routes)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  return order
}

/** 0 ≤ x < 1, the same sequence for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return function next() {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function baseOf(i: number): string {
  return `/team-${String(i % 100).padStart(2, '0')}/service-${String(i).padStart(5, '0')}`
}
