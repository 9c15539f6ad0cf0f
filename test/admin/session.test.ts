// The dashboard's session by itself: both halves or nothing, until when it holds, and what its cookie gives away.
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { type AccessParts, createAccess, hashOf } from '../../src/admin/access.ts'
import { createSessions, isPageHalf, SESSION_MS } from '../../src/admin/session.ts'
import { sessionCookieName, sessionCookies, setSessionCookie } from '../../src/admin/session-cookie.ts'
import type { Token } from '../../src/model/control.ts'
import type { BanyanError } from '../../src/model/errors.ts'

const SECRET = 'bny_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG'

function make(seed = 'seed') {
  const world = { ms: 1_000_000, seed }
  const clock = { now: () => world.ms, monotonic: () => world.ms }
  return { world, sessions: createSessions({ clock, seed: () => world.seed }) }
}

t.test('both halves open it to its token, here and wherever the seed is the same', async t => {
  const { sessions } = make()
  const { page, cookie, expiresAt } = sessions.begin(SECRET, null)
  t.ok(isPageHalf(page))
  t.equal(expiresAt, 1_000_000 + SESSION_MS)
  t.match(sessions.open([cookie], page), { token: SECRET, expiresAt })
  t.match(make().sessions.open([cookie], page), { token: SECRET }, 'another process')
  t.equal(make('another').sessions.open([cookie], page), null, 'another deployment')
  t.notOk(Buffer.from(cookie, 'base64url').includes(SECRET.slice(4, 20)))
  t.notOk(Buffer.from(cookie, 'base64url').includes(page.slice(0, 8)))
  const again = sessions.begin(SECRET, null)
  t.not(again.page, page)
  t.equal(sessions.open([cookie], again.page), null, 'halves of two sessions')
  t.match(sessions.open(['', 'x', again.cookie, cookie], page), { token: SECRET }, 'another one of the name beside it')
  t.equal(sessions.open([...Array(8).fill(again.cookie), cookie], page), null, 'not any number of them')
})

t.test('one half, or one that is altered at any place, is nothing', async t => {
  const { sessions } = make()
  const { page, cookie } = sessions.begin(SECRET, null)
  const other = (char: string | undefined) => (char === 'A' ? 'B' : 'A')
  const altered = (text: string) =>
    Array.from(text, (char, i) => `${text.slice(0, i)}${other(char)}${text.slice(i + 1)}`)
  let opened = 0
  for (const one of altered(cookie)) if (sessions.open([one], page) !== null) opened++
  for (const one of altered(page)) if (sessions.open([cookie], one) !== null) opened++
  // Of the last character some bits are of no byte: each text but ours is refused all the same.
  for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
    const one = `${cookie.slice(0, -1)}${char}`
    if (one !== cookie && sessions.open([one], page) !== null) opened++
  }
  t.equal(opened, 0)
  const nothing = ['', 'x', `${cookie}=`, `${cookie} `, cookie.slice(0, -4), 'A'.repeat(38), 'A'.repeat(10_000)]
  for (const one of nothing) t.equal(sessions.open([one], page), null, one.slice(0, 40))
  t.equal(sessions.open([], page), null)
  for (const one of ['', '1', `${page}A`, page.slice(1), `${page}, ${page}`])
    t.equal(sessions.open([cookie], one), null, one)
})

t.test('it holds until its time, until the seed changes, until it is signed out', async t => {
  const { world, sessions } = make()
  const { page, cookie, expiresAt } = sessions.begin(SECRET, null)
  const shown = sessions.open([cookie], page)
  t.equal(sessions.begin(SECRET, world.ms + 5).expiresAt, world.ms + 5, 'no longer than its token')
  t.equal(sessions.begin(SECRET, expiresAt + 5).expiresAt, expiresAt)
  const begun = world.ms
  world.ms = expiresAt - 1
  t.ok(sessions.open([cookie], page)?.holds() && shown?.holds())
  world.ms = expiresAt
  t.equal(sessions.open([cookie], page), null)
  t.notOk(shown?.holds(), 'what it has opened ends too')
  world.ms = begun
  world.seed = 'rotated'
  t.equal(sessions.open([cookie], page), null)
  t.notOk(shown?.holds())
  world.seed = 'seed'
  const other = sessions.begin(SECRET, null)
  sessions.end(page)
  t.equal(sessions.open([cookie], page), null)
  t.notOk(shown?.holds())
  t.ok(sessions.open([other.cookie], other.page), 'another one of the same token goes on')
  world.ms += SESSION_MS + 1
  sessions.end(other.page)
  t.equal(sessions.open([cookie], page), null, 'who was signed out is forgotten when it is over anyway')
})

