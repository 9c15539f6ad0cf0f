// Finds cookies that both sides of a route set under one name, each thinking that it is the only one: a user who changes sides
// loses what the other one put there.
import type { Side } from './model/route.ts'

const MOST_ROUTES = 1024
const MOST_NAMES = 256
const LONGEST_NAME = 256

interface Seen {
  /** By whom it was set, where that was one side so far. The oldest go first when there are too many. */
  readonly once: Map<string, Side>
  /** Set by both. */
  readonly clashing: Set<string>
}

/** Finds names that both sides of a route set, each thinking that it is the only one. Bounded, whatever backends invent. */
export class CookieClash {
  readonly #routes = new Map<string, Seen>()

  /** A side has set it, as the client sees the name. True once for each name of a route: when the second side sets it. */
  note(route: string, side: Side, name: string): boolean {
    if (name === '' || name.length > LONGEST_NAME) return false
    let seen = this.#routes.get(route)
    if (seen === undefined) {
      if (this.#routes.size >= MOST_ROUTES) return false
      seen = { once: new Map(), clashing: new Set() }
      this.#routes.set(route, seen)
    }
    const { once, clashing } = seen
    const before = once.get(name)
    if (before === side || clashing.has(name)) return false
    if (before !== undefined) {
      once.delete(name)
      if (clashing.size >= MOST_NAMES) return false
      clashing.add(copy(name))
      return true
    }
    if (once.size >= MOST_NAMES) once.delete(once.keys().next().value as string)
    once.set(copy(name), side)
    return false
  }
}

/** A slice would keep the whole head alive that it was cut from. */
function copy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
