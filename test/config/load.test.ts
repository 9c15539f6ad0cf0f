// From texts and files to a configuration: defaults, what comes from outside, included files, hostile texts.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { readBytes } from '../../src/config/files.ts'
import { loadConfig, loadText } from '../../src/config/load.ts'
import { backendOf } from '../../src/config/schema.ts'
import { runs } from '../runs.ts'
import { cannotRun } from '../store/child.ts'
import { ENV, lineOf, read } from './read.ts'

const SEED = Number(process.env.SEED ?? 4711)
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'

/** Files by name, in a directory of their own. */
function files(t: Test, texts: Readonly<Record<string, string | Uint8Array>>): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'banyan-load-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return name => join(directory, name)
}

t.test('everything has a default', async t => {
  const { config, mistakes } = await read('{}')
  t.same(mistakes, [])
  t.strictSame(config, {
    proxy: {
      listen: { host: '0.0.0.0', port: 8080 },
      workers: 1,
      profile: 'transparent',
      clientIp: { from: [], hops: 1 },
      proxyProtocol: false,
      limits: { head: 65_536, fields: 200, target: 16_384, body: null, connections: 10_000, perAddress: null },
      timeouts: { requestHead: 10_000, keepAlive: 75_000, stall: 60_000, minRate: 100 },
      drain: { grace: 5000, deadline: 30_000, tunnels: 'all' },
      shadow: { memory: 2 ** 26, queue: 1000, keep: 2 ** 24, age: 2_592_000_000 },
      errors: { page: null },
    },
    admin: { listen: { host: '127.0.0.1', port: 9900 }, hosts: [], behindTls: false },
    health: { listen: { host: '127.0.0.1', port: 9901 } },
    sides: { listen: null },
    store: { kind: 'sqlite', path: '.banyan/state.db' },
    fleet: { secret: null, listen: null, directory: '.banyan' },
    split: { seed: null, firstStart: 'hold' },
    control: 'api',
    rollback: { tunnels: null },
    watch: false,
    log: { level: 'info', access: 'on', format: 'auto' },
    telemetry: {},
    metrics: { perRoute: 'auto' },
    backends: {},
    default: 'legacy',
    groups: {},
    defaults: {},
    routes: [],
  })
})

t.test('the sample of the contract loads', async t => {
  const text = readFileSync(join(import.meta.dirname, 'fixtures/contract.yaml'), 'utf8')
  const { config, mistakes } = await read(text)
  t.same(mistakes, [])
  const [orders, basket] = config?.routes ?? []
  t.match(orders, {
    id: 'orders',
    match: {
      paths: ['/orders/*'],
      host: '*.example.com',
      methods: ['GET', 'POST'],
      headers: { 'x-tenant': { kind: 'exact', value: 'acme' } },
      cookies: { beta: { kind: 'present' } },
    },
    legacy: { backend: 'mono' },
    new: {
      url: 'http://10.0.0.9:3002',
      path: '/v2/orders/*',
      headers: { set: { 'X-App': 'shop' }, remove: ['x-debug'] },
      cookies: { prefix: 'n_', shared: ['lang'] },
    },
    fallback: { on: ['connect', 'timeout', 502, 503, 504], methods: ['GET', 'HEAD', 'OPTIONS'] },
    otherSideOn: [404],
    data: 'separate',
    weight: 5,
    sticky: [{ kind: 'header', name: 'x-user-id' }, { kind: 'jwt', name: 'sub' }, {}, {}, { kind: 'auto' }],
    override: { header: 'x-banyan-side', from: ['10.9.0.0/16'], links: true },
    pin: { idle: 1_800_000, admit: 'new-sessions' },
    cohorts: [{ when: { cidr: '10.1.0.0/16' }, side: 'new' }],
    ambiguous: 'legacy',
    owner: 'team-orders',
  })
  t.match(basket, { match: { paths: ['/basket', '/basket/:item'] }, group: 'checkout', weight: 0 })
  t.strictSame(config && backendOf(config, { backend: 'mono' }), {
    name: 'mono',
    urls: ['http://10.0.0.5:3001', 'http://10.0.0.6:3001'],
    host: 'preserve',
    connections: 128,
    balance: { kind: 'least' },
    health: { path: '/ping', interval: 5000, timeout: 2000, healthy: 2, unhealthy: 3 },
    slowStart: 10_000,
    maxConcurrent: 120,
    circuit: { errors: 50, min: 20, window: 10_000, open: 5000 },
    queue: { size: 200, wait: 2000 },
    retry: { methods: ['GET', 'HEAD', 'OPTIONS', 'TRACE'], budget: 20 },
    timeouts: { connect: 1000, head: null, idle: null, total: null },
    tls: { verify: true, legacyRenegotiation: false },
    wire: { accept: [], version: '1.1', reuse: 'always', chunkedRequests: 'stream', bufferLimit: 16 * 2 ** 20 },
  })
})

