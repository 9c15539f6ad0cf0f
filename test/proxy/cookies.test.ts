// Two applications' cookies on one host.
import fc from 'fast-check'
import t from 'tap'
import type { CookiePolicy } from '../../src/model/route.ts'
import { cookieName, cookiesForSide, setCookieFromSide } from '../../src/proxy/cookies.ts'

/** What may stand in a field: any byte. */
const latin1 = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1'))

const policy = (prefix: string, ...shared: string[]): CookiePolicy => ({ prefix, shared: new Set(shared) })
const n = policy('n_', 'lang')
const OWN = 'banyan_id'

t.test('without a policy only our own cookie is withheld', async t => {
  const cases: [cookie: string, left: string][] = [
    ['a=1; b=2', 'a=1; b=2'],
    [' odd ;; =x; y ', ' odd ;; =x; y '],
    ['x=1; banyan_id=i.s;y=2', 'x=1;y=2'],
    ['banyan_id=i.s; a=1', 'a=1'],
    ['banyan_id=i.s', ''],
    ['__Host-banyan_id=i.s; ; ', ''],
    ['xbanyan_id=1; banyan_idx=2; a=banyan_id', 'xbanyan_id=1; banyan_idx=2; a=banyan_id'],
    ['a=1; banyan_id=1; banyan_id=2', 'a=1'],
    ['Banyan_Id=1', 'Banyan_Id=1'],
    ['', ''],
  ]
  for (const [cookie, left] of cases) t.equal(cookiesForSide(cookie, null, null), left, cookie)
})

t.test('a side with a prefix sees its own cookies and the shared ones', async t => {
  const cases: [cookie: string, left: string][] = [
    ['n_sid=1', 'sid=1'],
    ['sid=legacy; n_sid=new; lang=de', 'sid=new; lang=de'],
    ['lang=de', 'lang=de'],
    ['lang=de; ', 'lang=de; '],
    ['sid=legacy', ''],
    ['n_=1', '=1'],
    [' n_a = 1; n_b\t=2', 'a = 1; b\t=2'],
    ['n_a=x=y;n_b="q;', 'a=x=y;b="q;'],
    ['naked; n_a=1', 'a=1'],
    ['__Host-n_sid=1; __Secure-n_t=2; __Host-sid=3', '__Host-sid=1; __Secure-t=2'],
    ['__host-n_sid=1', '__host-sid=1'],
    ['n_lang=old; lang=de', 'lang=de'],
    ['n___Host-sid=forged; n___secure-x=forged; __Host-n___Host-y=forged', ''],
    ['n_a=1; banyan_id=2; __Host-banyan_id=3', 'a=1'],
    ['n_banyan_id=1', 'banyan_id=1'],
  ]
  for (const [cookie, left] of cases) t.equal(cookiesForSide(cookie, n, null), left, cookie)
})

t.test('the other side’s are withheld', async t => {
  const cases: [cookie: string, own: CookiePolicy | null, other: CookiePolicy, left: string][] = [
    ['sid=1; n_sid=2; lang=de', null, n, 'sid=1; lang=de'],
    ['__Host-n_sid=2; __Host-sid=1', null, n, '__Host-sid=1'],
    ['n_sid=2', null, n, ''],
    ['n_flag=1; n_x=2', null, policy('n_', 'n_flag'), 'n_flag=1'],
    ['l_a=1; n_a=2; lang=de', policy('l_', 'lang'), n, 'a=1; lang=de'],
    ['n_a=1; n_x_a=2', policy('n_'), policy('n_x_'), 'a=1'],
    ['n_a=1; n_x_a=2', policy('n_x_'), policy('n_'), 'a=2'],
    ['a=1', null, n, 'a=1'],
  ]
  for (const [cookie, own, other, left] of cases) t.equal(cookiesForSide(cookie, own, other), left, cookie)
})

t.test('Set-Cookie is renamed', async t => {
  const cases: [value: string, renamed: string][] = [
    ['sid=1; Path=/; HttpOnly', 'n_sid=1; Path=/; HttpOnly'],
    [' sid =1', ' n_sid =1'],
    ['__Host-sid=1; Secure', '__Host-n_sid=1; Secure'],
    ['__Secure-sid=1', '__Secure-n_sid=1'],
    ['lang=de; Path=/', 'lang=de; Path=/'],
    ['naked', 'naked'],
    ['naked; Path=/', 'naked; Path=/'],
    ['=x', '=x'],
    ['', ''],
  ]
  for (const [value, renamed] of cases) t.equal(setCookieFromSide(value, n), renamed, value)
  t.same([' a =1', 'a', 'a;b=1', '=1', '__Host-a=1'].map(cookieName), ['a', '', '', '', '__Host-a'])
})

const PROMISES = ['', '__Host-', '__Secure-', '__host-', '__Http-', '__Host-Http-']
const name = fc
  .tuple(fc.constantFrom(...PROMISES), fc.stringMatching(/^[a-z_-]{1,12}$/))
  .map(([promise, rest]) => promise + rest)
const value = fc.stringMatching(/^[!-:<-~]{0,12}$/)
const other = fc.constantFrom(null, policy('l_'))

t.test('what a side sets comes back to it, and to it alone', async () => {
  fc.assert(
    fc.property(name, value, other, (name, value, other) => {
      fc.pre(name !== 'lang' && name !== OWN)
      const stored = setCookieFromSide(`${name}=${value}; Path=/`, n).split(';')[0] as string
      // `__Host-` alone in front of a name that begins with one is no name that a browser would take either.
      fc.pre(!/^__(host-http|host|secure|http)-__(host|secure|http)/i.test(name))
      return (
        cookiesForSide(stored, n, other) === `${name}=${value}` &&
        (other === null || cookiesForSide(stored, other, n) === '') &&
        cookiesForSide(stored, null, n) === ''
      )
    }),
  )
})

t.test('any text: no throw, nothing of ours, nothing invented', async () => {
  const piece = fc.constantFrom('a=1', 'n_a', 'l_', '=', ';', ' ', 'banyan_id=x', '__Host-', 'lang=de', '"', 'n_')
  const text = fc.oneof(
    latin1,
    fc.array(piece).map(pieces => pieces.join('')),
  )
  const policies = fc.constantFrom(null, n, policy('l_', 'lang'), policy('n_a'), policy(''))
  fc.assert(
    fc.property(text, policies, policies, (text, own, other) => {
      const left = cookiesForSide(text, own, other)
      const renamed = setCookieFromSide(text, own ?? n)
      const sent = left.split(';').map(part => part.slice(0, Math.max(0, part.indexOf('='))).trim())
      const isWithheld = own !== null || !sent.includes(OWN)
      return isWithheld && left.length <= text.length && renamed.length >= text.length
    }),
  )
  for (const piece of [';', 'a=1;', '=', ' ']) cookiesForSide(piece.repeat(200_000), n, policy('l_'))
})
