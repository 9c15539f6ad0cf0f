// What people get wrong: each with its exact place, its words and the way out.
import t from 'tap'
import { lineOf, read } from './read.ts'

/** Text, then for each mistake its line and its hint. */
type Case = readonly [text: string, ...mistakes: readonly (readonly [line: string, hint: string | null])[]]

const route = (rest: string) => `routes:\n  - id: a\n    match: { path: /a, methods: [GET] }\n${rest}`
const backend = (rest: string) => `backends: { a: { url: http://a:1, ${rest} } }`
const sides = '    legacy: http://a:1\n    new: http://b:1\n'

const TABLES: Readonly<Record<string, readonly Case[]>> = {
  'keys and words': [
    ['proxi: {}', ['1:1 /proxi unknown key', 'did you mean proxy?']],
    ['proxy:\n  lisen: x', ['2:3 /proxy/lisen unknown key', 'did you mean listen?']],
    ['xyzzy: 1', ['1:1 /xyzzy unknown key', null]],
    ['log: { level: inof }', ['1:15 /log/level not one of the allowed words', 'did you mean info?']],
    ['control: files', ['1:10 /control not one of the allowed words', 'did you mean file?']],
    ['backends:\n  Bad Name: { url: http://a:1 }', ['2:3 /backends/Bad Name not a name', 'for example bad-name']],
    ['groups: { Ü: {} }', ['1:11 /groups/Ü not an id', null]],
  ],
  'kinds of values': [
    ['proxy: 5', ['1:8 /proxy must be a mapping', 'write `key: value` below it, indented']],
    ['proxy:', ['1:7 /proxy must be a mapping', 'nothing stands there: write {} or leave the key out']],
    ['proxy: [x]', ['1:8 /proxy must be a mapping', 'leave out the `- `']],
    ['routes:\n  id: a', ['2:3 /routes must be a list', 'put `- ` before each entry']],
    ['admin: { hosts: example.com }', ['1:17 /admin/hosts must be a list', 'write [example.com]']],
    ['watch: off', ['1:8 /watch must be true or false', 'off is a text in YAML 1.2: write false']],
    ['watch: Yes', ['1:8 /watch must be true or false', 'Yes is a text in YAML 1.2: write true']],
    ['watch: "true"', ['1:8 /watch must be true or false', 'write true without quotes']],
    ['log: { access: false }', ['1:16 /log/access not one of the allowed words', 'write off']],
    [backend('wire: { accept: barelf }'), ['1:51 /backends/a/wire/accept must be a list', 'write [bare-lf]']],
    [backend('wire: { accept: bare-lf }'), ['1:51 /backends/a/wire/accept must be a list', 'write [bare-lf]']],
    [backend('wire: { accept: everything }'), ['1:51 /backends/a/wire/accept must be a list', null]],
    [
      backend('circuit: true'),
      ['1:44 /backends/a/circuit not one of the allowed words', 'write {} to take its defaults'],
    ],
    [
      backend('circuit: on'),
      ['1:44 /backends/a/circuit not one of the allowed words', 'write {} to take its defaults'],
    ],
    [backend('circuit: false'), ['1:44 /backends/a/circuit not one of the allowed words', 'write none']],
    [backend('maxConcurrent: -1'), ['1:50 /backends/a/maxConcurrent less than 1', 'for no limit write none']],
    [backend('maxConcurrent: 1.5'), ['1:50 /backends/a/maxConcurrent not a whole number', null]],
    [
      'proxy: { clientIp: { hops: "2" } }',
      ['1:28 /proxy/clientIp/hops must be a whole number', 'write 2 without quotes'],
    ],
    ['proxy: { clientIp: { hops: 1.5 } }', ['1:28 /proxy/clientIp/hops must be a whole number', null]],
    ['proxy: { clientIp: { hops: 0 } }', ['1:28 /proxy/clientIp/hops less than 1', null]],
    ['proxy: { limits: { connections: 5000000 } }', ['1:33 /proxy/limits/connections more than 1000000', null]],
    [route(`${sides}    owner: 42\n`), ['6:12 /routes/0/owner must be a text', 'write it in quotes: "42"']],
    [route('    legacy: 5\n'), ['4:13 /routes/0/legacy must be a mapping or a text', 'write it in quotes: "5"']],
    [route(`${sides}    sticky: header:x\n`), ['6:13 /routes/0/sticky must be a list', 'write [header:x]']],
    ['- a', ['1:1  must be a mapping', 'leave out the `- `']],
    ['hello', ['1:1  must be a mapping', 'write `key: value` below it, indented']],
  ],
  'durations, sizes, percents': [
    [
      'proxy: { timeouts: { keepAlive: 75 } }',
      ['1:33 /proxy/timeouts/keepAlive a duration needs its unit', 'write 75s or 75ms'],
    ],
    [
      'proxy: { timeouts: { keepAlive: 75 s } }',
      ['1:33 /proxy/timeouts/keepAlive not a duration', 'write 75s without the space'],
    ],
    [
      'proxy: { timeouts: { keepAlive: 75sec } }',
      ['1:33 /proxy/timeouts/keepAlive unknown unit of time', 'units are ms, s, m, h and d'],
    ],
    ['proxy: { timeouts: { keepAlive: soon } }', ['1:33 /proxy/timeouts/keepAlive not a duration', null]],
    ['proxy: { timeouts: { keepAlive: 0s } }', ['1:33 /proxy/timeouts/keepAlive too short: at least 1ms', null]],
    ['proxy: { timeouts: { keepAlive: 25d } }', ['1:33 /proxy/timeouts/keepAlive too long: at most 24d', null]],
    [
      'backends: { a: { url: http://a:1, timeouts: { head: 0s } } }',
      ['1:53 /backends/a/timeouts/head too short: at least 1ms', 'for no limit write none'],
    ],
    [
      'proxy: { limits: { head: 65536 } }',
      ['1:26 /proxy/limits/head a size needs its unit', 'write 65536B or 65536KiB'],
    ],
    [
      'proxy: { limits: { head: 64kb } }',
      ['1:26 /proxy/limits/head unknown unit of size', 'write 64KiB; units are B, KiB, MiB and GiB'],
    ],
    ['proxy: { limits: { head: 1GiB } }', ['1:26 /proxy/limits/head out of range: 4KiB to 1MiB', null]],
    [route(`${sides}    weight: 5 %\n`), ['6:13 /routes/0/weight not a percent', 'write 5% without the space']],
    [route(`${sides}    weight: 101\n`), ['6:13 /routes/0/weight a percent is 0 to 100', null]],
    [route(`${sides}    weight: -1\n`), ['6:13 /routes/0/weight a percent is 0 to 100', null]],
    [route(`${sides}    weight: 0.125\n`), ['6:13 /routes/0/weight a percent has at most two decimals', null]],
    [route(`${sides}    weight: half\n`), ['6:13 /routes/0/weight not a percent', null]],
  ],
  addresses: [
    ['proxy: { listen: 8080 }', ['1:18 /proxy/listen an address is host:port', 'write :8080 for every interface']],
    ['proxy: { listen: localhost }', ['1:18 /proxy/listen an address is host:port', 'write localhost:8080']],
    ['proxy: { listen: "*:8080" }', ['1:18 /proxy/listen not a host', 'write :8080 for every interface']],
    ['proxy: { listen: "::1" }', ['1:18 /proxy/listen an address is host:port', 'write [::1]:8080']],
    ['proxy: { listen: ":99999" }', ['1:18 /proxy/listen a port is 0 to 65535', null]],
    ['proxy: { clientIp: { from: [10.0.0.0/33] } }', ['1:29 /proxy/clientIp/from/0 a range is /0 to /32', null]],
    ['proxy: { clientIp: { from: [lan] } }', ['1:29 /proxy/clientIp/from/0 not an address range', null]],
    ['backends: { a: { url: 10.0.0.5:3001 } }', ['1:23 /backends/a/url not a URL', 'write http://10.0.0.5:3001']],
    [
      'backends: { a: { url: http://a/v1 } }',
      ['1:23 /backends/a/url a backend is an origin, without a path', 'write http://a'],
    ],
    ['backends: { a: { url: ftp://a } }', ['1:23 /backends/a/url a backend speaks http or https', null]],
    ['backends: { a: { url: http://a:0 } }', ['1:23 /backends/a/url port 0 cannot be asked', null]],
    ['backends: { a: {} }', ['1:16 /backends/a/url url or urls is missing', null]],
    [
      'backends: { a: { url: http://a, urls: [http://a] } }',
      ['1:33 /backends/a/urls either url or urls, not both', null],
    ],
    ['backends: { a: { urls: [] } }', ['1:24 /backends/a/urls the list is empty', null]],
    ['store: .banyan/state.db', ['1:8 /store not a store', 'write sqlite:.banyan/state.db']],
  ],
  'routes and their matches': [
    [
      'routes:\n  - {}',
      ['2:5 /routes/0/id id is missing', null],
      ['2:5 /routes/0/match match is missing', null],
      ['2:5 /routes/0 a route needs a side', 'add legacy: URL or the name of a backend'],
    ],
    [
      'routes:\n  - id: A_b\n    match: { path: /a }\n    legacy: http://a',
      ['2:9 /routes/0/id not an id', 'for example a-b'],
    ],
    [
      'routes:\n  - id: a\n    match: {}\n    legacy: http://a',
      ['3:12 /routes/0/match/path path or paths is missing', null],
    ],
    [
      'routes:\n  - id: a\n    match: { path: /a, paths: [/b] }\n    legacy: http://a',
      ['3:24 /routes/0/match/paths either path or paths, not both', null],
    ],
    ...(
      [
        ['orders/*', 'a path begins with /', 'write /orders/*'],
        ['/a?b=c', 'a path has no query', 'match it with `query: { name: value }`'],
        ['/a*', '* is a whole segment, or stands before an ending', 'write /a/*'],
        ['/*/b', '* stands only at the end of a path', 'use :name for one segment'],
        ['"/{id}"', 'a parameter is written with a colon', 'write :id'],
        ['/:id.json', 'a parameter is a whole segment: :name', 'letters, digits and _ only'],
        ['/:a/:a', 'a parameter stands twice', null],
        ['/a/../b', 'dot segments never match', 'paths are matched resolved'],
        ['/a/%2e%2E', 'dot segments never match', 'paths are matched resolved'],
        ['/größe', 'a path is ASCII', 'write /gr%C3%B6%C3%9Fe'],
        ['/a b', 'a path has no spaces', 'write %20'],
      ] as const
    ).map(
      ([path, message, hint]): Case => [
        `routes:\n  - id: a\n    match: { path: ${path} }\n    legacy: http://a`,
        [`3:20 /routes/0/match/path ${message}`, hint],
      ],
    ),
    [
      'routes:\n  - id: a\n    match: { path: *.html }\n    legacy: http://a',
      ['3:20 /routes/0/match/path aliases are not allowed', 'a text that begins with * needs quotes: "*.html"'],
    ],
    [
      'routes:\n  - id: a\n    match: { path: /a, host: "a:80" }\n    legacy: http://a',
      ['3:30 /routes/0/match/host not a host', 'write a, without the port'],
    ],
    [
      'routes:\n  - id: a\n    match: { path: /a, methods: [get] }\n    legacy: http://a',
      ['3:34 /routes/0/match/methods/0 methods are case-sensitive', 'write GET'],
    ],
    [
      'routes:\n  - id: a\n    match: { path: /a, headers: { X-A: b, x-a: c } }\n    legacy: http://a',
      ['3:43 /routes/0/match/headers/x-a this header stands twice, in another case', null],
    ],
    [
      'routes:\n  - id: a\n    match: { path: /a, query: { n: 5 } }\n    legacy: http://a',
      ['3:36 /routes/0/match/query/n must be a text', 'write it in quotes: "5"'],
    ],
    [
      route(`${sides}  - id: a\n    match: { path: /b }\n    legacy: http://a:1\n`),
      ['6:9 /routes/1/id duplicate id; the first is at routes.yaml:2:9', 'ids are unique over all files'],
    ],
  ],
  'sides, groups, weights': [
    [
      `backends: { mono: { url: http://m } }\n${route('    legacy: mnoo\n')}`,
      ['5:13 /routes/0/legacy unknown backend', 'did you mean mono?'],
    ],
    [route('    legacy: mono\n'), ['4:13 /routes/0/legacy unknown backend', 'name it under `backends`']],
    [
      route('    legacy: { backend: mono }\n'),
      ['4:24 /routes/0/legacy/backend unknown backend', 'name it under `backends`'],
    ],
    [route('    legacy: {}\n'), ['4:13 /routes/0/legacy/backend backend or url is missing', null]],
    ['default: mono', ['1:10 /default unknown backend', 'name it under `backends`']],
    [route('    owner: me\n'), ['2:5 /routes/0 a route needs a side', 'add legacy: URL or the name of a backend']],
    [
      route('    legacy: http://a:1\n    weight: 5\n'),
      ['5:5 /routes/0/weight a route with one side has no weight', 'leave it out'],
    ],
    [
      `groups: { pay: {} }\n${route(`${sides}    group: pay\n    weight: 5\n`)}`,
      ['8:5 /routes/0/weight the group has the weight of its routes', 'set it under groups: pay: { weight: … }'],
    ],
    [
      `groups: { pay: {} }\n${route(`${sides}    group: pya\n`)}`,
      ['7:12 /routes/0/group unknown group', 'did you mean pay?'],
    ],
    [
      'routes:\n  - id: a\n    match: { path: /a }\n    legacy: http://a:1\n    new: http://b:1',
      [
        '2:5 /routes/0/data data is missing: the route has two sides and admits any method',
        'separate: each side has its own data; shared: both use one database; or name only safe methods',
      ],
    ],
    [
      'routes:\n  - id: a\n    match: { path: /a, methods: [GET, PURGE] }\n    legacy: http://a:1\n    new: http://b:1',
      [
        '2:5 /routes/0/data data is missing: the route has two sides and admits PURGE',
        'separate: each side has its own data; shared: both use one database; or name only safe methods',
      ],
    ],
    [
      route(`${sides}    sticky: [ip, cookie:sid]\n`),
      ['6:14 /routes/0/sticky/0 ip stands last: every request has one', 'move it to the end'],
    ],
    [
      route(`${sides}    sticky: [path:tenant]\n`),
      ['6:14 /routes/0/sticky/0 no path of the route has this parameter', null],
    ],
    [
      route(`${sides}    sticky: [cokie:sid]\n`),
      ['6:14 /routes/0/sticky/0 not a source of keys', 'did you mean cookie?'],
    ],
    [
      route(`${sides}    sticky: [cookie]\n`),
      ['6:14 /routes/0/sticky/0 cookie: needs a name', 'for example cookie:sid'],
    ],
    [route(`${sides}    ambiguous: new\n`), ['6:16 /routes/0/ambiguous not one of the allowed words', null]],
    ['defaults: { legacy: http://a }', ['1:13 /defaults/legacy unknown key', null]],
  ],
  listeners: [
    [
      'admin: { listen: 0.0.0.0:9900 }',
      [
        '1:18 /admin/listen the admin listener would be reachable from other machines',
        'listen on 127.0.0.1, or put TLS in front and add behindTls: true and hosts: [name of this host]',
      ],
    ],
    [
      'admin: { listen: ":9900", behindTls: true }',
      [
        '1:18 /admin/listen the admin listener would be reachable from other machines',
        'listen on 127.0.0.1, or put TLS in front and add hosts: [name of this host]',
      ],
    ],
    ['health: { listen: 127.0.0.1:8080 }', ['1:19 /health/listen proxy listens on 0.0.0.0:8080 already', null]],
  ],
  'warnings, which stop nothing': [
    [
      route('    legacy: http://a:1\n    new: http://a:1\n'),
      ['! 5:10 /routes/0/new both sides are the same address', null],
    ],
    [
      'backends: { a: { url: https://a, tls: { verify: false } } }',
      [
        '! 1:49 /backends/a/tls/verify certificates are not checked: anybody in between can read and change the traffic',
        'trust the authority instead: tls: { ca: file:ca.pem }',
      ],
    ],
    [
      'backends: { a: { url: "http://localhost:8080" } }',
      ['! 1:23 /backends/a/url this is our own listener (proxy): requests would go in circles', null],
    ],
    [
      route('    legacy: http://127.0.0.1:9900\n'),
      [
        '4:13 /routes/0/legacy this is our own listener of admin: clients would reach it through the proxy',
        'operators call it directly, or by a proxy of their own',
      ],
    ],
  ],
  'what YAML can do and a configuration must not': [
    [
      'a: &x 1',
      ['1:1 /a unknown key', null],
      [
        '1:7 /a anchors are not allowed',
        'a text that begins with & needs quotes; policies shared by routes go to `defaults`',
      ],
    ],
    ['store: *s', ['1:8 /store aliases are not allowed', 'a text that begins with * needs quotes: "*s"']],
    [
      'proxy:\n  <<: { listen: x }',
      ['2:3 /proxy/<< merge keys are not allowed', 'policies shared by routes go to `defaults`'],
    ],
    ['store: !!str 5', ['1:14 /store tags are not allowed', 'a text that begins with ! needs quotes']],
    ['watch: true\nlog: {}\nwatch: false', ['3:1 /watch duplicate key; the first is at line 1', 'remove one of them']],
    ['__proto__: { polluted: true }', ['1:1 /__proto__ this key is reserved', 'choose another name']],
    [
      'backends: { constructor: { url: http://a } }',
      ['1:13 /backends/constructor this key is reserved', 'choose another name'],
    ],
    ['watch: true\n---\nwatch: false', ['2:1  a second document', 'remove the line `---`']],
    ['proxy:\n\tlisten: :80', ['2:1  a tab as indentation', 'indent with spaces']],
    ['store: memory:', ['1:8  a second `:` on one line', 'write "memory:" in quotes']],
    [
      `split: { seed: \${SECRET} }`,
      ['1:17  not YAML: unexpected flow-map-start at node end', `inside of { } and [ ] it needs quotes: "\${SECRET}"`],
    ],
    ['store: "memory', ['1:15  a text in quotes does not end', null]],
    ['proxy: { a: 1', ['1:14  wrong indentation', null]],
    [
      'admin: { hosts: [@x] }',
      ['1:18  not YAML: plain value cannot start with reserved character @', 'put the value in quotes'],
    ],
    ['? [a]\n: b', ['1:3  a key must be a text', null]],
    ['', ['1:1  the file is empty', 'write `{}` to take every default']],
    ['# nothing\n', ['1:1  the file is empty', 'write `{}` to take every default']],
  ],
}

