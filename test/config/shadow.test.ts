// What a configuration says of shadowing: the policy that it compiles to, the forms of its texts, and what is refused.
import fc from 'fast-check'
import t from 'tap'
import { aboutOf } from '../../src/config/about.ts'
import { denyPattern, rise, timeWindow } from '../../src/config/shadow-forms.ts'
import { linesOf, planOf, routeWith, twoSided, wordsOf } from './read.ts'

const shadowOf = async (shadow: object, more: object = {}) => (await routeWith({ shadow, ...more })).shadow

/** Of a route with such a `shadow`; what is not about it comes in by `more`. */
const words = async (shadow: object, more: object = {}) =>
  (await wordsOf({ routes: [twoSided({ shadow, ...more })] })).map(one => one.replace('/routes/0/shadow/', ''))

t.test('off unless there is a percent', async t => {
  t.equal((await routeWith({})).shadow, null)
  for (const off of [{}, { percent: 0 }, { percent: '0%' }, { when: 'beside', mark: true }]) {
    t.equal(await shadowOf(off), null)
  }
  const { fallback } = await planOf({
    backends: { legacy: { url: 'http://l' } },
    defaults: { shadow: { percent: 5 } },
  })
  t.equal(fallback?.shadow, null, 'what no route matches has no other side')
})

t.test('a percent is enough', async t => {
  t.same(await shadowOf({ percent: '2.5%' }), {
    percent: 2.5,
    when: 'after',
    direction: 'both',
    methods: new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY']),
    mark: false,
    cookies: 'none',
    headers: null,
    deny: [],
    denyActions: true,
    caps: { legacy: { concurrent: 4, perSecond: 20 }, new: { concurrent: 64, perSecond: null } },
    stopAboveP95: null,
    window: null,
    timeoutMs: 10_000,
    maxRequestBytes: 65536,
  })
})

t.test('everything said', async t => {
  t.same(
    await shadowOf({
      percent: 100,
      when: 'beside',
      direction: 'new',
      methods: ['GET', 'POST'],
      iKnowThisWrites: true,
      mark: true,
      send: { cookies: ['lang', 'tz'], headers: { set: { 'X-Probe': 'yes' }, remove: ['Referer'] } },
      deny: ['/logout*', '?action=delete', '/admin/*?x=y', '?token'],
      actions: 'ask',
      maxRps: 5,
      maxConcurrent: 2,
      window: 'Mon-Fri 20:00-06:00 Europe/Berlin',
      timeout: '2s',
      maxRequest: '1MiB',
    }),
    {
      percent: 100,
      when: 'beside',
      direction: 'new',
      methods: new Set(['GET', 'POST']),
      mark: true,
      cookies: new Set(['lang', 'tz']),
      headers: { remove: new Set(['referer', 'x-probe']), set: [['X-Probe', 'yes']] },
      deny: [
        { text: '/logout*', path: '/logout*', query: null },
        { text: '?action=delete', path: null, query: { name: 'action', value: 'delete' } },
        { text: '/admin/*?x=y', path: '/admin/*', query: { name: 'x', value: 'y' } },
        { text: '?token', path: null, query: { name: 'token', value: null } },
      ],
      denyActions: false,
      caps: { legacy: { concurrent: 2, perSecond: 5 }, new: { concurrent: 2, perSecond: 5 } },
      stopAboveP95: null,
      window: {
        text: 'Mon-Fri 20:00-06:00 Europe/Berlin',
        days: new Set([1, 2, 3, 4, 5]),
        fromMinute: 1200,
        toMinute: 360,
        zone: 'Europe/Berlin',
      },
      timeoutMs: 2000,
      maxRequestBytes: 2 ** 20,
    },
  )
  t.equal((await shadowOf({ percent: 1, stopAbove: { p95: '+20%' } }))?.stopAboveP95, 0.2)
  t.equal((await shadowOf({ percent: 1, send: { cookies: ['lang'] } }))?.mark, false)
})

