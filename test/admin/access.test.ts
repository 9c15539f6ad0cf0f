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
  const access = createAccess({ clock, tokens: () => [], environmentToken: null, hosts: [], ...more })
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
  for (const secret of ['a', 'd']) t.equal(access.authenticate(secret, '1').token.name, secret)
  t.match(access.authenticate('e', '1').token, { id: 'env', name: 'environment', scopes: ['admin'], routes: null })
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
  t.equal(access.authenticate('a', '1').token.name, 'a')
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
  t.equal(access.authenticate('a', '1').token.name, 'a', 'a right one passes')
  t.equal(wrong('2'), 'unauthorized')
  time.ms += 45_000
  const error = await Promise.resolve()
    .then(() => access.authenticate('x', '1'))
    .catch(error => error)
  t.equal(error.details.retryAfter, 15)
  time.ms += 15_001
  t.equal(wrong('1'), 'unauthorized')
})

t.test('addresses that are remembered are bounded: the longest unseen are forgotten', async t => {
  const { access } = make()
  const wrong = (address: string) => codeOf(() => access.authenticate(null, address))
  for (let i = 0; i < 10; i++) wrong('guesser')
  t.equal(wrong('guesser'), 'throttled')
  for (let i = 0; i < 9_999; i++) wrong(`2001:db8::${i.toString(16)}`)
  t.equal(wrong('guesser'), 'throttled')
  for (let i = 0; i < 10_000; i++) wrong(`2001:db8:1::${i.toString(16)}`)
  t.equal(wrong('guesser'), 'unauthorized')
})
