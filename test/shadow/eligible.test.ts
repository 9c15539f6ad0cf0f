// What of a request's head speaks against asking the other side, too; the first reason counts.
import t from 'tap'
import type { DenyPattern, ShadowPolicy, UnaskedReason } from '../../src/model/comparison.ts'
import { isDirected, isOfCondition, whyNot } from '../../src/shadow/eligible.ts'
import type { Original } from '../../src/shadow/original.ts'
import { Paths } from '../../src/shadow/paths.ts'

const paths = new Paths()

const POLICY = {
  methods: new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY']),
  maxRequestBytes: 100,
  deny: [] as DenyPattern[],
  denyActions: true,
  direction: 'both',
} as unknown as ShadowPolicy

function original(method: string, target: string, more: object = {}): Original {
  const head = { method, target, host: '', headers: [], address: '' }
  const bare = { route: { data: 'shared' }, head, upgrades: false, binds: false, bodyBytes: null }
  return { ...bare, ...more } as unknown as Original
}

function deny(path: string | null, query: DenyPattern['query'] = null): ShadowPolicy {
  return { ...POLICY, deny: [{ text: '', path, query }] }
}

const CASES: readonly (readonly [string, Original, ShadowPolicy, UnaskedReason | null])[] = [
  ['a plain read', original('GET', '/orders/5?page=2'), POLICY, null],
  ['a write with separate data', original('POST', '/orders', { route: { data: 'separate' } }), POLICY, 'writes'],
  ['an unknown method with separate data', original('FROB', '/', { route: { data: 'separate' } }), POLICY, 'writes'],
  ['a write with shared data that nobody allowed', original('POST', '/search'), POLICY, 'method'],
  [
    'a write with shared data that somebody allowed',
    original('POST', '/search', { bodyBytes: 10 }),
    { ...POLICY, methods: new Set(['POST']) },
    null,
  ],
  ['a WebSocket', original('GET', '/', { upgrades: true }), POLICY, 'upgrade'],
  ['a bound connection', original('GET', '/', { binds: true }), POLICY, 'bound_connection'],
  ['a large QUERY', original('QUERY', '/', { bodyBytes: 101 }), POLICY, 'request_too_large'],
  ['one of unknown length', original('QUERY', '/', { bodyBytes: -1 }), POLICY, null],
  ['a logout', original('GET', '/logout'), POLICY, 'action'],
  ['an action by its query', original('GET', '/x?action=deleteOrder'), POLICY, 'action'],
  ['a logout of other spelling', original('GET', '/users/log%2Dout'), POLICY, 'action'],
  ['one behind an escaped slash', original('GET', '/a%2Flogout'), POLICY, 'action'],
  ['a verb after an id', original('GET', '/orders/5/ship'), POLICY, 'action'],
  ['a page after an id', original('GET', '/orders/5/edit'), POLICY, null],
  ['an escaped action', original('GET', '/x?%61ction=%64elete'), POLICY, 'action'],
  ['one after a semicolon', original('GET', '/x?id=1;action=delete'), POLICY, 'action'],
  ['the same where they may be asked', original('GET', '/logout'), { ...POLICY, denyActions: false }, null],
  ['a denied path', original('GET', '/admin/users'), deny('/admin/*'), 'denied'],
  ['its escapes', original('GET', '/%61dmin/users'), deny('/admin/*'), 'denied'],
  ['its dots', original('GET', '/shop/../admin/users'), deny('/admin/*'), 'denied'],
  ['its case', original('GET', '/Admin/users'), deny('/admin/*'), 'denied'],
  ['beside it', original('GET', '/administration'), deny('/admin/*'), null],
  ['a star in the middle', original('GET', '/a/b/c/export.csv'), deny('/a/*/export*'), 'denied'],
  ['without a star: the whole path', original('GET', '/a/b'), deny('/a'), null],
  ['a denied parameter', original('GET', '/x?a=1&token=5'), deny(null, { name: 'token', value: null }), 'denied'],
  ['one after a semicolon', original('GET', '/x?a=1;token=5'), deny(null, { name: 'token', value: '5' }), 'denied'],
  ['one with a semicolon in it', original('GET', '/x?a=1;b'), deny(null, { name: 'a', value: '1;b' }), 'denied'],
  ['with another value', original('GET', '/x?do=view'), deny(null, { name: 'do', value: 'drop' }), null],
  ['both have to hold', original('GET', '/y?v=2'), deny('/x', { name: 'v', value: '2' }), null],
  ['and both do', original('GET', '/x?v=2'), deny('/x', { name: 'v', value: '2' }), 'denied'],
]

for (const name of ['X-HTTP-Method-Override', 'x-http-method', 'X-Method-Override']) {
  t.test(`${name}: what it is for a side is not what its method says`, async t => {
    const headers = ['Accept', '*/*', name, 'DELETE']
    const get = original('GET', '/a')
    t.equal(whyNot({ ...get, head: { ...get.head, headers } }, { ...POLICY, denyActions: false }, paths), 'method')
    const post = original('POST', '/a')
    const allowed = { ...POLICY, methods: new Set(['POST']) }
    t.equal(whyNot({ ...post, head: { ...post.head, headers } }, allowed, paths), null, 'somebody allowed that one')
  })
}

for (const [name, request, policy, expected] of CASES) {
  t.test(name, async t => t.equal(whyNot(request, policy, paths), expected))
}

t.test('which side may be asked', async t => {
  t.ok(isDirected(POLICY, 'legacy'))
  t.ok(isDirected({ ...POLICY, direction: 'new' }, 'new'))
  t.notOk(isDirected({ ...POLICY, direction: 'new' }, 'legacy'))
})

t.test('answers that exist only because of a condition', async t => {
  t.same([200, 204, 206, 301, 304, 404, 412, 416].filter(isOfCondition), [206, 304, 412, 416])
})