t.test('caps: one number for both sides, or one for each', async t => {
  const caps = async (said: object) => (await shadowOf({ percent: 1, ...said }))?.caps
  t.same(await caps({ maxRps: { legacy: 2 }, maxConcurrent: { new: 8 } }), {
    legacy: { concurrent: 4, perSecond: 2 },
    new: { concurrent: 8, perSecond: null },
  })
  t.same(await caps({ maxRps: 'none', maxConcurrent: { legacy: 1, new: 1 } }), {
    legacy: { concurrent: 1, perSecond: null },
    new: { concurrent: 1, perSecond: null },
  })
  t.same(await words({ maxRps: 0, maxConcurrent: 0 }), [
    'maxRps less than 1: for no limit write none',
    'maxConcurrent less than 1',
  ])
  t.same(await words({ maxRps: { old: 1 }, maxConcurrent: { legacy: '4' } }), [
    'maxRps/old unknown key',
    'maxConcurrent/legacy must be a whole number: write 4 without quotes',
  ])
})

t.test('inherited as a whole, replaced as a whole, and dropped where there is no other side', async t => {
  const plan = await planOf({
    defaults: { shadow: { percent: 5, mark: true } },
    routes: [
      twoSided(),
      twoSided({ id: 'b', match: { path: '/b' }, shadow: { percent: 7 } }),
      twoSided({ id: 'c', match: { path: '/c' }, shadow: {} }),
      { id: 'd', match: { path: '/d' }, legacy: 'http://l' },
      { id: 'e', match: { path: '/e' }, new: 'http://n' },
    ],
  })
  t.same(
    plan.routes.map(({ shadow }) => shadow && [shadow.percent, shadow.mark]),
    [[5, true], [7, false], null, null, null],
  )
})

t.test('a route with one side has no other to ask', async t => {
  const oneSided = { id: 'b', match: { path: '/b' }, legacy: 'http://l' }
  t.same(await wordsOf({ routes: [{ ...oneSided, shadow: { percent: 1 } }] }), [
    '/routes/0/shadow a route with one side has no other: leave it out',
  ])
  t.same(await wordsOf({ routes: [{ ...oneSided, shadow: { percent: 0, mark: true } }] }), [])
})

t.test('writes are not asked twice by accident', async t => {
  t.same(await words({ methods: ['GET', 'POST', 'TRACE'] }), [
    'methods/1 POST would happen twice, once on each side: leave it out, or add iKnowThisWrites: true if twice does no harm',
  ])
  t.same(await words({ methods: ['POST', 'PURGE'], iKnowThisWrites: true }), [])
  t.same(await words({ methods: ['PUT'], iKnowThisWrites: true }, { data: 'separate' }), [
    'methods/0 PUT is governed by writes, never shadowed: each side has its own data: writes.mode alone says who takes writes',
  ])
  t.same(await words({ methods: ['put'] }), ['methods/0 methods are case-sensitive: write PUT'])
  t.same(await words({ methods: [] }), ['methods the list is empty'])
  t.same(await words({ iKnowThisWrites: true }), [
    '! iKnowThisWrites no method of the list writes: name it under methods, or leave this out',
  ])
  const defaults = { shadow: { percent: 5, methods: ['GET', 'POST'], iKnowThisWrites: true } }
  t.same(await wordsOf({ defaults, routes: [twoSided({ data: 'separate' })] }), [
    '/routes/0 defaults.shadow asks the other side POST, too, and the data of this route is separate: give the route its own shadow',
  ])
  t.same(await wordsOf({ defaults, routes: [twoSided({ data: 'separate', shadow: {} })] }), [])
  t.same(await wordsOf({ defaults: { ...defaults, data: 'separate' } }), [
    '/defaults/shadow/methods/1 POST is governed by writes, never shadowed: each side has its own data: writes.mode alone says who takes writes',
  ])
})