t.test('routes inherit: a key of their own replaces the inherited one as a whole', async t => {
  const { config } = await read(`
groups: { pay: { weight: 30% } }
defaults: { weight: 10, sticky: [auto, ip], data: shared, ambiguous: 400, override: { header: X-Side, from: [10.0.0.1] } }
routes:
  - { id: a, match: { path: /a }, legacy: http://a, new: http://b }
  - { id: b, match: { path: /b }, legacy: http://a, new: http://b, weight: "2.5%", sticky: [cookie:sid], override: { from: [] }, data: separate }
  - { id: c, match: { path: /c }, legacy: http://a, new: http://b, group: pay }
  - { id: d, match: { path: /d }, legacy: http://a }
  - { id: e, match: { path: /e }, new: http://b }
`)
  t.match(config?.routes, [
    {
      weight: 10,
      sticky: [{ kind: 'auto' }, { kind: 'ip' }],
      data: 'shared',
      ambiguous: 400,
      override: { header: 'x-side' },
    },
    { weight: 2.5, sticky: [{ kind: 'cookie' }], data: 'separate', override: { header: 'x-banyan-side', from: [] } },
    { weight: 30 },
    { weight: 0 },
    { weight: 100 },
  ])
  t.equal(config?.routes[1]?.sticky.length, 1)
})

t.test('a side in its own words, over the backend’s', async t => {
  const { config } = await read(`
backends: { mono: { url: https://m, host: preserve, timeouts: { connect: 1s, head: 9s }, tls: { verify: true } } }
routes:
  - { id: a, match: { path: /a }, legacy: mono, new: { backend: mono, host: beta.example.com, timeouts: { head: none }, tls: { servername: beta } }, data: shared }
`)
  const route = config?.routes[0]
  t.match(config && route?.new && backendOf(config, route.new), {
    name: 'mono',
    urls: ['https://m'],
    host: 'beta.example.com',
    connections: 128,
    timeouts: { connect: 1000, head: null, idle: null, total: null },
    tls: { verify: true, servername: 'beta' },
  })
  t.throws(() => config && backendOf(config, { backend: 'nobody' }), TypeError)
})

t.test('variables', async t => {
  const seedOf = async (text: string) => {
    const { config, mistakes } = await read(text)
    return config?.split.seed ?? mistakes.map(one => `${lineOf(one)}: ${one.hint}`)
  }
  t.equal(await seedOf(`split: { seed: "\${SECRET}" }`), 'geheim')
  t.equal(await seedOf(`split:\n  seed: \${SECRET}\n`), 'geheim')
  t.equal(await seedOf(`split: { seed: "\${MISSING:-\${x}" }`), `\${x`, 'a default ends at the first }')
  t.equal(await seedOf(`split: { seed: "\${EMPTY:-x}-$\${SECRET}" }`), `x-\${SECRET}`)
  t.same(await seedOf(`split: { seed: "\${EMPTY:-}" }`), [])
  t.same(await seedOf(`split:\n  seed: \${EMPTY}\n`), [])
  t.same(await seedOf(`split: { seed: "\${NOPE}" }`), [
    `1:16 /split/seed the environment has no NOPE: set it, or write \${NOPE:-default}`,
  ])
  for (const wrong of ['', '}', '1A}', 'A-b}', 'A B}', 'toString']) {
    t.match(await seedOf(`split: { seed: "\${${wrong}" }`), [/^1:16 \/split\/seed not a variable: write /], wrong)
  }
  t.match(await seedOf(`split: { seed: "\${toString}" }`), [/the environment has no toString/])
  t.match(await seedOf(`split: { seed: "\${__proto__}" }`), [/the environment has no __proto__/])
})

t.test('a variable without quotes is read as if its value stood there', async t => {
  const { config, mistakes } = await read(
    `proxy:\n  clientIp:\n    hops: \${TEN}\nwatch: \${ON:-true}\nbackends:\n  \${NAME}:\n    url: "http://\${NAME}:\${TEN}"\n`,
  )
  t.same(mistakes.map(lineOf), [`6:3 /backends/\${NAME} not a name`], 'keys are never filled')
  t.equal(config, null)
  const ok = await read(`proxy:\n  clientIp:\n    hops: \${TEN}\nwatch: \${ON:-true}\ndefault: "\${NO:-404}"\n`)
  t.equal(ok.config?.proxy.clientIp.hops, 10)
  t.equal(ok.config?.watch, true)
  t.equal(ok.config?.default, 404)
  t.match((await read(`proxy: { clientIp: { hops: "\${TEN}" } }`)).mistakes, [{ message: 'must be a whole number' }])
})

