// What differs, in words that fit a line, and what waits for a restart.
import t from 'tap'
import { differences, needsRestart } from '../../src/config/diff.ts'
import { shown } from '../../src/config/shown.ts'
import { read } from './read.ts'

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

t.test('what is added or removed is told in the words of the file, without defaults', async t => {
  const base = { backends: { mono: { url: 'http://m' } }, routes: [{ id: 'a', match: { path: '/a' }, legacy: 'mono' }] }
  const of = async (more: object) => {
    const { config, mistakes } = await read(JSON.stringify({ ...base, ...more }))
    t.same(mistakes, [])
    return shown(config as never)
  }
  const changed = async (from: object, to: object) =>
    differences(await of(from), await of(to)).map(({ path, before, after }) => `${path}: ${before} > ${after}`)

  const backend = { backends: { ...base.backends, b: { url: 'http://b', health: '/ping', balance: 'round' } } }
  t.same(await changed({}, backend), [
    '/backends/b/balance: null > round',
    '/backends/b/health/path: null > /ping',
    '/backends/b/url: null > http://b',
  ])
  t.same(await changed(backend, {}), [
    '/backends/b/balance: round > null',
    '/backends/b/health/path: /ping > null',
    '/backends/b/url: http://b > null',
  ])
  const [a] = base.routes
  const route = { routes: [a, { id: 'b', match: { path: '/b' }, legacy: 'mono' }] }
  t.same(await changed({}, route), [
    '/routes/b/id: null > b',
    '/routes/b/legacy: null > mono',
    '/routes/b/match/paths/0: null > /b',
  ])
  const split = { ...a, new: 'http://n', data: 'shared' }
  t.same(await changed({}, { routes: [split] }), ['/routes/a/data: null > shared', '/routes/a/new: null > http://n'])
  t.same(await changed({ routes: [split] }, { routes: [{ ...split, weight: 5 }] }), ['/routes/a/weight: 0 > 5'])
  t.same(await changed({ routes: [split] }, { routes: [{ ...split, new: { url: 'http://n', path: '/v2' } }] }), [
    '/routes/a/new: http://n > null',
    '/routes/a/new/path: null > /v2',
    '/routes/a/new/url: null > http://n',
  ])
})

t.test('what holds defaults only is told as there; what `defaults` gives is told once', async t => {
  const of = async (config: object) => shown((await read(JSON.stringify(config))).config as never)
  const route = { id: 'a', match: { path: '/a' }, legacy: 'http://m', new: 'http://n', data: 'shared' }
  const before = { path: '/groups/g', before: null, after: '{}' }
  t.same(differences(await of({}), await of({ groups: { g: {} } })), [before])
  const none = await of({ routes: [route] })
  t.same(differences(none, await of({ routes: [{ ...route, compare: {} }] })), [
    { ...before, path: '/routes/a/compare' },
  ])
  const inherited = { defaults: { weight: 5, sticky: ['auto'] } }
  const some = await of({ ...inherited, routes: [route] })
  t.same(
    differences(none, some).map(({ path }) => path),
    ['/defaults/sticky/0', '/defaults/weight'],
  )
  const two = await of({ ...inherited, routes: [route, { ...route, id: 'b', weight: 1, match: { path: '/b' } }] })
  t.notMatch(
    differences(some, two).map(({ path }) => path),
    [/sticky/],
  )
  t.match(differences(some, two).at(-1), { path: '/routes/b/weight', after: '1' })
})
