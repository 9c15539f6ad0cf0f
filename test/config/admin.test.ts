// admin.auth: who may be believed, what is granted, and every mistake that lets somebody in who should not be.
import { hostname, networkInterfaces } from 'node:os'
import t from 'tap'
import { shown } from '../../src/config/shown.ts'
import { lineOf, read } from './read.ts'

const ROUTES = `routes: [{ id: orders, match: { path: /orders }, legacy: "http://a:1" }]`
const auth = (more: string, trust = 'user: X-Forwarded-User, groups: X-Forwarded-Groups, from: [10.0.0.7]') =>
  `admin: { auth: { trustHeader: { ${trust} }, ${more} } }\n${ROUTES}\n`

t.test('the whole, read and shown again', async t => {
  const text = auth(
    'groups: { sre: [admin], "cn=on call": { scopes: [rollback], routes: [orders] } }, users: { "ann@example.com": [read, bodies] }, everyone: [read]',
  )
  const { config, mistakes } = await read(text)
  t.same(mistakes, [])
  t.match(config?.admin.auth, {
    trustHeader: { user: 'x-forwarded-user', groups: 'x-forwarded-groups', from: ['10.0.0.7'], secret: null },
    groups: { sre: ['admin'], 'cn=on call': { scopes: ['rollback'], routes: ['orders'] } },
    users: { 'ann@example.com': ['read', 'bodies'] },
    everyone: ['read'],
  })
  if (config === null) return
  const again = await read(JSON.stringify(shown(config)))
  t.same(again.config, config)
})

t.test('its secret is a secret', async t => {
  const trust = (secret: string) => `user: X-User, from: [10.0.0.0/8], secret: ${secret}`
  const masked = await read(auth('everyone: [read]', trust(`"\${SECRET}"`)))
  t.same(masked.mistakes, [], 'and with one a wide range is no worry')
  t.ok(masked.config !== null && !JSON.stringify(shown(masked.config)).includes('geheim'))
  const plain = await read(auth('everyone: [read]', trust('swordfish')))
  const refused = plain.mistakes.find(({ path }) => path === '/admin/auth/trustHeader/secret')
  t.equal(refused?.message, 'a secret must not stand in the text')
})

t.test('mistakes', async t => {
  const rows: readonly (readonly [text: string, path: string, said: RegExp])[] = [
    ['admin: { auth: {} }', '/trustHeader', /trustHeader is missing/],
    [auth('groups: { sre: [root] }'), '/groups/sre/0', /not one of the allowed words/],
    [auth('groups: { sre: [] }'), '/groups/sre', /empty/],
    [auth('groups: { sre: { scopes: [read], routes: [order] } }'), '/groups/sre/routes/0', /unknown route/],
    [auth('users: { ann: { scopes: [read], route: [orders] } }'), '/users/ann/route', /unknown key/],
    [auth('everyone: { scopes: [read], routes: [basket] }'), '/everyone/routes/0', /unknown route/],
    [auth('groups: { sre: [read] }', 'user: X-User, from: []'), '/trustHeader/from', /empty/],
    [auth('everyone: [read]', 'user: X-User, from: [0.0.0.0/0]'), '/trustHeader/from/0', /everybody could say/],
    [auth('everyone: [read]', 'user: X-User, from: ["::/0"]'), '/trustHeader/from/0', /everybody could say/],
    [auth('everyone: [read]', 'user: Authorization, from: [10.0.0.7]'), '/trustHeader/user', /something else/],
    [auth('everyone: [read]', 'user: X-User, groups: x-user, from: [10.0.0.7]'), '/trustHeader/groups', /same header/],
    [auth('groups: { sre: [read] }', 'user: X-User, from: [10.0.0.7]'), '/groups', /no header says who is in a group/],
    [auth('everyone: [read]', 'user: X-User, from: [proxy.internal]'), '/trustHeader/from/0', /not an address range/],
  ]
  for (const [text, path, said] of rows) {
    const { config, mistakes } = await read(text)
    t.equal(config, null, text)
    const found = mistakes.find(one => one.path === `/admin/auth${path}`)
    t.match(found?.message ?? mistakes.map(lineOf).join('; '), said, text)
  }
  const warned = async (text: string) => (await read(text)).mistakes.map(({ level, message }) => `${level}: ${message}`)
  t.same(await warned(auth('everyone: [read]', 'user: X-User, from: [10.0.0.0/8]')), [
    'warning: every host in 10.0.0.0/8 could say who is logged in',
  ])
  t.same(await warned(auth('everyone: [read]', 'user: X-User, from: [127.0.0.1]')), [
    'warning: every program on this machine could say who is logged in',
  ])
  t.same(await warned(auth('groups: {}')), ['warning: nothing is granted to anybody'])
})

t.test('a backend that is our own admin listener, or a metadata service', async t => {
  const said = async (url: string, more = '') => {
    const { mistakes } = await read(`${more}\nbackends: { a: { url: "${url}" } }`)
    return mistakes.map(({ level, message }) => `${level}: ${message.split(':')[0]}`)
  }
  const own = 'error: this is our own listener of admin'
  for (const host of [
    '127.0.0.1',
    'localhost',
    'localhost.',
    '0.0.0.0',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::]',
  ])
    t.same(await said(`http://${host}:9900`), [own], host)
  const everywhere = 'admin: { listen: ":9900", hosts: [ops.example.com], behindTls: true }'
  for (const { address } of Object.values(networkInterfaces()).flatMap(list => list ?? [])) {
    const host = address.includes(':') ? `[${address}]` : address
    t.match(await said(`http://${host}:9900`, everywhere), [own], `on every interface: ${host}`)
  }
  t.same(await said(`http://${hostname()}:9900`, everywhere), [own], 'and by our own name')
  t.same(await said('http://10.1.1.1:9900'), [], 'another machine')
  t.same(await said('http://127.0.0.1:9902', 'sides: { listen: ":9902" }'), [
    'error: this is our own listener of sides',
  ])
  const fleet = await said('http://[::1]:9903', 'fleet: { listen: "[::1]:9903" }')
  t.ok(fleet.includes('error: this is our own listener of fleet'))
  const metadata = [
    'http://169.254.169.254',
    'http://0xA9FEA9FE',
    'http://2852039166:80',
    'http://[::ffff:169.254.169.254]',
    'http://[fd00:ec2::254]',
    'http://metadata.google.internal',
    'http://169.254.170.2',
  ]
  for (const url of metadata) t.same(await said(url), ['error: the metadata service of a cloud'], url)
  for (const url of ['http://169.254.1.1', 'http://[fe80::1]'])
    t.same(await said(url), ['warning: a link-local address'], url)
})
