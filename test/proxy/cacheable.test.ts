// What a shared cache may keep, and how it is kept from it.
import fc from 'fast-check'
import t from 'tap'
import {
  type AnswerFacts,
  inCacheWords,
  madePrivate,
  madePrivateIn,
  sharedCacheMayKeep,
} from '../../src/proxy/cacheable.ts'

/** What may stand in a field: any byte. */
const latin1 = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1'))

const plain: AnswerFacts = {
  method: 'GET',
  status: 200,
  cacheControl: null,
  setsCookie: false,
  hasAuthorization: false,
  vary: null,
}

t.test('RFC 9111, 3', async t => {
  const cases: [facts: Partial<AnswerFacts>, mayKeep: boolean][] = [
    [{}, true],
    [{ method: 'HEAD' }, true],
    [{ method: 'POST' }, false],
    [{ method: 'POST', cacheControl: 'public, max-age=60' }, false],
    [{ status: 404 }, true],
    [{ status: 302 }, false],
    [{ status: 302, cacheControl: 'max-age=60' }, true],
    [{ status: 302, expires: true }, true],
    [{ status: 500 }, false],
    [{ status: 103, cacheControl: 'public' }, false],
    [{ cacheControl: 'no-store' }, false],
    [{ cacheControl: 'max-age=60, No-Store' }, false],
    [{ cacheControl: 'no-store, must-understand, max-age=60' }, true],
    [{ cacheControl: 'private' }, false],
    [{ cacheControl: 'PRIVATE , max-age=60' }, false],
    [{ cacheControl: 'private="set-cookie", max-age=60' }, true],
    [{ cacheControl: 'private="x", private, max-age=60' }, false],
    [{ cacheControl: 'private=' }, false],
    [{ cacheControl: 'x="private, no-store"' }, true],
    [{ cacheControl: 'no-cache' }, true],
    [{ cacheControl: 's-maxage=1', status: 500 }, true],
    [{ setsCookie: true }, false],
    [{ setsCookie: true, cacheControl: 'max-age=60' }, true],
    [{ hasAuthorization: true }, false],
    [{ hasAuthorization: true, cacheControl: 'max-age=60' }, false],
    [{ hasAuthorization: true, cacheControl: 'public' }, true],
    [{ hasAuthorization: true, cacheControl: 's-maxage=60' }, true],
    [{ hasAuthorization: true, cacheControl: 'max-age=60, must-revalidate' }, true],
    [{ vary: '*', cacheControl: 'public' }, false],
    [{ vary: 'Accept, *', cacheControl: 'public' }, false],
    [{ vary: 'Cookie', cacheControl: 'public' }, true],
  ]
  for (const [facts, mayKeep] of cases)
    t.equal(sharedCacheMayKeep({ ...plain, ...facts }), mayKeep, JSON.stringify(facts))
})

t.test('made private', async t => {
  const cases: [before: string | null, after: string][] = [
    [null, 'private'],
    ['', 'private'],
    ['public', 'private'],
    ['public, max-age=60', 'private, max-age=60'],
    ['max-age=60, public, s-maxage=600', 'max-age=60, private'],
    ['S-MaxAge=600,max-age=60', 'private,max-age=60'],
    ['max-age=60', 'private, max-age=60'],
    ['private, max-age=60', 'private, max-age=60'],
    [' Private ,max-age=60', ' Private ,max-age=60'],
    ['private="set-cookie", max-age=60', 'private, max-age=60'],
    ['public, private', 'private'],
    ['no-store', 'private, no-store'],
    ['x="public, s-maxage=1", max-age=1', 'private, x="public, s-maxage=1", max-age=1'],
    ['x="open, public', 'private, x="open, public'],
  ]
  for (const [before, after] of cases) t.equal(madePrivate(before), after, String(before))
})

t.test('fields for some caches only', async t => {
  const cases: [lower: string, before: string, mayKeep: boolean, after: string][] = [
    ['cdn-cache-control', 'max-age=600', true, 'private, max-age=600'],
    ['cdn-cache-control', 'no-store', false, 'private, no-store'],
    ['surrogate-control', 'max-age=600+30, content="ESI/1.0"', true, 'no-store, content="ESI/1.0"'],
    ['surrogate-control', 'content="a, max-age=1",Max-Age=5', true, 'no-store, content="a, max-age=1"'],
    ['surrogate-control', 'no-store', false, 'no-store, no-store'],
    ['x-accel-expires', '600', true, '0'],
    ['x-accel-expires', '@1999999999', true, '0'],
    ['x-accel-expires', '0', false, '0'],
  ]
  for (const [lower, before, mayKeep, after] of cases) {
    const mayKeepOf = (value: string) => sharedCacheMayKeep({ ...plain, cacheControl: inCacheWords(lower, value) })
    t.equal(mayKeepOf(before), mayKeep, `${lower}: ${before}`)
    t.equal(madePrivateIn(lower, before), after, `${lower}: ${before}`)
    t.notOk(mayKeepOf(after), `${lower}: ${after}`)
  }
})

t.test('what was made private may not be kept, and stays as it is', async t => {
  const piece = fc.constantFrom(
    'public',
    'private',
    's-maxage=1',
    'private="a"',
    'max-age=1',
    'no-store',
    ',',
    ' ',
    '"',
    '=',
    '\\',
  )
  const text = fc.oneof(
    latin1,
    fc.array(piece).map(pieces => pieces.join('')),
    fc.array(piece).map(pieces => pieces.join(',')),
  )
  fc.assert(
    fc.property(text, text => {
      const once = madePrivate(text)
      const isKept = sharedCacheMayKeep({ ...plain, cacheControl: once })
      return !isKept && madePrivate(once) === once
    }),
    { numRuns: 2000 },
  )
  for (const piece of [',', '"', 'public,', '\\"']) madePrivate(piece.repeat(200_000))
  t.pass('in linear time')
})
