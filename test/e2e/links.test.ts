// Signed links through a real proxy, byte for byte: the tester sees the side from the first page on and for the page's own
// requests, the backends hear nothing of it, and whoever makes one up gets what everybody gets.
import t, { type Test } from 'tap'
import type { Clock } from '../../src/model/units.ts'
import { type Banyan, startBanyan } from './harness.ts'
import { get, metricOf, type Scripted, saying, scripted } from './scripted.ts'
import { answering, heard, valuesOf } from './two-sides.ts'

const HOUR = 3_600_000

interface Scene {
  readonly banyan: Banyan
  readonly legacy: Scripted
  readonly fresh: Scripted
  /** What a link's holder has. */
  link(more?: object, route?: string): Promise<{ readonly query: string; readonly token: string }>
  readonly at: { ms: number }
}

/** Two routes of a group and one alone take links, one does not; nobody is on new. */
async function scene(t: Test, route: object = {}): Promise<Scene> {
  const legacy = await scripted(t, saying('of legacy'))
  const fresh = await scripted(t, saying('of new'))
  const at = { ms: 0 }
  const clock: Clock = { now: () => Date.now() + at.ms, monotonic: () => performance.now() }
  const both = { legacy: 'legacy', new: 'new', data: 'shared' }
  const links = { override: { links: true } }
  const banyan = await startBanyan(
    t,
    {
      backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
      groups: { shop: {} },
      routes: [
        { id: 'page', match: { path: '/page/*' }, ...both, ...links, group: 'shop', ...route },
        { id: 'assets', match: { path: '/assets/*' }, ...both, ...links, group: 'shop' },
        { id: 'cart', match: { path: '/cart/*' }, ...both, ...links },
        { id: 'plain', match: { path: '/plain/*' }, ...both },
      ],
    },
    { clock },
  )
  return {
    banyan,
    legacy,
    fresh,
    at,
    async link(more = {}, of = 'page') {
      const { status, json } = await banyan.api('POST', `/routes/${of}/links`, { side: 'new', for: '1h', ...more })
      if (status !== 200) throw new Error(JSON.stringify(json))
      return { query: json.query, token: json.header.value }
    },
  }
}

/** Cookies that an answer sets: `name=value`, and the attributes. */
function setBy(head: string): { readonly pair: string; readonly attributes: string }[] {
  return valuesOf(head, 'set-cookie').map(text => {
    const [pair = '', ...attributes] = text.split('; ')
    return { pair, attributes: attributes.join('; ') }
  })
}

const counted = ({ banyan }: Scene, result: string, route = 'page') =>
  metricOf(banyan.health, `banyan_tokens_total{route="${route}",what="link",result="${result}"}`)

const refusedIn = async ({ banyan }: Scene) => {
  const { warnings } = (await banyan.api('GET', '/status')).json
  return warnings.filter((one: { code: string }) => one.code === 'token_refused')
}

t.test('by the query: the side at once, a cookie for the page’s own requests, and nothing for the backend', async t => {
  const it = await scene(t)
  const { query, token } = await it.link()
  const first = await get(t, it.banyan.port, `/page/a?x=1&${query}&y=%20`)
  t.match(first, { status: 200, body: 'of new' })
  t.equal(heard(it.fresh).path, '/page/a?x=1&y=%20')
  const [cookie] = setBy(first.head)
  t.match(cookie, {
    pair: `banyan_link_shop=${token}`,
    attributes: /^Max-Age=(3600|3599); Path=\/; HttpOnly; SameSite=Lax$/,
  })

  const fields = `Cookie: a=1; ${cookie?.pair}; b=2\r\n`
  t.equal((await get(t, it.banyan.port, '/page/b', fields)).body, 'of new')
  t.match(heard(it.fresh).head, /\r\nCookie: a=1; b=2\r\n/i)
  const asset = await get(t, it.banyan.port, '/assets/x.js', fields)
  t.equal(asset.body, 'of new', 'another route of the group')
  t.same(setBy(asset.head), [], 'it is kept and not set again')
  for (const path of ['/cart/1', '/plain/1', '/elsewhere']) {
    t.equal((await get(t, it.banyan.port, path, fields)).body, 'of legacy', path)
    t.match(heard(it.legacy).head, /\r\nCookie: a=1; b=2\r\n/i, `${path} hears nothing of it`)
  }
  await get(t, it.banyan.port, '/plain/1', `Cookie: ${cookie?.pair}\r\n`)
  t.notMatch(heard(it.legacy).head, /cookie/i, 'nor of an empty header')
  t.equal((await get(t, it.banyan.port, '/page/b')).body, 'of legacy', 'nobody else is moved')
  t.equal(await counted(it, 'accepted'), 2)
  t.equal(await counted(it, 'accepted', 'assets'), 1)
  t.same(await refusedIn(it), [])
})

