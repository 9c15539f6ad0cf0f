// What a configuration says of users: lists of keys and their mistakes, pins that know no session, cohorts that mean nobody,
// groups that disagree.
import t from 'tap'
import { readKeys } from '../../src/config/key-list.ts'
import { loadText } from '../../src/config/load.ts'
import { Wrong } from '../../src/config/values.ts'
import { compiled, lineOf, planOf, routeWith, twoSided, wordsOf } from './read.ts'

const sticky = ['header:x-user-id', 'cookie:sid']

const words = async (route: object, more: object = {}) =>
  (await wordsOf({ ...more, routes: [twoSided(route)] })).map(one => one.replace('/routes/0/', ''))

/** Mistakes of a configuration with a list of keys in a file; what is no such file does not exist. */
async function withFile(keys: unknown, files: Readonly<Record<string, string | Uint8Array>> = {}, byApi = false) {
  const route = twoSided({ sticky, cohorts: [{ when: { keys }, side: 'new' }] })
  const loaded = await loadText({
    text: JSON.stringify({ routes: [route] }),
    file: '/etc/routes.yaml',
    interpolate: !byApi,
    env: { KEYS: 'u1' },
    async readFile(path) {
      const file = files[path]
      if (file === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
      return Buffer.from(file)
    },
  })
  return { loaded, lines: loaded.mistakes.map(({ path, message }) => `${path} ${message}`) }
}

const AT = '/routes/0/cohorts/0/when/keys'

t.test('a list: one key a line, comments, blank lines, any end of line', async t => {
  const keys = (text: string) => {
    const read = readKeys(text)
    return read instanceof Wrong ? read.message : [...read]
  }
  t.same(keys('u1\nu2\r\n\n  u3  \n# u4\n  # u5\nu6#7\nmüller\n日本\nu1'), ['u1', 'u2', 'u3', 'u6#7', 'müller', '日本'])
  t.same(keys(''), [])
  t.same(keys('# nobody yet\n'), [])
  t.same(keys('a b'), ['a b'])
  t.same(keys('x'.repeat(512)), ['x'.repeat(512)])
  t.equal(keys(`a\n${'x'.repeat(513)}`), 'line 2 of the list has more than 512 characters')
  for (const control of ['\0', '\x01', '\t', '\x1b', '\x7f', '\x85', '\ufffd']) {
    t.equal(keys(`a\n\nu${control}1`), 'line 3 of the list is not text', JSON.stringify(control))
  }
  t.equal(keys('a\rb'), 'line 1 of the list is not text', 'a lone CR ends no line')
})

t.test('no key is repeated by what is said of its list', async t => {
  for (const text of ['secret-7\x01', `secret-7${'x'.repeat(600)}`]) {
    const wrong = readKeys(text)
    t.ok(wrong instanceof Wrong)
    t.notMatch(JSON.stringify(wrong), /secret-7/)
    const { loaded } = await withFile('file:beta.txt', { '/etc/beta.txt': text })
    t.equal(loaded.mistakes.length, 1)
    t.notMatch(JSON.stringify(loaded.mistakes), /secret-7/)
  }
})

t.test('lists from files', async t => {
  const { loaded, lines } = await withFile('file:beta.txt', { '/etc/beta.txt': '\ufeffu1\r\nmüller\n' })
  t.same(lines, [])
  t.same(
    loaded.files,
    ['/etc/routes.yaml', '/etc/beta.txt'],
    'it is one of the files that the configuration was read from',
  )
  const plan = compiled(loaded)
  const list = plan.routes[0]?.cohorts[0]?.keys
  t.same([list?.has('u1'), list?.has('müller'), list?.has('u2'), list?.size], [true, true, false, 2])
  t.equal(list?.file, '/etc/beta.txt')
  t.same(plan.keyLists, [list])
  t.same((await withFile('file:beta.txt', { '/etc/beta.txt': '' })).lines, [], 'an empty list is nobody')
})

t.test('two cohorts of one file share a list', async t => {
  const when = { keys: 'file:beta.txt' }
  const loaded = await loadText({
    text: JSON.stringify({
      routes: [
        twoSided({ sticky, cohorts: [{ when, side: 'new' }] }),
        twoSided({ id: 'b', match: { path: '/b' }, sticky, cohorts: [{ when, side: 'legacy' }] }),
      ],
    }),
    file: '/etc/routes.yaml',
    interpolate: true,
    env: {},
    readFile: async () => Buffer.from('u1'),
  })
  const { keyLists, routes } = compiled(loaded)
  t.equal(keyLists.length, 1)
  t.equal(routes[0]?.cohorts[0]?.keys, routes[1]?.cohorts[0]?.keys)
})

t.test('lists that cannot be read', async t => {
  const files = {
    '/etc/huge.txt': Buffer.alloc(4 * 2 ** 20 + 1, 'a\n'),
    '/etc/large.txt': Buffer.alloc(4 * 2 ** 20, 'a\n'),
    '/etc/bytes.txt': Buffer.from([0x75, 0xff, 0xfe]),
    '/etc/latin1.txt': Buffer.from('müller', 'latin1'),
    '/etc/control.txt': 'a\nb\x07',
    '/etc/utf16.txt': Buffer.from('u1\nu2', 'utf16le'),
  }
  const lines = async (keys: unknown) => (await withFile(keys, files)).lines
  t.same(await lines('file:none.txt'), [`${AT} /etc/none.txt does not exist`])
  t.same(await lines('file:huge.txt'), [`${AT} /etc/huge.txt is larger than 4 MiB`])
  t.same(await lines('file:large.txt'), [])
  t.same(await lines('file:bytes.txt'), [`${AT} /etc/bytes.txt is not UTF-8`])
  t.same(await lines('file:latin1.txt'), [`${AT} /etc/latin1.txt is not UTF-8`])
  t.same(await lines('file:control.txt'), [`${AT} line 2 of the list is not text`])
  t.same(await lines('file:utf16.txt'), [`${AT} line 1 of the list is not text`])
})

t.test('keys do not stand in the text, and a text by API names no files', async t => {
  for (const keys of ['beta.txt', 'u1\nu2', 'u7']) {
    for (const byApi of [false, true]) {
      const { loaded, lines } = await withFile(keys, {}, byApi)
      t.same(lines, [`${AT} a secret must not stand in the text`])
      t.equal(loaded.mistakes[0]?.found, '***')
    }
  }
  t.same((await withFile('file:/etc/passwd', { '/etc/passwd': 'root' }, true)).lines, [
    `${AT} values from outside are only allowed in files`,
  ])
  t.same((await withFile(['u1', 'u2'])).lines, [`${AT} must be a text`])
})

t.test('what is shown of a list names no key', async t => {
  const { loaded } = await withFile('file:beta.txt', { '/etc/beta.txt': 'secret-7' })
  const { shown } = await import('../../src/config/shown.ts')
  t.notMatch(JSON.stringify(shown(loaded.config as never)), /secret-7/)
})

// ---- cohorts

t.test('cohorts: what they compile to', async t => {
  const { cohorts } = await routeWith({
    sticky,
    cohorts: [
      { when: { cidr: '10.1.0.0/16' }, side: 'new' },
      { when: { cidr: ['10.1.0.0/16', 'fd00::/8'], header: { 'X-Tenant': 'acme' } }, side: 'legacy' },
      { when: { cookie: { beta: 'present' }, claim: { email: 'suffix:@shop.example', org: 'prefix:a' } }, side: 'new' },
    ],
  })
  t.match(cohorts[0], {
    networks: { texts: ['10.1.0.0/16'] },
    headers: [],
    cookies: [],
    claims: [],
    keys: null,
    side: 'new',
  })
  t.match(cohorts[1], { networks: { texts: ['10.1.0.0/16', 'fd00::/8'] }, side: 'legacy' })
  t.same(cohorts[1]?.headers, [{ name: 'x-tenant', kind: 'exact', value: 'acme' }])
  t.same(cohorts[2]?.cookies, [{ name: 'beta', kind: 'present', value: '' }])
  t.same(cohorts[2]?.claims, [
    { name: 'email', kind: 'suffix', value: '@shop.example' },
    { name: 'org', kind: 'prefix', value: 'a' },
  ])
  t.same((await routeWith({})).cohorts, [])
})

t.test('cohorts that mean nobody, or keys that no request has', async t => {
  const nobody = 'cohorts/0/when nobody is meant'
  for (const when of [{}, { header: {} }, { header: {}, cookie: {}, claim: {} }]) {
    t.same(await words({ cohorts: [{ when, side: 'new' }] }), [nobody], JSON.stringify(when))
  }
  const { lines } = await (async () => {
    const loaded = await loadText({
      text: JSON.stringify({ routes: [twoSided({ cohorts: [{ when: { keys: 'file:b.txt' }, side: 'new' }] })] }),
      file: '/etc/routes.yaml',
      interpolate: true,
      env: {},
      readFile: async () => Buffer.from('u1'),
    })
    return { lines: loaded.mistakes.map(({ path, message }) => `${path} ${message}`) }
  })()
  t.same(lines, [`${AT} the route has no sticky keys that could stand in a list`])
})

t.test('cohorts: words that are refused', async t => {
  t.match(await words({ cohorts: [{ when: { cidr: '10.1.0.0/33' }, side: 'new' }] }), [/^cohorts\/0\/when\/cidr/])
  t.match(await words({ cohorts: [{ when: { cidr: [] }, side: 'new' }] }), [/^cohorts\/0\/when\/cidr/])
  t.match(await words({ cohorts: [{ when: { cidr: '10.0.0.0/8' }, side: 'nwe' }] }), [/did you mean new\?/])
  t.match(await words({ cohorts: [{ when: { cidr: '10.0.0.0/8' } }] }), [/side/])
  t.match(await words({ cohorts: [{ when: { cdir: '10.0.0.0/8' }, side: 'new' }] }), [/did you mean cidr\?/])
  t.match(await words({ cohorts: [{ when: { header: { 'x y': 'a' } }, side: 'new' }] }), [/when\/header/])
  t.match(await words({ cohorts: [{ when: { header: { x: 'prefix:' } }, side: 'new' }] }), [/a prefix of nothing/])
  t.match(await words({ cohorts: [{ when: { claim: { x: 'suffix:' } }, side: 'new' }] }), [/a suffix of nothing/])
})

// ---- pins and overrides

t.test('pin: defaults, and the session’s cookie from sticky', async t => {
  t.same((await routeWith({ sticky, pin: {} })).pin, { idleMs: 1_800_000, admit: 'new-sessions', session: ['sid'] })
  t.same((await routeWith({ pin: { session: ['cookie:a', 'cookie:b'], idle: '2h', admit: 'anyone' } })).pin, {
    idleMs: 7_200_000,
    admit: 'anyone',
    session: ['a', 'b'],
  })
  t.equal((await routeWith({ sticky })).pin, null)
  t.same((await routeWith({ sticky }, { defaults: { pin: {} } })).pin?.session, ['sid'])
})

t.test('pin without a session', async t => {
  const which = /which cookie holds the session\?/
  t.match(await words({ pin: {} }), [which])
  t.match(await words({ sticky: ['header:x-user-id', 'auto'], pin: {} }), [which])
  t.match(await words({ pin: {} }, { defaults: { sticky: ['jwt:sub'] } }), [which])
  t.same(await words({ pin: { admit: 'anyone' } }), [])
  t.same(await words({ pin: { session: 'cookie:JSESSIONID' } }), [])
  t.same(await words({ pin: {} }, { defaults: { sticky } }), [])
  t.match(await words({}, { defaults: { pin: {} } }), [which], 'inherited')
  t.match(await words({ pin: { session: 'header:x-session' } }), [/^pin\/session/])
  t.match(await words({ pin: { session: 'cookie:banyan_id' } }), [/banyan_id is our own cookie/])
  t.match(await words({ pin: { session: 'cookie:banyan_pin_a' } }), [/our own cookie/])
  t.match(await words({ pin: { idle: '30s', session: 'cookie:sid' } }), [/too short: at least 1m/])
})

t.test('one side: neither a pin nor a cohort; inherited ones are off', async t => {
  const one = { id: 'b', match: { path: '/b' }, legacy: 'http://l' }
  const cohorts = [{ when: { cidr: '10.0.0.0/8' }, side: 'new' }]
  t.same(
    (await wordsOf({ routes: [{ ...one, sticky, pin: {}, cohorts }] })).map(line => line.slice(0, line.indexOf(':'))),
    ['/routes/0/pin a route with one side has no other', '/routes/0/cohorts a route with one side has no other'],
  )
  const plan = await planOf({ defaults: { sticky, pin: {}, cohorts }, routes: [one] })
  t.equal(plan.routes[0]?.id, 'b')
})

t.test('an override by which nobody may', async t => {
  t.match(await words({ override: {} }), [/^! override nobody may override/])
  t.match(await words({ override: { header: 'x-side' } }), [/^! override nobody may override/])
  t.same(await words({ override: { links: true } }), [])
  t.same(await words({ override: { from: ['10.0.0.0/8'] } }), [])
  t.equal((await routeWith({ override: {} })).override, null)
  t.same((await routeWith({ override: { links: true } })).override, {
    header: null,
    links: true,
  })
  t.match((await routeWith({ override: { from: ['10.0.0.0/8'], header: 'X-Side', links: true } })).override, {
    header: { name: 'x-side' },
    links: true,
  })
})

// ---- groups

t.test('groups whose routes disagree about users', async t => {
  const grouped = (first: object, second: object, more: object = {}) =>
    wordsOf({
      groups: { shop: {} },
      ...more,
      routes: [
        twoSided({ group: 'shop', ...first }),
        twoSided({ id: 'b', match: { path: '/b' }, group: 'shop', ...second }),
      ],
    })
  const cohorts = [{ when: { cidr: '10.0.0.0/8' }, side: 'new' }]
  t.same(await grouped({ sticky, pin: {}, cohorts }, { sticky, pin: {}, cohorts }), [])
  t.match(await grouped({ sticky }, {}), [
    /^! \/routes\/1\/group sticky differs from that of route a in the group shop/,
  ])
  t.match(await grouped({ sticky }, { sticky: ['ip'] }), [/^! \/routes\/1\/sticky sticky differs/])
  t.match(await grouped({ sticky, pin: {} }, { sticky }), [/^! \/routes\/1\/group pin differs/])
  t.match(await grouped({ cohorts }, { cohorts: [] }), [/^! \/routes\/1\/cohorts cohorts differs/])
  t.match(await grouped({ override: { links: true } }, {}), [/^! \/routes\/1\/group override differs/])
  t.same(await grouped({ sticky }, {}, { defaults: { sticky } }), [], 'one by its own words, one by defaults')
  t.same(await grouped({}, { data: 'separate', leaks: 'rewrite' }), [], 'what is not about users may differ')
  const alone = await wordsOf({
    groups: { shop: {} },
    routes: [
      twoSided({ group: 'shop', sticky }),
      { id: 'b', match: { path: '/b' }, group: 'shop', legacy: 'http://l' },
      twoSided({ id: 'c', match: { path: '/c' } }),
    ],
  })
  t.same(alone, [], 'neither a route with one side nor one outside the group')
})

// ---- how tunnels end

t.test('rollback.tunnels and drain.tunnels', async t => {
  const ends = async (rollback: unknown) =>
    (await planOf({ rollback: { tunnels: rollback }, proxy: { drain: { tunnels: rollback } } })) as never as {
      rollbackTunnels: unknown
      drain: { tunnels: unknown }
    }
  for (const [text, value] of [
    ['keep', null],
    ['spread', 'all'],
    ['spread 60s', 60_000],
    ['spread 250ms', 250],
  ] as const) {
    t.match(await ends(text), { rollbackTunnels: value, drain: { tunnels: value } }, text)
  }
  for (const text of ['', 'cut', 'spread 60', 'spread60s', 'spread  60s', 'keep 5s', 'spread -1s', '60s', 5, true]) {
    const found = await wordsOf({ rollback: { tunnels: text } })
    t.equal(found.length, 1, `${JSON.stringify(text)}: ${found}`)
  }
  t.match(await ends('spread 0s'), { rollbackTunnels: 0 }, 'all at once, for who wants that')
})

t.test('lines and columns', async t => {
  const text =
    'routes:\n  - id: a\n    match: { path: /a }\n    legacy: http://l\n    new: http://n\n    data: shared\n    pin: {}\n'
  const loaded = await loadText({ text, file: 'routes.yaml', interpolate: true, env: {} })
  t.match(loaded.mistakes.map(lineOf), [/^7:10 \/routes\/0\/pin which cookie holds the session/])
})
