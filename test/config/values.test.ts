// How values are read, and that what is shown reads as the same value again.
import { hostname, networkInterfaces } from 'node:os'
import fc from 'fast-check'
import t from 'tap'
import { z } from 'zod'
import {
  type Address,
  address,
  addressOrNone,
  answersAt,
  backendReference,
  backendUrl,
  hostPattern,
  hostPolicy,
  network,
} from '../../src/config/addresses.ts'
import { balance, httpVersion, probePath, probePathOrNone, repeatable } from '../../src/config/backend-forms.ts'
import { defaultTarget, method, pathPattern, stickySource, valuePattern } from '../../src/config/patterns.ts'
import { store } from '../../src/config/store-form.ts'
import {
  countOrNone,
  duration,
  durationOrNone,
  percent,
  rate,
  share,
  size,
  sizeOrNone,
} from '../../src/config/values.ts'

const SEED = Number(process.env.SEED ?? 4711)

const GOOD: readonly (readonly [z.ZodType, unknown, unknown])[] = [
  [duration(), '250ms', 250],
  [duration(), '0s', 0],
  [duration(), '1.5s', 1500],
  [duration(), '5m', 300_000],
  [duration(), '2h', 7_200_000],
  [duration(), '7d', 604_800_000],
  [durationOrNone(), 'none', null],
  [size(1, 2 ** 30), '512B', 512],
  [size(1, 2 ** 30), '64KiB', 65_536],
  [size(1, 2 ** 30), '1.5MiB', 1_572_864],
  [sizeOrNone(), 'none', null],
  [percent(), 5, 5],
  [percent(), '5', 5],
  [percent(), '5%', 5],
  [percent(), 0.01, 0.01],
  [percent(), '99.99%', 99.99],
  [percent(), 100, 100],
  [share(), '0.01%', 0.01],
  [countOrNone(10), 10, 10],
  [countOrNone(10), '1', 1],
  [countOrNone(10), 'none', null],
  [rate(), '100B', 100],
  [rate(), 'none', 0],
  [balance(), 'least', { kind: 'least' }],
  [balance(), 'cookie:node', { kind: 'cookie', name: 'node' }],
  [probePath(), '/a?b=c&d', '/a?b=c&d'],
  [probePathOrNone(), 'none', null],
  [repeatable(), 'DELETE', 'DELETE'],
  [httpVersion(), 1, '1.0'],
  [httpVersion(), 1.1, '1.1'],
  [address(), ':8080', { host: '0.0.0.0', port: 8080 }],
  [address(), '127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  [address(), '[::1]:8080', { host: '::1', port: 8080 }],
  [address(), 'my-host.local:80', { host: 'my-host.local', port: 80 }],
  [addressOrNone(), 'none', null],
  [network(), '10.0.0.0/8', '10.0.0.0/8'],
  [network(), 'fd00::/8', 'fd00::/8'],
  [network(), '192.0.2.7', '192.0.2.7'],
  [backendUrl(), 'http://10.0.0.5:3001', 'http://10.0.0.5:3001'],
  [backendUrl(), 'HTTPS://Example.com:443/', 'https://example.com'],
  [backendUrl(), 'http://[::1]:80', 'http://[::1]'],
  [backendUrl(), 'http://my_service:3000', 'http://my_service:3000'],
  [backendReference(), 'mono', 'mono'],
  [backendReference(), 'http://a:80', 'http://a'],
  [hostPattern(), '*.Example.com', '*.example.com'],
  [hostPattern(), '10.0.0.1', '10.0.0.1'],
  [hostPattern(), '[::1]', '[::1]'],
  [hostPolicy(), 'preserve', 'preserve'],
  [hostPolicy(), 'legacy.example.com:8080', 'legacy.example.com:8080'],
  [pathPattern(), '/', '/'],
  [pathPattern(), '/*', '/*'],
  [pathPattern(), '/a//b', '/a//b'],
  [pathPattern(), '/v1:batch/.well-known', '/v1:batch/.well-known'],
  [pathPattern(), '/%7Euser/%c3%bc', '/~user/%C3%BC'],
  [method(), 'M-SEARCH', 'M-SEARCH'],
  [valuePattern(), 'present', { kind: 'present', value: '' }],
  [valuePattern(), 'prefix:ab', { kind: 'prefix', value: 'ab' }],
  [valuePattern(), '', { kind: 'exact', value: '' }],
  [stickySource(), 'header:X-User-Id', { kind: 'header', name: 'x-user-id' }],
  [stickySource(), 'jwt:realm.sub:x', { kind: 'jwt', name: 'realm.sub:x' }],
  [stickySource(), 'ip', { kind: 'ip' }],
  [defaultTarget(), 404, 404],
  [defaultTarget(), '404', 404],
  [defaultTarget(), 'legacy', 'legacy'],
  [store(), 'memory:', { kind: 'memory' }],
  [store(), 'memory', { kind: 'memory' }],
  [store(), 'sqlite:/var/lib/b.db', { kind: 'sqlite', path: '/var/lib/b.db' }],
  [store(), 'postgres://db/banyan', { kind: 'postgres', url: 'postgres://db/banyan' }],
]

t.test('good values, and back to the words of the file', async t => {
  for (const [schema, text, value] of GOOD) {
    t.strictSame(schema.parse(text), value, String(text))
    t.strictSame(schema.parse(z.encode(schema, value)), value, `${String(text)} shown`)
  }
})

const BAD: readonly (readonly [z.ZodType, unknown])[] = [
  ...['', '5', 's', '-5s', '5S', '1e3s', '5 s', '5s5', 'none', '0.0001ms', null, true, [], {}].map(
    text => [duration(), text] as const,
  ),
  ...['', '64', '64KB', '64kib', '-1KiB', '0.1B'].map(text => [size(1, 2 ** 30), text] as const),
  ...['', '%', 'a', '1e1', '5%%', Number.NaN, Number.POSITIVE_INFINITY, 100.01, -0.01, '+5'].map(
    text => [percent(), text] as const,
  ),
  ...['', '0', '0.0', 0, '100.01'].map(text => [share(), text] as const),
  ...['', '0', '11', '-1', '1.5', 'None', '1e3', null, true].map(text => [countOrNone(10), text] as const),
  ...['', '0B', '100', '1B/s', 'off'].map(text => [rate(), text] as const),
  ...['', 'Least', 'cookie:', 'cookie:a=b', 'cookie:a;b'].map(text => [balance(), text] as const),
  ...['', 'a', '/a b', '/a#b', '/ü', '/a\n'].map(text => [probePath(), text] as const),
  ...['', 'POST', 'PATCH', 'get', 'CONNECT', 'G T'].map(text => [repeatable(), text] as const),
  ...['', '2', 2, '1.', 'HTTP/1.1'].map(text => [httpVersion(), text] as const),
  ...['', ':', 'a', 'a:b', 'a:1:2', '[::1', '::1:80', '[a]:1', ' :80', 'a b:80', 'none'].map(
    text => [address(), text] as const,
  ),
  ...['', '10.0.0.0/', '10.0.0/8', '::/129', '1.2.3.4/8/8', 'fe80::1%eth0', 'localhost'].map(
    text => [network(), text] as const,
  ),
  ...[
    'http://',
    'http:///',
    'http:a',
    'http://a\\b',
    'http://a b',
    'http://a?x',
    'http://a#x',
    'http://u@a',
    'http://a:99999',
  ].map(text => [backendUrl(), text] as const),
  ...['', 'a', '/a\n', '/\u007f', '/a#b'].map(text => [pathPattern(), text] as const),
  ...['', '*', 'a..b', '-a', 'a b', '*.', 'a/b'].map(text => [hostPattern(), text] as const),
  ...['', 'GE T', 'CONNECT', 'get'].map(text => [method(), text] as const),
  ...['', 'header:', 'header:a b', 'auto:x', 'toString', 'path'].map(text => [stickySource(), text] as const),
]

t.test('bad values', async t => {
  for (const [schema, text] of BAD) t.equal(schema.safeParse(text).success, false, JSON.stringify(text))
})

t.test('any value that is shown reads as itself', async t => {
  const same = <T>(schema: z.ZodType<T>, values: fc.Arbitrary<T>) =>
    fc.assert(
      fc.property(values, value => {
        t.strictSame(schema.parse(z.encode(schema, value)), value)
      }),
      { seed: SEED, numRuns: 100 },
    )
  same(duration(), fc.integer({ min: 0, max: 2 ** 31 - 1 }))
  same(size(0, 2 ** 40), fc.integer({ min: 0, max: 2 ** 40 }))
  same(
    percent(),
    fc.integer({ min: 0, max: 10_000 }).map(hundredths => hundredths / 100),
  )
  same<Address>(
    address(),
    fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535)).map(([host, port]) => ({ host, port })),
  )
})

