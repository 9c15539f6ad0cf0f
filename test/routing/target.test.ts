// The copy of the target that is matched; the raw one is never touched.
import fc from 'fast-check'
import t from 'tap'
import { networks, plainAddress } from '../../src/routing/network.ts'
import { normalisePath, queryOf, readTarget } from '../../src/routing/target.ts'

t.test('normalised paths', async t => {
  const cases: Record<string, string> = {
    '/': '/',
    '/a/b': '/a/b',
    '/%61%7e': '/a~',
    '/a%2fb': '/a%2Fb',
    '/a//b': '/a//b',
    '/a/./b': '/a/b',
    '/a/../b': '/b',
    '/../../b': '/b',
    '/a/..': '/',
    '/a/.': '/a/',
    '/a/%2e%2E/b': '/b',
    '/a/...': '/a/...',
    '/.well-known/x': '/.well-known/x',
    '/%zz%': '/%zz%',
    '/a;b=1': '/a;b=1',
  }
  for (const [raw, expected] of Object.entries(cases)) t.equal(normalisePath(raw), expected, raw)
})

t.test('normalising twice changes nothing more', async () => {
  const path = fc.array(fc.constantFrom('a', '.', '..', '', '%2e', '%2F', '%41', '%', 'é'), { maxLength: 6 })
  fc.assert(
    fc.property(path, segments => {
      const once = normalisePath(`/${segments.join('/')}`)
      return normalisePath(once) === once && once.startsWith('/')
    }),
  )
})

t.test('query values', async t => {
  t.equal(readTarget('/a?b?c').query, 'b?c')
  t.equal(readTarget('/a').query, null)
  t.equal(readTarget('/a?').query, '')
  t.equal(queryOf('a=1&a=2', 'a'), '1')
  t.equal(queryOf('a', 'a'), '')
  t.equal(queryOf('%61=x', 'a'), 'x')
  t.equal(queryOf('a=%zz', 'a'), '%zz')
  t.equal(queryOf(null, 'a'), null)
})

t.test('networks', async t => {
  const net = networks(['10.0.0.0/8', '192.0.2.1', 'fd00::/8'])
  for (const [address, inside] of Object.entries({
    '10.255.0.1': true,
    '11.0.0.1': false,
    '192.0.2.1': true,
    '192.0.2.2': false,
    'fd12::1': true,
    'fe80::1%eth0': false,
    '::ffff:10.0.0.9': true,
    nonsense: false,
    '': false,
  })) {
    t.equal(net.contains(address), inside, address)
  }
  t.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  t.throws(() => networks(['10.0.0.0/99']))
})
