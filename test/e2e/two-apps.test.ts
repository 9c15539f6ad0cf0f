// Two applications on one host: their cookies, paths, headers, cached answers and entity tags stay apart, and what is not
// concerned stays as it is.
import t, { type Test } from 'tap'
import { run } from '../cli/fake-admin.ts'
import { rawClient, TOKEN } from './harness.ts'
import { metricOf, type Scripted, sendBytes } from './scripted.ts'
import {
  answering,
  heard,
  linesOf,
  type Settings,
  SIDES,
  type Side,
  type TwoSides,
  twoSides,
  valuesOf,
  type Wanted,
} from './two-sides.ts'

const APART: Wanted = { new: { cookies: { prefix: 'n_', shared: ['lang'] } } }

// ---- cookies

t.test('cookies of the new side bear its prefix, out and back; shared ones do not', async t => {
  const { sides, from } = await twoSides(t, APART)
  const lines =
    'Set-Cookie: sid=1; Path=/; HttpOnly\r\nSet-Cookie: lang=de\r\nSet-Cookie: __Host-t=2; Secure; Path=/\r\n'
  sides.new.serve = answering(lines)
  sides.legacy.serve = answering(lines)
  t.same(valuesOf((await from('new')).head, 'Set-Cookie'), [
    'n_sid=1; Path=/; HttpOnly',
    'lang=de',
    '__Host-n_t=2; Secure; Path=/',
  ])
  t.same(valuesOf((await from('legacy')).head, 'Set-Cookie'), [
    'sid=1; Path=/; HttpOnly',
    'lang=de',
    '__Host-t=2; Secure; Path=/',
  ])
  const all = 'Cookie: sid=l; n_sid=n; lang=de; __Host-t=l; __Host-n_t=n\r\n'
  await from('new', '/', all)
  t.same(valuesOf(heard(sides.new).head, 'Cookie'), ['sid=n; lang=de; __Host-t=n'])
  await from('legacy', '/', all)
  t.same(valuesOf(heard(sides.legacy).head, 'Cookie'), ['sid=l; lang=de; __Host-t=l'])
})

t.test('each side with a prefix of its own: neither hears of the other, nor of what nobody has set', async t => {
  const { sides, from } = await twoSides(t, {
    legacy: { cookies: { prefix: 'l_' } },
    new: { cookies: { prefix: 'n_' } },
  })
  for (const side of SIDES) {
    await from(side, '/', 'Cookie: l_a=1; n_a=2; a=3\r\n')
    t.same(valuesOf(heard(sides[side]).head, 'Cookie'), [side === 'legacy' ? 'a=1' : 'a=2'])
    await from(side, '/', 'Cookie: a=3\r\n')
    t.same(valuesOf(heard(sides[side]).head, 'Cookie'), [], 'no empty field')
  }
})

t.test('odd cookies cross byte for byte, lines stay lines in their order', async t => {
  const { sides, from } = await twoSides(t, APART)
  const odd = [
    'a="x, y; z"; Path=/',
    'b=; Expires=Wed, 09 Jun 2021 10:18:14 GMT',
    'naked',
    '=nameless',
    'c=caf\xe9=; ;;  SameSite=lax;Partitioned',
    'a=again',
    `d=${'x'.repeat(4000)}`,
  ]
  // In a case of its own, among other fields, and repeated: nothing is gathered, nothing sorted.
  const fields = `X-First: 1\r\n${odd.map((value, i) => `${i % 2 ? 'set-cookie' : 'SET-Cookie'}: ${value}\r\n`).join('X-Between: 1\r\n')}`
  for (const side of SIDES) {
    sides[side].serve = answering(fields)
    const renamed = side === 'legacy' ? fields : fields.replace(/^(set-cookie: )([abcd]=)/gim, '$1n_$2')
    t.equal(linesOf((await from(side)).head), `${renamed}Content-Length: 2\r\n`, side)
  }
  const cookies = ['a="1, 2";b;  ; =x ;c=caf\xe9', '', 'a=1; a=2', 'd=1=2;']
  await from('legacy', '/', cookies.map(value => `cookie: ${value}\r\n`).join('X-Between: 1\r\n'))
  t.same(valuesOf(heard(sides.legacy).head, 'Cookie'), cookies)
  await from('new', '/', 'Cookie: n_a="1, 2";n_b; ;  n_c =caf\xe9; n_d=1=2\r\ncookie: sid=l\r\nCOOKIE: n_a=2\r\n')
  t.same(valuesOf(heard(sides.new).head, 'Cookie'), ['a="1, 2"; ;  c =caf\xe9; d=1=2', 'a=2'])
})

