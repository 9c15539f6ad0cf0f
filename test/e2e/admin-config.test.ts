// The configuration over HTTP: checking a text, reloading the file good and bad, and what stays in force meanwhile.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { loadConfig, loadText } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { configure } from '../../src/configured.ts'
import { type Banyan, type BanyanOptions, named, startBanyan, temporary } from './harness.ts'
import { houseOf, operatorOf, sideOf } from './operator.ts'

/** `check` as src/start.ts gives it. */
const check = async (text: string) =>
  configure(await loadText({ text, file: 'text', interpolate: false }), shown, null, Date.now())

/** As the file has it. */
const variable = (name: string) => `\${${name}}`

/** A house that was read from a file, and can be read again. */
async function startFromFile(t: Test, env: Record<string, string> = {}) {
  const [legacy, fresh] = [await named(t, 'legacy'), await named(t, 'new')]
  const directory = temporary(t)
  const file = join(directory, 'routes.yaml')
  const free = { listen: '127.0.0.1:0' }
  const declared = {
    proxy: { ...free, drain: { grace: '0s', deadline: '2s' } },
    admin: free,
    health: free,
    store: 'memory:',
    split: { firstStart: 'declared' },
    ...houseOf(legacy, fresh),
  } as Record<string, unknown>
  // JSON is YAML.
  const write = (config: Record<string, unknown> | string) =>
    writeFileSync(file, typeof config === 'string' ? config : JSON.stringify({ ...declared, ...config }, null, 2))
  const reread = async () => configure(await loadConfig({ file, env }), shown, file, Date.now())
  write({})
  const options: BanyanOptions = { directory, configured: await reread(), reread, check }
  const banyan = await startBanyan(t, {}, options)
  const routes = (change: (routes: Record<string, unknown>[]) => unknown) => {
    const copy = structuredClone(declared.routes) as Record<string, unknown>[]
    change(copy)
    return { routes: copy }
  }
  return { banyan, api: operatorOf(t, banyan), write, routes, file, declared }
}

async function metric(banyan: Banyan, line: string): Promise<string | undefined> {
  const text = await (await fetch(`${banyan.health}/metrics`)).text()
  return text
    .split('\n')
    .find(one => one.startsWith(`${line} `))
    ?.slice(line.length + 1)
}

t.test('check: every mistake with its line and column; nothing changes', async t => {
  const { api } = await startFromFile(t)
  const before = (await api('GET', '/routes')).text
  const text = `backends:
  legacy: { url: http://127.0.0.1:3001 }
routes:
  - id: Orders
    match: { path: /orders/* }
    legacy: legacy
    weigth: 5
  - id: cart
    match: { path: /cart }
    legacy: legcay
    new: http://127.0.0.1:3002
    data: shared
    weight: 101
`
  const { json } = await api('POST', '/config/check', { text })
  t.equal(json.ok, false)
  t.same(json.changes, [])
  const places = json.mistakes.map((one: { file: string; line: number; column: number; path: string }) => [
    `${one.file}:${one.line}:${one.column}`,
    one.path,
  ])
  t.same(places, [
    ['text:4:9', '/routes/0/id'],
    ['text:7:5', '/routes/0/weigth'],
    ['text:10:13', '/routes/1/legacy'],
    ['text:13:13', '/routes/1/weight'],
  ])
  t.match(json.mistakes[1].hint, /weight/, 'a key that is nearly right')
  t.match(json.mistakes[2].hint, /legacy/)
  for (const one of json.mistakes) t.ok(one.level === 'error' && one.message !== '')
  t.equal((await api('GET', '/routes')).text, before)
})

