// Asks again what differs and is undecided, until it is proven or known to be noise, or was asked often enough.
//
// A list of URLs holds each once, and one difference proves nothing: ten in which legacy does not differ from itself do, and to
// call a place noise takes twenty repeats. So both sides are asked a few times more, in waves: each wave ends after legacy's
// repeat, and what has differed by chance before does not count, because a request is chosen for that.
import type { WireRequest } from '../asking/answer.ts'
import { type AskBothParts, askBoth } from './ask-both.ts'
import type { CompareTally, OpenSet } from './tally.ts'

/** Repeats in a wave. Two that agree are a proof: what is gone after some seconds is none. */
const WAVE = 5
/** In a wave; of one template. What was learned of one place serves all that have it. */
const MOST_SETS = 40
const MOST_OF_TEMPLATE = 4
/** For each repeat new once and legacy twice. */
const REQUESTS_EACH = 3

export interface AskAgainParts extends Omit<AskBothParts, 'repeats' | 'onAsked'> {
  readonly tally: Pick<CompareTally, 'open' | 'learn'>
  /** Each set of places at most so many times. */
  readonly times: number
  /** Before the first. */
  readonly onBegin: (about: {
    readonly sets: number
    readonly mostRepeats: number
    readonly mostRequests: number
  }) => void
  readonly onAsked: (done: number) => void
}

/** Null: until there was nothing more to ask; else why not. */
export async function askAgain(parts: AskAgainParts): Promise<string | null> {
  const { tally, times, onBegin, onAsked } = parts
  const askedTimes = new Map<OpenSet, number>()
  let done = 0
  for (let left = times; left > 0; left -= WAVE) {
    const sets = chosen(tally.open(), askedTimes)
    if (sets.length === 0) return null
    if (done === 0) {
      const mostRepeats = sets.length * times
      onBegin({ sets: sets.length, mostRepeats, mostRequests: REQUESTS_EACH * mostRepeats })
    }
    const size = Math.min(WAVE, left)
    const stopped = await askBoth(wave(sets, size, askedTimes), {
      ...parts,
      repeats: () => true,
      onAsked(asked) {
        tally.learn(asked)
        onAsked(++done)
      },
    })
    for (const set of sets) askedTimes.set(set, (askedTimes.get(set) ?? 0) + size)
    if (stopped !== null) return stopped
  }
  return null
}

/** Those that were asked least, a few of each template. */
function chosen(open: readonly OpenSet[], askedTimes: ReadonlyMap<OpenSet, number>): readonly OpenSet[] {
  const ofTemplate = new Map<string, number>()
  return open
    .toSorted((one, other) => (askedTimes.get(one) ?? 0) - (askedTimes.get(other) ?? 0))
    .filter(({ template }) => {
      const taken = ofTemplate.get(template) ?? 0
      ofTemplate.set(template, taken + 1)
      return taken < MOST_OF_TEMPLATE
    })
    .slice(0, MOST_SETS)
}

/** In turns, each time another of the requests that differ so. */
function wave(
  sets: readonly OpenSet[],
  size: number,
  askedTimes: ReadonlyMap<OpenSet, number>,
): readonly WireRequest[] {
  return Array.from({ length: size }, (_, nth) =>
    sets.map(set => set.requests[((askedTimes.get(set) ?? 0) + nth) % set.requests.length]!),
  ).flat()
}