t.test('a client that names a cookie with the prefix reaches the new side with it, and never legacy', async t => {
  const { sides, from } = await twoSides(t, APART)
  const forged = 'Cookie: n_sid=1; n_lang=2; __Secure-n_x=3; n___Host-y=4; n_n_z=5; n_=6; lang=de; sid=7\r\n'
  await from('legacy', '/', forged)
  t.same(valuesOf(heard(sides.legacy).head, 'Cookie'), ['lang=de; sid=7'])
  await from('new', '/', forged)
  t.same(valuesOf(heard(sides.new).head, 'Cookie'), ['sid=1; __Secure-x=3; n_z=5; =6; lang=de'])
})

/** An application with sessions in a cookie named `sid`: says which one it knows, and how often it has seen it. */
function sessions(name: string): Scripted['serve'] {
  const seen = new Map<string, number>()
  return asked => {
    const told = /(?:^|; ?)sid=([^;]*)/.exec(valuesOf(asked.head, 'Cookie').join('; '))?.[1]
    const id = told !== undefined && seen.has(told) ? told : `${name}-${seen.size + 1}`
    seen.set(id, (seen.get(id) ?? 0) + 1)
    const fields = told === id ? '' : `Set-Cookie: sid=${id}; Path=/; HttpOnly\r\n`
    answering(fields, { body: `${id} visit ${seen.get(id)}` })(asked)
  }
}

/** Keeps what it is told to and sends all of it, as a browser does. */
function browser(t: Test, { banyan }: TwoSides) {
  const jar = new Map<string, string>()
  const visit = async (): Promise<string> => {
    const cookies =
      jar.size === 0 ? '' : `Cookie: ${[...jar].map(([name, value]) => `${name}=${value}`).join('; ')}\r\n`
    const { answer } = sendBytes(
      t,
      banyan.port,
      `GET / HTTP/1.1\r\nHost: shop.example\r\n${cookies}Connection: close\r\n\r\n`,
    )
    const { head, body } = await answer
    for (const value of valuesOf(head, 'Set-Cookie')) {
      const [, name = '', text = ''] = /^([^=]*)=([^;]*)/.exec(value) ?? []
      jar.set(name, text)
    }
    return body
  }
  return { jar, visit }
}

t.test('a browser over both sides, through changes of weight: two sessions that never meet', async t => {
  const two = await twoSides(t, { ...APART, route: { weight: 0, override: {}, sticky: ['auto'] } })
  two.sides.legacy.serve = sessions('legacy')
  two.sides.new.serve = sessions('new')
  const { jar, visit } = browser(t, two)
  const weigh = (percent: number) => two.banyan.api('PUT', '/routes/shop/weight', { percent })
  t.equal(await visit(), 'legacy-1 visit 1')
  t.equal(await visit(), 'legacy-1 visit 2')
  await weigh(100)
  t.equal(await visit(), 'new-1 visit 1')
  t.equal(await visit(), 'new-1 visit 2')
  await two.banyan.api('POST', '/rollback', { reason: 'test' })
  t.equal(await visit(), 'legacy-1 visit 3')
  await two.banyan.api('POST', '/routes/shop/restore', {})
  t.equal(await visit(), 'new-1 visit 3')
  t.same([...jar.keys()].sort(), ['banyan_id', 'n_sid', 'sid'])
  for (const { asked } of Object.values(two.sides)) {
    t.notOk(
      asked.some(({ head }) => /banyan_id|n_sid/.test(head)),
      'nobody hears of our cookie, or of the prefix',
    )
  }
})

