// Every input that has ever found something, and a seed for each known attack: none finds anything now, whole or in pieces.
import t from 'tap'
import { escaped, type Input, type Kind, readCorpus, unescaped } from './corpus.ts'
import { LANES_OF, run, uncaught } from './fuzz.ts'
import { openLane } from './lane.ts'

const { errors, stop } = uncaught()
t.teardown(stop)

for (const kind of Object.keys(LANES_OF) as Kind[]) {
  for (const name of LANES_OF[kind]) {
    t.test(`${kind}, ${name}`, async t => {
      const lane = await openLane(t, name)
      for (const input of readCorpus(kind)) {
        for (const cuts of ways(input))
          t.equal(await run(lane, kind, { ...input, cuts }), null, `${input.name}: ${input.why}`)
      }
      t.same(errors, [])
    })
  }
}

/** As it is kept, in one piece, and in two that part at the end of the head. */
function ways({ cuts, bytes }: Input): readonly (readonly number[])[] {
  return [cuts, [], [bytes.indexOf('\r\n\r\n') + 3]]
}

t.test('what is kept is what was sent', async t => {
  const bytes = `#\\r\r\n#\n\0${Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')}`
  t.equal(unescaped(escaped(bytes).replaceAll('\n', '')), bytes)
})
