// Paths as templates: what is an id, what is a word, and that a template is a pattern which `check` takes.
import fc from 'fast-check'
import t from 'tap'
import { loadText } from '../../src/config/load.ts'
import { MAX_DEPTH, readPath, templateOf } from '../../src/inventory/template.ts'

const PATHS: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['/orders/42', '/orders/:id'],
  ['/orders/42/items/7?a=1', '/orders/:id/items/:id2'],
  ['/u/550e8400-e29b-41d4-a716-446655440000', '/u/:id'],
  ['/u/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/u/:id'],
  ['/c/5f3a9c2b1d', '/c/:id'],
  ['/c/cus_9s6XKzkNRiz8i3', '/c/:id'],
  ['/t/dGhpc2lzYXRva2Vu12ABcd', '/t/:id'],
  ['/p/blue-shoes-1234', '/p/:id'],
  ['/i/INV-2024-0012', '/i/:id'],
  ['/u/jo@example.org/x', '/u/:email/x'],
  ['/u/jo%40example.org', '/u/:email'],
  ['/d/2026-01-02', '/d/:date'],
  ['/o/123.json', '/o/:file'],
  ['/app.3f2a1b9c.js', '/*.js'],
  ['/cart;jsessionid=0A1B.node1', '/cart'],
  ['/a/%7Ejo/./b/../c', '/a/~jo/c'],
  ['/a/..;/b', '/a/:id/b'],
  ['/a/:x', '/a/:id'],
  ['/a/x*y', '/a/:id'],
  ['/a/{b}', '/a/:id'],
  // What stands behind a secret's name.
  ['/p/token/hunter2zebra/x', '/p/token/:id/x'],
  ['/apikey/zebra', '/apikey/:id'],
  ['/api-keys/zebra', '/api-keys/:id'],
  ['/sessions/zebra', '/sessions/:id'],
  ['/resetPassword/zebra', '/resetPassword/:id'],
  ['/password/reset/zebra', '/password/reset/:id'],
  // And what applications put there.
  ['/password/reset', '/password/reset'],
  ['/api/token/refresh', '/api/token/refresh'],
  ['/sessions/new', '/sessions/new'],
  ['/session/app.js', '/session/app.js'],
  ['/password/forgotten.do', '/password/forgotten.do'],
  ['/preset/blue', '/preset/blue'],
  // Words that only look like ids.
  ['/v1/users', '/v1/users'],
  ['/api/v2.1/x', '/api/v2.1/x'],
  ['/oauth2/token', '/oauth2/token'],
  ['/internationalization', '/internationalization'],
  ['/getUserProfileById', '/getUserProfileById'],
  ['/checkout/step-2', '/checkout/step-2'],
  ['/feedback', '/feedback'],
  ['/a/deadbeef', '/a/deadbeef'],
  ['/shop/view.do', '/shop/view.do'],
  ['/a//b/', '/a//b/'],
]

t.test('ids become params, words stay', async t => {
  for (const [path, template] of PATHS) t.equal(templateOf(path), template, path)
})

t.test('a session in the path is seen', async t => {
  t.ok(readPath('/cart;jsessionid=1').hasSession)
  t.notOk(readPath('/cart;v=1?jsessionid=1').hasSession)
})

t.test('the template of a template is itself, and has a bound', async t => {
  const seed = Date.now()
  t.comment(`seed ${seed}`)
  fc.assert(
    fc.property(hostile(), path => {
      const once = templateOf(path)
      return once === templateOf(once) && /^\/[!-~]*$/.test(once) && once.length <= MAX_DEPTH * 81 + 1
    }),
    { seed, numRuns: 5000 },
  )
})

t.test('every template is a pattern that a configuration takes', async t => {
  const seed = Date.now()
  t.comment(`seed ${seed}`)
  const paths = fc.sample(hostile(), { seed, numRuns: 1500 })
  const templates = [...new Set([...paths, ...PATHS.map(([path]) => path)].map(templateOf))]
  const text = JSON.stringify({
    backends: { legacy: { url: 'http://127.0.0.1:1' } },
    routes: [{ id: 'all', match: { paths: templates }, legacy: 'legacy' }],
  })
  const { mistakes } = await loadText({ text: text.replaceAll('${', () => '$${'), file: 'x.yaml', interpolate: true })
  t.same(
    mistakes.map(({ message, found }) => ({ message, found })),
    [],
  )
})

function hostile() {
  const segment = fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('..', '.', ';', '*', '*.do', ':id', '{a}', '%2e', '%00', '..;a', `\${X}`, '#'),
    },
    { weight: 1, arbitrary: fc.constantFrom('a', '42', 'x.js', 'deadbeef00', 'jo@x.org') },
    { weight: 1, arbitrary: fc.string({ minLength: 100, maxLength: 300 }) },
  )
  return fc.array(segment, { maxLength: 20 }).map(segments => `/${segments.join('/')}`)
}