t.test('cookies of an accepted upgrade, an early hint, a 304 and a HEAD are renamed like all others', async t => {
  const { banyan, sides, from } = await twoSides(t, APART)
  const setting = 'Set-Cookie: sid=1; Path=/\r\n'
  sides.new.serve = ({ socket }) =>
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${setting}\r\n`)
  const client = rawClient(t, banyan.port)
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nCookie: sid=l; n_sid=n\r\n'
  client.send(`GET / HTTP/1.1\r\nHost: a\r\nX-Banyan-Side: new\r\n${upgrade}\r\n`)
  t.same(valuesOf(await client.until(text => text.endsWith('\r\n\r\n')), 'Set-Cookie'), ['n_sid=1; Path=/'])
  t.same(valuesOf(heard(sides.new).head, 'Cookie'), ['sid=n'])
  sides.new.serve = ({ socket }) =>
    socket.write(`HTTP/1.1 103 Early Hints\r\n${setting}\r\nHTTP/1.1 200 OK\r\n${setting}Content-Length: 0\r\n\r\n`)
  const hinted = rawClient(t, banyan.port)
  hinted.send('GET / HTTP/1.1\r\nHost: a\r\nX-Banyan-Side: new\r\nConnection: close\r\n\r\n')
  t.same(valuesOf(await hinted.closed, 'Set-Cookie'), ['n_sid=1; Path=/', 'n_sid=1; Path=/'])
  sides.new.serve = answering(setting, { status: '304 Not Modified' })
  t.same(valuesOf((await from('new')).head, 'Set-Cookie'), ['n_sid=1; Path=/'])
  sides.new.serve = answering(setting)
  t.same(valuesOf((await from('new', '/', '', 'HEAD')).head, 'Set-Cookie'), ['n_sid=1; Path=/'])
})

t.test('a cookie that both sides set is a warning for operators, and none where a prefix keeps them apart', async t => {
  const { banyan, sides, from } = await twoSides(t)
  const clashes = async () =>
    (await banyan.api('GET', '/status')).json.warnings.filter(({ code }: { code: string }) => code === 'cookie_clash')
  sides.legacy.serve = answering('Set-Cookie: sid=1\r\nSet-Cookie: only=1\r\n')
  sides.new.serve = answering('Set-Cookie: other=1\r\nSet-Cookie: sid=2; Path=/\r\n')
  await from('legacy')
  t.same(await clashes(), [], 'one side alone is no clash')
  for (const side of ['new', 'legacy', 'new'] as const) await from(side)
  const found = await clashes()
  t.match(found, [{ code: 'cookie_clash', route: 'shop', message: /^both sides set the cookie sid:/ }])
  t.equal(found.length, 1, 'told once, whatever the number of answers')
  const said = await run({ url: banyan.admin }, ['status'], { env: { BANYAN_TOKEN: TOKEN } })
  t.equal(said.code, 0)
  t.match(said.out, /Warnings\n[\s\S]*cookie_clash \(shop\): both sides set the cookie sid:/)

  const apart = await twoSides(t, APART)
  for (const side of SIDES) {
    apart.sides[side].serve = answering('Set-Cookie: sid=1\r\nSet-Cookie: lang=de\r\n')
    await apart.from(side)
  }
  t.same((await apart.banyan.api('GET', '/status')).json.warnings, [], 'nor of one that is shared by word')
})

// ---- paths

t.test('the path of one side is another: the beginning changes, the rest stays byte for byte', async t => {
  const { sides, from } = await twoSides(t, {
    route: { match: { path: '/orders/*' } },
    new: { path: '/v2/shop/*' },
  })
  const cases: [target: string, ofNew: string][] = [
    ['/orders', '/v2/shop'],
    ['/orders/', '/v2/shop/'],
    ['/orders/5?a=1&a=/orders/5', '/v2/shop/5?a=1&a=/orders/5'],
    ['/orders?x', '/v2/shop?x'],
    ['/orders?', '/v2/shop?'],
    ['/orders/a%2Fb//c;x=1/{}^`\'"&z=%zz\xe9', '/v2/shop/a%2Fb//c;x=1/{}^`\'"&z=%zz\xe9'],
    ['/orders/orders/5', '/v2/shop/orders/5'],
    ['/orders/.well-known/..x?/../', '/v2/shop/.well-known/..x?/../'],
  ]
  for (const [target, ofNew] of cases) {
    for (const side of SIDES) await from(side, target)
    t.equal(heard(sides.legacy).path, target, 'legacy gets it as it came')
    t.equal(heard(sides.new).path, ofNew)
  }
})

