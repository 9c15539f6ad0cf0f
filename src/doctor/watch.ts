// What the doctor has to see of every exchange, gathered where exchanges are served: a process that serves tells it now and
// then, and whoever examines adds up what several of them tell.
import type { Exchange, RequestHead } from '../model/exchange.ts'
import type { Quirk } from '../model/route.ts'
import type { RefusedQuirk } from './sighted.ts'
import { createVisits, type Visited, type VisitsParts } from './visits.ts'

const MOST_QUIRKS = 256

/** Since it was told for the last time. Plain data. */
export interface Watched {
  /** Exchanges that were given to a backend. */
  readonly seen: number
  /** Answers that were refused for a quirk. */
  readonly refused: readonly RefusedQuirk[]
  readonly visited: Visited
}

export interface Watch {
  /** Every exchange that was given to a backend, when it is over. */
  exchange(exchange: Exchange, head: RequestHead): void
  take(): Watched
}

export function createWatch(parts: VisitsParts): Watch {
  const visits = createVisits(parts)
  let refused = new Map<string, RefusedQuirk>()
  let seen = 0

  function noteRefused({ decision, failure }: Exchange): void {
    const quirk: Quirk | null = failure?.quirk ?? null
    const backend = failure === null ? undefined : decision?.route.sides[failure.side]?.name
    if (quirk !== null && backend !== undefined) addRefused(refused, { backend, quirk, count: 1 })
  }

  return {
    exchange(exchange, head) {
      seen++
      if (exchange.failure !== null) noteRefused(exchange)
      visits.watch(exchange, head)
    },
    take() {
      const told: Watched = { seen, refused: [...refused.values()], visited: visits.take() }
      refused = new Map()
      seen = 0
      return told
    },
  }
}

/** By backend and quirk, so many of them at most. */
export function addRefused(known: Map<string, RefusedQuirk>, { backend, quirk, count }: RefusedQuirk): void {
  const key = `${backend} ${quirk}`
  const total = (known.get(key)?.count ?? 0) + count
  if (total > count || known.size < MOST_QUIRKS) known.set(key, { backend, quirk, count: total })
}