t.test('sessions that were signed out and are remembered are bounded: the oldest are forgotten', async t => {
  const { sessions } = make()
  const first = sessions.begin(SECRET, null)
  sessions.end(first.page)
  const second = sessions.begin(SECRET, null)
  sessions.end(second.page)
  for (let i = 0; i < 49_999; i++) sessions.end(`page ${i}`)
  t.ok(sessions.open([first.cookie], first.page))
  t.equal(sessions.open([second.cookie], second.page), null)
})

t.test('any text that may be a token comes back as it was', async t => {
  const { sessions } = make()
  for (const token of ['a.b.c', '…'.repeat(512), '.', '𝔘'.repeat(256), 'x'.repeat(512)]) {
    const { page, cookie } = sessions.begin(token, null)
    t.equal(sessions.open([cookie], page)?.token, token, token.slice(0, 10))
    t.ok(cookie.length < 4_000, 'as long as browsers take it')
  }
})

t.test('the cookie: named by the port, for the API only, for no script and no other site', async t => {
  t.equal(sessionCookieName('localhost:9900'), 'banyan_session_9900')
  t.equal(sessionCookieName('[::1]:9900'), 'banyan_session_9900')
  for (const host of ['ops.example.com', '[::1]', '']) t.equal(sessionCookieName(host), 'banyan_session', host)
  t.equal(
    setSessionCookie('localhost:9900', 'v', 61_999, false),
    'banyan_session_9900=v; Path=/api/v1; Max-Age=61; HttpOnly; SameSite=Strict',
  )
  t.equal(
    setSessionCookie('ops.example.com', '', 0, true),
    'banyan_session=; Path=/api/v1; Max-Age=0; HttpOnly; SameSite=Strict; Secure',
  )
  const cookie =
    'a=1; banyan_session=x;banyan_session_9900=y=;  banyan_session_9900=z; xbanyan_session_9900=w; banyan_session'
  t.same(sessionCookies({ host: 'localhost:9900', cookie }), ['y=', 'z'])
  t.same(sessionCookies({ host: 'ops.example.com', cookie }), ['x'])
  t.same(sessionCookies({ host: 'ops.example.com' }), [])
})

const TOKEN: Token = {
  id: 'tok-1',
  name: 'ann',
  hash: hashOf(SECRET),
  scopes: ['rollback'],
  routes: ['orders'],
  createdAt: 0,
  expiresAt: null,
}

function house(more: Partial<AccessParts> = {}) {
  const world = { ms: 1_000_000, seed: 'seed', tokens: [TOKEN] as readonly Token[] }
  const failed: string[] = []
  const access = createAccess({
    clock: { now: () => world.ms, monotonic: () => world.ms },
    tokens: () => world.tokens,
    seed: () => world.seed,
    environmentToken: null,
    hosts: ['ops.example.com'],
    behindTls: true,
    failedLogin: (reason, throttled) => failed.push(`${reason}${throttled ? ' 429' : ''}`),
    ...more,
  })
  return { access, world, failed }
}

function request(headers: Record<string, string>, method = 'GET'): FastifyRequest {
  const all: Record<string, string> = { host: 'ops.example.com', ...headers }
  const raw = { headers: all, rawHeaders: Object.entries(all).flat() }
  return { headers: all, raw, ip: '192.0.2.7', method } as unknown as FastifyRequest
}

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return (error as BanyanError).code
  }
  return 'passed'
}