t.test('what came from outside is never repeated', async t => {
  const { mistakes } = await read(`store: "x\${SECRET}"\nsplit: { seed: hunter2 }\n`)
  t.same(
    mistakes.map(({ found }) => found),
    [`x\${SECRET}`, '***'],
  )
  t.notMatch(JSON.stringify(mistakes), /geheim|hunter2/)
})

t.test('secrets do not stand in the text', async t => {
  const { config, mistakes } = await read('split: { seed: hunter2 }')
  t.equal(config, null)
  t.same(mistakes.map(lineOf), ['1:16 /split/seed a secret must not stand in the text'])
})

t.test('files as values', async t => {
  const at = files(t, {
    'routes.yaml': 'split: { seed: file:secret/seed }\nbackends: { a: { url: https://a, tls: { ca: file:ca.pem } } }\n',
    'secret/seed': 'geheim\n',
    'ca.pem': PEM,
    'missing.yaml': 'split: { seed: file:nope }\nbackends: { a: { url: https://a, tls: { ca: file:missing.yaml } } }\n',
    'elsewhere.yaml': 'store: file:ca.pem\n',
  })
  const { config, files: all } = await loadConfig({ file: at('routes.yaml'), env: {} })
  t.equal(config?.split.seed, 'geheim', 'without the line end')
  t.equal(config?.backends.a?.tls.ca, PEM)
  t.same(all, [at('routes.yaml'), at('secret/seed'), at('ca.pem')])
  const missing = await loadConfig({ file: at('missing.yaml'), env: {} })
  t.same(missing.mistakes.map(lineOf), [
    `1:16 /split/seed ${at('nope')} does not exist`,
    '2:45 /backends/a/tls/ca no certificate in it',
  ])
  t.match((await loadConfig({ file: at('elsewhere.yaml'), env: {} })).mistakes, [{ message: 'not a store' }])
})

t.test('a text that came by API reaches nothing outside', async t => {
  const { mistakes, files } = await loadText({
    text: `split: { seed: "\${SECRET}" }\ninclude: [/etc/*.yaml, b.yaml]\nbackends: { a: { url: https://a, tls: { ca: file:/etc/passwd } } }\nlog: { level: "$\${x}" }\n`,
    file: 'text',
    interpolate: false,
    env: ENV,
    readFile: () => Promise.reject(new Error('asked for a file')),
  })
  t.same(mistakes.map(lineOf), [
    '1:16 /split/seed values from outside are only allowed in files',
    '2:11 /include/0 other files are only allowed in files',
    '2:24 /include/1 other files are only allowed in files',
    '3:45 /backends/a/tls/ca values from outside are only allowed in files',
    '4:15 /log/level not one of the allowed words',
  ])
  t.same(files, ['text'])
})

t.test('included files', async t => {
  const at = files(t, {
    'routes.yaml':
      'include: [routes.d/*.yaml, more.yaml]\nbackends: { mono: { url: http://m } }\nroutes:\n  - { id: a, match: { path: /a }, legacy: mono }\n',
    'routes.d/20.yaml': 'routes:\n  - { id: c, match: { path: /c }, legacy: other, group: pay }\n',
    'routes.d/10.yaml': 'routes:\n  - { id: b, match: { path: /b }, legacy: mono }\ngroups: { pay: { weight: 1 } }\n',
    'routes.d/notes.txt': 'not yaml: [',
    'more.yaml': 'backends: { other: { url: "http://o" } }\n',
  })
  const told: string[] = []
  const loaded = await loadConfig({ file: at('routes.yaml'), env: {}, before: path => told.push(path) })
  t.same(loaded.mistakes, [])
  t.same(told, loaded.files, 'each before it is read')
  t.same(
    loaded.config?.routes.map(({ id }) => id),
    ['a', 'b', 'c'],
    'in the order of the files',
  )
  t.same(Object.keys(loaded.config?.backends ?? {}), ['mono', 'other'])
  t.same(loaded.files, [
    at('routes.yaml'),
    at('routes.d'),
    at('routes.d/10.yaml'),
    at('routes.d/20.yaml'),
    at('more.yaml'),
  ])
  t.same(loaded.place('/routes/2/legacy'), { file: at('routes.d/20.yaml'), line: 2, column: 43 })
  t.same(loaded.place('/routes/0/new'), { file: at('routes.yaml'), line: 4, column: 5 }, 'the nearest that is there')
  t.same(loaded.place(''), { file: at('routes.yaml'), line: 1, column: 1 })
  t.same([...loaded.texts.keys()].length, 4)
})

