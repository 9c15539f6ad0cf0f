// The loop of a comparison: legacy is asked again later, meanwhile others are; what waits when it is stopped is not lost.
import t from 'tap'
import type { Asker } from '../../../src/cli/asking/ask.ts'
import { type AskedBoth, askBoth } from '../../../src/cli/compare/ask-both.ts'
import type { BodyCopy } from '../../../src/model/comparison.ts'
import { answerOf, requestOf } from './answers.ts'

function createSides(onLegacy: () => void = () => {}) {
  const asked: string[] = []
  const sideOf = (side: string): Asker<BodyCopy> => ({
    ask: async ({ target }) => {
      asked.push(`${side} ${target}`)
      if (side === 'legacy') onLegacy()
      return answerOf('{}')
    },
    close: () => {},
  })
  return { asked, legacy: sideOf('legacy'), new: sideOf('new') }
}

const parts = (sides: ReturnType<typeof createSides>, over = new AbortController().signal) => {
  const said: AskedBoth[] = []
  const common = { pace: async () => {}, concurrency: 1, now: () => performance.now(), over }
  return { ...sides, ...common, repeatAfterMs: 40, said, onAsked: (asked: AskedBoth) => void said.push(asked) }
}

t.test('legacy is asked again later, and the others do not wait for it', async t => {
  const both = parts(createSides())
  const startedAt = performance.now()
  const requests = ['/0', '/1', '/2'].map(requestOf)
  t.equal(await askBoth(requests, { ...both, repeats: index => index === 0 }), null)
  t.ok(performance.now() - startedAt >= 39)
  t.same(both.asked, ['legacy /0', 'new /0', 'new /1', 'legacy /1', 'legacy /2', 'new /2', 'legacy /0'])
  t.same(
    both.said.map(({ request, again }) => [request.target, again !== null]),
    [
      ['/1', false],
      ['/2', false],
      ['/0', true],
    ],
  )
})

t.test('what waits when it is stopped counts without its repeat', async t => {
  const stop = new AbortController()
  let legacy = 0
  const both = parts(
    createSides(() => {
      if (++legacy === 3) stop.abort()
    }),
    stop.signal,
  )
  const requests = ['/0', '/1', '/2', '/3'].map(requestOf)
  t.equal(await askBoth(requests, { ...both, repeats: () => true, repeatAfterMs: 60_000 }), 'stopped')
  t.same(
    both.said.map(({ request, again }) => [request.target, again]),
    [
      ['/0', null],
      ['/1', null],
    ],
  )
})
