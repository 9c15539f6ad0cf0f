// The ledger under a flood: it stays inside its bytes, says what it did not keep, and no route pays for another.
import t from 'tap'
import { Space, type Tenant } from '../../src/shadow/space.ts'
import { different, EVERYTHING, exemplar, MATCH, route, world } from './ledger-make.ts'

const KIB = 1024
const orders = route('orders')

t.test('100,000 distinct signatures: inside the bound, in memory and in the store, and visible', async t => {
  const keepBytes = 1024 * KIB
  const one = world({ keepBytes })
  one.compare(orders, different('/real'))
  const total = 100_000
  for (let i = 0; i < total; i++) {
    one.compare(orders, { ...different(`/flood_${name(i)}`), exemplar: i % 10 === 0 ? exemplar(`x${i}`) : null })
  }
  one.compare(orders, different('/real'))
  one.save()
  const stored = [...one.kept].reduce((sum, [key, text]) => sum + key.length + text.length, 0)
  t.ok(stored <= keepBytes, `${stored} bytes are stored`)
  const { items, overflow, totals } = one.ledger.view('orders', { ...EVERYTHING, limit: total })
  t.ok(items.length > 100, `${items.length} are kept`)
  t.equal(overflow + items.length - 1, total)
  t.equal(totals.results.divergent, total + 2)
  t.match(items[0], { field: 'real', count: 2 })
  t.ok(items.some(item => item.latest !== null || item.exemplar !== null))
  const other = one.restarted()
  t.equal(other.ledger.view('orders', EVERYTHING).overflow, overflow)
})

t.test('a smaller bound after a restart holds at once', async t => {
  const one = world({ keepBytes: 1024 * KIB })
  for (let i = 0; i < 500; i++) one.compare(orders, { ...different(`/flood_${name(i)}`), exemplar: exemplar(`x${i}`) })
  one.save()
  const other = world({ keepBytes: 64 * KIB }, one.kept)
  other.save()
  const stored = [...one.kept].reduce((sum, [key, text]) => sum + key.length + text.length, 0)
  t.ok(stored <= 64 * KIB, `${stored} bytes are stored`)
  const { items, overflow } = other.ledger.view('orders', EVERYTHING)
  t.equal(items.length + overflow, 500)
})

t.test('the flood of one route does not crowd out another, and the other does not lose what it has', async t => {
  const { ledger, compare } = world({ keepBytes: 256 * KIB })
  const carts = route('carts')
  const flood = (id: ReturnType<typeof route>, from: number, count: number) => {
    for (let i = from; i < from + count; i++)
      compare(id, { ...different(`/flood_${name(i)}`), exemplar: exemplar(`x${i}`) })
  }
  flood(orders, 0, 1000)
  const before = ledger.view('orders', EVERYTHING)
  for (let i = 0; i < 20; i++) compare(carts, { ...different(`/fault_${name(i)}`), exemplar: exemplar(`c${i}`) })
  flood(orders, 1000, 1000)
  const view = ledger.view('carts', EVERYTHING)
  t.equal(view.items.length, 20)
  t.equal(view.overflow, 0)
  t.ok(view.items.every(item => item.exemplar !== null))
  const after = ledger.view('orders', EVERYTHING)
  t.ok(after.items.length < before.items.length)
  t.equal(after.items.length + after.overflow, 2000)
})

t.test('many places of one signature: a hundred are kept, all are counted', async t => {
  const { ledger, compare } = world()
  for (let i = 0; i < 300; i++) compare(orders, different(`/list_${name(i)}/total`))
  const [item] = ledger.view('orders', EVERYTHING).items
  t.equal(item?.count, 300)
  t.equal(item?.differences.length, 100)
  t.equal(ledger.view('orders', EVERYTHING).overflow, 200)
})

t.test('what is saved at once, and what an exemplar is kept for, is bounded', async t => {
  const { ledger, compare } = world({ keepBytes: 4096 * KIB })
  const paths = Array.from({ length: 100 }, (_, i) => `/field_${name(i)}`)
  compare(orders, { ...different(...paths), exemplar: exemplar('first') })
  const withExemplar = () => ledger.view('orders', EVERYTHING).items.filter(item => item.exemplar !== null)
  t.equal(withExemplar().length, 8)
  compare(orders, { ...different(...paths), exemplar: exemplar('second') })
  t.equal(withExemplar().length, 16, 'those that have none come first')
  const saved: number[] = []
  for (;;) {
    const { put, remove } = ledger.changes(30)
    if (put.length + remove.length === 0) break
    saved.push(put.length + remove.length)
  }
  t.ok(
    saved.every(count => count <= 30),
    `${saved}`,
  )
  t.equal(
    saved.reduce((sum, count) => sum + count, 0),
    100 + 16 + 1,
  )
})

t.test('many templates: rates stay shares', async t => {
  const { ledger, compare } = world()
  for (let i = 0; i < 700; i++) compare(orders, i % 2 === 0 ? different('/total') : MATCH, { template: `/t/${i}` })
  const [item] = ledger.view('orders', EVERYTHING).items
  t.equal(item?.count, 350)
  t.ok(item?.rate !== null && (item?.rate ?? 2) <= 1)
})

t.test('an exemplar that is larger than a share of all is not kept', async t => {
  const { ledger, compare } = world({ keepBytes: 64 * KIB })
  const body = 'x'.repeat(100 * KIB)
  const answer = { status: 200, headers: [], body }
  compare(orders, { ...different('/a'), exemplar: exemplar('1') })
  compare(orders, { ...different('/a'), exemplar: exemplar('2', { answers: { legacy: answer, new: answer } }) })
  t.match(ledger.view('orders', EVERYTHING).items, [{ exemplar: { exchange: '1' }, latest: null }])
})

t.test('space: who has less than a share gets room from who has most', async t => {
  const space = new Space(100)
  const tenant = () => {
    const one = {
      bytes: 0,
      giveUp(bytes: number) {
        one.bytes -= bytes
        space.used -= bytes
      },
      take(bytes: number) {
        const admitted = space.admits(one, bytes)
        if (admitted) {
          one.bytes += bytes
          space.used += bytes
        }
        return admitted
      },
    }
    space.enter(one satisfies Tenant)
    return one
  }
  const [a, b, c] = [tenant(), tenant(), tenant()]
  t.ok(a.take(90))
  t.ok(b.take(30), 'from a')
  t.same([a.bytes, b.bytes], [70, 30])
  t.notOk(a.take(10))
  t.notOk(b.take(10), 'more than a third')
  t.ok(c.take(33))
  t.same([a.bytes, b.bytes, c.bytes], [37, 30, 33])
  space.leave(c)
  t.ok(space.used <= 100)
})

/** A word that does not look like data. */
function name(i: number): string {
  return [...String(i)].map(digit => 'abcdefghij'[Number(digit)]).join('')
}
