// Cookies that both sides set: said once, bounded whatever backends invent.
import t from 'tap'
import { CookieClash } from '../src/cookie-clash.ts'

t.test('names that both sides set are told once for a route', async t => {
  const clash = new CookieClash()
  t.notOk(clash.note('r', 'legacy', 'sid'))
  t.notOk(clash.note('r', 'legacy', 'sid'))
  t.notOk(clash.note('other', 'new', 'sid'))
  t.ok(clash.note('r', 'new', 'sid'))
  t.notOk(clash.note('r', 'new', 'sid'))
  t.notOk(clash.note('r', 'legacy', 'sid'))
  t.notOk(clash.note('r', 'legacy', ''))
})

t.test('invented names push out old ones, and nothing grows', async t => {
  const clash = new CookieClash()
  clash.note('r', 'legacy', 'kept')
  clash.note('r', 'new', 'kept')
  clash.note('r', 'legacy', 'old')
  for (let i = 0; i < 1000; i++) clash.note('r', 'legacy', `x${i}`)
  t.notOk(clash.note('r', 'new', 'old'), 'forgotten')
  t.ok(clash.note('r', 'new', 'x999'), 'remembered')
  t.notOk(clash.note('r', 'legacy', 'kept'), 'said')
  t.notOk(clash.note('r', 'legacy', 'x'.repeat(300)) || clash.note('r', 'new', 'x'.repeat(300)), 'too long')
  let told = 0
  for (let i = 0; i < 1000; i++) {
    clash.note('many', 'legacy', `x${i}`)
    if (clash.note('many', 'new', `x${i}`)) told++
  }
  t.equal(told, 256)
  for (let i = 0; i < 2000; i++) clash.note(`route${i}`, 'legacy', 'sid')
  t.notOk(clash.note('route1999', 'new', 'sid'), 'too many routes')
})
