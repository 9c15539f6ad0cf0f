// Collapsing: data is out of paths, words stay, and fields have the names that people call them by.
import fc from 'fast-check'
import t from 'tap'
import { collapsePointer, fieldOf } from '../../src/compare/collapse.ts'
import { signatureId } from '../../src/compare/signature.ts'
import { escaped, isGone } from './canaries.ts'

t.test('indexes and keys that look like data are stars', async t => {
  const rows: readonly (readonly [string, string])[] = [
    ['', ''],
    ['/orders/17/lines/0/total_cents', '/orders/*/lines/*/total_cents'],
    ['/0', '/*'],
    ['/balances/ann@example.com/EUR', '/balances/*/EUR'],
    ['/by/550e8400-e29b-41d4-a716-446655440000', '/by/*'],
    ['/by/5d41402abc4b2a76b9719d911017c592/x', '/by/*/x'],
    ['/by/deadbee1', '/by/*'],
    ['/by/cus_9s6XKzkNRiz8i3', '/by/*'],
    ['/by/INV-2024-0012', '/by/*'],
    ['/by/2026-01-02', '/by/*'],
    ['/by/4111 1111 1111 1111', '/by/*'],
    ['/by/a~1b', '/by/*'],
    [`/by/${'x'.repeat(65)}`, '/by/*'],
    ['/invoice/@id', '/invoice/@id'],
    ['/ns:name/#text', '/ns:name/#text'],
    ['/a/?xml-stylesheet/0', '/a/?xml-stylesheet/*'],
    ['/a/?', '/a/?'],
    [
      '/kebab-case/address2/line1/v2/größe/$ref/_links/utf8String/sha256',
      '/kebab-case/address2/line1/v2/größe/$ref/_links/utf8String/sha256',
    ],
    ['/', '/*'],
    ['/sessions/sessKEYzebra/user/name', '/sessions/*/user/name'],
    ['/a/passwords/PWKEYzebra', '/a/passwords/*'],
    ['/accessTokens/x', '/accessTokens/*'],
    ['/addresses/home/access/level', '/addresses/home/access/level'],
    [`${'/a'.repeat(12)}/tokens/zebra/b/c/d`, `${'/a'.repeat(8)}/**/a/a/tokens/*/b/c/d`],
  ]
  for (const [pointer, path] of rows) t.equal(collapsePointer(pointer), path)
  t.equal(collapsePointer('/content-type', true), '/content-type')
  t.equal(collapsePointer('/set-cookie/wp_sess_5f3a9c2b7d/path', true), '/set-cookie/*/path')
  t.equal(collapsePointer(`/x-${'a'.repeat(80)}`, true), '/*')
})

t.test('a collapsed path is bounded, and collapsing it again changes nothing', async t => {
  const key = fc.oneof(fc.string(), fc.constantFrom('items', 'total', '0', '17', 'a@b.de', 'tokens', 'sessions'))
  fc.assert(
    fc.property(fc.array(key, { maxLength: 40 }), keys => {
      const path = collapsePointer(keys.map(key => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''))
      return path.length <= 16 * 65 && path.split('/').length <= 17 && collapsePointer(path) === path
    }),
  )
  const deep = collapsePointer(`${'/a'.repeat(100_000)}/total`)
  t.equal(deep, `${'/a'.repeat(8)}/**${'/a'.repeat(6)}/total`)
  t.equal(fieldOf('value', deep), 'total')
})

t.test('no canary is left in a collapsed path', async t => {
  fc.assert(
    fc.property(escaped, fc.constantFrom('', '/total', '/0'), fc.boolean(), ({ text, written }, after, isHeader) => {
      const key = written.replaceAll('~', '~0').replaceAll('/', '~1')
      isGone(collapsePointer(`/set-cookie/${key}${after}`, isHeader), text)
    }),
    { numRuns: 300 },
  )
  t.pass('0 hits')
})

t.test('fields', async t => {
  const rows: readonly (readonly [Parameters<typeof fieldOf>[0], string, string])[] = [
    ['value', '/total_cents', 'total_cents'],
    ['value', '/orders/*/total_cents', 'total_cents'],
    ['value', '/invoice/total_cents', 'total_cents'],
    ['extra', '/items/*', 'items[]'],
    ['value', '/matrix/*/*', 'matrix[][]'],
    ['value', '', '(body)'],
    ['missing', '/*', '(body)[]'],
    ['body', '', '(body)'],
    ['value', '/p/a/#text', 'a'],
    ['value', '/p/#content/*/b', 'b'],
    ['value', '/p/?php', '?php'],
    ['header', '/content-type', 'header content-type'],
    ['header', '/set-cookie/sid/path', 'header set-cookie sid path'],
    ['status', '/404/400', '404 → 400'],
  ]
  for (const [kind, path, field] of rows) t.equal(fieldOf(kind, path), field)
})

t.test('a signature is its route, kind and field, and nothing else', async t => {
  t.match(signatureId('orders', 'value', 'total_cents'), /^[\da-f]{12}$/)
  t.equal(signatureId('orders', 'value', 'total_cents'), signatureId('orders', 'value', 'total_cents'))
  const others = [
    signatureId('order', 'value', 'total_cents'),
    signatureId('orders', 'type', 'total_cents'),
    signatureId('orders', 'value', 'total'),
  ]
  t.equal(new Set([...others, signatureId('orders', 'value', 'total_cents')]).size, 4)
})
