// Cookies that answers set: which, where and how they are kept; never what is in them.
import t from 'tap'
import { compareCookies } from '../../src/compare/set-cookie.ts'

const ROWS: readonly (readonly [
  name: string,
  legacy: readonly string[],
  fresh: readonly string[],
  expected: string[],
])[] = [
  ['another value', ['sid=abc; Path=/'], ['sid=xyz; path=/'], []],
  ['another order of cookies', ['a=1', 'b=2'], ['b=3', 'a=4'], []],
  ['another order of attributes', ['a=1; Secure; HttpOnly'], ['a=1; httponly; secure'], []],
  [
    'drift of Expires',
    ['a=1; Expires=Thu, 15 Jan 2026 10:00:00 GMT'],
    ['a=1; expires=Thu, 15 Jan 2026 10:00:07 GMT'],
    [],
  ],
  ['drift of Max-Age', ['a=1; Max-Age=3600'], ['a=1; max-age=3599'], []],
  ['Expires on one side', ['a=1; Expires=Thu, 15 Jan 2026 10:00:00 GMT'], ['a=1'], ['/set-cookie/a/expires']],
  ['deleted and kept', ['a=1; Max-Age=0'], ['a=1; Max-Age=60'], ['/set-cookie/a/max-age']],
  [
    'deleted and kept, by date',
    ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
    ['a=1; Expires=Fri, 15 Jan 2027 10:00:00 GMT'],
    ['/set-cookie/a/expires'],
  ],
  [
    'deleted, each in its way',
    ['a=1; Expires=Thu, 01-Jan-1970 00:00:10 GMT'],
    ['a=2; Expires=Mon, 01 Jan 1990 00:00:00 GMT'],
    [],
  ],
  ['an empty value', ['a='], ['a=1'], ['/set-cookie/a/value']],
  ['both empty', ['a='], ['a=""'], []],
  ['missing', ['a=1', 'b=1'], ['a=1'], ['/set-cookie/b']],
  ['extra', [], ['b=1'], ['/set-cookie/b']],
  ['SameSite', ['a=1; SameSite=Lax'], ['a=1; samesite=LAX'], []],
  ['another SameSite', ['a=1; SameSite=Lax'], ['a=1; SameSite=None'], ['/set-cookie/a/samesite']],
  ['Secure on one side', ['a=1'], ['a=1; Secure'], ['/set-cookie/a/secure']],
  ['a dot before the domain', ['a=1; Domain=.example.com'], ['a=1; domain=EXAMPLE.com'], []],
  ['another path', ['a=1; Path=/x'], ['a=1; Path=/X'], ['/set-cookie/a/path']],
  ['one name twice', ['a=1; Path=/x', 'a=2; Path=/y'], ['a=2; Path=/y', 'a=1; Path=/x'], []],
  ['one name twice and once', ['a=1; Path=/x', 'a=2; Path=/y'], ['a=1; Path=/x'], ['/set-cookie/a']],
  ['names have a case', ['a=1'], ['A=1'], ['/set-cookie/a', '/set-cookie/A']],
  ['a name that a pointer must escape', ['a/b~=1'], [], ['/set-cookie/a~1b~0']],
  ['no name', ['=x'], ['=y'], []],
  ['nothing', [''], [''], []],
]

t.test('rows', async t => {
  for (const [name, legacy, fresh, expected] of ROWS) {
    const paths = (a: readonly string[], b: readonly string[]) => compareCookies(a, b).map(({ path }) => path)
    t.same(paths(legacy, fresh), expected, name)
    t.same(paths(fresh, legacy).sort(), expected.toSorted(), `${name}, the other way round`)
  }
})

t.test('no value of a cookie is in what was found', async t => {
  const found = JSON.stringify(compareCookies(['sid=SECRET; Path=/', 'x=SECRET'], ['sid=; Secure', 'y=SECRET']))
  t.notMatch(found, /SECRET/)
  t.match(found, /"legacy":"path=\/; value=set"|"legacy":"value=set"/)
})
