// What one side of a route rewrites: path, headers, cookies.
import t from 'tap'
import { shown } from '../../src/config/shown.ts'
import type { SideRewrite } from '../../src/model/route.ts'
import { compiled, read, routeWith, twoSided, wordsOf } from './read.ts'

async function rewriteWith(words: object, path = '/orders/*'): Promise<SideRewrite | null> {
  return (await routeWith({ match: { path }, new: { url: 'http://n', ...words } })).rewrites.new
}

const words = async (side: object, route: object = {}) =>
  (
    await wordsOf({ routes: [twoSided({ match: { path: '/orders/*' }, new: { url: 'http://n', ...side }, ...route })] })
  ).map(one => one.replace('/routes/0/new', ''))

t.test('nothing said: nothing rewritten', async t => {
  t.equal(await rewriteWith({}), null)
  t.equal(await rewriteWith({ headers: {}, cookies: {} }), null)
  t.equal(await rewriteWith({ headers: { set: {}, remove: [] }, cookies: { shared: [] } }), null)
  t.equal(await rewriteWith({ path: '/orders/*' }), null)
  t.same((await routeWith({})).rewrites, { legacy: null, new: null })
})

t.test('a path with another beginning', async t => {
  const path = async (own: string, theirs: string) => (await rewriteWith({ path: theirs }, own))?.path
  t.same(await path('/orders/*', '/v2/orders/*'), { from: '/orders', to: '/v2/orders' })
  t.same(await path('/orders', '/v2/orders'), { from: '/orders', to: '/v2/orders' })
  t.same(await path('/*', '/v2/*'), { from: '', to: '/v2' })
  t.same(await path('/orders/*', '/*'), { from: '/orders', to: '' })
  t.same(await path('/%6frders/*', '/%76/*'), { from: '/orders', to: '/v' })
  t.same(
    (await routeWith({ legacy: { url: 'http://l', path: '/old/*' }, new: { url: 'http://n', path: '/x/*' } })).rewrites,
    {
      legacy: { path: { from: '/a', to: '/old' }, headers: null, cookies: null },
      new: { path: { from: '/a', to: '/x' }, headers: null, cookies: null },
    },
  )
})

t.test('paths that cannot be rewritten', async t => {
  const refused = async (own: string | string[], theirs: string) =>
    await words({ path: theirs }, { match: { path: own } })
  t.same(await refused(['/a', '/b'], '/c'), [
    '/path the route has 2 paths: which of them is rewritten?: make one route of each path; group: keeps them together',
  ])
  t.same(await refused('/a/:id', '/b/*'), [
    '/path the route’s path has parameters, and only the beginning of a path is rewritten: write /a/* for both',
  ])
  t.same(await refused('/a/*', '/b/:id'), [
    '/path it has parameters, and only the beginning of a path is rewritten: write /b/* for both',
  ])
  t.same(await refused('/a/*', '/b'), ['/path the route’s path /a/* ends in /*, and this does not: write /b/*'])
  t.same(await refused('/a/*', '/b/'), ['/path the route’s path /a/* ends in /*, and this does not: write /b/*'])
  t.same(await refused('/a', '/b/*'), ['/path the route’s path /a does not end in /*, and this does: write /b'])
  t.same(await refused('/a', '/b/'), ['/path it ends in /: write /b'])
  t.same(await refused('/a/', '/b'), ['/path the route’s path ends in /: write /a'])
  t.same(await refused('/', '/b'), ['/path the route’s path ends in /: write /* for both'])
  t.same(await refused('/a/*', 'v2/*'), ['/path a path begins with /: write /v2/*'])
  t.same(await words({ path: '/b' }, { match: {} }), ['/routes/0/match/path path or paths is missing'])
})

t.test('headers: remove in lower case, what is set too; set as written', async t => {
  const { headers } = (await rewriteWith({
    headers: { set: { 'X-App': 'shop ä', 'x-empty': '' }, remove: ['X-Debug', 'Accept-Encoding'] },
  })) as SideRewrite
  t.same(headers, {
    remove: new Set(['x-debug', 'accept-encoding', 'x-app', 'x-empty']),
    set: [
      ['X-App', 'shop ä'],
      ['x-empty', ''],
    ],
  })
})

