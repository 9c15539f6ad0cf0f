// Cookies that backends set: what browsers will do with them here; names and attributes only, bounded.
import t from 'tap'
import { createSetCookies } from '../../src/doctor/set-cookies.ts'
import type { Side } from '../../src/model/route.ts'
import { matching, route } from '../routing/make.ts'
import { sample } from './make.ts'

const orders = route(0, matching('/orders/*'), { id: 'orders' })
const plain = { isTls: false, hasForwarder: false }
const behind = { isTls: false, hasForwarder: true }

function codes(cookies: readonly (readonly [Side, string])[], entrance = behind): string[] {
  return findings(cookies, entrance).map(({ code }) => code)
}

function findings(cookies: readonly (readonly [Side, string])[], entrance = behind) {
  const seen = createSetCookies()
  for (const [side, text] of cookies) seen.sample(sample(orders, { side, answer: ['X', 'y', 'Set-Cookie', text] }))
  return seen.findings([orders], entrance)
}

t.test('what is odd about one cookie', async t => {
  const rows: readonly (readonly [string, string, typeof plain?])[] = [
    ['sid=1; Path=/; HttpOnly', 'cookies_seen'],
    ['lang=de', 'cookies_seen'],
    ['lang=de; Path=/orders', 'cookies_seen'],
    ['lang=de; Path=/orders/cart', 'cookies_seen'],
    ['lang=de; Path=/legacy/app', 'cookie_path'],
    ['lang=de; Path=/order', 'cookie_path'],
    ['lang=de; Path=relative', 'cookies_seen'],
    ['lang=de; SameSite=None; Secure', 'cookies_seen'],
    ['lang=de; SameSite=None', 'cookie_samesite'],
    ['lang=de; Secure', 'cookie_secure', plain],
    ['lang=de; Secure', 'cookies_seen', { isTls: true, hasForwarder: false }],
    ['__Host-lang=de; Secure; Path=/', 'cookies_seen'],
    ['__Host-lang=de; Secure; Path=/orders', 'cookie_prefix'],
    ['__Host-lang=de; Secure; Path=/; Domain=example.com', 'cookie_prefix'],
    ['__Secure-lang=de', 'cookie_prefix'],
    ['PHPSESSID=1; Path=/', 'cookie_open'],
    ['csrf_token=1; Path=/', 'cookies_seen'],
  ]
  for (const [text, code, entrance] of rows) t.same(codes([['legacy', text]], entrance), [code], text)
})

t.test('a path that may be a user’s is shown without the user', async t => {
  const found = JSON.stringify(findings([['legacy', 'lang=de; Path=/u/ann.canary@example.com/token/zebra']]))
  t.notMatch(found, /canary|zebra/)
  t.match(found, '/u/:email/token/:id')
})

t.test('both sides with one name in two places', async t => {
  const legacy = ['legacy', 'sid=1; Path=/; HttpOnly'] as const
  t.same(codes([legacy, ['new', 'sid=2; Path=/; HttpOnly']]), ['cookies_seen'])
  t.same(codes([legacy, ['new', 'sid=2; Path=/orders; HttpOnly']]), ['cookie_twins'])
  t.same(codes([legacy, ['new', 'sid=2; Path=/; HttpOnly; Domain=.Example.com']]), ['cookie_twins'])
  t.same(
    codes([
      ['legacy', 'sid=1; HttpOnly; domain=example.com'],
      ['new', 'sid=2; HttpOnly; Domain=.Example.com'],
    ]),
    ['cookies_seen'],
  )
})

t.test('values are never kept, names are made harmless, and the newest attributes count', async t => {
  const seen = createSetCookies()
  const tell = (text: string) => seen.sample(sample(orders, { answer: ['set-cookie', text] }))
  tell('sid=secret-value; Path=/other')
  tell('sid=secret-value; Path=/')
  tell('ev\x1b[31mil=1')
  tell('no name')
  tell(`${'x'.repeat(9000)}=1`)
  tell(`${'y'.repeat(300)}=1`)
  const found = seen.findings([orders], behind)
  t.notMatch(JSON.stringify(found), /secret|\\u001b/)
  t.same(
    found.map(({ code }) => code),
    ['cookie_open'],
  )
  t.same(seen.findings([], behind), [], 'of a route that is gone')
})

t.test('memory is bounded, whatever backends invent', async t => {
  const seen = createSetCookies()
  for (let i = 0; i < 5000; i++) {
    const of = route(i, matching('/x/*'), { id: `r${i % 500}` })
    seen.sample(
      sample(of, { answer: ['set-cookie', `c${i}=1; SameSite=None`, 'set-cookie', `d${i}=1; SameSite=None`] }),
    )
  }
  const routes = Array.from({ length: 500 }, (_, i) => route(i, matching('/x/*'), { id: `r${i}` }))
  const found = seen.findings(routes, behind)
  t.ok(new Set(found.map(one => one.route)).size <= 256)
  for (const one of routes) t.ok(found.filter(({ route: id }) => id === one.id).length <= 20)
})
