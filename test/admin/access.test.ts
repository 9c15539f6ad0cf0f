// Access by itself: Host and Origin, what a scope includes, expiry, and patience that is bounded in time and memory.
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { type AccessParts, bearerOf, createAccess, createSecret, hashOf, requireScope } from '../../src/admin/access.ts'
import type { Scope, Token } from '../../src/model/control.ts'
import { SCOPES } from '../../src/model/control.ts'
import type { BanyanError } from '../../src/model/errors.ts'
import { PLAN } from '../control/make.ts'

function token(secret: string, more: Partial<Token> = {}): Token {
  const scopes: readonly Scope[] = ['read']
  return {
    id: `tok-${secret}`,
    name: secret,
    hash: hashOf(secret),
    scopes,
    routes: null,
    createdAt: 0,
    expiresAt: null,
    ...more,
  }
}

function make(more: Partial<AccessParts> = {}) {
  const time = { ms: 1_000_000 }
  const clock = { now: () => time.ms, monotonic: () => time.ms }
  const access = createAccess({
    clock,
    tokens: () => [],
    environmentToken: null,
    hosts: [],
    seed: () => 'seed',
    behindTls: false,
    ...more,
  })
  return { access, time }
}

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return (error as BanyanError).code
  }
  return 'passed'
}

const from = (headers: Record<string, string | undefined>) =>
  ({ headers, raw: { rawHeaders: Object.entries(headers).flat() } }) as unknown as FastifyRequest

t.test('Host: its name without the port, in any case', async t => {
  const { access } = make({ hosts: ['ops.example.com'] })
  const check = (host: string | undefined) => codeOf(() => access.checkOrigin(from({ host })))
  for (const host of [
    'localhost',
    'localhost:1',
    'LocalHost',
    '127.0.0.1:99',
    '[::1]',
    '[::1]:99',
    'ops.example.com:443',
  ]) {
    t.equal(check(host), 'passed', host)
  }
  const others = [
    undefined,
    '',
    ':80',
    '::1',
    '[::2]',
    '127.0.0.2',
    'ops.example.com.',
    'a.ops.example.com',
    'localhost:80:x.evil',
    'localhost:evil',
    'localhost:65536',
    'localhost:80.evil',
  ]
  for (const host of others) t.equal(check(host), 'wrong_host', `${host}`)
})