t.test('headers that are the proxy’s own', async t => {
  const rows: readonly (readonly [string, string])[] = [
    ['Host', 'write `host: NAME` on the side'],
    ['Content-Length', 'it follows from the body'],
    ['transfer-encoding', 'it follows from the body'],
    ['Trailer', 'it follows from the body'],
    ['Connection', 'it concerns one connection only'],
    ['Keep-Alive', 'it concerns one connection only'],
    ['TE', 'it concerns one connection only'],
    ['Upgrade', 'it concerns one connection only'],
    ['Expect', 'it concerns one connection only'],
    ['Proxy-Authorization', 'it concerns one connection only'],
    ['X-Banyan-Loop', 'it is our own'],
  ]
  for (const [name, why] of rows) {
    t.same(await words({ headers: { set: { [name]: 'x' } } }), [
      `/headers/set/${name} the proxy itself writes this header: ${why}`,
    ])
    t.same(await words({ headers: { remove: [name] } }), [
      `/headers/remove/0 the proxy itself writes this header: ${why}`,
    ])
  }
})

t.test('names and values that no header has', async t => {
  t.same(await words({ headers: { set: { 'a b': 'x' }, remove: ['c:d'] } }), [
    '/headers/set/a b not the name of a header',
    '/headers/remove/0 not the name of a header',
  ])
  t.same(await words({ headers: { set: { 'X-A': '1', 'x-a': '2' } } }), [
    '/headers/set/x-a this header stands twice, in another case',
  ])
  const value = async (text: unknown) => await words({ headers: { set: { 'x-a': text } } })
  for (const text of ['a\r\nb: c', 'a\nb', 'a\0b', 'a\u007fb', 'a\u001b[2J']) {
    t.same(await value(text), ['/headers/set/x-a a header has no control characters'], JSON.stringify(text))
  }
  t.same(await value(' a'), ['/headers/set/x-a a space at an end of a value is lost on the way: remove it'])
  t.same(await value('€'), [
    '/headers/set/x-a a header has no characters above ÿ: encode the value, for example as %E2%82%AC',
  ])
  t.same(await value(5), ['/headers/set/x-a must be a text: write it in quotes: "5"'])
})

t.test('values that sound secret come from outside, and are never shown', async t => {
  for (const name of ['Authorization', 'cookie', 'X-Api-Key', 'x-auth-token', 'X-Client-Secret']) {
    t.match(await words({ headers: { set: { [name]: 'Basic hunter2' } } }), [
      /^\/headers\/set\/\S+ a secret must not stand in the text/,
    ])
    const text = JSON.stringify({
      routes: [
        twoSided({ new: { url: 'http://n', headers: { set: { [name]: 'Bearer $' + '{SECRET}', 'x-a': 'b' } } } }),
      ],
    })
    const loaded = await read(text)
    t.same(compiled(loaded).routes[0]?.rewrites.new?.headers?.set, [
      [name, 'Bearer geheim'],
      ['x-a', 'b'],
    ])
    const printed = shown(loaded.config as never) as { routes: { new: { headers: { set: unknown } } }[] }
    t.same(printed.routes[0]?.new.headers.set, { [name]: '***', 'x-a': 'b' })
  }
  t.same(await words({ headers: { set: { 'x-token-kind': 'jwt' } } }), [], 'not everything with the word in it')
})

t.test('cookies', async t => {
  t.same((await rewriteWith({ cookies: { prefix: 'n_', shared: ['lang', 'consent'] } }))?.cookies, {
    prefix: 'n_',
    shared: new Set(['lang', 'consent']),
  })
  t.same(await words({ cookies: { shared: ['lang'] } }), [
    '/cookies/shared without a prefix every cookie is shared: add prefix: n_',
  ])
  t.same(await words({ cookies: { prefix: 'n;' } }), ['/cookies/prefix not the beginning of a cookie’s name'])
  t.same(await words({ cookies: { prefix: 'n'.repeat(33) } }), ['/cookies/prefix not the beginning of a cookie’s name'])
  t.same(await words({ cookies: { prefix: '__Host-n' } }), [
    '/cookies/prefix this prefix has a meaning for browsers: for example n_',
  ])
  for (const prefix of ['b', 'banyan_', 'banyan_p']) {
    t.same(await words({ cookies: { prefix } }), ['/cookies/prefix our own cookies begin with banyan_: for example n_'])
  }
  const both = (one: string, other: string) =>
    words({ cookies: { prefix: other } }, { legacy: { url: 'http://l', cookies: { prefix: one } } })
  t.same(await both('l_', 'n_'), [])
  for (const [one, other] of [
    ['n_', 'n_'],
    ['n_', 'n_x_'],
    ['n_x_', 'n_'],
  ] as const) {
    t.same(await both(one, other), [
      `/cookies/prefix a cookie could belong to both sides: the prefix of legacy is ${one}: for example l_ and n_`,
    ])
  }
})
