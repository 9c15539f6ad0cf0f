// Which comparisons do not count for a signature that was acknowledged.
import t from 'tap'
import { Acknowledged } from '../../src/shadow/acknowledged.ts'

t.test('what was before does not count, in the templates where it was; also after a restart', async t => {
  const one = new Acknowledged()
  one.add('a', [
    ['/x', 5],
    ['/y', 7],
  ])
  for (const known of [one, new Acknowledged(one.toJSON())]) {
    t.equal(known.before('a', ['/x', '/y', '/z']), 12)
    t.equal(known.before('a', ['/y']), 7)
    t.equal(known.before('b', ['/x']), 0)
  }
  one.add('a', [['/x', 9]])
  t.equal(one.before('a', ['/x', '/y']), 9, 'the last time counts')
})

t.test('only the latest are remembered', async t => {
  const one = new Acknowledged()
  for (let i = 0; i < 1_000; i++) one.add(`s${i}`, [['/x', 1]])
  t.equal(one.toJSON().length, 200)
  t.equal(one.before('s999', ['/x']), 1)
  t.equal(one.before('s0', ['/x']), 0)
})
