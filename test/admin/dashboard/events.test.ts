// Server-sent events, however a network cuts them.
import fc from 'fast-check'
import t from 'tap'
import { createParser } from '../../../src/admin/dashboard/events.ts'

const STREAM = [
  ': banyan\nid: e-0\n\n',
  'id: e-1\nevent: change\ndata: {"revision":2}\n\n',
  ': still here\n\n',
  'event: traffic\ndata: {"routes":[]}\n\n',
  'id: e-2\nevent: reset\ndata: {"why":"events\\nwere missed"}\n\n',
].join('')

t.test('the same events in pieces of any size', async t => {
  const parsed = (pieces: readonly string[]) => {
    const told: (readonly [string | null, unknown, string | null])[] = []
    const parse = createParser((type, data, id) => told.push([type, data, id]))
    for (const piece of pieces) parse(piece)
    return told.filter(([type, , id]) => type !== null || id !== null)
  }
  const whole = parsed([STREAM])
  t.same(whole, [
    [null, null, 'e-0'],
    ['change', { revision: 2 }, 'e-1'],
    ['traffic', { routes: [] }, null],
    ['reset', { why: 'events\nwere missed' }, 'e-2'],
  ])
  fc.assert(
    fc.property(fc.array(fc.nat({ max: STREAM.length })), cuts => {
      const at = [0, ...cuts.toSorted((one, other) => one - other), STREAM.length]
      t.same(parsed(at.slice(1).map((end, i) => STREAM.slice(at[i], end))), whole)
    }),
  )
})
