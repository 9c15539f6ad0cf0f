// Times match() alone, in a process of its own on the proxy's core.
import type { RequestHead } from '../../src/model/exchange.ts'
import { createMatcher } from '../../src/routing/match.ts'
import { matching, route } from '../../test/routing/make.ts'
import { answerParent } from './children.ts'
import { patternOf, seeded, shuffled, targetOf } from './many-routes.ts'

export interface MatchRequest {
  readonly routes: number
  readonly measureMs: number
}

/** Heads that are matched in turn. */
const HEADS = 20_000

/** Answers with nanoseconds a call. */
answerParent(({ routes, measureMs }: MatchRequest): number => {
  const matcher = createMatcher(Array.from({ length: routes }, (_, i) => route(i, matching(patternOf(i)))))
  const heads = shuffled(routes, HEADS, seeded(4711)).map(headOf)
  const callAll = () => {
    let matched = 0
    for (const head of heads) if (matcher.match(head) !== null) matched++
    if (matched !== HEADS) throw new Error(`${HEADS - matched} targets matched nothing`)
  }
  const settled = performance.now() + measureMs / 3
  while (performance.now() < settled) callAll()
  const from = performance.now()
  let calls = 0
  while (performance.now() - from < measureMs) {
    callAll()
    calls += HEADS
  }
  return ((performance.now() - from) * 1e6) / calls
})

function headOf(i: number): RequestHead {
  const headers = ['Host', 'shop.example.com', 'X-User-Id', 'user-0042']
  return { method: 'GET', target: targetOf(i), host: 'shop.example.com', headers, address: '127.0.0.1' }
}
