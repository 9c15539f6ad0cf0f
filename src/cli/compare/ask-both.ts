// The loop of a comparison without live traffic: asks each request of legacy and of new, in turns first, and legacy once more for
// some of them, to learn what it does by itself.
import type { BodyCopy } from '../../model/comparison.ts'
import type { Percent } from '../../model/units.ts'
import type { Outcome, WireRequest } from '../asking/answer.ts'
import type { Asker } from '../asking/ask.ts'
import type { Pace } from '../asking/pace.ts'

type Answered = Outcome<BodyCopy>

export interface AskedBoth {
  readonly request: WireRequest
  readonly legacy: Answered
  readonly new: Answered
  /** Legacy's second answer; null: it was not asked again. */
  readonly again: Answered | null
}

export interface AskBothParts {
  readonly legacy: Asker<BodyCopy>
  readonly new: Asker<BodyCopy>
  readonly pace: Pace
  readonly concurrency: number
  /** Of the requests, so many are asked of legacy twice; evenly over all of them. */
  readonly noisePercent: Percent
  readonly over: AbortSignal
  readonly onAsked: (asked: AskedBoth) => void
}

/** So many in a row without an answer of the same side: asking on would only take time. */
const MAX_UNANSWERED = 20

/** Null: all were asked; else why not. */
export async function askBoth(requests: readonly WireRequest[], parts: AskBothParts): Promise<string | null> {
  const { concurrency, noisePercent, over, onAsked } = parts
  const unanswered = { legacy: 0, new: 0 }
  let next = 0
  let givenUp: string | null = null
  const worker = async (): Promise<void> => {
    while (next < requests.length && givenUp === null) {
      const i = next++
      const repeats = Math.floor(((i + 1) * noisePercent) / 100) > Math.floor((i * noisePercent) / 100)
      const asked = await askOne(requests[i]!, i % 2 === 0, repeats, parts)
      if (asked === null) return
      onAsked(asked)
      for (const side of ['legacy', 'new'] as const) {
        const outcome = asked[side]
        unanswered[side] = outcome.kind === 'failure' ? unanswered[side] + 1 : 0
        if (outcome.kind === 'failure' && unanswered[side] >= MAX_UNANSWERED) {
          givenUp ??= `gave up: ${MAX_UNANSWERED} in a row without an answer of ${side} (${outcome.why})`
        }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, requests.length) }, worker))
  return over.aborted ? 'stopped' : givenUp
}

/** Null: it is over. */
async function askOne(
  request: WireRequest,
  legacyFirst: boolean,
  repeats: boolean,
  parts: AskBothParts,
): Promise<AskedBoth | null> {
  const { pace, over } = parts
  await pace(2)
  if (over.aborted) return null
  const first = legacyFirst ? await parts.legacy.ask(request) : null
  const fresh = await parts.new.ask(request)
  const legacy = first ?? (await parts.legacy.ask(request))
  if (over.aborted) return null
  let again: Answered | null = null
  if (repeats && legacy.kind === 'answer') {
    await pace(1)
    again = over.aborted ? null : await parts.legacy.ask(request)
  }
  return { request, legacy, new: fresh, again: over.aborted ? null : again }
}
