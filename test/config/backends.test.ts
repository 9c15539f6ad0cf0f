// Backends: what may be written of them, what the data path then reads, and what is refused.
import t from 'tap'
import { backendWith, planOf, wordsOf } from './read.ts'

const words = (settings: object) =>
  wordsOf({ backends: { m: { ...(Object.hasOwn(settings, 'urls') ? {} : { url: 'https://m' }), ...settings } } })

t.test('nothing said: as it was before there was a proxy', async t => {
  const backend = await backendWith({})
  t.same(backend, {
    name: 'm',
    origins: ['http://m'],
    host: null,
    timeouts: { connectMs: 5000, headMs: null, idleMs: null, totalMs: null },
    connections: 128,
    tls: { verify: true, ca: null, servername: null, minVersion: null, ciphers: null, legacyRenegotiation: false },
    balance: { kind: 'least' },
    health: null,
    slowStartMs: 0,
    maxConcurrent: null,
    queue: { size: 200, waitMs: 2000 },
    circuit: null,
    retry: { methods: new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']), budgetPercent: 20 },
    wire: {
      accept: new Set(['http-1.0', 'close-delimited', 'unsolicited-100']),
      version: '1.1',
      reuse: true,
      bufferChunked: false,
      bufferBytes: 16_777_216,
    },
  })
})

t.test('several addresses', async t => {
  t.same((await backendWith({ urls: ['http://a:1', 'http://b:80'] })).origins, ['http://a:1', 'http://b'])
  t.same(await words({ urls: ['http://a', 'HTTP://A:80/', 'http://b'] }), [
    '/backends/m/urls/1 the same address as entry 1: remove one of them',
  ])
  t.same(await words({ urls: ['http://a', 'https://b', 'https://c'] }), [
    '/backends/m/urls/1 the addresses of a backend have one scheme, and the first is http: name two backends',
    '/backends/m/urls/2 the addresses of a backend have one scheme, and the first is http: name two backends',
  ])
  t.same(await words({ urls: ['a', 'https://b', 'http://127.0.0.1:8080'] }), [
    '/backends/m/urls/0 not a URL: write http://a',
    '! /backends/m/urls/2 this is our own listener (proxy): requests would go in circles',
    '/backends/m/urls/2 the addresses of a backend have one scheme, and the first is https: name two backends',
  ])
})

t.test('balance', async t => {
  t.same((await backendWith({ balance: 'round' })).balance, { kind: 'round' })
  t.same((await backendWith({ balance: 'cookie:node' })).balance, { kind: 'cookie', name: 'node' })
  const said = async (balance: unknown) => (await words({ balance }))[0]?.replace('/backends/m/balance ', '')
  t.equal(await said('round-robin'), 'not a way to share the load: write round')
  t.equal(await said('leastconn'), 'not a way to share the load: write least')
  t.equal(await said('cookie'), 'not a way to share the load: write cookie:NAME')
  t.equal(await said('toString'), 'not a way to share the load')
  t.equal(await said('cookie:a b'), 'cookie: needs a name: for example cookie:node')
  t.equal(await said('cookie:'), 'cookie: needs a name: for example cookie:node')
  t.equal(await said('cookie:banyan_id'), 'this cookie is our own: for example cookie:node')
  t.equal(await said(5), 'must be a text: write it in quotes: "5"')
})

t.test('health', async t => {
  const probes = { path: '/ping?full', intervalMs: 5000, timeoutMs: 2000, healthyAfter: 2, unhealthyAfter: 3 }
  t.same((await backendWith({ health: '/ping?full' })).health, probes)
  t.same((await backendWith({ health: { path: '/ping?full' } })).health, probes)
  t.same((await backendWith({ health: 'none' })).health, null)
  t.same(
    (await backendWith({ health: { path: '/p', interval: '1s', timeout: '1s', healthy: 1, unhealthy: 9 } })).health,
    { path: '/p', intervalMs: 1000, timeoutMs: 1000, healthyAfter: 1, unhealthyAfter: 9 },
  )
  const said = async (health: unknown) => (await words({ health })).map(one => one.replace('/backends/m/health', ''))
  t.same(await said('ping'), [' a path begins with /: write /ping'])
  t.same(await said('http://m/ping'), [' a path, without scheme and host: the urls of the backend are probed'])
  t.same(await said('/a b'), [' a path begins with /'])
  t.same(await said(true), [' must be a mapping or a text: write it in quotes: "true"'])
  t.same(await said({}), ['/path path is missing'])
  t.same(await said({ path: '/p', intervall: '1s' }), ['/intervall unknown key: did you mean interval?'])
  t.same(await said({ path: '/p', healthy: 0 }), ['/healthy less than 1'])
  t.same(await said({ path: '/p', interval: '1s' }), [
    '/interval a probe may last longer than the time to the next one: the timeout is 2s unless you say another',
  ])
  t.same(await said({ path: '/p', timeout: '6s' }), ['/timeout a probe may last longer than the time to the next one'])
})

t.test('slow start: with probes by itself', async t => {
  t.equal((await backendWith({ health: '/p' })).slowStartMs, 10_000)
  t.equal((await backendWith({ health: '/p', slowStart: '0s' })).slowStartMs, 0)
  t.equal((await backendWith({ slowStart: '1m' })).slowStartMs, 60_000)
  t.same(await words({ slowStart: 5 }), ['/backends/m/slowStart a duration needs its unit: write 5s or 5ms'])
})

t.test('how much it can take', async t => {
  t.match(await backendWith({ maxConcurrent: 120, queue: { size: 0 } }), {
    maxConcurrent: 120,
    queue: { size: 0, waitMs: 2000 },
  })
  const said = async (maxConcurrent: unknown) => await words({ maxConcurrent })
  t.same(await said(0), ['/backends/m/maxConcurrent less than 1: for no limit write none'])
  t.same(await said(1.5), ['/backends/m/maxConcurrent not a whole number'])
  t.same(await said(5e6), ['/backends/m/maxConcurrent more than 1000000'])
  t.same(await said(null), ['/backends/m/maxConcurrent must be a text: nothing stands there'])
  t.same(await words({ maxConcurrent: 5, queue: { size: -1, wait: 'none' } }), [
    '/backends/m/queue/size less than 0',
    '/backends/m/queue/wait not a duration',
  ])
  t.same(await words({ queue: { size: 10 } }), [
    '! /backends/m/queue nobody waits in the queue: maxConcurrent is none: add maxConcurrent: the number of requests that it can take at the same time',
  ])
})

t.test('circuit', async t => {
  t.same((await backendWith({ circuit: {} })).circuit, {
    errorPercent: 50,
    minRequests: 20,
    windowMs: 10_000,
    openMs: 5000,
  })
  t.same((await backendWith({ circuit: { errors: '2.5%', min: 1, window: '1m', open: '250ms' } })).circuit, {
    errorPercent: 2.5,
    minRequests: 1,
    windowMs: 60_000,
    openMs: 250,
  })
  t.equal((await backendWith({ circuit: 'none' })).circuit, null)
  t.same(await words({ circuit: { errors: 0 } }), ['/backends/m/circuit/errors must be above 0'])
  t.same(await words({ circuit: 'on' }), [
    '/backends/m/circuit not one of the allowed words: write {} to take its defaults',
  ])
  t.same(await words({ circuit: { window: '10ms' } }), ['/backends/m/circuit/window too short: at least 1s'])
})

t.test('retry', async t => {
  t.same((await backendWith({ retry: { methods: ['GET', 'PUT'], budget: '5%' } })).retry, {
    methods: new Set(['GET', 'PUT']),
    budgetPercent: 5,
  })
  t.same((await backendWith({ retry: { methods: [] } })).retry.methods, new Set())
  t.same(await words({ retry: { methods: ['GET', 'POST', 'patch', 'get', 'NOTIFY'] } }), [
    '/backends/m/retry/methods/1 a repeated POST may act twice: only the client can know whether to ask again',
    '/backends/m/retry/methods/2 a repeated PATCH may act twice: only the client can know whether to ask again',
    '/backends/m/retry/methods/3 methods are case-sensitive: write GET',
    '/backends/m/retry/methods/4 a repeated NOTIFY may act twice: only the client can know whether to ask again',
  ])
  t.same(await words({ retry: { budget: 101 } }), ['/backends/m/retry/budget a percent is 0 to 100'])
})

t.test('wire: by name only, and the profile says what is no quirk', async t => {
  t.match(
    await backendWith({
      wire: { accept: ['bare-lf'], version: 1.0, reuse: 'never', chunkedRequests: 'buffer', bufferLimit: '1MiB' },
    }),
    {
      wire: {
        accept: new Set(['http-1.0', 'close-delimited', 'unsolicited-100', 'bare-lf']),
        version: '1.0',
        reuse: false,
        bufferChunked: true,
        bufferBytes: 1_048_576,
      },
    },
  )
  for (const [written, version] of [
    ['1.1', '1.1'],
    [1.1, '1.1'],
    ['1.0', '1.0'],
  ]) {
    t.equal((await backendWith({ wire: { version: written } })).wire.version, version)
  }
  const strict = { profile: 'standard' }
  t.same((await backendWith({}, strict)).wire.accept, new Set())
  t.same((await backendWith({ wire: { accept: ['http-1.0'] } }, strict)).wire.accept, new Set(['http-1.0']))
  t.same(await words({ wire: { accept: ['bare-cr', 'barelf'], version: 2, reuse: false } }), [
    '/backends/m/wire/accept/0 not one of the allowed words: did you mean bare-lf?',
    '/backends/m/wire/accept/1 not one of the allowed words: did you mean bare-lf?',
    '/backends/m/wire/version not a version that is spoken to backends',
    '/backends/m/wire/reuse not one of the allowed words',
  ])
})

t.test('TLS that is weaker than it could be is loud', async t => {
  t.match(
    await backendWith({ tls: { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0', legacyRenegotiation: true } }),
    {
      tls: { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0', legacyRenegotiation: true },
    },
  )
  t.same(await words({ tls: { minVersion: 'TLSv1.3' } }), [])
  t.same(await words({ tls: { minVersion: 'TLSv1.1', legacyRenegotiation: true } }), [
    '! /backends/m/tls/minVersion TLSv1.1 is broken: who stands in between can attack it: OpenSSL speaks it only with ciphers: DEFAULT@SECLEVEL=0',
    '! /backends/m/tls/legacyRenegotiation renegotiation without RFC 5746: who stands in between can put requests in front of ours',
  ])
  t.same(await words({ tls: { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } }), [
    '! /backends/m/tls/minVersion TLSv1 is broken: who stands in between can attack it',
    '! /backends/m/tls/ciphers ciphers of your own choice: Node’s list no longer keeps weak ones out',
  ])
  t.same(await words({ tls: { minVersion: 'SSLv3', ciphers: 'nope' } }), [
    '/backends/m/tls/minVersion not one of the allowed words',
    '/backends/m/tls/ciphers not a list of ciphers: no cipher has such a name: `openssl ciphers -v` names them',
  ])
})

t.test('a side says some of it anew', async t => {
  const plan = await planOf({
    backends: {
      m: {
        urls: ['https://a', 'https://b'],
        health: '/ping',
        maxConcurrent: 10,
        queue: { size: 5, wait: '1s' },
        circuit: {},
        retry: { methods: ['GET'], budget: 1 },
        wire: { accept: ['bare-lf'], reuse: 'never' },
        tls: { ciphers: 'DEFAULT@SECLEVEL=0' },
      },
    },
    routes: [
      { id: 'a', match: { path: '/a' }, legacy: 'm' },
      {
        id: 'b',
        match: { path: '/b' },
        legacy: {
          backend: 'm',
          health: 'none',
          circuit: 'none',
          maxConcurrent: 'none',
          balance: 'round',
          queue: { size: 7 },
          retry: { budget: 2 },
          wire: { version: '1.0' },
          tls: { minVersion: 'TLSv1' },
        },
      },
      { id: 'c', match: { path: '/c' }, legacy: { backend: 'm' } },
      { id: 'd', match: { path: '/d' }, legacy: { url: 'http://d', maxConcurrent: 3 } },
    ],
  })
  const [a, b, c, d] = plan.routes.map(route => route.sides.legacy)
  t.equal(a, c, 'the same service is one object')
  t.match(a, { origins: ['https://a', 'https://b'], maxConcurrent: 10, slowStartMs: 10_000 })
  t.match(b, {
    name: 'm',
    origins: ['https://a', 'https://b'],
    health: null,
    circuit: null,
    maxConcurrent: null,
    balance: { kind: 'round' },
    slowStartMs: 0,
    queue: { size: 7, waitMs: 1000 },
    retry: { methods: new Set(['GET']), budgetPercent: 2 },
    wire: {
      accept: new Set(['http-1.0', 'close-delimited', 'unsolicited-100', 'bare-lf']),
      version: '1.0',
      reuse: false,
    },
    tls: { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1' },
  })
  t.match(d, { name: 'http://d', origins: ['http://d'], maxConcurrent: 3 })
})

t.test('mistakes of a side’s own words; a queue counts with the backend’s limit', async t => {
  const side = (legacy: object, m: object = {}) =>
    wordsOf({
      backends: { m: { url: 'http://m', ...m } },
      routes: [{ id: 'a', match: { path: '/a' }, legacy: { backend: 'm', ...legacy } }],
    })
  t.same(await side({ queue: { size: 1 } }, { maxConcurrent: 5 }), [])
  t.match(await side({ queue: { size: 1 } }), [/^! \/routes\/0\/legacy\/queue nobody waits/])
  t.match(await side({ tls: { ciphers: 'nope' } }), [/^\/routes\/0\/legacy\/tls\/ciphers not a list of ciphers/])
  t.same(await side({ tls: { minVersion: 'TLSv1' } }, { tls: { ciphers: 'ALL@SECLEVEL=0' } }), [
    '! /backends/m/tls/ciphers ciphers of your own choice: Node’s list no longer keeps weak ones out',
    '! /routes/0/legacy/tls/minVersion TLSv1 is broken: who stands in between can attack it',
  ])
  t.match(await side({ balance: 'cookie:banyan_id' }), [/^\/routes\/0\/legacy\/balance this cookie is our own/])
})

t.test('both sides of several addresses: the same only if all of them are', async t => {
  const sides = (a: string[], b: string[]) =>
    wordsOf({
      backends: { a: { urls: a }, b: { urls: b } },
      routes: [{ id: 'a', match: { path: '/a' }, legacy: 'a', new: 'b', data: 'shared' }],
    })
  t.same(await sides(['http://a', 'http://b'], ['http://a', 'http://c']), [])
  t.same(await sides(['http://a', 'http://b'], ['http://a', 'http://b']), [
    '! /routes/0/new both sides are the same address',
  ])
})