t.test(
  'a path that only its normalised form brings to the route is rewritten by that, for legacy serves it',
  async t => {
    const { sides, from } = await twoSides(t, {
      route: { match: { path: '/orders/*' } },
      legacy: { path: '/old/*' },
      new: { path: '/v2/*' },
    })
    const cases: [target: string, ofLegacy: string][] = [
      ['/%6Frders/a%2fb?q=%6F', '/old/a%2Fb?q=%6F'],
      ['/x/../orders/5?/../', '/old/5?/../'],
      ['/./orders', '/old'],
    ]
    for (const [target, ofLegacy] of cases) {
      await from('new', target)
      t.equal(heard(sides.legacy).path, ofLegacy, target)
    }
    t.same(sides.new.asked, [])
  },
)

t.test('dot segments do not climb out of the path of a side', async t => {
  const all = await twoSides(t, { new: { path: '/app/*' } })
  const some = await twoSides(t, { route: { match: { path: '/orders/*' } }, new: { path: '/v2/*' } })
  const cases: [two: TwoSides, target: string, ofNew: string][] = [
    [all, '/../secret', '/app/secret'],
    [all, '/a/../../../secret?/../', '/app/secret?/../'],
    [all, '/%2e%2E/secret', '/app/secret'],
    [all, '/a/./b', '/app/a/b'],
    [all, '/..', '/app/'],
    [some, '/orders/../../orders/5', '/v2/5'],
    [some, '/orders/a/../b', '/v2/b'],
  ]
  for (const [two, target, ofNew] of cases) {
    await two.from('new', target)
    t.equal(heard(two.sides.new).path, ofNew, target)
  }
})

t.test('a path that is matched in any case is rewritten in any case', async t => {
  const { sides, from } = await twoSides(t, {
    route: { match: { path: '/Orders/*', case: 'ignore' } },
    new: { path: '/v2/*' },
  })
  for (const target of ['/Orders/A', '/orders/A', '/ORDERS/A']) {
    await from('new', target)
    t.equal(heard(sides.new).path, '/v2/A', target)
  }
})

t.test('paths in answers stay as the side wrote them', async t => {
  const { sides, from } = await twoSides(t, {
    route: { match: { path: '/orders/*' }, leaks: 'rewrite' },
    new: { path: '/v2/orders/*' },
  })
  const fields = 'Location: /v2/orders/7?from=/v2/orders\r\nSet-Cookie: a=1; Path=/v2/orders\r\n'
  sides.new.serve = answering(fields, { status: '201 Created' })
  t.equal(linesOf((await from('new', '/orders')).head), `${fields}Content-Length: 2\r\n`)
})

// ---- headers

