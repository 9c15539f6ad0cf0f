// Signed links: which one counts, and that no forged, expired, foreign or repeated one ever does; and that our parameter
// leaves the target without taking a byte of anything else with it.
import fc from 'fast-check'
import t from 'tap'
import { type RequestHead, TOKEN_RESULTS } from '../../src/model/exchange.ts'
import type { Route, Side } from '../../src/model/route.ts'
import { LINK_COOKIE, LINK_PARAM, type Link, seeLinks, signLink, withoutLink } from '../../src/routing/links.ts'
import { createSeal } from '../../src/routing/seal.ts'
import { head, matching, route } from './make.ts'

const SEED = Number(process.env.SEED ?? 20261126)
const NOW = 1_790_000_000_000
const HOUR = 3_600_000

const seal = createSeal('seed', 'link')
const shop = route(0, matching('/*'), { id: 'shop', override: { header: null, links: true } })

function link(more: Partial<Link> = {}, by = seal): string {
  return signLink(by, { unit: 'shop', side: 'new', expiresAt: NOW + HOUR, host: null, ...more })
}

interface Sent {
  readonly query?: string
  readonly header?: string
  readonly cookies?: readonly string[]
  readonly host?: string
}

function see({ query, header, cookies = [], host = 'shop.example' }: Sent, at = NOW, on: Route = shop) {
  const cookie = cookies.map(token => `${LINK_COOKIE}${on.unit}=${token}`).join('; ')
  const headers = [
    ...(header === undefined ? [] : ['X-Banyan-Link', header]),
    ...(cookie === '' ? [] : ['Cookie', `a=1; ${cookie}; b=2`]),
  ]
  const request: RequestHead = head('/', { host, headers })
  return seeLinks(on, request, query === undefined ? null : query, seal, at)
}

const asked = (token: string) => `a=1&${LINK_PARAM}=${token}`

t.test('a genuine link counts in the query, in the header and in the cookie', async t => {
  for (const side of ['legacy', 'new'] as const) {
    const token = link({ side })
    const seen = see({ query: asked(token) })
    t.same(seen, {
      side,
      plan: { token, seconds: 3600 },
      heard: [{ what: 'link', result: 'accepted' }],
    })
    t.match(see({ header: token }), { side, plan: null })
    t.match(see({ cookies: [token] }), { side, plan: null })
    t.match(see({ query: asked(encodeURIComponent(token).replaceAll('.', '%2E')) }), { side, plan: { token } })
  }
  t.same(see({}), { side: null, plan: null, heard: [] })
  t.same(see({ query: 'a=1' }), { side: null, plan: null, heard: [] })
})

t.test('expiry, audience, unit: each in its own word', async t => {
  const result = (token: string, more: Sent = {}, at = NOW) =>
    see({ query: asked(token), ...more }, at).heard[0]?.result
  t.equal(result(link(), {}, NOW + HOUR - 1), 'accepted')
  t.equal(result(link(), {}, NOW + HOUR), 'expired')
  t.equal(result(link({ unit: 'cart' })), 'other_route')
  t.equal(result(link({ unit: 'sho' })), 'other_route')
  t.equal(result(link({ host: 'shop.example' })), 'accepted')
  t.equal(result(link({ host: 'shop.example' }), { host: 'other.example' }), 'other_host')
  t.equal(result(link({ host: 'shop.example' }), { host: '' }), 'other_host')
  t.equal(result(link({ host: 'bücher.example' }), { host: 'bücher.example' }), 'accepted')
  t.equal(result(link({}, createSeal('another seed', 'link'))), 'other_deployment')
  t.equal(result(link({}, createSeal('seed', 'pin'))), 'other_deployment')
  t.equal(result('new'), 'malformed')
  t.equal(result(''), 'malformed')
  t.equal(result('x'.repeat(600)), 'too_large')
  t.equal(
    see({ query: asked(link()) }, NOW + HOUR - 1).plan?.seconds,
    1,
    'the cookie never outlives it by more than a second',
  )
})

t.test('query before header before cookie; a bad one in front hides no good one', async t => {
  const [wanted, other] = [link({ side: 'new' }), link({ side: 'legacy' })]
  const bad = link({ unit: 'cart' })
  const side = (sent: Sent): Side | null => see(sent).side
  t.equal(side({ query: asked(wanted), header: other, cookies: [other] }), 'new')
  t.equal(side({ header: wanted, cookies: [other] }), 'new')
  t.equal(side({ query: asked(bad), header: wanted, cookies: [other] }), 'new')
  t.equal(side({ query: asked(bad), header: bad, cookies: [wanted] }), 'new')
  t.equal(side({ cookies: ['junk', bad, wanted, other] }), 'new', 'several cookies of one name: the first good one')
  t.same(
    see({ query: asked(bad), header: 'junk', cookies: [link({ expiresAt: NOW }), wanted] }).heard.map(
      one => one.result,
    ),
    ['other_route', 'malformed', 'expired', 'accepted'],
    'each that was looked at is counted',
  )
  t.equal(see({ query: asked(bad), cookies: [wanted] }).plan, null, 'and a bad one is not kept')
  t.equal(
    side({ query: `${LINK_PARAM}=${bad}&${LINK_PARAM}=${wanted}` }),
    null,
    'of a repeated parameter the first counts',
  )
})

