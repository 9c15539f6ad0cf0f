// Which names are near enough to be offered.
import t from 'tap'
import { didYouMean, nearest } from '../../src/cli/suggest.ts'

const ids = ['orders', 'orders-read', 'carts', 'search', 'users']

t.test('near names', async t => {
  t.equal(nearest('ordres', ids)[0], 'orders', 'a swap')
  t.equal(nearest('Orders', ids)[0], 'orders', 'case')
  t.equal(nearest('cart', ids)[0], 'carts')
  t.ok(nearest('order', ids).includes('orders-read'), 'the beginning of a name')
  t.same(nearest('payments', ids), [])
  t.same(nearest('x', []), [])
  t.ok(nearest('aaa', ['aaa1', 'aaa2', 'aaa3', 'aaa4']).length <= 3)
  t.equal(didYouMean('serch', ids), 'Did you mean search?')
  t.equal(didYouMean('payments', ids), '')
})
