// Windows of the week in their own time zone, over midnight and over the change of clocks.
import t from 'tap'
import { isWithin } from '../../src/shadow/window.ts'

const WEEKDAYS = new Set([1, 2, 3, 4, 5])

function window(days: ReadonlySet<number>, from: string, to: string, zone = 'UTC') {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
  return { text: '', days, fromMinute: minutes(from), toMinute: minutes(to), zone }
}

const at = (text: string) => Date.parse(text)

t.test('within a day', async t => {
  const office = window(WEEKDAYS, '09:00', '17:00')
  t.ok(isWithin(office, at('2026-11-26T09:00:00Z')))
  t.notOk(isWithin(office, at('2026-11-26T08:59:59Z')))
  t.notOk(isWithin(office, at('2026-11-26T17:00:00Z')))
  t.notOk(isWithin(office, at('2026-11-28T12:00:00Z')), 'a Saturday')
})

t.test('over midnight it belongs to the day on which it begins', async t => {
  const night = window(WEEKDAYS, '20:00', '06:00')
  t.ok(isWithin(night, at('2026-11-27T23:00:00Z')), 'Friday')
  t.ok(isWithin(night, at('2026-11-28T05:59:00Z')), 'Saturday morning is Friday’s')
  t.notOk(isWithin(night, at('2026-11-28T23:00:00Z')))
  t.notOk(isWithin(night, at('2026-11-30T05:00:00Z')), 'Monday morning is Sunday’s')
})

t.test('in its own zone, in summer and in winter', async t => {
  const night = window(new Set([0, 1, 2, 3, 4, 5, 6]), '20:00', '06:00', 'Europe/Berlin')
  t.ok(isWithin(night, at('2026-07-01T18:00:00Z')), '20:00 in summer')
  t.notOk(isWithin(night, at('2026-12-01T18:00:00Z')), '19:00 in winter')
  t.ok(isWithin(night, at('2026-12-01T19:00:00Z')))
})

t.test('from a time to itself is the whole day', async t => {
  const all = window(new Set([4]), '00:00', '00:00')
  t.ok(isWithin(all, at('2026-11-26T23:59:00Z')))
  t.notOk(isWithin(all, at('2026-11-27T00:00:00Z')))
})