t.test('off forgets, whatever else is there', async t => {
  t.same(see({ query: `${LINK_PARAM}=off`, header: link(), cookies: [link()] }), {
    side: null,
    plan: { token: '', seconds: 0 },
    heard: [],
  })
  t.equal(see({ query: `${LINK_PARAM}=OFF` }).heard[0]?.result, 'malformed')
  t.equal(see({ header: 'off' }).plan, null, 'it is a word of the parameter alone')
})

t.test(`10,000 forgeries: none is accepted, each is counted (seed ${SEED})`, async t => {
  // Genuine tokens that all do not count here, and one that does: forgers have them all but the last.
  const theirs = [
    link({ unit: 'cart' }),
    link({ unit: 'cart', side: 'legacy' }),
    link({ host: 'other.example' }),
    link({ host: 'x' }),
    link({ expiresAt: NOW - 1_000 }),
    link({ expiresAt: 0 }),
    link({ side: 'legacy', expiresAt: NOW - HOUR }),
    link({}, createSeal('another seed', 'link')),
    link({ host: 'shop.example' }, createSeal('another seed', 'link')),
    createSeal('seed', 'pin').sign('shop', ['n', 'zzzzzzz', '']),
    createSeal('seed', 'pin').sign('', ['n', 'zzzzzzz', '', 'shop']),
  ]
  const good = link()
  const partsOf = (token: string) => token.split('.')
  const nothing = fc.constant('')
  const stolen = fc.constantFrom(...theirs)
  const any = fc.constantFrom(good, ...theirs)
  const at = fc.nat(200)
  const character = fc.constantFrom(...'ABCXYZabcxyz0189-_.%+ =&;é\0')
  const splice = (token: string, position: number, part: string) => {
    const parts = partsOf(token)
    parts[position % parts.length] = part
    return parts.join('.')
  }
  const kinds = {
    'a bit of it': fc
      .tuple(any, at, fc.nat(7))
      .map(([token, i, bit]) =>
        changeAt(token, i, String.fromCharCode(token.charCodeAt(i % token.length) ^ (1 << bit))),
      ),
    'a character of it': fc.tuple(any, at, character).map(([token, i, by]) => changeAt(token, i, by)),
    'fields in another order': fc.tuple(any, at, at).map(([token, i, j]) => {
      const parts = partsOf(token)
      const [a, b] = [i % parts.length, j % parts.length]
      ;[parts[a], parts[b]] = [parts[b] as string, parts[a] as string]
      return parts.join('.')
    }),
    'a field of another genuine one': fc
      .tuple(any, any, at)
      .map(([token, other, i]) => splice(token, i, partsOf(other)[i % partsOf(other).length] as string)),
    'the route, side, expiry or host wanted': fc
      .tuple(stolen, fc.constantFrom([4, 'shop'], [1, 'n'], [1, 'l'], [2, 'zzzzzzz'], [3, ''], [0, partsOf(good)[0]]))
      .map(([token, [i, part]]) => splice(token, i as number, part as string)),
    'all of them at once': stolen.map(token => [...partsOf(good).slice(0, 5), partsOf(token).at(-1)].join('.')),
    'the signature of another': fc
      .tuple(fc.constantFrom('n', 'l'), stolen)
      .map(([side, token]) => [partsOf(good)[0], side, 'zzzzzzz', '', 'shop', partsOf(token).at(-1)].join('.')),
    'a signature made up': fc
      .tuple(fc.constantFrom('n', 'l'), fc.stringMatching(/^[A-Za-z0-9_-]{0,43}$/))
      .map(([side, made]) => [partsOf(good)[0], side, 'zzzzzzz', '', 'shop', made].join('.')),
    truncated: fc.tuple(any, at).map(([token, i]) => token.slice(0, i % token.length)),
    beheaded: fc.tuple(any, at).map(([token, i]) => token.slice(1 + (i % (token.length - 1)))),
    extended: fc.tuple(any, fc.string({ minLength: 1, maxLength: 9 })).map(([token, more]) => token + more),
    'extended beyond all measure': fc
      .tuple(any, fc.integer({ min: 400, max: 9_000 }), fc.constantFrom('x', '.', '='))
      .map(([token, many, by]) => token + by.repeat(many)),
    'set in front of': fc.tuple(any, fc.string({ minLength: 1, maxLength: 9 })).map(([token, more]) => more + token),
    'twice in one': fc.tuple(any, any).map(([token, other]) => token + other),
    'in another case': fc.tuple(any, at).map(([token, i]) => {
      const from = i % token.length
      const upper = token.slice(0, from) + token.slice(from).toUpperCase()
      return upper === token ? token.toLowerCase() : upper
    }),
    'in plain base64': any.map(token =>
      token
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .padEnd(token.length + 1, '='),
    ),
    'in base64 once more': any.map(token => Buffer.from(token).toString('base64url')),
    'percent-encoded twice': any.map(token => encodeURIComponent(encodeURIComponent(token).replaceAll('.', '%2E'))),
    quoted: any.map(token => `"${token}"`),
    'genuine, and of no use here': stolen,
    'the words alone': fc.constantFrom('new', 'legacy', 'n', 'true', '1', 'on', 'n.l.n', '.....', '__proto__', 'null'),
    nothing,
  } satisfies Record<string, fc.Arbitrary<string>>
  const way = fc.constantFrom('query' as const, 'header' as const, 'cookies' as const, 'repeated' as const)
  const reasons: ReadonlySet<string> = new Set(TOKEN_RESULTS)
  const counted = new Map<string, number>()
  let forgeries = 0
  const each = Math.ceil(10_000 / Object.keys(kinds).length) + 60
  for (const [kind, forged] of Object.entries(kinds)) {
    const property = fc.property(forged, way, (token, by) => {
      if (token === good) return
      // What a client cannot send in a field is cut off there by the listener.
      if (by !== 'query' && by !== 'repeated' && /[^\x20-\x7e]|[;,]|^ | $/.test(token)) return
      const sent: Sent =
        by === 'query'
          ? { query: asked(encodeURIComponent(token)) }
          : by === 'repeated'
            ? { query: `${LINK_PARAM}=${encodeURIComponent(token)}&${LINK_PARAM}=${good}` }
            : by === 'header'
              ? { header: token }
              : { cookies: [token, token] }
      const { side, plan, heard } = see(sent)
      if (side !== null || plan !== null) throw new Error(`accepted by ${by}: ${JSON.stringify(token)}`)
      if (heard.length !== (by === 'cookies' ? 2 : 1)) throw new Error(`not counted: ${JSON.stringify(token)}`)
      for (const { what, result } of heard) {
        if (what !== 'link' || result === 'accepted' || !reasons.has(result)) throw new Error(`${what} ${result}`)
        counted.set(result, (counted.get(result) ?? 0) + 1)
      }
      forgeries++
    })
    fc.assert(property, { seed: SEED, numRuns: each, endOnFailure: false })
    t.pass(kind)
  }
  t.ok(forgeries >= 10_000, `${forgeries} forgeries: ${JSON.stringify(Object.fromEntries(counted))}`)
  for (const result of reasons) if (result !== 'accepted') t.ok(counted.has(result), `some were ${result}`)
  t.equal(see({ query: asked(good) }).side, 'new', 'the genuine one counts to the end')
})