t.test(
  'headers of one side: set in the place of what the client sent, removed, and the other side gets all',
  async t => {
    const { sides, from } = await twoSides(t, {
      new: {
        headers: {
          set: { 'X-App': 'shop \xe4', 'X-Forwarded-Proto': 'https', traceparent: 'ours' },
          remove: ['X-Debug', 'If-None-Match', 'Cookie', 'X-Forwarded-Port'],
        },
      },
      legacy: { headers: { set: { 'X-App': 'mono' } } },
    })
    const fields =
      'x-app: 1\r\nX-App: 2\r\nx_app: 3\r\nX-Debug: 1\r\nX.Debug: 2\r\nX-Debugger: 3\r\nCookie: a=1\r\nIf-None-Match: "a"\r\nTraceparent: theirs\r\n'
    await from('new', '/', fields)
    const ofNew = heard(sides.new).head
    t.same(valuesOf(ofNew, 'X-App'), ['shop \xe4'])
    t.same(valuesOf(ofNew, 'X-Forwarded-Proto'), ['https'])
    t.same(valuesOf(ofNew, 'traceparent'), ['ours'])
    t.same(valuesOf(ofNew, 'X-Debugger'), ['3'])
    for (const gone of ['x_app', 'X-Debug', 'X.Debug', 'If-None-Match', 'Cookie', 'X-Forwarded-Port']) {
      t.same(valuesOf(ofNew, gone), [], gone)
    }
    await from('legacy', '/', fields)
    const ofLegacy = heard(sides.legacy).head
    t.same(valuesOf(ofLegacy, 'X-App'), ['mono'])
    t.same(valuesOf(ofLegacy, 'X-Debug'), ['1'])
    t.same(valuesOf(ofLegacy, 'Cookie'), ['a=1'])
    t.same(valuesOf(ofLegacy, 'traceparent'), ['theirs'])
  },
)

t.test('no client defeats that through Connection', async t => {
  const { banyan, sides } = await twoSides(t, {
    new: { headers: { set: { 'X-User': 'proxy', 'X-Real-IP': '192.0.2.1' }, remove: ['X-Role'] } },
  })
  const named = 'Connection: close, X-User, X-Role, X-Real-IP, X-Forwarded-For, Traceparent\r\n'
  const fields = `X-Role: admin\r\nX-User: root\r\n${named}X-Real-IP: 9.9.9.9\r\nX-Role: admin\r\n`
  await sendBytes(t, banyan.port, `GET / HTTP/1.1\r\nHost: a\r\nX-Banyan-Side: new\r\n${fields}\r\n`).answer
  const { head } = heard(sides.new)
  t.same(valuesOf(head, 'X-User'), ['proxy'])
  t.same(valuesOf(head, 'X-Real-IP'), ['192.0.2.1'])
  t.same(valuesOf(head, 'X-Role'), [])
  t.same(valuesOf(head, 'X-Forwarded-For'), ['127.0.0.1'])
  t.same(
    valuesOf(head, 'Connection').filter(value => /x-/i.test(value)),
    [],
  )
})

// ---- shared caches

/** What the proxy has counted of both sides. */
async function keepable({ banyan }: TwoSides): Promise<number> {
  const counts = SIDES.map(side =>
    metricOf(banyan.health, `banyan_shared_cache_answers_total{route="shop",side="${side}"}`),
  )
  return (await Promise.all(counts)).reduce<number>((sum, count) => sum + (count ?? 0), 0)
}

function serveBoth({ sides }: TwoSides, serve: Scripted['serve']): void {
  for (const side of SIDES) sides[side].serve = serve
}