t.test('Origin: the own one or none', async t => {
  const { access } = make({ hosts: ['ops.example.com'] })
  const check = (headers: Record<string, string>) =>
    codeOf(() => access.checkOrigin(from({ host: 'ops.example.com', ...headers })))
  const passing = [
    {},
    { origin: 'https://ops.example.com' },
    { origin: 'http://OPS.example.com' },
    { 'sec-fetch-site': 'same-origin' },
  ]
  for (const headers of passing) t.equal(check(headers), 'passed', JSON.stringify(headers))
  const refused = [
    { origin: 'null' },
    { origin: '' },
    { origin: 'https://evil.example' },
    { origin: 'https://ops.example.com:8443' },
    { origin: 'https://ops.example.com.evil.example' },
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://ops.example.com', 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of refused) t.equal(check(headers), 'forbidden_origin', JSON.stringify(headers))
})

t.test('Authorization: one scheme, one token', async t => {
  t.equal(bearerOf('Bearer abc'), 'abc')
  t.equal(bearerOf('bearer   abc'), 'abc')
  for (const text of [
    undefined,
    '',
    'abc',
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Basic abc',
    ' Bearer abc',
    `Bearer ${'x'.repeat(513)}`,
  ]) {
    t.equal(bearerOf(text), null, `${text?.slice(0, 20)}`)
  }
})

t.test('secrets: known to scanners, never the same', async t => {
  const secrets = new Set(Array.from({ length: 100 }, createSecret))
  t.equal(secrets.size, 100)
  for (const secret of secrets) t.match(secret, /^bny_[\w-]{43}$/)
})

t.test('a token is found by its hash, wherever it stands; a damaged hash matches nothing', async t => {
  const tokens = [token('a'), token('b', { hash: 'zz' }), token('c', { hash: '' }), token('d')]
  const { access } = make({ tokens: () => tokens, environmentToken: hashOf('e') })
  for (const secret of ['a', 'd']) t.equal(access.authenticate(secret, '1').name, secret)
  t.match(access.authenticate('e', '1'), { tokenId: 'env', name: 'environment', routes: null })
  for (const secret of ['b', 'c', '', 'zz', hashOf('a')]) {
    t.equal(
      codeOf(() => access.authenticate(secret, '2')),
      'unauthorized',
      secret,
    )
  }
})

t.test('a scope includes what its name promises', async t => {
  const includes: Record<Scope, string> = {
    read: 'read',
    bodies: 'read bodies',
    operate: 'read operate rollback',
    rollback: 'read rollback',
    admin: 'read bodies operate rollback admin',
  }
  for (const scope of SCOPES) {
    const { access } = make({ tokens: () => [token('a', { scopes: [scope] })] })
    const caller = access.authenticate('a', '1')
    t.equal(SCOPES.filter(one => caller.may(one)).join(' '), includes[scope], scope)
  }
})

t.test('expiry: valid until the moment, not at it', async t => {
  const { access, time } = make({ tokens: () => [token('a', { expiresAt: 1_000_500 })] })
  time.ms = 1_000_499
  t.equal(access.authenticate('a', '1').name, 'a')
  time.ms = 1_000_500
  t.equal(
    codeOf(() => access.authenticate('a', '1')),
    'unauthorized',
  )
})

t.test('routes: what changes a group needs all of it, what reads needs the one', async t => {
  const reach = (routes: string[]) => {
    const { access } = make({ tokens: () => [token('a', { scopes: ['admin'], routes })] })
    const caller = access.authenticate('a', '1')
    return (scope: Scope, route: string | null) => codeOf(() => requireScope(caller, scope, route, PLAN))
  }
  const cart = reach(['cart'])
  t.equal(cart('operate', 'cart'), 'forbidden')
  t.equal(cart('rollback', 'cart'), 'forbidden')
  t.equal(cart('read', 'cart'), 'passed')
  t.equal(cart('read', 'pay'), 'forbidden')
  t.equal(cart('read', null), 'forbidden')
  t.equal(cart('admin', null), 'forbidden')
  t.equal(cart('read', 'nowhere'), 'forbidden', 'it is not told what there is')
  const both = reach(['cart', 'pay'])
  t.equal(both('operate', 'cart'), 'passed')
  t.equal(both('operate', 'orders'), 'forbidden')
  t.equal(reach([])('read', 'orders'), 'forbidden', 'limited to no route')
})

t.test('patience: ten a minute for one address, then 429 until the minute is over', async t => {
  const { access, time } = make({ tokens: () => [token('a')] })
  const wrong = (address: string) => codeOf(() => access.authenticate('x', address))
  for (let i = 0; i < 10; i++) t.equal(wrong('1'), 'unauthorized')
  t.equal(wrong('1'), 'throttled')
  t.equal(
    codeOf(() => access.authenticate(null, '1')),
    'throttled',
  )
  t.equal(access.authenticate('a', '1').name, 'a', 'a right one passes')
  t.equal(wrong('2'), 'unauthorized')
  time.ms += 45_000
  const error = await Promise.resolve()
    .then(() => access.authenticate('x', '1'))
    .catch(error => error)
  t.equal(error.details.retryAfter, 15)
  time.ms += 15_001
  t.equal(wrong('1'), 'unauthorized')
})

t.test(
  'patience with all together: beyond it nobody new is told more than 429, while a right token passes',
  async t => {
    const told: string[] = []
    const failedLogin = (reason: string, throttled: boolean) => told.push(`${reason}${throttled ? ' 429' : ''}`)
    const { access, time } = make({ tokens: () => [token('a'), token('b', { expiresAt: 5 })], failedLogin })
    const wrong = (address: string, secret: string | null = 'x') => codeOf(() => access.authenticate(secret, address))
    for (let i = 0; i < 299; i++) t.equal(wrong(`10.0.${i >> 7}.${i & 127}`), 'unauthorized')
    t.equal(wrong('10.1.0.1', null), 'unauthorized')
    t.equal(wrong('10.1.0.2'), 'throttled')
    t.equal(wrong('10.1.0.3', 'b'), 'throttled')
    t.equal(access.authenticate('a', '10.1.0.2').name, 'a')
    t.same(told.slice(-4), ['wrong', 'absent', 'wrong 429', 'expired 429'], 'each is told, for a metric')
    time.ms += 60_001
    t.equal(wrong('10.1.0.2'), 'unauthorized')
  },
)

t.test('an IPv6 host has 2^64 addresses and one patience; so has an IPv4 one in either writing', async t => {
  const { access } = make()
  const wrong = (address: string) => codeOf(() => access.authenticate(null, address))
  for (let i = 0; i < 10; i++) t.equal(wrong(`2001:db8:0:1::${i.toString(16)}`), 'unauthorized')
  for (const same of ['2001:db8:0:1:ffff::', '2001:db8::1:1:2:3:4', '2001:0db8:0000:0001::9']) {
    t.equal(wrong(same), 'throttled', same)
  }
  for (const other of ['2001:db8:0:2::1', '2001:db8::', '::1']) {
    t.equal(wrong(other), 'unauthorized', other)
  }
  for (let i = 0; i < 10; i++) t.equal(wrong(i % 2 === 0 ? '::ffff:192.0.2.7' : '192.0.2.7'), 'unauthorized')
  t.equal(wrong('192.0.2.7'), 'throttled')
})

t.test('addresses that are remembered are bounded: the longest unseen are forgotten', async t => {
  for (const [others, expected] of [
    [100, 'throttled'],
    [10_000, 'unauthorized'],
  ] as const) {
    const { access, time } = make()
    const wrong = (address: string) => codeOf(() => access.authenticate(null, address))
    wrong('somebody')
    time.ms += 50_000
    for (let i = 0; i < 10; i++) wrong('guesser')
    t.equal(wrong('guesser'), 'throttled')
    for (let i = 0; i < others; i++) wrong(`2001:db9:${i.toString(16)}::1`)
    // The minute of all together is over, that of the guesser is not.
    time.ms += 10_001
    t.equal(wrong('guesser'), expected, `${others} others`)
  }
})

t.test('when a token was last shown', async t => {
  const { access, time } = make({ tokens: () => [token('a')], environmentToken: hashOf('e') })
  t.equal(access.lastUsed('tok-a'), null)
  access.authenticate('a', '1')
  const first = time.ms
  time.ms += 5
  codeOf(() => access.authenticate('wrong', '1'))
  t.equal(access.lastUsed('tok-a'), first)
  access.authenticate('e', '1')
  t.equal(access.lastUsed('env'), first + 5)
})

t.test('a person behind the proxy: what they have opened ends after a while, unlike a token’s', async t => {
  const auth = {
    trustHeader: { user: 'x-user', from: ['10.0.0.7'], secret: null },
    groups: {},
    users: {},
    everyone: ['read'],
  } as const
  const { access, time } = make({ tokens: () => [token('a')], auth })
  const request = (headers: Record<string, string>) =>
    ({
      ...from(headers),
      raw: { headers, rawHeaders: Object.entries(headers).flat() },
      ip: '10.0.0.7',
      method: 'GET',
    }) as unknown as FastifyRequest
  const person = access.admit(request({ 'x-user': 'ann' }))
  const machine = access.admit(request({ 'x-user': 'ann', authorization: 'Bearer a' }))
  t.same([person.name, machine.name], ['sso:ann', 'a'])
  time.ms += 15 * 60_000 - 1
  t.ok(access.holds(person))
  time.ms += 1
  t.notOk(access.holds(person))
  t.ok(access.holds(machine))
  t.equal(
    codeOf(() => access.admit(request({ authorization: 'bearer' }))),
    'unauthorized',
  )
})

t.test('two Authorization: neither is believed, and no way in is left', async t => {
  const { access } = make({ tokens: () => [token('a'), token('b')] })
  const admit = (...fields: readonly string[]) => {
    const rawHeaders = fields.flatMap(text => [fields.indexOf(text) === 0 ? 'Authorization' : 'AUTHORIZATION', text])
    // Node gives the first one, and says nothing of the others.
    const headers = { authorization: fields[0] }
    return codeOf(() => access.admit({ headers, raw: { headers, rawHeaders }, ip: '1' } as unknown as FastifyRequest))
  }
  t.equal(admit('Bearer a'), 'passed')
  for (const second of ['Bearer b', 'Bearer wrong', 'Basic abc', '']) {
    t.equal(admit('Bearer a', second), 'invalid', second)
  }
})