t.test('a session is its token: name, id, scopes, routes, and its end', async t => {
  const { access, world } = house()
  const { caller, page, setCookie } = access.signIn(request({}), SECRET)
  t.match(caller, { name: 'ann', tokenId: 'tok-1', via: 'session', expiresAt: world.ms + SESSION_MS })
  t.match(setCookie, /; Secure$/)
  t.notMatch(access.signIn(request({ host: 'localhost:9900' }), SECRET).setCookie, /Secure/, 'a forwarded port')
  const headers = { cookie: setCookie.split(';')[0] ?? '', 'x-banyan-csrf': page }
  const admit = () => access.admit(request(headers))
  const held = admit()
  t.match(held, { name: 'ann', tokenId: 'tok-1', via: 'session', has: 'the token has rollback' })
  t.ok(held.mayOn('rollback', 'orders') && !held.mayOn('rollback', 'cart') && !held.may('operate'))
  t.ok(access.holds(held))
  const { tokens } = world
  for (const now of [[], [{ ...TOKEN, hash: hashOf('another') }], [{ ...TOKEN, expiresAt: world.ms }]]) {
    world.tokens = now
    t.equal(codeOf(admit), 'unauthorized')
  }
  t.notOk(access.holds(held), 'nor does what it has opened')
  world.tokens = tokens
  t.ok(access.holds(admit()))
  world.seed = 'rotated'
  t.equal(codeOf(admit), 'unauthorized')
  t.notOk(access.holds(held))
  world.seed = 'seed'
  t.match(access.signOut(request(headers, 'DELETE'), held), /^banyan_session=; .*Max-Age=0/)
  t.equal(codeOf(admit), 'unauthorized')
  t.notOk(access.holds(held))
})

t.test('the token of the environment: until it is another one', async t => {
  const before = house({ environmentToken: hashOf('from-the-environment') })
  const { page, setCookie } = before.access.signIn(request({}), 'from-the-environment')
  const headers = { cookie: setCookie.split(';')[0] ?? '', 'x-banyan-csrf': page }
  const again = house({ environmentToken: hashOf('from-the-environment') })
  t.match(again.access.admit(request(headers)), { name: 'environment', tokenId: 'env', via: 'session' })
  const changed = house({ environmentToken: hashOf('another-environment') })
  t.equal(
    codeOf(() => changed.access.admit(request(headers))),
    'unauthorized',
  )
})

t.test('a session that is over takes nobody’s patience; wrong tokens at the sign-in do', async t => {
  const { access, world, failed } = house()
  const { page, setCookie } = access.signIn(request({}), SECRET)
  const cookie = setCookie.split(';')[0] ?? ''
  world.ms += SESSION_MS
  for (const headers of [{ cookie, 'x-banyan-csrf': page }, { cookie }, { 'x-banyan-csrf': page }]) {
    for (let i = 0; i < 20; i++)
      t.equal(
        codeOf(() => access.admit(request(headers as never))),
        'unauthorized',
      )
  }
  t.same(failed, [])
  for (let i = 0; i < 10; i++)
    t.equal(
      codeOf(() => access.signIn(request({}), 'wrong')),
      'unauthorized',
    )
  t.equal(
    codeOf(() => access.signIn(request({}), 'wrong')),
    'throttled',
  )
  t.equal(
    codeOf(() => access.signIn(request({}), SECRET)),
    'passed',
    'a right one passes',
  )
  t.same(failed, [...Array(10).fill('wrong'), 'wrong 429'])
  t.equal(
    codeOf(() => access.admit(request({ 'x-banyan-csrf': '1' }))),
    'throttled',
    'who shows neither half is counted as ever',
  )
})

t.test('a bearer token goes before it, right or wrong; other schemes are not looked at', async t => {
  const { access } = house({ environmentToken: hashOf('from-the-environment') })
  const { page, setCookie } = access.signIn(request({}), SECRET)
  const session = { cookie: setCookie.split(';')[0] ?? '', 'x-banyan-csrf': page }
  const by = (authorization: string) => access.admit(request({ ...session, authorization }))
  t.match(by('Bearer from-the-environment'), { tokenId: 'env', via: 'token' })
  for (const wrong of ['Bearer wrong', 'Bearer ', 'bearer'])
    t.equal(
      codeOf(() => by(wrong)),
      'unauthorized',
      wrong,
    )
  t.match(by('Basic YW5uOg=='), { tokenId: 'tok-1', via: 'session' }, 'what a proxy in front adds')
})
