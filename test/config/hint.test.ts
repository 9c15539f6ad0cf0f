// Near misses: what is suggested, and when it is better to say nothing.
import t from 'tap'
import { didYouMean, nearest } from '../../src/config/hint.ts'

t.test('near misses', async t => {
  const keys = ['listen', 'workers', 'limits', 'timeouts', 'drain', 'tls']
  t.equal(nearest('lisen', keys), 'listen')
  t.equal(nearest('Listen', keys), 'listen')
  t.equal(nearest('lsiten', keys), 'listen', 'a swap is one slip')
  t.equal(nearest('timeout', keys), 'timeouts')
  t.equal(nearest('tsl', keys), 'tls')
  t.equal(nearest('xyz', keys), null)
  t.equal(nearest('', keys), null)
  t.equal(nearest('l'.repeat(1000), keys), null)
  t.equal(nearest('a', []), null)
})

t.test('the nearest of several wins', async t => {
  t.equal(nearest('orders', ['order', 'orders-v2', 'borders']), 'order')
  t.equal(didYouMean('seperate', ['shared', 'separate']), 'did you mean separate?')
  t.equal(didYouMean('nothing', ['shared']), null)
})