for (const [title, cases] of Object.entries(TABLES)) {
  t.test(title, async t => {
    for (const [text, ...expected] of cases) {
      const { mistakes } = await read(text)
      t.same(
        mistakes.map(one => [lineOf(one), one.hint]),
        expected,
        text,
      )
    }
  })
}

t.test('what was found and what is allowed', async t => {
  const { mistakes } = await read('proxy:\n  listen: 8080\n  lisen: 1\nlog: []\nstore: postgres://u:secret@h/db\n')
  t.same(
    mistakes.map(({ found, allowed }) => [found, allowed]),
    [
      ['8080', 'host:port, such as 127.0.0.1:8080, :8080 or [::1]:8080'],
      ['lisen', 'listen, workers, profile, clientIp, proxyProtocol, limits, timeouts, drain, shadow, errors, tls'],
      ['a list', 'a mapping: level, access, format'],
      ['postgres://***@h/db', null],
    ],
  )
  t.match((await read('routes:\n  - match: { path: /a }\n    legacy: http://a')).mistakes, [
    { found: null, path: '/routes/0/id' },
  ])
  t.match((await read(`store: ${'x'.repeat(500)}`)).mistakes, [{ found: `${'x'.repeat(79)}…` }])
})

t.test('mistakes of the schema and across keys come together, in the order of the text', async t => {
  const { config, mistakes } = await read(
    `${route('    legacy: nobody\n    weight: 200\n')}${route('').slice('routes:\n'.length)}    legacy: http://a\n    owner: 5\nlog: { x: 1 }\n`,
  )
  t.equal(config, null)
  t.same(mistakes.map(lineOf), [
    '4:13 /routes/0/legacy unknown backend',
    '5:5 /routes/0/weight a route with one side has no weight',
    '5:13 /routes/0/weight a percent is 0 to 100',
    '6:9 /routes/1/id duplicate id; the first is at routes.yaml:2:9',
    '9:12 /routes/1/owner must be a text',
    '10:8 /log/x unknown key',
  ])
})

t.test('warnings leave the configuration usable', async t => {
  const { config, mistakes } = await read(route('    legacy: http://a:1\n    new: http://a:1\n'))
  t.not(config, null)
  t.match(mistakes, [{ level: 'warning' }])
})

t.test('nothing is said about what was refused already', async t => {
  t.same(
    (await read('routes:\n  - id: a\n    match: *m\n    legacy: *x\n    new: *y\n    data: *z\n')).mistakes.map(lineOf),
    [
      '3:12 /routes/0/match aliases are not allowed',
      '4:13 /routes/0/legacy aliases are not allowed',
      '5:10 /routes/0/new aliases are not allowed',
      '6:11 /routes/0/data aliases are not allowed',
    ],
  )
})
