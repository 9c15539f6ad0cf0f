// Which answers say that asking for them changes something, and what an operator can do about it.
import t from 'tap'
import type { AnswerCopy } from '../../src/model/comparison.ts'
import type { Route } from '../../src/model/route.ts'
import { Suspensions, whySuspend } from '../../src/shadow/suspensions.ts'

const ROUTE = { pin: null } as Route
const BODY = { length: 0, complete: true, start: new Uint8Array(0), blocks: null }

function answer(status: number, ...headers: string[]): AnswerCopy {
  return { status, headers, body: BODY }
}

t.test('session cookies and redirects to a login', async t => {
  t.match(whySuspend(answer(200, 'Set-Cookie', 'JSESSIONID=abc; Path=/'), ROUTE), /JSESSIONID/)
  t.match(whySuspend(answer(302, 'location', '/account/login?next=/orders'), ROUTE), /login/)
  t.match(whySuspend(answer(303, 'location', 'https://sso.example.com/oauth2/authorize?x=1'), ROUTE), /login/)
  t.equal(whySuspend(answer(200, 'set-cookie', 'lang=de'), ROUTE), null)
  t.equal(whySuspend(answer(302, 'location', '/orders?from=login'), ROUTE), null)
  t.equal(whySuspend(answer(302, 'location', '/catalogue/blogin-book'), ROUTE), null)
  t.equal(whySuspend(answer(200, 'location', '/login'), ROUTE), null)
  t.equal(whySuspend(answer(200, 'set-cookie', 'sid=; Max-Age=0'), ROUTE), null, 'it takes one away')
})

t.test('the application’s own name for its session', async t => {
  const route = { pin: { session: ['shop_key'] } } as unknown as Route
  t.match(whySuspend(answer(200, 'set-cookie', 'shop_key=1; HttpOnly'), route), /shop_key/)
})

t.test('suspended until it is resumed, and then for good', async t => {
  const suspensions = new Suspensions()
  t.ok(suspensions.suspend('orders', 'legacy', '/cart', 'why', 5))
  t.ok(suspensions.has('orders', 'legacy', '/cart'))
  t.notOk(suspensions.has('orders', 'new', '/cart'))
  t.same(suspensions.of('orders'), [{ template: '/cart', side: 'legacy', why: 'why', since: 5 }])
  t.same(suspensions.of('others'), [])
  t.ok(suspensions.resume('orders', '/cart'))
  t.notOk(suspensions.resume('orders', '/cart'))
  t.notOk(suspensions.suspend('orders', 'legacy', '/cart', 'again', 6), 'an operator has said so')
  t.notOk(suspensions.has('orders', 'legacy', '/cart'))
})

t.test('a bound on how many, and routes that are gone', async t => {
  const suspensions = new Suspensions()
  for (let i = 0; i < 1_500; i++) suspensions.suspend('orders', 'new', `/${i}`, 'why', 0)
  t.equal(suspensions.of('orders').length, 1_000)
  suspensions.retain(new Set(['others']))
  t.equal(suspensions.of('orders').length, 0)
})
