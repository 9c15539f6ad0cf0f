// Which requests of a log are asked: safe, once, spread; and what looks like a write by GET.
import t from 'tap'
import { suspicionOf, templateOf } from '../../../src/cli/asking/likeness.ts'
import { createSelector, spread } from '../../../src/cli/asking/select.ts'

const select = (lines: readonly string[], limit = 1000, options: { suspicious?: boolean; host?: string } = {}) => {
  const selector = createSelector({ suspicious: options.suspicious ?? false, host: options.host ?? null, limit })
  for (const line of lines) selector.add(line)
  return selector.select()
}
const logged = (request: string) => `10.0.0.1 - - [26/Nov/2026:04:00:00 +0000] "${request} HTTP/1.1" 200 5 "-" "curl/8"`

t.test('logs and lists, mixed', async t => {
  const { requests, counts } = select([
    logged('GET /a?x=1'),
    '/b',
    'HEAD /c',
    'GET /d HTTP/1.1',
    'https://shop.example.com/e',
    '{"request_method":"GET","request_uri":"/f","status":200}',
    '# a comment',
    '',
    'no such thing',
  ])
  t.same(
    requests.map(({ method, target }) => `${method} ${target}`),
    ['GET /a?x=1', 'GET /b', 'HEAD /c', 'GET /d', 'GET /e', 'GET /f'],
  )
  t.equal(requests[4]?.host, 'shop.example.com')
  t.match(counts, { lines: 7, distinct: 6, broken: { 'neither common or combined log format nor JSON': 1 } })
  t.equal(select(['https://shop.example.com/e'], 1, { host: 'other' }).requests[0]?.host, 'other')
})

t.test('only what is safe, each once', async t => {
  const lines = [
    'POST /a',
    'DELETE /a',
    logged('POST /b'),
    '/logout',
    '/a?action=delete',
    '/a',
    'GET /a',
    logged('GET /a'),
  ]
  const { requests, counts } = select(lines)
  t.same(
    requests.map(({ target }) => target),
    ['/a'],
  )
  t.match(counts, {
    unsafe: { POST: 2, DELETE: 1 },
    suspicious: { '"logout" in the path': 1, '"action=delete" in the query': 1 },
    duplicates: 2,
    distinct: 1,
  })
  t.equal(select(lines, 1000, { suspicious: true }).requests.length, 3)
})

t.test('counts by name are bounded', async t => {
  const { counts } = select(Array.from({ length: 500 }, (_, i) => `X${'Y'.repeat(i % 30)} /a`))
  t.ok(Object.keys(counts.unsafe).length <= 21)
  t.equal(
    Object.values(counts.unsafe).reduce((sum, n) => sum + n, 0),
    500,
  )
})

t.test('a sample is spread over templates, and over each of them', async t => {
  const orders = Array.from({ length: 1000 }, (_, i) => `/orders/${i}`)
  const { requests, counts } = select([...orders, '/health', '/carts/1', '/carts/2'], 10)
  t.equal(counts.templates, 3)
  t.same(requests.map(({ target }) => target).sort(), [
    '/carts/1',
    '/carts/2',
    '/health',
    '/orders/0',
    '/orders/142',
    '/orders/285',
    '/orders/428',
    '/orders/571',
    '/orders/714',
    '/orders/857',
  ])
  t.same(spread([], 5), [])
  t.same(spread([[1, 2, 3], [4]], 9), [1, 4, 2, 3])
})

t.test('a frequent template leaves room for what comes later, and is sampled over all of the log', async t => {
  const orders = Array.from({ length: 20_000 }, (_, i) => `/orders/${i}`)
  const { requests, counts } = select([...orders, '/orders/7', '/late'])
  t.ok(requests.some(({ target }) => target === '/late'))
  t.match(counts, { distinct: 2001, templates: 2 })
  t.ok(counts.beyond >= 18_000 && counts.beyond <= 18_001, `${counts.beyond}`)
  const late = requests.filter(({ target }) => Number(target.split('/')[2]) >= 10_000).length
  t.ok(late > 400 && late < 600, `${late} of the second half`)
  t.same(requests, select([...orders, '/orders/7', '/late']).requests, 'the same sample again')
})

t.test('templates', async t => {
  const cases = {
    '/orders/42': '/orders/:id',
    '/orders/42/items/7?page=2&sort=a': '/orders/:id/items/:id2?page&sort',
    '/u/0190a3c2-7b1f-7c3a-9d52-3f1b2c4d5e6f': '/u/:id',
    '/t/deadbeef0123beef': '/t/:id',
    '/v2/orders': '/v2/orders',
    '/static/app.js': '/static/app.js',
    '/': '/',
  }
  for (const [target, template] of Object.entries(cases)) t.equal(templateOf(target), template, target)
})

t.test('what looks like a write', async t => {
  const writes = [
    '/logout',
    '/user/sign-out',
    '/a/SignOut',
    '/log_out.php',
    '/delete/7',
    '/user-delete.php',
    '/deleteUser',
    '/cart?do=add',
    '/x?action=order.cancel',
    '/a?delete=1',
    '/a?logout',
    '/newsletter/unsubscribe?u=1',
    '/a?_method=PUT',
  ]
  for (const target of writes) t.not(suspicionOf(target), null, target)
  const reads = [
    '/orders',
    '/orders/7',
    '/x?action=view',
    '/search?q=delete',
    '/address',
    '/settings',
    '/a?op=list',
    '/updates',
    '/?do=show',
  ]
  for (const target of reads) t.equal(suspicionOf(target), null, target)
})
