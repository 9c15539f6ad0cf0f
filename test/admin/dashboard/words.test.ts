// How figures are written on the dashboard: nothing rounds to a lie.
import fc from 'fast-check'
import t from 'tap'
import {
  countText,
  many,
  millisText,
  NONE,
  percentText,
  rateText,
  ratioText,
  spanText,
  utcText,
} from '../../../src/admin/dashboard/words.ts'

t.test('each has its unit, and what there is none of is a dash', async t => {
  t.same([percentText(5), percentText(0.25), percentText(100), percentText(null)], ['5 %', '0.25 %', '100 %', NONE])
  t.same(
    [ratioText(0), ratioText(0.5), ratioText(0.0012), ratioText(1), ratioText(null)],
    ['0 %', '50 %', '0.12 %', '100 %', NONE],
  )
  t.same(
    [millisText(0.123), millisText(3.14), millisText(123.6), millisText(1234), millisText(61_000), millisText(null)],
    ['0.12 ms', '3.1 ms', '124 ms', '1.23 s', '61 s', NONE],
  )
  t.same(
    [rateText(0), rateText(0.01), rateText(7.25), rateText(1234), rateText(null)],
    ['0', '< 0.1', '7.3', '1\u202f234', NONE],
  )
  t.same(
    [countText(0), countText(999), countText(12_345), countText(1_234_567), countText(null)],
    ['0', '999', '12\u202f345', '1.23 M', NONE],
  )
  t.same(
    [spanText(0), spanText(59_000), spanText(61_000), spanText(7_200_000), spanText(3 * 86_400_000)],
    ['0 s', '59 s', '1 min', '2 h', '3 d'],
  )
  t.equal(utcText(Date.parse('2026-11-27T10:42:05Z')), '2026-11-27 10:42:05')
  t.same(
    [many(1, 'route'), many(2, 'route'), many(0, 'route is', 'routes are')],
    ['1 route', '2 routes', '0 routes are'],
  )
})

t.test('some is never none, and not all is never all', async t => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1, noNaN: true }), ratio => {
      t.not(ratioText(ratio), '0 %', `${ratio}`)
      if (ratio < 1) t.not(ratioText(ratio), '100 %', `${ratio}`)
    }),
  )
})
