// What paths say, and that remembering them is bounded whatever clients ask for.
import t from 'tap'
import { Paths, queryOf } from '../../src/shadow/paths.ts'

t.test('what a path says', async t => {
  const paths = new Paths()
  for (let i = 0; i < 2; i++) {
    t.same(paths.of('/a/../orders/%35?x=/logout'), { path: '/orders/5', template: '/orders/:id', acts: false })
    t.match(paths.of('/users/sign_out'), { acts: true })
  }
  t.equal(queryOf('/a?b=1?c'), 'b=1?c')
  t.equal(queryOf('/a?'), '')
  t.equal(queryOf('/a'), null)
})

t.test('many and long paths take no more than a megabyte of characters', async t => {
  const paths = new Paths()
  for (let i = 0; i < 2_000; i++) paths.of(`/${i}/${'x'.repeat(8_000)}`)
  t.ok(paths.characters <= 1024 * 1024, `${paths.characters}`)
  for (let i = 0; i < 20_000; i++) paths.of(`/${i}`)
  t.ok(paths.characters <= 1024 * 1024, `${paths.characters}`)
})