t.test('mistakes in included files', async t => {
  const at = files(t, {
    'routes.yaml':
      'include: ["*.yaml", nope.yaml, nothing/*.yaml]\nbackends: { mono: { url: http://m } }\nroutes:\n  - { id: a, match: { path: /a }, legacy: mono }\n',
    'a.yaml':
      'proxy: {}\ninclude: x\nroutes:\n  - { id: a, match: { path: /c }, legacy: mon }\nbackends: { mono: { url: http://n } }\ngroups: []\n',
    'b.yaml': '- x\n',
  })
  const { config, mistakes } = await loadConfig({ file: at('routes.yaml'), env: {} })
  t.equal(config, null)
  t.same(
    mistakes.map(one => `${one.file.split('/').at(-1)} ${lineOf(one)}`.replaceAll(at('x').slice(0, -1), '')),
    [
      'routes.yaml 1:21 /include/1 nope.yaml does not exist',
      'routes.yaml ! 1:32 /include/2 no file has such a name',
      'a.yaml 1:1 /proxy not in an included file',
      'a.yaml 2:1 /include not in an included file',
      'a.yaml 4:11 /routes/1/id duplicate id; the first is at routes.yaml:4:11',
      'a.yaml 4:43 /routes/1/legacy unknown backend',
      'a.yaml 5:13 /backends/mono duplicate name; the first is at routes.yaml:2:13',
      'a.yaml 6:9 /groups must be a mapping',
      'b.yaml 1:1  must be a mapping',
    ],
  )
})

t.test('an included text that is not YAML', async t => {
  const at = files(t, { 'routes.yaml': 'include: b.yaml\nproxy: 5\n', 'b.yaml': 'routes: [' })
  const { config, mistakes } = await loadConfig({ file: at('routes.yaml'), env: {} })
  t.equal(config, null)
  t.match(mistakes, [{ file: at('b.yaml'), line: 1, message: 'wrong indentation' }])
})

t.test('files that cannot be read are mistakes', async t => {
  const at = files(t, {
    'latin1.yaml': Buffer.from('owner: gr\xfc\xdfe', 'latin1'),
    'utf16.yaml': Buffer.from('\ufeffproxy: {}', 'utf16le'),
    'bom.yaml': '\ufeffproxi: {}',
    'crlf.yaml': 'watch: true\r\nproxi: {}\r\n',
    'huge.yaml': Buffer.alloc(5 * 2 ** 20, 0x20),
    'directory/x': '',
  })
  const mistakes = async (name: string) => (await loadConfig({ file: at(name), env: {} })).mistakes
  const nowhere = (name: string, message: string) => [
    { line: 0, column: 0, level: 'error', path: '', message: `${at(name)} ${message}` },
  ]
  t.match(await mistakes('none.yaml'), nowhere('none.yaml', 'does not exist'))
  t.match(await mistakes('bom.yaml/x'), nowhere('bom.yaml/x', 'does not exist'))
  t.match(await mistakes('directory'), nowhere('directory', 'is a directory'))
  t.match(await mistakes('latin1.yaml'), nowhere('latin1.yaml', 'is not UTF-8'))
  t.match(await mistakes('utf16.yaml'), nowhere('utf16.yaml', 'is not UTF-8'))
  t.match(await mistakes('huge.yaml'), nowhere('huge.yaml', 'is larger than 4 MiB'))
  t.match(await mistakes('bom.yaml'), [{ line: 1, column: 1, path: '/proxi' }])
  t.match(await mistakes('crlf.yaml'), [{ line: 2, column: 1, path: '/proxi' }])
  const denied = () => Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }))
  const { mistakes: one } = await loadConfig({ file: 'x.yaml', env: {}, readFile: denied })
  t.match(one, [{ message: 'x.yaml cannot be read: permission denied' }])
})