t.test(`withoutLink keeps every other byte (seed ${SEED})`, async () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab%=+/?;:.é\xff_'), maxLength: 8 })
  const pair = fc.oneof(
    text,
    fc.tuple(text, text).map(([name, value]) => `${name}=${value}`),
    fc.constantFrom('', 'banyan_sides=1', 'xbanyan_side=1', 'Banyan_Side=1', 'banyan_side.x=1', 'x=banyan_side'),
  )
  const ours = fc.constantFrom(
    'banyan_side',
    'banyan_side=',
    'banyan_side=off',
    `banyan_side=${link()}`,
    'banyan_side=a=b',
  )
  const some = fc.array(fc.oneof({ weight: 3, arbitrary: pair }, { weight: 1, arbitrary: ours.map(one => ({ one })) }))
  fc.assert(
    fc.property(text, fc.option(some, { nil: null }), (path, parts) => {
      const bare = `/${path.replaceAll('?', '')}`
      if (parts === null) return withoutLink(bare) === bare
      const all = parts.map(part => (typeof part === 'string' ? part : part.one))
      const kept = parts.filter(part => typeof part === 'string')
      const target = `${bare}?${all.join('&')}`
      // Without our parameter nothing changes, and with nothing else the question mark goes, too.
      const expected = kept.length === parts.length ? target : kept.length === 0 ? bare : `${bare}?${kept.join('&')}`
      return withoutLink(target) === expected
    }),
    { seed: SEED, numRuns: 5_000 },
  )
})

function changeAt(token: string, at: number, by: string): string {
  const i = at % token.length
  return token.slice(0, i) + by + token.slice(i + 1)
}
