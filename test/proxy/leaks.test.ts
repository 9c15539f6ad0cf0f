// Answers that point at a backend's own address.
import fc from 'fast-check'
import t from 'tap'
import { addressesOf, countLinks, leakOf, rewrittenLocation, withoutDomain } from '../../src/proxy/leaks.ts'

/** What may stand in a field: any byte. */
const latin1 = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1'))

const addresses = addressesOf(['http://10.0.0.5:3001', 'http://Legacy.Internal', 'https://secure.internal:443'])
const CLIENT = 'shop.example.com'

t.test('addresses of origins', async t => {
  t.same([...addresses], ['10.0.0.5:3001', 'legacy.internal', 'secure.internal'])
  t.same([...addressesOf(['http://[::1]:80', 'https://a:80', 'what'])], ['[::1]', 'a:80'])
})

t.test('Location and Content-Location', async t => {
  const cases: [value: string, leaks: boolean, rewritten?: string][] = [
    ['http://10.0.0.5:3001/a?b#c', true, 'https://shop.example.com/a?b#c'],
    ['HTTP://LEGACY.internal:80/A%2f', true, 'https://shop.example.com/A%2f'],
    ['http://legacy.internal', true, 'https://shop.example.com'],
    ['http://legacy.internal?q', true, 'https://shop.example.com?q'],
    ['http://legacy.internal#f', true, 'https://shop.example.com#f'],
    ['http://legacy.internal\\x', true, 'https://shop.example.com\\x'],
    ['http://legacy.internal:/x', true, 'https://shop.example.com/x'],
    ['http://user:pw@legacy.internal/x', true, 'https://shop.example.com/x'],
    ['//legacy.internal/x', true, '//shop.example.com/x'],
    ['https://secure.internal/', true, 'https://shop.example.com/'],
    ['https://secure.internal:443/ü ', true, 'https://shop.example.com/ü '],
    ['http://secure.internal:443/', false],
    ['http://legacy.internal:8080/', false],
    ['http://10.0.0.5/', false],
    ['http://legacy.internal.evil/', false],
    ['http://legacy.internal@evil/', false],
    ['/a', false],
    ['/http://legacy.internal/', false],
    ['a//legacy.internal/', false],
    ['?next=http://legacy.internal/', false],
    ['ftp://legacy.internal/', false],
    ['http:legacy.internal/', false],
    ['http://', false],
    ['//', false],
    ['', false],
  ]
  for (const [value, leaks, rewritten = value] of cases) {
    t.equal(leakOf('location', value, addresses, CLIENT), leaks, value)
    t.equal(rewrittenLocation(value, addresses, 'https', CLIENT), rewritten, value)
  }
  for (const used of ['legacy.internal', 'LEGACY.internal:80', 'legacy.internal:443']) {
    t.notOk(leakOf('location', 'http://legacy.internal/', addresses, used), `the client used ${used}`)
  }
})

t.test('Domain of a Set-Cookie', async t => {
  const cases: [value: string, leaks: boolean, client?: string][] = [
    ['a=1; Domain=legacy.internal; Path=/', true],
    ['a=1; domain = .Legacy.INTERNAL', true],
    ['a=1; Domain=internal', true],
    ['a=1; Domain=10.0.0.5', true],
    ['a=1; Domain=example.com; Domain=legacy.internal', true],
    ['a=1; Domain=legacy.internal; Domain=example.com', false],
    ['a=1; Domain=example.com', false],
    ['a=1; Domain=elsewhere.org', false],
    ['a=1; Domain=', false],
    ['a=1; Domain', false],
    ['a=Domain=legacy.internal', false],
    ['Domain=legacy.internal', false],
    ['a=1; Domain=legacy.internal', false, 'legacy.internal:8080'],
    ['a=1; Domain=internal', false, 'Shop.Internal'],
    ['', false],
  ]
  for (const [value, leaks, client = CLIENT] of cases) {
    t.equal(leakOf('set-cookie', value, addresses, client), leaks, value)
  }
  t.equal(withoutDomain('a=1;Domain=x ; Path=/; DOMAIN=y;Secure'), 'a=1; Path=/;Secure')
  t.equal(withoutDomain('a="1;" ; domain; Path=/'), 'a="1;" ; domain; Path=/')
  t.equal(withoutDomain('domain=1'), 'domain=1')
})

t.test('links in the beginning of a page', async t => {
  const html = `<a href="http://legacy.internal/x">http://10.0.0.5:3001</a> <img src=//LEGACY.internal:80?x>
    <a href='https://secure.internal:443'> <a href="http://secure.internal:443"> <a href="https://example.com//legacy.internal/">`
  t.equal(countLinks(html, addresses), 5, 'a path that looks like one counts: it is an estimate')
  t.equal(countLinks('', addresses), 0)
  t.equal(countLinks(`${' '.repeat(65_536)}http://legacy.internal/`, addresses), 0, 'not after 64 KiB')
  t.equal(countLinks('/'.repeat(1_000_000), addresses), 0)
  t.equal(countLinks('//legacy.internal '.repeat(10), addresses), 10)
})

t.test('any text: no throw; what is rewritten leaks no more, and its rest is the same', async () => {
  const piece = fc.constantFrom(
    'http:',
    'https:',
    '//',
    '/',
    'legacy.internal',
    ':80',
    '@',
    '?',
    '#',
    ';',
    'Domain=',
    ' ',
    '\\',
    'a',
  )
  const text = fc.oneof(
    latin1,
    fc.array(piece).map(pieces => pieces.join('')),
  )
  fc.assert(
    fc.property(text, text, (value, client) => {
      leakOf('set-cookie', value, addresses, client)
      countLinks(value, addresses)
      const stripped = withoutDomain(value)
      const rewritten = rewrittenLocation(value, addresses, 'https', CLIENT)
      const isSame = rewritten === value || value.endsWith(rewritten.slice(rewritten.indexOf(CLIENT) + CLIENT.length))
      return (
        isSame &&
        !leakOf('location', rewritten, addresses, CLIENT) &&
        !leakOf('set-cookie', stripped, addresses, client)
      )
    }),
    { numRuns: 1000 },
  )
})