t.test('nobody waits for a pipe that a configuration names', { skip: cannotRun('mkfifo', '--version') }, async t => {
  const at = files(t, {
    'routes.yaml': 'include: p*\nsplit: { seed: file:pipe }\nproxy: { errors: { page: file:/dev/null } }\n',
  })
  spawnSync('mkfifo', [at('pipe')])
  const { config, mistakes } = await loadConfig({ file: at('routes.yaml'), env: {} })
  t.equal(config, null)
  const allowed = 'a regular file'
  t.match(mistakes, [
    { line: 1, column: 10, path: '/include', message: `${at('pipe')} is a pipe`, allowed, hint: null },
    { line: 2, column: 16, path: '/split/seed', message: `${at('pipe')} is a pipe`, allowed, hint: null },
    { line: 3, column: 26, path: '/proxy/errors/page', message: '/dev/null is a device', allowed, hint: null },
  ])
  t.equal(mistakes.length, 3)
  const again = await loadConfig({ file: at('pipe'), env: {}, readMain: readBytes })
  t.match(again.mistakes, [{ line: 0, path: '', message: `${at('pipe')} is a pipe`, allowed }])
})

t.test('hostile texts end soon, with one mistake', async t => {
  const most = 4 * 2 ** 20
  const hostile: readonly (readonly [string, string])[] = [
    ['['.repeat(most), 'nested deeper than 32 levels'],
    ['- '.repeat(most / 2), 'nested deeper than 32 levels'],
    [Array.from({ length: 100 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'nested deeper than 32 levels'],
    ['- a: b\n'.repeat(most / 7), 'too many entries'],
    ['x'.repeat(most + 1), 'the text is larger than 4 MiB'],
    ['ü'.repeat(most / 2 + 1), 'the text is larger than 4 MiB'],
  ]
  for (const [text, message] of hostile) t.match((await read(text)).mistakes, [{ message }], message)
  const bomb = `a: &a [x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [*a, *a]\n`).join('')}`
  t.equal((await read(bomb)).config, null)
  t.match(await read('x: []\n'.repeat(2000)), { mistakes: { length: 501 } })
  t.equal((await read('x: []\n'.repeat(2000))).mistakes.at(-1)?.message, 'and 1500 more mistakes')
  t.same((await read(`proxy: ${'['.repeat(31)}${']'.repeat(31)}`)).mistakes.map(lineOf), [
    '1:8 /proxy must be a mapping',
  ])
})

t.test('no key reaches a prototype', async t => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const { mistakes, config } = await read(`backends:\n  ${key}: { url: http://a, polluted: yes }\ndefault: ${key}\n`)
    t.equal(config, null)
    t.match(mistakes[0], { line: 2, column: 3, message: 'this key is reserved' })
  }
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
  const { mistakes } = await read(
    'default: tostring\nroutes:\n  - { id: a, match: { path: /a }, legacy: valueof, group: tostring }\n',
  )
  t.same(
    mistakes.map(({ message }) => message),
    ['unknown backend', 'unknown backend', 'unknown group'],
  )
})

t.test('any text: no exception, and every mistake has a place in it', async t => {
  const words = [
    'routes',
    'match',
    'path',
    'legacy',
    'new',
    'weight',
    'sticky',
    'proxy',
    'listen',
    'include',
    'backends',
    'tls',
    'split',
    'seed',
    'shadow',
    '&a',
    '*a',
    '<<',
    '!!str',
    '5%',
    '/a/*',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    ':',
    '-',
    '#',
    '|',
    '>',
    '?',
    '%',
    '\t',
    '  ',
    '\n',
    '\r\n',
    ',',
    '${',
    '${A',
    `\${A:-b}`,
    'file:x',
    'null',
    'true',
    '__proto__',
    'http://a',
    '\u0000',
    '\u{1f333}',
    '\ufeff',
    '---\n',
    '...\n',
  ]
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(fc.constantFrom(...words), { maxLength: 60 }).map(parts => parts.join('')),
    fc.array(fc.constantFrom(...words), { maxLength: 60 }).map(parts => parts.join(' ')),
    fc.json().map(json => json),
  )
  await fc.assert(
    fc.asyncProperty(texts, fc.boolean(), async (text, interpolate) => {
      const denied = () => Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }))
      const loaded = await loadText({ text, file: '/nowhere/routes.yaml', interpolate, env: {}, readFile: denied })
      const lines = loaded.text.split('\n')
      for (const { line, column } of [...loaded.mistakes, loaded.place('/routes/0/x')]) {
        const width = lines[line - 1]?.length
        if (width === undefined || column < 1 || column > width + 1) throw new Error(`no such place: ${line}:${column}`)
      }
      const errors = loaded.mistakes.some(({ level }) => level === 'error')
      if (errors !== (loaded.config === null)) throw new Error('a configuration comes without errors, and only then')
    }),
    { seed: SEED, numRuns: runs(1500) },
  )
  t.pass()
})