t.test('which address answers for which', async t => {
  const all = { host: '0.0.0.0', port: 80 }
  const loopback = { host: '127.0.0.1', port: 80 }
  t.equal(answersAt(all, 'localhost', 80), true)
  t.equal(answersAt(all, '127.0.0.1', 80), true)
  t.equal(answersAt(all, '127.0.0.1', 81), false)
  t.equal(answersAt(all, '203.0.113.1', 80), false, 'another machine')
  for (const { address } of Object.values(networkInterfaces()).flatMap(list => list ?? [])) {
    t.equal(answersAt(all, address, 80), true, `our own ${address}`)
    t.equal(answersAt({ host: '203.0.113.1', port: 80 }, address, 80), false, `one listener, and not at ${address}`)
  }
  t.equal(answersAt(all, hostname(), 80), true, 'our own name')
  for (const listen of [all, loopback, { host: 'localhost', port: 80 }, { host: '::ffff:127.0.0.1', port: 80 }]) {
    for (const host of ['127.0.0.1', '::ffff:7f00:1', '::ffff:127.0.0.1', '0:0:0:0:0:ffff:7f00:1', 'LocalHost.'])
      t.equal(answersAt(listen, host, 80), true, `${listen.host} at ${host}`)
  }
  t.equal(answersAt(loopback, '127.0.0.2', 80), false)
  t.equal(answersAt({ host: 'fe80::1%eth0', port: 80 }, 'fe80::1', 80), true)
  t.equal(answersAt(loopback, 'localhost', 80), true)
  t.equal(answersAt(loopback, '0.0.0.0', 80), true)
  t.equal(answersAt({ host: '127.0.0.1', port: 0 }, '127.0.0.1', 0), false)
})