t.test('alone in the query: the question mark goes, too', async t => {
  const it = await scene(t)
  const { query } = await it.link()
  await get(t, it.banyan.port, `/page/a?${query}`)
  t.equal(heard(it.fresh).path, '/page/a')
})

t.test('by the header, for tools: the side, no cookie, and nothing for the backend', async t => {
  const it = await scene(t)
  const { token } = await it.link()
  for (const name of ['X-Banyan-Link', 'x-banyan-link', 'X-BANYAN-LINK']) {
    const answer = await get(t, it.banyan.port, '/page/a', `${name}: ${token}\r\nX-Kept: 1\r\n`)
    t.equal(answer.body, 'of new', name)
    t.same(setBy(answer.head), [])
    t.notMatch(heard(it.fresh).head, /banyan-link/i)
    t.match(heard(it.fresh).head, /\r\nX-Kept: 1\r\n/)
  }
  await get(t, it.banyan.port, '/cart/1', `X-Banyan-Link: ${token}\r\n`)
  t.notMatch(heard(it.legacy).head, /banyan-link/i, 'also where it is for another route')
  t.equal(await counted(it, 'other_route', 'cart'), 1)
})

t.test('off: the browser forgets, and this very answer is of legacy', async t => {
  const it = await scene(t)
  const { token } = await it.link()
  const answer = await get(t, it.banyan.port, '/page/a?banyan_side=off&x=1', `Cookie: banyan_link_shop=${token}\r\n`)
  t.equal(answer.body, 'of legacy')
  t.equal(heard(it.legacy).path, '/page/a?x=1')
  t.match(setBy(answer.head), [{ pair: 'banyan_link_shop=', attributes: /^Max-Age=0; Path=\// }])
})

t.test('expiry: by the query and by the cookie, with a clock turned by hand', async t => {
  const it = await scene(t)
  const { query, token } = await it.link()
  const kept = `Cookie: banyan_link_shop=${token}\r\n`
  it.at.ms = HOUR - 60_000
  const late = await get(t, it.banyan.port, `/page/a?${query}`)
  t.equal(late.body, 'of new')
  t.match(setBy(late.head)[0]?.attributes, /^Max-Age=([1-5]?\d|60);/, 'the cookie lives as long as the link')
  it.at.ms = HOUR + 1_000
  t.equal((await get(t, it.banyan.port, `/page/a?${query}`)).body, 'of legacy')
  const byCookie = await get(t, it.banyan.port, '/page/a', kept)
  t.equal(byCookie.body, 'of legacy')
  t.same(setBy(byCookie.head), [])
  t.equal(heard(it.legacy).path, '/page/a')
  t.equal(await counted(it, 'expired'), 2)
  t.match(await refusedIn(it), [
    { route: 'page', message: /links that counted for nothing, twice|2 times|their time was over/ },
  ])
})

t.test('a host: on it and nowhere else', async t => {
  const it = await scene(t)
  const { query } = await it.link({ host: 'Shop.Example' })
  t.equal((await get(t, it.banyan.port, `/page/a?${query}`)).body, 'of new', 'the client says Host: shop.example')
  const other = await it.link({ host: 'other.example' })
  t.equal((await get(t, it.banyan.port, `/page/a?${other.query}`)).body, 'of legacy')
  t.equal(await counted(it, 'other_host'), 1)
})

t.test('forged ones: everybody’s side, stripped all the same, counted by their reason, said in the status', async t => {
  const it = await scene(t)
  const { token } = await it.link()
  const cart = await it.link({}, 'cart')
  const flipped = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
  const cases: Record<string, string> = {
    forged: flipped,
    malformed: 'new',
    too_large: `${token}${'x'.repeat(600)}`,
    other_route: cart.token,
    other_deployment: `AAAA${token.slice(4)}`,
  }
  for (const [result, sent] of Object.entries(cases)) {
    for (const [path, fields] of [
      [`/page/a?banyan_side=${sent}&x=1`, ''],
      ['/page/a?x=1', `X-Banyan-Link: ${sent}\r\n`],
      ['/page/a?x=1', `Cookie: banyan_link_shop=${sent}\r\n`],
    ] as const) {
      const answer = await get(t, it.banyan.port, path, fields)
      t.equal(answer.body, 'of legacy', `${result} ${path.slice(0, 20)}`)
      t.same(setBy(answer.head), [])
      t.equal(heard(it.legacy).path, '/page/a?x=1')
      t.notMatch(heard(it.legacy).head, /banyan/i)
    }
    t.equal(await counted(it, result), 3, result)
  }
  t.equal(await counted(it, 'accepted'), 0)
  t.equal(it.fresh.asked.length, 0)
  t.equal((await refusedIn(it)).length, Object.keys(cases).length, 'each kind is said once')
  t.notOk(JSON.stringify(await refusedIn(it)).includes(token.slice(5, 20)), 'without what was sent')
  const hidden = await get(
    t,
    it.banyan.port,
    `/page/a?banyan_side=${flipped}`,
    `Cookie: x=1; banyan_link_shop=${token}\r\n`,
  )
  t.equal(hidden.body, 'of new', 'a bad one hides no good one')
})

t.test('a page’s requests to other routes carry its link, too: no backend hears of it', async t => {
  const it = await scene(t)
  const { query, token } = await it.link()
  for (const path of ['/plain/1', '/elsewhere', '/cart/1']) {
    const fields = `X-Banyan-Link: ${token}\r\nReferer: https://shop.example/page/a?x=1&${query}\r\n`
    const answer = await get(t, it.banyan.port, `${path}?${query}`, fields)
    t.equal(answer.body, 'of legacy')
    t.same(setBy(answer.head), [])
    const { head } = heard(it.legacy)
    t.notOk(head.includes(token), path)
    t.match(head, /\r\nReferer: https:\/\/shop\.example\/page\/a\?x=1\r\n/, 'and only that is taken out of it')
  }
})

t.test('however the parameter’s name is written', async t => {
  const it = await scene(t)
  const { query } = await it.link()
  t.equal((await get(t, it.banyan.port, `/page/a?${query.replace('_', '%5F')}&y=1`)).body, 'of new')
  t.equal(heard(it.fresh).path, '/page/a?y=1')
})

t.test('where no route takes links, our words cross as all others', async t => {
  const legacy = await scripted(t, saying('of legacy'))
  const banyan = await startBanyan(t, { backends: { legacy: { url: legacy.url } } })
  await get(t, banyan.port, '/a?banyan_side=x', 'X-Banyan-Link: y\r\nReferer: http://a/?banyan_side=z\r\n')
  t.equal(heard(legacy).path, '/a?banyan_side=x')
  t.match(heard(legacy).head, /\r\nX-Banyan-Link: y\r\nReferer: http:\/\/a\/\?banyan_side=z\r\n/)
})

t.test('rollback beats a link, and forgets none', async t => {
  const it = await scene(t)
  const { query, token } = await it.link()
  const kept = `Cookie: banyan_link_shop=${token}\r\n`
  await it.banyan.api('POST', '/routes/page/rollback', {})
  for (const path of [`/page/a?${query}`, '/page/a'])
    t.equal((await get(t, it.banyan.port, path, kept)).body, 'of legacy')
  t.equal(heard(it.legacy).path, '/page/a', 'and it is stripped still')
  await it.banyan.api('POST', '/routes/page/restore', {})
  t.equal((await get(t, it.banyan.port, '/page/a', kept)).body, 'of new')
})

t.test('a link to legacy, on a route where everybody is on new', async t => {
  const it = await scene(t)
  await it.banyan.api('PUT', '/routes/page/weight', { percent: 100 })
  const { query } = await it.link({ side: 'legacy' })
  t.equal((await get(t, it.banyan.port, '/page/a')).body, 'of new')
  t.equal((await get(t, it.banyan.port, `/page/a?${query}`)).body, 'of legacy')
  t.equal((await it.banyan.api('GET', '/routes/page')).json.reasons.override, 1)
  t.equal((await it.banyan.api('GET', '/routes/page')).json.weight.observed, 100, 'it is not in the observed share')
})

t.test('what a shared cache may keep carries no cookie of ours; made private, it does', async t => {
  const it = await scene(t)
  it.fresh.serve = answering('Cache-Control: public, max-age=60\r\n')
  const { query } = await it.link()
  const shared = await get(t, it.banyan.port, `/page/a?${query}`)
  t.same(setBy(shared.head), [])
  t.match(shared.head, /Cache-Control: public, max-age=60/)
  const mine = await scene(t, { cache: 'private-while-split' })
  mine.fresh.serve = answering('Cache-Control: public, max-age=60\r\n')
  const own = await get(t, mine.banyan.port, `/page/a?${(await mine.link()).query}`)
  t.equal(setBy(own.head).length, 1)
  t.match(own.head, /Cache-Control: private/)
})

t.test('an application’s own cookies stay beside ours', async t => {
  const it = await scene(t)
  it.fresh.serve = answering('Set-Cookie: sid=1; Path=/\r\nSet-Cookie: banyan=1\r\n')
  const answer = await get(t, it.banyan.port, `/page/a?${(await it.link()).query}`)
  t.same(
    setBy(answer.head).map(({ pair }) => pair.split('=')[0]),
    ['sid', 'banyan', 'banyan_link_shop'],
  )
  await get(t, it.banyan.port, '/plain/1', 'Cookie: banyan=1; banyan_x=2; xbanyan_id=3\r\n')
  t.match(heard(it.legacy).head, /Cookie: banyan=1; banyan_x=2; xbanyan_id=3\r\n/, 'names that only look like ours')
})

t.test('a rotated seed ends every link', async t => {
  const legacy = await scripted(t, saying('of legacy'))
  const fresh = await scripted(t, saying('of new'))
  const banyan = await startBanyan(t, {
    split: { firstStart: 'declared' },
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
    routes: [
      { id: 'page', match: { path: '/*' }, legacy: 'legacy', new: 'new', data: 'shared', override: { links: true } },
    ],
  })
  const { json } = await banyan.api('POST', '/routes/page/links', { side: 'new', for: '1h' })
  t.equal((await get(t, banyan.port, `/?${json.query}`)).body, 'of new')
  await banyan.api('POST', '/seed/rotate', {})
  t.equal((await get(t, banyan.port, `/?${json.query}`)).body, 'of legacy')
  const again = await banyan.api('POST', '/routes/page/links', { side: 'new', for: '1h' })
  t.equal((await get(t, banyan.port, `/?${again.json.query}`)).body, 'of new')
  const line = 'banyan_tokens_total{route="page",what="link",result="other_deployment"}'
  t.equal(await metricOf(banyan.health, line), 1)
})