/** Lines of an answer, and how they look when they were made private; the same where no shared cache may keep it. */
const CACHED: readonly (readonly [fields: string, toPrivate: string])[] = [
  ['Cache-Control: public, max-age=60, s-maxage=600\r\n', 'Cache-Control: private, max-age=60\r\n'],
  [
    'cache-control: max-age=60\r\nX-B: 1\r\nCache-Control: public\r\n',
    'cache-control: private, max-age=60\r\nX-B: 1\r\nCache-Control: private\r\n',
  ],
  ['Cache-Control: no-cache\r\n', 'Cache-Control: private, no-cache\r\n'],
  // Here a cache may guess, or a CDN is told alone.
  ['Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT\r\n', 'Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT\r\n+'],
  ['Expires: Tue, 15 Nov 2094 12:45:26 GMT\r\n', 'Expires: Tue, 15 Nov 2094 12:45:26 GMT\r\n+'],
  [
    'Cache-Control: no-store\r\nCDN-Cache-Control: max-age=600\r\n',
    'Cache-Control: no-store\r\nCDN-Cache-Control: private, max-age=600\r\n',
  ],
  [
    'Cache-Control: private\r\nSurrogate-Control: max-age=600, content="ESI/1.0"\r\n',
    'Cache-Control: private\r\nSurrogate-Control: no-store, content="ESI/1.0"\r\n',
  ],
  [
    'Cloudflare-CDN-Cache-Control: public, max-age=9\r\nCache-Control: max-age=1\r\n',
    'Cloudflare-CDN-Cache-Control: private, max-age=9\r\nCache-Control: private, max-age=1\r\n',
  ],
  ['X-Accel-Expires: 60\r\nCache-Control: private\r\n', 'X-Accel-Expires: 0\r\nCache-Control: private\r\n'],
  [
    'CDN-Cache-Control: no-store\r\nCache-Control: max-age=60\r\n',
    'CDN-Cache-Control: no-store\r\nCache-Control: private, max-age=60\r\n',
  ],
]
const NOT_CACHED: readonly string[] = [
  'Cache-Control: private, max-age=60\r\n',
  'Cache-Control: no-store\r\nCDN-Cache-Control: no-store\r\nSurrogate-Control: no-store\r\nX-Accel-Expires: 0\r\n',
  'Cache-Control: public, max-age=60\r\nVary: *\r\n',
  'X-A: 1\r\n',
]

t.test(
  'answers of a split route that a shared cache may keep are counted and told of, and stay as they are',
  async t => {
    const two = await twoSides(t)
    for (const [fields] of CACHED) {
      const before = await keepable(two)
      serveBoth(two, answering(fields))
      t.equal(linesOf((await two.from('new')).head), `${fields}Content-Length: 2\r\n`)
      t.equal(await keepable(two), before + 1, fields)
    }
    const counted = await keepable(two)
    for (const fields of NOT_CACHED) {
      serveBoth(two, answering(fields))
      t.equal(linesOf((await two.from('legacy')).head), `${fields}Content-Length: 2\r\n`)
    }
    serveBoth(two, answering('Cache-Control: max-age=60\r\n'))
    await two.from('legacy', '/', 'Content-Length: 0\r\n', 'POST')
    await two.from('legacy', '/', 'Authorization: Basic eDp5\r\n')
    t.equal(await keepable(two), counted, 'no shared cache keeps these')
    const { warnings } = (await two.banyan.api('GET', '/status')).json
    t.match(warnings, [{ code: 'shared_cache', route: 'shop', message: /private-while-split/ }])
  },
)

t.test('cache: private-while-split, also in a 304 and for HEAD: no cache but the user’s own may keep it', async t => {
  const two = await twoSides(t, { route: { cache: 'private-while-split' } })
  for (const [fields, toPrivate] of CACHED) {
    // `+` is where a line of ours is added: after all others.
    const expected = (length: string) =>
      toPrivate.endsWith('+') ? `${toPrivate.slice(0, -1)}${length}Cache-Control: private\r\n` : `${toPrivate}${length}`
    serveBoth(two, answering(fields))
    t.equal(linesOf((await two.from('new')).head), expected('Content-Length: 2\r\n'))
    t.equal(linesOf((await two.from('legacy', '/', '', 'HEAD')).head), expected('Content-Length: 2\r\n'), 'HEAD')
    serveBoth(two, answering(fields, { status: '304 Not Modified' }))
    t.equal(linesOf((await two.from('new')).head), expected(''), '304')
  }
  t.equal(await keepable(two), CACHED.length * 3, 'what was made private is counted all the same')
  t.same((await two.banyan.api('GET', '/status')).json.warnings, [], 'and no warning advises what is set')
  for (const fields of NOT_CACHED) {
    serveBoth(two, answering(fields))
    t.equal(linesOf((await two.from('new')).head), `${fields}Content-Length: 2\r\n`)
  }
})

