// The loop of the proof: asks each request both ways in turns, again where the answers differ, and hands on what came of it.
import type { Outcome, Way, WireRequest } from '../asking/answer.ts'
import type { Asker } from '../asking/ask.ts'
import type { Pace } from '../asking/pace.ts'
import { judgeAgain, judgePair, type Pair, type Verdict } from './judge.ts'

export interface Proved extends Pair {
  readonly request: WireRequest
  readonly verdict: Verdict
  /** Connections and caches are still cold: its time does not count. */
  readonly warmUp: boolean
}

export interface ProofParts {
  readonly direct: Asker
  readonly via: Asker
  readonly pace: Pace
  readonly concurrency: number
  readonly over: AbortSignal
  readonly onProved: (proved: Proved) => void
}

const MAX_WARM_UP = 5
/** So many in a row without an answer on the same way: asking on would prove nothing and only take time. */
const MAX_UNANSWERED = 20

/** Null: all were asked; else why not. */
export async function prove(requests: readonly WireRequest[], parts: ProofParts): Promise<string | null> {
  const warmUp = Math.min(MAX_WARM_UP * parts.concurrency, Math.floor(requests.length / 4))
  let next = 0
  const unanswered = { direct: 0, via: 0 }
  let givenUp: string | null = null
  const worker = async (): Promise<void> => {
    while (next < requests.length && givenUp === null) {
      const i = next++
      const request = requests[i]!
      const proved = await proveOne(request, i, parts)
      if (parts.over.aborted || proved === null) return
      parts.onProved({ ...proved, warmUp: i < warmUp })
      for (const way of ['direct', 'via'] as const) {
        const outcome = proved[way]
        unanswered[way] = outcome.kind === 'failure' ? unanswered[way] + 1 : 0
        if (outcome.kind === 'failure' && unanswered[way] >= MAX_UNANSWERED) {
          givenUp ??= `gave up: ${MAX_UNANSWERED} in a row without an answer ${NAMES[way]} (${outcome.why})`
        }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(parts.concurrency, requests.length) }, worker))
  return parts.over.aborted ? 'stopped' : givenUp
}

const NAMES: Readonly<Record<Way, string>> = { direct: 'from the direct side', via: 'through the proxy' }

async function proveOne(
  request: WireRequest,
  i: number,
  { direct, via, pace, over }: ProofParts,
): Promise<(Pair & { readonly request: WireRequest; readonly verdict: Verdict }) | null> {
  await pace(2)
  if (over.aborted) return null
  const pair = await askInTurn(request, i % 2 === 0, direct, via)
  if (over.aborted) return null
  const verdict = judgePair(request.method, pair)
  if (verdict !== null) return { ...pair, request, verdict }
  await pace(4)
  const again: Outcome[] = []
  for (const asker of [direct, direct, via, direct]) {
    if (over.aborted) return null
    again.push(await asker.ask(request))
  }
  if (over.aborted) return null
  const [first, second, third, last] = again as [Outcome, Outcome, Outcome, Outcome]
  return { ...pair, request, verdict: judgeAgain(request.method, pair, { direct: [first, second, last], via: third }) }
}

async function askInTurn(request: WireRequest, directFirst: boolean, direct: Asker, via: Asker): Promise<Pair> {
  if (directFirst) {
    const one = await direct.ask(request)
    return { direct: one, via: await via.ask(request), viaFirst: false }
  }
  const other = await via.ask(request)
  return { direct: await direct.ask(request), via: other, viaFirst: true }
}