t.test('what is no mistake, and not what was meant', async t => {
  const sessions =
    '! send/cookies what is asked of legacy bears the sessions of its users: looking may change them: sessions are kept alive, locked or written to by each request that bears them'
  t.same(await words({ percent: 1, send: { cookies: 'all' } }), [sessions])
  t.same(await words({ percent: 1, send: { cookies: 'all' }, direction: 'legacy' }), [sessions])
  t.same(await words({ percent: 1, send: { cookies: 'all' }, direction: 'new' }), [])
  t.same(await words({ send: { cookies: 'all' } }), [], 'it is off')
  t.same(await words({ when: 'beside', direction: 'legacy' }), [
    '! when legacy is always asked after the client has its answer: leave it out',
  ])
  t.same(await words({ stopAbove: { p95: '+20%' }, direction: 'new' }), [
    '! stopAbove it watches legacy, and legacy is never asked here: leave it out, or say direction: both',
  ])
  t.same(await words({ percent: 1 }, { match: { path: '/a', methods: ['POST', 'PUT'] } }), [
    '! /routes/0/shadow nothing is shadowed: the route admits only POST, PUT: shadow.methods are GET, HEAD, OPTIONS, QUERY',
  ])
  t.same(await words({ percent: 1, methods: ['HEAD'] }, { match: { path: '/a', methods: ['GET'] } }), [])
  t.same(await words({ send: { headers: { set: { 'X-A': '1', 'x-a': '2' } } } }), [
    'send/headers/set/x-a this header stands twice, in another case',
  ])
})

t.test('each mistake has its place', async t => {
  const text = `defaults:
  shadow:
    percent: 120
    when: before
    directon: both
    send: { cookies: some, headers: { set: { Authorization: "Bearer x" } } }
    deny: [logout]
    stopAbove: { p95: 20% }
    window: Mon-Fri 8-17
    timeout: 10
    maxRequest: 64kb
proxy:
  shadow: { memory: 1KiB, queue: 0, age: 1s }
`
  t.same(await linesOf(text), [
    '3:14 /defaults/shadow/percent a percent is 0 to 100',
    '4:11 /defaults/shadow/when not one of the allowed words',
    '5:5 /defaults/shadow/directon unknown key',
    '6:22 /defaults/shadow/send/cookies not one of the allowed words',
    '6:61 /defaults/shadow/send/headers/set/Authorization a secret must not stand in the text',
    '7:12 /defaults/shadow/deny/0 a path begins with /, a query with ?',
    '8:23 /defaults/shadow/stopAbove/p95 a rise has a sign and a unit',
    '9:13 /defaults/shadow/window times are from-to, each as HH:MM',
    '10:14 /defaults/shadow/timeout a duration needs its unit',
    '11:17 /defaults/shadow/maxRequest unknown unit of size',
    '13:21 /proxy/shadow/memory out of range: 1MiB to 64GiB',
    '13:34 /proxy/shadow/queue less than 1',
    '13:42 /proxy/shadow/age too short: at least 1m',
  ])
})

t.test('bounds of the process', async t => {
  t.same((await planOf({})).shadow, {
    memoryBytes: 64 * 2 ** 20,
    queue: 1000,
    keepBytes: 16 * 2 ** 20,
    ageMs: 30 * 86_400_000,
  })
  t.same((await planOf({ proxy: { shadow: { memory: '1GiB', queue: 5, keep: '64KiB', age: '90d' } } })).shadow, {
    memoryBytes: 2 ** 30,
    queue: 5,
    keepBytes: 65536,
    ageMs: 90 * 86_400_000,
  })
})

// ---- the forms of texts

/** What is read, or why not, with the hint. */
function said(schema: ReturnType<typeof denyPattern | typeof timeWindow | typeof rise>, text: unknown): unknown {
  const read = schema.safeParse(text)
  if (read.success) return read.data
  const [issue] = read.error.issues as unknown as [{ message: string; params?: { hint: string | null } }]
  return [issue.message, issue.params?.hint].filter(Boolean).join(': ')
}

t.test('what is denied', async t => {
  const deny = (text: string) => said(denyPattern(), text)
  t.match(deny('/log%6fut/../logout*'), { path: '/logout*', query: null }, 'as the matcher sees paths')
  t.match(deny('/a?x='), { path: '/a', query: { name: 'x', value: '' } })
  t.match(deny('?x=a=b'), { path: null, query: { name: 'x', value: 'a=b' } })
  t.match(deny('/*'), { path: '/*' })
  t.equal(deny('logout'), 'a path begins with /, a query with ?: write /logout or ?logout')
  t.equal(deny('/a/*/b'), '* stands only at the end of a path')
  t.equal(deny('/a b'), 'a target has no spaces and no #')
  t.equal(deny('/a#b'), 'a target has no spaces and no #')
  t.equal(deny('/ä'), 'a path is ASCII: write /%C3%A4')
  t.equal(deny('/a?'), 'a query parameter has a name: write ?name or ?name=value')
  t.equal(deny('?=x'), 'a query parameter has a name: write ?name or ?name=value')
  t.equal(deny('?a=1&b=2'), 'one query parameter each: make an entry of each')
  t.equal(deny('?a=*'), 'no * in a query: write ?name for any value of it')
})

