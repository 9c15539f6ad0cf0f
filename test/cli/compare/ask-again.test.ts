// What is undecided is asked again in waves: until it is decided or was asked often enough, and never without bounds.
import t from 'tap'
import type { WireRequest } from '../../../src/cli/asking/answer.ts'
import { askAgain } from '../../../src/cli/compare/ask-again.ts'
import type { OpenSet } from '../../../src/cli/compare/tally.ts'
import { answerOf, requestOf } from './answers.ts'

async function again(open: () => readonly OpenSet[], times: number, over = new AbortController()) {
  const asked: string[] = []
  const begun: object[] = []
  const side = (name: string) => ({
    ask: async ({ target }: WireRequest) => {
      asked.push(`${name} ${target}`)
      return answerOf('{}')
    },
    close: () => {},
  })
  let learned = 0
  const stopped = await askAgain({
    legacy: side('legacy'),
    new: side('new'),
    pace: async () => {},
    concurrency: 2,
    repeatAfterMs: 0,
    now: () => performance.now(),
    over: over.signal,
    times,
    tally: {
      open,
      learn({ again }) {
        if (again !== null) learned++
      },
    },
    onBegin: about => void begun.push(about),
    onAsked: () => {},
  })
  const ofNew = asked.filter(one => one.startsWith('new')).map(one => one.slice(4))
  return { stopped, begun, learned, ofNew, ofLegacy: asked.length - ofNew.length }
}

const setOf = (template: string, ...targets: string[]): OpenSet => ({ template, requests: targets.map(requestOf) })

t.test('as often as it may be, each of its requests in turn; legacy twice', async t => {
  const set = setOf('GET /orders/:id', '/orders/1', '/orders/2')
  const { begun, learned, ofNew, ofLegacy, stopped } = await again(() => [set], 7)
  t.equal(stopped, null)
  t.same(begun, [{ sets: 1, mostRepeats: 7, mostRequests: 21 }])
  t.same([learned, ofNew.length, ofLegacy], [7, 7, 14])
  t.same([...Map.groupBy(ofNew, target => target)].map(([, all]) => all.length).toSorted(), [3, 4])
})

t.test('until it is decided, or not at all', async t => {
  const set = setOf('GET /a', '/a')
  let waves = 0
  const decided = await again(() => (waves++ < 2 ? [set] : []), 1000)
  t.equal(decided.learned, 10)
  for (const { begun, learned } of [await again(() => [set], 0), await again(() => [], 30)]) {
    t.same([begun, learned], [[], 0])
  }
})

t.test('of one template, and all together, only so many at a time; those that were asked least come first', async t => {
  const alike = Array.from({ length: 6 }, (_, i) => setOf('GET /orders/:id', `/orders/${i}`))
  const { ofNew, begun } = await again(() => alike, 10)
  t.match(begun, [{ sets: 4 }])
  t.equal(ofNew.length, 2 * 4 * 5)
  t.equal(new Set(ofNew).size, 6)
  const many = Array.from({ length: 100 }, (_, i) => setOf(`GET /${i}`, `/${i}`))
  t.equal((await again(() => many, 5)).ofNew.length, 40 * 5)
})

t.test('stopped', async t => {
  const over = new AbortController()
  over.abort()
  const { stopped, learned } = await again(() => [setOf('GET /a', '/a')], 30, over)
  t.same([stopped, learned], ['stopped', 0])
})
