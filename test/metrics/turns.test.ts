// Turns: one at a time, shared by all who asked before it began, with a pause of four times its length; alone, nobody waits.
import t from 'tap'
import { inTurns } from '../../src/metrics/turns.ts'

function kit() {
  const state = { now: 0, begun: 0 }
  const pauses: { readonly ms: number; readonly end: () => void }[] = []
  const works: { readonly end: (text: string) => void; readonly fail: () => void }[] = []
  const read = inTurns(
    () => {
      state.begun++
      return new Promise<string>((resolve, reject) => works.push({ end: resolve, fail: () => reject(new Error('no')) }))
    },
    { monotonic: () => state.now },
    ms => new Promise(resolve => pauses.push({ ms, end: resolve })),
  )
  return { state, pauses, works, read }
}
const settled = () => new Promise(resolve => setImmediate(resolve))

t.test('whoever asks while one is under way has the next one, all together', async t => {
  const { state, pauses, works, read } = kit()
  const first = read()
  await settled()
  const others = Array.from({ length: 50 }, () => read())
  await settled()
  t.equal(state.begun, 1)
  state.now = 7
  works[0]?.end('old')
  t.equal(await first, 'old')
  await settled()
  t.equal(state.begun, 1, 'they wait for the pause')
  t.same(
    pauses.map(({ ms }) => ms),
    [28],
  )
  pauses[0]?.end()
  await settled()
  t.equal(state.begun, 2)
  works[1]?.end('new')
  t.same(new Set(await Promise.all(others)), new Set(['new']), 'nobody has what was counted before they asked')
})

t.test('one that fails fails for those who asked, and the next one begins', async t => {
  const { pauses, works, read } = kit()
  const first = read()
  await settled()
  works[0]?.fail()
  await t.rejects(first, { message: 'no' })
  await settled()
  pauses[0]?.end()
  const second = read()
  await settled()
  works[1]?.end('well')
  t.equal(await second, 'well')
})
