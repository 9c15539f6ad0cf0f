// The ears of a worker: gathers what is told there and hands it on in batches, so that a message between processes costs next
// to nothing per request.
import type { Watched } from '../doctor/watch.ts'
import type { Note } from '../model/note.ts'
import type { ComparedText, Ended, Heard, SampleText, Triaged } from './messages.ts'
import { sampleText } from './messages.ts'
import type { Ears, ShadowSuspended } from './plane.ts'

const EVERY_MS = 100
/** Different ones in a batch: names of cookies come from backends. */
const MOST_NOTES = 1_000
const MOST_SAMPLES = 1_000
const MOST_FORWARDERS = 20
/** While the primary does not read; further comparisons are told as undecided ones. */
const MOST_COMPARED = 20_000

export interface Telling {
  readonly ears: Ears
  /** Now, what there is. */
  flush(): void
  close(): void
}

export function createTelling(tell: (heard: Heard) => void): Telling {
  const notes = new Map<string, { readonly note: Note; times: number }>()
  const ended = new Map<string, Ended & { times: number }>()
  const forwarders = new Set<string>()
  let samples: SampleText[] = []
  let compared: ComparedText[] = []
  let triaged: Triaged[] = []
  let suspended: ShadowSuspended[] = []
  let watched: Watched | null = null
  let isEmpty = true
  const timer = setInterval(flush, EVERY_MS)

  function flush(): void {
    if (isEmpty) return
    isEmpty = true
    tell({
      notes: [...notes.values()].map(({ note, times }) => [note, times] as const),
      samples,
      watched,
      forwarders: [...forwarders],
      ended: [...ended.values()],
      compared,
      triaged,
      suspended,
    })
    notes.clear()
    ended.clear()
    forwarders.clear()
    samples = []
    compared = []
    triaged = []
    suspended = []
    watched = null
  }

  const ears: Ears = {
    note(note, times) {
      isEmpty = false
      const key = JSON.stringify(note)
      const known = notes.get(key)
      if (known !== undefined) known.times += times
      else if (notes.size < MOST_NOTES) notes.set(key, { note, times })
    },
    sample(sample) {
      isEmpty = false
      if (samples.length < MOST_SAMPLES) samples.push(sampleText(sample))
    },
    watched(told) {
      if (told.seen === 0) return
      // There is one of ours in each batch: a timer of the plane tells it, and flushes follow sooner.
      flush()
      isEmpty = false
      watched = told
    },
    forwarder(peer) {
      if (forwarders.size >= MOST_FORWARDERS || forwarders.has(peer)) return
      isEmpty = false
      forwarders.add(peer)
    },
    shadowEnded({ id }, result, reason, times) {
      isEmpty = false
      const key = `${id} ${result} ${reason}`
      const known = ended.get(key)
      if (known !== undefined) known.times += times
      else ended.set(key, { route: id, result, reason, times })
    },
    shadowCompared({ route, rules: _, ...pair }) {
      isEmpty = false
      if (compared.length >= MOST_COMPARED) {
        ears.shadowEnded(route, 'undecided', null, 1)
        return 'undecided'
      }
      compared.push({ ...pair, route: route.id })
      // What is noise is known where all is booked: to ask again is worth it wherever they differ.
      return pair.finding.result === 'different' ? 'divergent' : pair.finding.result
    },
    shadowTriaged(route, template, places, verdict) {
      isEmpty = false
      triaged.push({ route: route.id, template, places, verdict })
    },
    shadowSuspended(one) {
      isEmpty = false
      suspended.push(one)
      flush()
    },
  }

  return {
    ears,
    flush,
    close() {
      clearInterval(timer)
      flush()
    },
  }
}