t.test('windows', async t => {
  const window = (text: string) => said(timeWindow(), text)
  t.match(window('daily 22:00-05:00'), { days: new Set([0, 1, 2, 3, 4, 5, 6]), zone: 'UTC', fromMinute: 1320 })
  t.match(window('Sat,Sun 00:00-24:00 America/New_York'), { days: new Set([6, 0]), fromMinute: 0, toMinute: 1440 })
  t.match(window('Sat-Mon,Wed 09:30-17:00'), { days: new Set([6, 0, 1, 3]), fromMinute: 570, toMinute: 1020 })
  t.match(window('Mon 09:00-10:00'), { days: new Set([1]) })
  t.match(window('Mon-Mon 09:00-10:00'), { days: new Set([1]) })
  t.equal(window('Mon 10:00-10:00'), 'a window of no length: for the whole day write 00:00-24:00')
  t.equal(window('Mon 10:00-24:30'), 'times are from-to, each as HH:MM: for example 20:00-06:00')
  t.equal(window('Mon 24:00-10:00'), 'times are from-to, each as HH:MM: for example 20:00-06:00')
  t.equal(window('Mon'), 'not a time window: days, times, zone')
  t.equal(window('Mon 09:00-10:00 Berlin'), 'unknown time zone: did you mean Europe/Berlin?')
  t.equal(
    window('Mon 09:00-10:00 Europe/Berlin'.replace('Europe', 'Asia')),
    'unknown time zone: did you mean Europe/Berlin?',
  )
  t.equal(window('Mon 09:00-10:00 Nowhere'), 'unknown time zone: for example Europe/Berlin')
  t.equal(window('Mon 09:00-10:00 '), 'unknown time zone: for example Europe/Berlin')
  const days = 'not days of the week: Mon, Tue, Wed, Thu, Fri, Sat, Sun, as Mon-Fri or Sat,Sun; or daily'
  for (const wrong of ['mon', 'Mon-', '-Fri', 'Mon-Wed-Fri', 'Mon,', 'Montag', '']) {
    t.equal(window(`${wrong} 09:00-10:00`), days, wrong)
  }
  t.equal(window('Mon 09:00-10:00 UTC more'), 'not a time window: days, times, zone')
})

t.test('whatever reads as a window, editors take, and its days are days', t => {
  const day = fc.constantFrom('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun', 'daily', 'mon', '')
  const clock = fc.constantFrom('00:00', '9:00', '09:00', '23:59', '24:00', '12:60')
  const joint = fc.constantFrom(',', '-', ' ')
  const zone = fc.constantFrom('', ' UTC', ' Europe/Berlin', ' +02:00', ' ')
  const inEditors = new RegExp(String(aboutOf(timeWindow()).json?.pattern))
  let read = 0
  fc.assert(
    fc.property(day, joint, day, clock, clock, zone, (one, between, other, from, to, where) => {
      const text = `${one}${between}${other} ${from}-${to}${where}`
      const window = timeWindow().safeParse(text).data
      if (window === undefined) return true
      read++
      return inEditors.test(text) && window.days.size > 0 && [...window.days].every(each => each >= 0 && each <= 6)
    }),
    { numRuns: 2000 },
  )
  t.ok(read > 100, `${read} windows`)
  t.end()
})

t.test('rises', async t => {
  t.equal(said(rise(), '+20%'), 20)
  t.equal(said(rise(), '+1000%'), 1000)
  t.equal(said(rise(), '20%'), 'a rise has a sign and a unit: write +20%')
  t.equal(said(rise(), '+20'), 'a rise has a sign and a unit: write +20%')
  t.equal(said(rise(), '+0%'), 'a rise is +1% to +1000%')
  t.equal(said(rise(), '+1001%'), 'a rise is +1% to +1000%')
  t.equal(said(rise(), '+2.5%'), 'not a rise')
  t.equal(said(rise(), '-20%'), 'not a rise')
})
