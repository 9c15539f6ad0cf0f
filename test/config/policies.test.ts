// What a route says about both of its sides: fallback, the other side's turn, caches, leaks. And what `defaults` says for all.
import t from 'tap'
import { planOf, routeWith, twoSided, wordsOf } from './read.ts'

const words = async (route: object, more: object = {}) =>
  (await wordsOf({ ...more, routes: [twoSided(route)] })).map(one => one.replace('/routes/0/', ''))

t.test('off by default', async t => {
  t.match(await routeWith({}), {
    fallback: null,
    otherSideOn: new Set(),
    cache: 'keep',
    etag: 'keep',
    leaks: 'count',
  })
  const { fallback } = await planOf({ backends: { legacy: { url: 'http://l' } }, defaults: { leaks: 'rewrite' } })
  t.match(fallback, { rewrites: { legacy: null, new: null }, fallback: null, otherSideOn: new Set(), leaks: 'count' })
})

t.test('fallback', async t => {
  t.same((await routeWith({ fallback: { on: ['connect', 'timeout', 502, 503] } })).fallback, {
    connect: true,
    timeout: true,
    statuses: new Set([502, 503]),
    methods: new Set(['GET', 'HEAD', 'OPTIONS']),
  })
  t.same((await routeWith({ fallback: { on: [404], methods: ['GET'] } })).fallback, {
    connect: false,
    timeout: false,
    statuses: new Set([404]),
    methods: new Set(['GET']),
  })
  t.same(
    (await routeWith({ fallback: { on: ['connect'], methods: ['GET', 'POST'] } })).fallback?.methods,
    new Set(['GET', 'POST']),
  )
  for (const off of [{}, { on: [] }, { on: [], methods: ['POST'] }, { on: [503], methods: [] }]) {
    t.equal((await routeWith({ fallback: off })).fallback, null)
  }
})

t.test('fallback that is refused', async t => {
  t.same(await words({ fallback: { on: [503], methods: ['GET', 'POST'] } }), [
    'fallback/methods/1 POST may have acted on new before it failed: only a connection that never opened is sure to have changed nothing',
  ])
  t.same(await words({ data: 'separate', fallback: { on: ['connect'], methods: ['PUT', 'HEAD'] } }), [
    'fallback/methods/0 PUT is never asked of the other side: each side has its own data: writes.mode alone says who takes writes',
  ])
  t.same(await words({ fallback: { methods: ['GET'] } }), [
    'fallback/on on is missing: nothing says which failures legacy answers: for example on: [connect, 502, 503, 504]',
  ])
  t.same(await words({ fallback: { on: ['conect', 200, 503.5] } }), [
    'fallback/on/0 not one of the allowed words: did you mean connect?',
    'fallback/on/1 less than 400',
    'fallback/on/2 not one of the allowed words',
  ])
  t.same(await words({ fallback: { on: 503 } }), ['fallback/on must be a list: write [503]'])
  t.same(await words({ fallback: { on: [503], methods: ['get'] } }), [
    'fallback/methods/0 methods are case-sensitive: write GET',
  ])
})

t.test('inherited fallback: off where there is no other side, refused where data is separate', async t => {
  const defaults = { fallback: { on: ['connect'], methods: ['GET', 'POST'] }, otherSideOn: [404] }
  const plan = await planOf({
    defaults,
    routes: [
      twoSided(),
      { id: 'b', match: { path: '/b' }, legacy: 'http://l' },
      { id: 'c', match: { path: '/c' }, new: 'http://n' },
      twoSided({ id: 'd', match: { path: '/d' }, fallback: {}, otherSideOn: [] }),
      twoSided({ id: 'e', match: { path: '/e' }, data: 'separate', fallback: { on: [502] } }),
    ],
  })
  t.same(
    plan.routes.map(route => [route.fallback?.connect ?? null, [...route.otherSideOn]]),
    [
      [true, [404]],
      [null, []],
      [null, []],
      [null, []],
      [false, [404]],
    ],
  )
  t.same(await wordsOf({ defaults, routes: [twoSided({ data: 'separate' })] }), [
    '/routes/0 defaults.fallback asks legacy for a failed POST too, and the data of this route is separate: give the route its own fallback',
  ])
  t.same(await wordsOf({ defaults: { fallback: { on: [503], methods: ['POST'] } } }), [
    '/defaults/fallback/methods/0 POST may have acted on new before it failed: only a connection that never opened is sure to have changed nothing',
  ])
  t.match(await wordsOf({ defaults: { ...defaults, data: 'separate' } }), [
    /^\/defaults\/fallback\/methods\/1 POST is never asked of the other side/,
  ])
})

t.test('the other side, caches, ETags, leaks', async t => {
  t.match(
    await routeWith({ otherSideOn: [404, 410], cache: 'private-while-split', etag: 'per-side', leaks: 'rewrite' }),
    { otherSideOn: new Set([404, 410]), cache: 'private-while-split', etag: 'per-side', leaks: 'rewrite' },
  )
  t.match(await routeWith({ cache: 'keep' }, { defaults: { cache: 'private-while-split', leaks: 'rewrite' } }), {
    cache: 'keep',
    leaks: 'rewrite',
  })
  t.same(await words({ otherSideOn: [200, 500], cache: 'private', etag: 'perside', leaks: true }), [
    'otherSideOn/0 less than 400',
    'otherSideOn/1 more than 499',
    'cache not one of the allowed words',
    'etag not one of the allowed words: did you mean per-side?',
    'leaks not one of the allowed words',
  ])
})

t.test('a route with one side has no other to ask', async t => {
  const oneSided = { id: 'b', match: { path: '/b' }, legacy: 'http://l' }
  t.same(await wordsOf({ routes: [{ ...oneSided, fallback: { on: [503] }, otherSideOn: [404] }] }), [
    '/routes/0/fallback a route with one side has no other: leave it out',
    '/routes/0/otherSideOn a route with one side has no other: leave it out',
  ])
  t.same(await wordsOf({ routes: [{ ...oneSided, fallback: {}, otherSideOn: [] }] }), [])
})