t.test('cache: private-while-split leaves a route alone that is not split', async t => {
  const route: Settings = { weight: 0, override: {}, cache: 'private-while-split' }
  const two = await twoSides(t, { route })
  const fields = 'Cache-Control: public, max-age=60\r\nCDN-Cache-Control: max-age=600\r\n'
  serveBoth(two, answering(fields))
  const weigh = (percent: number) => two.banyan.api('PUT', '/routes/shop/weight', { percent })
  const isTouched = async ({ from }: TwoSides = two) =>
    linesOf((await from('legacy')).head) !== `${fields}Content-Length: 2\r\n`
  t.notOk(await isTouched(), 'all on legacy')
  await weigh(1)
  t.ok(await isTouched(), 'split')
  await weigh(100)
  t.notOk(await isTouched(), 'all on new')
  await weigh(99)
  t.ok(await isTouched(), 'split again')
  await two.banyan.api('POST', '/rollback', { reason: 'test' })
  t.notOk(await isTouched(), 'rolled back')
  t.equal(await keepable(two), 2, 'counted where it was split')
  // At 0 and 100, too, both sides may answer where something else sends users across.
  const ways: [what: string, way: Settings, touched: boolean][] = [
    ['testers pick a side', { override: { from: ['127.0.0.0/8'] } }, true],
    ['what legacy does not have is asked of new', { otherSideOn: [404] }, true],
    ['legacy covers for new, which nobody is on', { fallback: { on: ['connect'] } }, false],
    ['legacy covers for new', { fallback: { on: ['connect'] }, weight: 100 }, true],
  ]
  for (const [what, way, touched] of ways) {
    const other = await twoSides(t, { route: { ...route, ...way } })
    serveBoth(other, answering(fields))
    t.equal(await isTouched(other), touched, what)
  }
})

// ---- entity tags

const DATE = 'Tue, 15 Nov 1994 12:45:26 GMT'