t.test('check: a good text says what it would change, route by route', async t => {
  const { api, routes, declared } = await startFromFile(t)
  const next = {
    ...declared,
    ...routes(list => {
      Object.assign(list[0] ?? {}, { weight: 35 })
      list.splice(3, 1)
      list.unshift({ id: 'search', match: { path: '/search' }, legacy: 'legacy' })
    }),
  }
  const { json } = await api('POST', '/config/check', { text: JSON.stringify(next) })
  t.equal(json.ok, true)
  const changed = (path: string) => json.changes.find((one: { path: string }) => one.path === path)
  t.same(changed('/routes/orders/weight'), { path: '/routes/orders/weight', before: '20', after: '35' })
  t.match(changed('/routes/search/id'), { before: null, after: 'search' })
  t.match(changed('/routes/old/id'), { before: 'old', after: null })
  const foreign = json.changes.filter(({ path }: { path: string }) => !/^\/routes\/(orders|search|old)\//.test(path))
  t.same(foreign, [], 'a route that moved up is no change')
  t.same((await api('POST', '/config/check', { text: JSON.stringify(declared) })).json.changes, [])
  t.equal((await api('GET', '/routes/orders')).json.weight.declared, 20)
})

t.test('check: a text that came by API reads no variable and no file, and shows no secret', async t => {
  const { api } = await startFromFile(t, { BANYAN_SEED: 'swordfish' })
  const hostile = [
    [`split: { seed: "${variable('BANYAN_SEED')}" }`, '/split/seed'],
    ['split: { seed: "file:/etc/passwd" }', '/split/seed'],
    [`backends: { a: { url: "http://${variable('HOSTNAME:-x')}:1" } }`, '/backends/a/url'],
    ['include: /etc/*', '/include'],
  ] as const
  for (const [text, path] of hostile) {
    const { json } = await api('POST', '/config/check', { text })
    t.equal(json.ok, false, text)
    t.equal(json.mistakes[0]?.path, path)
    t.notMatch(JSON.stringify(json), /root:|swordfish/)
  }
  const plain = await api('POST', '/config/check', { text: 'split: { seed: swordfish }' })
  t.notOk(plain.text.includes('swordfish'))
})

t.test('check: texts that are no configuration are mistakes, not faults', async t => {
  const { banyan, api } = await startFromFile(t)
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
    .split('')
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`)
    .join('\n')}`
  const texts = [
    '',
    ':',
    '[',
    'routes: 5',
    'null',
    '- a',
    'a: 1\na: 2',
    '\u0000',
    '{"__proto__": {"x": 1}}',
    bomb,
    '['.repeat(5_000),
    '%YAML 9',
  ]
  for (const text of texts) {
    const { status, json } = await api('POST', '/config/check', { text })
    t.equal(status, 200, JSON.stringify(text.slice(0, 20)))
    if (text !== '' && text !== 'null') t.equal(json.ok, false, JSON.stringify(text.slice(0, 20)))
  }
  t.same(
    banyan.lines.filter(line => line.startsWith('error')),
    [],
  )
})

t.test('reload: a good file is in force when the answer comes', async t => {
  const { banyan, api, write, routes, file } = await startFromFile(t)
  t.match((await api('GET', '/status')).json.config, { file, lastReload: 'none', lastError: null })
  t.equal(await metric(banyan, 'banyan_config_reloads_total{result="ok"}'), '0')
  write(routes(list => Object.assign(list[0] ?? {}, { weight: 100 })))
  t.equal(await sideOf(banyan, '/old/1'), 'legacy')
  const { status, json } = await api('POST', '/config/reload', { reason: 'release 7' })
  t.equal(status, 200)
  t.same(json.changes, [{ path: '/routes/orders/weight', before: '20', after: '100' }])
  t.same(json.warnings, [])
  for (const user of ['ann', 'bob', 'cid']) t.equal(await sideOf(banyan, '/orders/1', { 'x-user-id': user }), 'new')
  const now = (await api('GET', '/status')).json
  t.match(now.config, { lastReload: 'ok', lastError: null })
  t.equal(now.revision, json.revision)
  t.match((await api('GET', '/audit?limit=1')).json.entries, [
    {
      action: 'reload',
      reason: 'release 7',
      after: { source: 'api', instance: String, changes: Number, paths: Array },
    },
  ])
  t.equal(await metric(banyan, 'banyan_config_reloads_total{result="ok"}'), '1')
  t.equal((await api('GET', '/config')).json.config.routes[0].weight, 100)
})

t.test('reload: a bad file changes nothing, and says so', async t => {
  const { banyan, api, write, routes } = await startFromFile(t)
  const before = (await api('GET', '/status')).json
  const entries = (await api('GET', '/audit/verify')).json.entries
  write(
    'routes:\n  - id: orders\n    match: { path: /orders/* }\n    legacy: nobody\n    new: http://127.0.0.1:1\n    data: shared\n    weight: 500\n',
  )
  const { status, json } = await api('POST', '/config/reload', {})
  t.same([status, json.code], [422, 'invalid_config'])
  t.same(
    json.errors.map((one: { pointer: string }) => one.pointer).sort(),
    ['/routes/0/legacy', '/routes/0/weight'],
    'each mistake has its pointer',
  )
  for (const { message } of json.errors) t.match(message, /^[47]:\d+ /, 'and its line and column')
  const after = (await api('GET', '/status')).json
  t.equal(after.revision, before.revision)
  t.equal(after.config.lastReload, 'failed')
  t.match(after.config.lastError, /routes\.yaml:4:13/)
  t.same(after.routes, before.routes)
  t.equal((await api('GET', '/audit/verify')).json.entries, entries)
  t.equal(await metric(banyan, 'banyan_config_reloads_total{result="failed"}'), '1')
  t.equal(await sideOf(banyan, '/fresh/1'), 'new')
  write(routes(() => {}))
  t.same((await api('POST', '/config/reload', {})).json.changes, [])
  t.match((await api('GET', '/status')).json.config, { lastReload: 'ok', lastError: null })
})

t.test('reload: what operators said stays, also of a route that was away', async t => {
  const { api, write, routes } = await startFromFile(t)
  await api('PUT', '/routes/orders/weight', { percent: 50 })
  await api('POST', '/routes/cart/freeze', {})
  write(routes(list => list.shift()))
  await api('POST', '/config/reload', {})
  t.match(await api('GET', '/routes/orders'), { status: 404, json: { code: 'unknown_route' } })
  t.not((await api('GET', '/routes/cart')).json.frozen, null)
  write(routes(list => Object.assign(list[0] ?? {}, { weight: 30 })))
  await api('POST', '/config/reload', {})
  t.match((await api('GET', '/routes/orders')).json.weight, { declared: 30, desired: 50, effective: 50 })
  write({ ...routes(list => Object.assign(list[0] ?? {}, { weight: 30 })), control: 'file' })
  await api('POST', '/config/reload', {})
  t.match((await api('GET', '/routes/orders')).json, { weight: { desired: 30, effective: 30 }, set: null })
})

t.test('reload while a rollback is in force: it stays, and takes new routes in', async t => {
  const { banyan, api, write, routes } = await startFromFile(t)
  const { rollback } = (await api('POST', '/rollback', { reason: 'fire' })).json
  write(
    routes(list => {
      Object.assign(list[0] ?? {}, { weight: 100 })
      list.push({ id: 'later', match: { path: '/later' }, legacy: 'legacy', new: 'new', data: 'shared', weight: 100 })
    }),
  )
  t.equal((await api('POST', '/config/reload', {})).status, 200)
  for (const path of ['/orders/1', '/cart/1', '/later']) t.equal(await sideOf(banyan, path), 'legacy', path)
  t.same(
    (await api('GET', '/status')).json.rollbacks.map((one: { id: string }) => one.id),
    [rollback],
  )
  await api('POST', '/restore', { rollbacks: [rollback] })
  for (const path of ['/orders/1', '/later']) t.equal(await sideOf(banyan, path), 'new', path)
})

t.test('reload: what only a restart changes is named', async t => {
  const { api, write } = await startFromFile(t)
  write({ admin: { listen: '127.0.0.1:0', hosts: ['ops.example.com'] }, log: { level: 'warn' } })
  const { status, json } = await api('POST', '/config/reload', {})
  t.equal(status, 200)
  t.same(
    json.warnings.map((one: { path: string; level: string }) => [one.path, one.level]),
    [
      ['/admin/hosts/0', 'warning'],
      ['/log/level', 'warning'],
    ],
  )
})

t.test('the configuration in force is shown with its defaults, secrets as ***', async t => {
  const { api, write } = await startFromFile(t, { SEED: 'swordfish' })
  write({ split: { seed: variable('SEED') } })
  t.equal((await api('POST', '/config/reload', {})).status, 200)
  const { text, json } = await api('GET', '/config')
  t.equal(json.config.split.seed, '***')
  t.notOk(text.includes('swordfish'))
  t.equal(json.config.proxy.timeouts.keepAlive, '75s', 'a default that the file does not say')
  t.equal((await api('POST', '/seed/rotate', {})).json.code, 'seed_from_file')
})
