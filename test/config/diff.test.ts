// What differs, in words that fit a line, and what waits for a restart.
import t from 'tap'
import { differences, needsRestart } from '../../src/config/diff.ts'

t.test('leaf by leaf; routes by their id', async t => {
  const before = { routes: [{ id: 'a', weight: 5 }], watch: false, include: ['x'] }
  const after = {
    routes: [
      { id: 'b', weight: 1 },
      { id: 'a', weight: 10 },
    ],
    watch: false,
  }
  t.same(differences(before, after), [
    { path: '/include/0', before: 'x', after: null },
    { path: '/routes/a/weight', before: '5', after: '10' },
    { path: '/routes/b/id', before: null, after: 'b' },
    { path: '/routes/b/weight', before: null, after: '1' },
  ])
})

t.test('certificates and pages take one line each, and a change of them is seen', async t => {
  const page = (text: string) => ({ proxy: { errors: { page: `<html>\n${text}</html>\n` } } })
  const [one] = differences(page('a'), page('b'))
  t.match(one, {
    path: '/proxy/errors/page',
    before: /^<html> … \(16 bytes, SHA-256 [0-9a-f]{12}\)$/,
    after: /^<html> … \(16 bytes, SHA-256 [0-9a-f]{12}\)$/,
  })
  t.not(one?.before, one?.after)
  t.same(differences(page('a'), page('a')), [])
})

t.test('what only a restart puts in force', async t => {
  const at = (path: string, before: string | null = 'a', after: string | null = 'b') =>
    needsRestart({ path, before, after })
  t.equal(at('/proxy/listen'), true)
  t.equal(at('/proxy/limits/fields'), false)
  t.equal(at('/proxy/proxyProtocol'), false)
  t.equal(at('/proxy/errors/page'), false)
  t.equal(at('/backends/m/urls/1'), false)
  t.equal(at('/proxy/tls/cert'), false, 'a renewed certificate is taken up')
  t.equal(at('/proxy/tls/cert', null), true)
  t.equal(at('/proxy/tls/key', '***', null), true)
})