/** Answers conditions and ranges as RFC 9110, 13 says, of a page with this tag. */
function tagged(tag: string, body: string): Scripted['serve'] {
  const weak = (text: string) => text.replace(/^W\//, '')
  return asked => {
    const listed = (name: string) => valuesOf(asked.head, name).flatMap(value => value.split(/, ?/))
    const validators = `ETag: ${tag}\r\nLast-Modified: ${DATE}\r\n`
    const says = (status: string, part = body) => answering(validators, { status, body: part })(asked)
    const [match, none, range] = [listed('If-Match'), listed('If-None-Match'), valuesOf(asked.head, 'If-Range')]
    if (match.length > 0 && !match.some(one => one === '*' || (one === tag && !tag.startsWith('W/')))) {
      says('412 Precondition Failed', '')
    } else if (none.length > 0) {
      if (none.some(one => one === '*' || weak(one) === weak(tag))) says('304 Not Modified')
      else says('200 OK')
    } else if (valuesOf(asked.head, 'If-Modified-Since')[0] === DATE) says('304 Not Modified')
    else if (
      valuesOf(asked.head, 'Range').length > 0 &&
      (range.length === 0 || range[0] === tag || range[0] === DATE)
    ) {
      says('206 Partial Content', body.slice(2))
    } else says('200 OK')
  }
}

async function withTags(t: Test, tag: string, more: Settings = { etag: 'per-side' }): Promise<TwoSides> {
  const two = await twoSides(t, { route: more })
  for (const side of SIDES) two.sides[side].serve = tagged(tag, `of ${side}`)
  return two
}

async function tagOf({ from }: TwoSides, side: Side): Promise<string> {
  return valuesOf((await from(side)).head, 'ETag')[0] as string
}

for (const tag of ['"v1"', 'W/"v1"', '""']) {
  t.test(`etag: per-side, both sides say ${tag}: each has a tag of its own, and knows only that one again`, async t => {
    const two = await withTags(t, tag)
    const tags = { legacy: await tagOf(two, 'legacy'), new: await tagOf(two, 'new') }
    t.not(tags.legacy, tags.new)
    for (const of of Object.values(tags)) t.equal(of.startsWith('W/'), tag.startsWith('W/'), 'weak stays weak')
    for (const side of SIDES) {
      const other = side === 'legacy' ? 'new' : 'legacy'
      const status = async (fields: string, method = 'GET') => (await two.from(side, '/', fields, method)).status
      const same = await two.from(side, '/', `If-None-Match: ${tags[side]}\r\n`)
      t.equal(same.status, 304)
      t.same(valuesOf(same.head, 'ETag'), [tags[side]], 'a 304 says the same tag')
      t.equal(await status(`If-None-Match: ${tags[side]}\r\n`, 'HEAD'), 304)
      t.equal(await status(`If-None-Match: ${tags[other]}\r\n`), 200, 'of the other side')
      t.equal(await status(`If-None-Match: ${tag}\r\n`), 200, 'from a time before')
      t.equal(await status(`If-None-Match: ${tags[other]}, "x", ${tags[side]}\r\n`), 304, 'in a list')
      t.equal(await status(`If-None-Match: ${tags[other]}\r\nIf-None-Match: ${tags[side]}\r\n`), 304, 'in two fields')
      t.equal(await status('If-None-Match: *\r\n'), 304)
      // Browsers send both. The date is of the other side's page and vouches for nothing here.
      t.equal(await status(`If-Modified-Since: ${DATE}\r\nIf-None-Match: ${tags[other]}\r\n`), 200)
      t.equal(await status(`If-Modified-Since: ${DATE}\r\nIf-None-Match: ${tags[side]}\r\n`), 304)
      t.equal(await status(`If-Modified-Since: ${DATE}\r\n`), 304, 'a date alone is asked')
    }
  })
}

t.test(
  'etag: per-side: a write is for what its author has seen, a range for the page that it is a part of',
  async t => {
    const two = await withTags(t, '"v1"')
    const tags = { legacy: await tagOf(two, 'legacy'), new: await tagOf(two, 'new') }
    for (const side of SIDES) {
      const other = side === 'legacy' ? 'new' : 'legacy'
      const put = async (match: string) => (await two.from(side, '/', `Content-Length: 0\r\n${match}`, 'PUT')).status
      t.equal(await put(`If-Match: ${tags[side]}\r\n`), 200)
      t.equal(await put(`If-Match: ${tags[other]}\r\n`), 412)
      t.equal(await put('If-Match: "v1"\r\n'), 412, 'a tag from a time before may be of either side')
      t.equal(await put(`If-Match: "x", ${tags[other]}, ${tags[side]}\r\n`), 200)
      t.equal(await put('If-Match: *\r\n'), 200)
      const part = (range: string) => two.from(side, '/', `Range: bytes=2-\r\n${range}`)
      t.match(await part(`If-Range: ${tags[side]}\r\n`), { status: 206, body: ` ${side}` })
      t.match(await part(`If-Range: ${tags[other]}\r\n`), { status: 200, body: `of ${side}` })
      t.match(await part(`If-Range: ${DATE}\r\n`), { status: 206 }, 'a date is asked')
    }
  },
)

t.test('etag: keep: tags and conditions cross as they are', async t => {
  const two = await withTags(t, '"v1"', {})
  for (const side of SIDES) {
    t.equal(await tagOf(two, side), '"v1"')
    await two.from(side, '/', `If-None-Match: "a~n",W/"v1"\r\nIf-Modified-Since: ${DATE}\r\nIf-Match: "b~l"\r\n`)
    const { head } = heard(two.sides[side])
    t.same(valuesOf(head, 'If-None-Match'), ['"a~n",W/"v1"'])
    t.same(valuesOf(head, 'If-Modified-Since'), [DATE])
    t.same(valuesOf(head, 'If-Match'), ['"b~l"'])
  }
})
