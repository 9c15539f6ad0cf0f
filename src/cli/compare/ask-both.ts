// The loop of a comparison without live traffic: asks each request of legacy and of new, in turns first, and legacy once more for
// some of them, to learn what it does by itself.
//
// Once more is later, by more than the steps of its clocks: asked again at once it would show the same second, and what changes
// with time would be found in new only. Meanwhile others are asked; those that wait are few, because their answers are kept.
import { setTimeout as sleep } from 'node:timers/promises'
import type { BodyCopy } from '../../model/comparison.ts'
import type { Milliseconds } from '../../model/units.ts'
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
  /** Is legacy asked again? By the place in the list. */
  readonly repeats: (index: number) => boolean
  readonly repeatAfterMs: Milliseconds
  readonly now: () => Milliseconds
  readonly over: AbortSignal
  /** Once for each: of what is repeated after that. */
  readonly onAsked: (asked: AskedBoth) => void
}

interface Waiting {
  readonly asked: AskedBoth
  readonly dueAt: Milliseconds
}

/** So many in a row without an answer of the same side: asking on would only take time. */
const MAX_UNANSWERED = 20
/** Enough for 25 repeats a second. */
const MOST_WAITING = 50

/** Null: all were asked; else why not. */
export async function askBoth(requests: readonly WireRequest[], parts: AskBothParts): Promise<string | null> {
  const { concurrency, repeats, repeatAfterMs, now, over, onAsked } = parts
  const unanswered = { legacy: 0, new: 0 }
  const waiting: Waiting[] = []
  let next = 0
  let givenUp: string | null = null
  const isEnded = (): boolean => over.aborted || givenUp !== null

  const ask = async (index: number): Promise<void> => {
    const asked = await askOne(requests[index]!, index % 2 === 0, parts)
    if (asked === null) return
    for (const side of ['legacy', 'new'] as const) {
      const outcome = asked[side]
      unanswered[side] = outcome.kind === 'failure' ? unanswered[side] + 1 : 0
      if (outcome.kind === 'failure' && unanswered[side] >= MAX_UNANSWERED) {
        givenUp ??= `gave up: ${MAX_UNANSWERED} in a row without an answer of ${side} (${outcome.why})`
      }
    }
    if (repeats(index) && asked.legacy.kind === 'answer') waiting.push({ asked, dueAt: now() + repeatAfterMs })
    else onAsked(asked)
  }

  const repeat = async ({ asked, dueAt }: Waiting): Promise<void> => {
    if (dueAt > now()) await sleep(dueAt - now(), undefined, { signal: over }).catch(() => null)
    if (!isEnded()) await parts.pace(1)
    const again = isEnded() ? null : await parts.legacy.ask(asked.request)
    onAsked({ ...asked, again: over.aborted ? null : again })
  }

  const worker = async (): Promise<void> => {
    while (!isEnded()) {
      const [first] = waiting
      const mayAsk = next < requests.length && waiting.length < MOST_WAITING
      if (first !== undefined && (first.dueAt <= now() || !mayAsk)) {
        waiting.shift()
        await repeat(first)
      } else if (mayAsk) await ask(next++)
      else return
    }
  }

  await Promise.all(Array.from({ length: Math.min(concurrency, requests.length) }, worker))
  for (const { asked } of waiting) onAsked(asked)
  return over.aborted ? 'stopped' : givenUp
}

/** Null: it is over. */
async function askOne(request: WireRequest, legacyFirst: boolean, parts: AskBothParts): Promise<AskedBoth | null> {
  const { pace, over } = parts
  await pace(2)
  if (over.aborted) return null
  const first = legacyFirst ? await parts.legacy.ask(request) : null
  const fresh = await parts.new.ask(request)
  const legacy = first ?? (await parts.legacy.ask(request))
  return over.aborted ? null : { request, legacy, new: fresh, again: null }
}
