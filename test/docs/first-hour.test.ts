// Runs docs/first-hour.md as it stands, against the demo's legacy and its replacement: every block succeeds, and no data changes.
import t from 'tap'
import { walk } from './walk.ts'

// Some twenty calls of the command line, one after another, on whatever machine.
t.setTimeout(200_000)

t.test('the first hour, block by block', async t => {
  const { ran, said, before, after } = await walk(t, 'docs/first-hour.md')
  t.ok(ran >= 9, `${ran} blocks`)
  t.match(said, /of 3 identical/)
  t.match(said, /cancel_reason +missing/, 'the first divergence')
  t.match(said, /^bny_\S+$/m, 'the token that signs in to the dashboard')
  t.match(said, /rolled back: order on legacy.* in [0-9.]+ms/)
  t.match(said, /whole: \d+ entries/)
  t.same(after, before, 'no data has changed')
})
