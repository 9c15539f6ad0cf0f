// The configuration as it is in force, for people: shown, judged and compared by the command line against a running house; and
// what it prints is a file that loads as the same. And `control: file`: what of the operators' words still counts.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import type { CliParts } from '../../src/cli/io.ts'
import { loadConfig, loadText } from '../../src/config/load.ts'
import { shown } from '../../src/config/shown.ts'
import { type Configured, configure } from '../../src/configured.ts'
import { run } from '../cli/fake-admin.ts'
import { type HttpBackend, named, startBanyan, TOKEN, temporary } from './harness.ts'
import { houseOf, operatorOf, sideOf } from './operator.ts'

const check = async (text: string) =>
  configure(await loadText({ text, file: 'text', interpolate: false }), shown, null, Date.now())

/** As src/main.ts does it, with this environment. */
function partsIn(env: Record<string, string>): Pick<CliParts, 'check'> {
  return {
    async check(file, text = '') {
      const { config, mistakes } = await loadText({ text, file, env, interpolate: true })
      return { ok: config !== null, lines: '', mistakes, shown: config === null ? null : shown(config) }
    },
  }
}

async function house(
  t: Test,
  options: { env?: Record<string, string>; directory?: string; sides?: HttpBackend[] } = {},
) {
  const { env = {}, directory = temporary(t) } = options
  const [legacy, fresh] = options.sides ?? [await named(t, 'legacy'), await named(t, 'new')]
  if (legacy === undefined || fresh === undefined) throw new Error('two sides')
  const file = join(directory, 'routes.yaml')
  const free = { listen: '127.0.0.1:0' }
  const declared = {
    proxy: { ...free, drain: { grace: '0s', deadline: '2s' } },
    admin: free,
    health: free,
    store: `sqlite:${join(directory, 'state.db')}`,
    split: { firstStart: 'declared' },
    ...houseOf(legacy, fresh),
  }
  const write = (more: Record<string, unknown>) => writeFileSync(file, JSON.stringify({ ...declared, ...more }))
  const reread = async (): Promise<Configured> => configure(await loadConfig({ file, env }), shown, file, Date.now())
  const begin = async () => {
    const banyan = await startBanyan(t, {}, { directory, configured: await reread(), reread, check })
    const cli = (argv: readonly string[], stdin = '') =>
      run(null, argv, {
        cwd: directory,
        stdin,
        env: { BANYAN_ADMIN: banyan.admin, BANYAN_TOKEN: TOKEN },
        parts: partsIn(env),
      })
    return { banyan, api: operatorOf(t, banyan), cli }
  }
  return { write, file, declared, begin, sides: [legacy, fresh] as HttpBackend[] }
}

t.test(
  'config show --effective: what operators said stands in the place of the file’s words, and loads again',
  async t => {
    const { write, begin, file, declared } = await house(t)
    write({})
    const { api, cli } = await begin()
    await api('PUT', '/routes/orders/weight', { percent: 50, reason: 'canary\nis green' })
    await api('PUT', '/routes/cart/weight', { percent: 30 })
    await api('POST', '/routes/cart/rollback', { reason: 'fire' })
    await api('POST', '/routes/orders/freeze', {})
    const rules = [
      { ignore: ['$.id', 'header:x-request-id'], reason: 'ids' },
      { tolerance: '$.total', absolute: 0.5, reason: 'cents' },
      { normalise: '$.text', as: 'pattern', pattern: '[0-9]+', replace: '#', reason: 'numbers' },
      { expect: '$.new', kinds: ['extra'], owner: 'ann', reason: 'wanted', until: '2099-01-01' },
    ]
    for (const rule of rules)
      t.equal((await api('POST', '/routes/orders/rules', rule)).status, 200, JSON.stringify(rule))
    const { json } = await api('GET', '/config?effective=true')
    t.equal(json.config.routes[0].weight, 50)
    t.equal(json.config.groups.checkout.weight, 0)
    t.match(json.inForce.weights, [
      {
        path: '/routes/0/weight',
        unit: 'orders',
        declared: 20,
        desired: 50,
        effective: 50,
        set: { by: 'environment' },
      },
      {
        path: '/groups/checkout/weight',
        unit: 'checkout',
        declared: 10,
        desired: 30,
        effective: 0,
        rollbacks: [/^rb-/],
      },
    ])
    t.equal((await api('GET', '/config')).json.config.routes[0].weight, 20, 'without it: the file')
    t.equal((await api('GET', '/config')).json.inForce, null)

    const yaml = await cli(['config', 'show', '--effective', '--yaml'])
    t.equal(yaml.code, 0, yaml.err)
    t.match(
      yaml.out,
      /weight: 50 # set to 50% by environment at \S+Z \(canary .*\); frozen by environment .*; the file says 20%/,
    )
    t.match(yaml.out, /weight: 0 # set to 30% .*; 0 because of 1 rollback: rb-\w+; desired 30%; the file says 10%/)
    t.match(yaml.out, /# rule-\w+: added by environment at .*\n +- ignore: /)
    const again = await loadText({ text: yaml.out, file: 'again.yaml', interpolate: true })
    t.same(
      again.mistakes.filter(({ level }) => level === 'error'),
      [],
    )
    t.same(again.config && shown(again.config), json.config, 'it is what it says')
    const asJson = await cli(['config', 'show', '--effective'])
    t.same(JSON.parse(asJson.out), json.config)

    // What was tried becomes the file.
    writeFileSync(file, yaml.out)
    const changes = (await api('POST', '/config/check', {})).json
    t.equal(changes.ok, true)
    const changed = changes.changes.map(({ path }: { path: string }) => path)
    t.ok(changed.includes('/routes/orders/weight') && changed.includes('/groups/checkout/weight'))
    t.same(
      changed.filter((path: string) => !/weight$|compare/.test(path)),
      [],
    )
    t.ok(declared)
  },
)

t.test('config check, diff and reload: the proxy’s own file, a text, and one that is read here', async t => {
  const env = { SEED: 'swordfish' }
  const { write, begin, file } = await house(t, { env })
  const split = { seed: `\${SEED}`, firstStart: 'declared' }
  write({ split })
  const { api, cli } = await begin()
  t.match(await cli(['config', 'diff']), { code: 0, out: '', err: /the file of the proxy: nothing would change/ })
  write({ split, groups: { checkout: { weight: 35 } } })
  const one = '/groups/checkout/weight\n  - 10\n  + 35\n'
  t.match(await cli(['config', 'diff']), { code: 0, out: one }, 'read by the proxy')
  t.match(await cli(['config', 'check']), { code: 0, out: one })
  t.match(await cli(['config', 'diff', 'routes.yaml']), { code: 0, out: one }, 'read here: variables are filled here')
  t.match(await cli(['config', 'diff', '-'], readFileSync(file, 'utf8')), { code: 0, out: one })
  t.match(
    await cli(['config', 'check', 'routes.yaml']),
    { code: 2, out: /\/split\/seed: values from outside are only allowed in files/ },
    'a text that is sent has no variables',
  )
  t.equal((await api('GET', '/config')).json.config.groups.checkout.weight, 10, 'nothing of it is in force')
  const reloaded = await cli(['config', 'reload', '-m', 'release 7'])
  t.match(reloaded, {
    code: 0,
    out: /\/groups\/checkout\/weight\n {2}- 10\n {2}\+ 35\nconfiguration of test: reloaded, 1 changed/,
  })
  write({ split, groups: { checkout: { weight: 350 } } })
  for (const argv of [
    ['config', 'diff'],
    ['config', 'check'],
    ['config', 'diff', 'routes.yaml'],
  ]) {
    t.match(await cli(argv), { code: 2, out: /error \/groups\/checkout\/weight/ }, argv.join(' '))
  }
  t.match(await cli(['config', 'reload']), { code: 2, err: /one mistake/ })
  t.equal((await api('GET', '/routes/cart')).json.weight.declared, 35)
  for (const { out, err } of [await cli(['config', 'show', '--effective', '--yaml']), await cli(['config', 'diff'])]) {
    t.notOk(`${out}${err}`.includes('swordfish'))
  }
})

t.test(
  'control: file. Stored weights lose, nobody sets one, a rollback always wins, and it survives a restart',
  async t => {
    const directory = temporary(t)
    const first = await house(t, { directory })
    first.write({})
    const { banyan, api } = await first.begin()
    await api('PUT', '/routes/orders/weight', { percent: 60, reason: 'by hand' })
    t.match((await api('GET', '/routes/orders')).json.weight, { declared: 20, desired: 60, effective: 60 })

    first.write({ control: 'file' })
    t.equal((await api('POST', '/config/reload', {})).status, 200)
    t.match((await api('GET', '/routes/orders')).json, { weight: { declared: 20, desired: 20, effective: 20 } })
    for (const [method, path, body] of [
      ['PUT', '/routes/orders/weight', { percent: 5 }],
      ['PUT', '/routes/cart/weight', { percent: 0 }],
      ['POST', '/routes/orders/restore', { percent: 5 }],
    ] as const) {
      t.match(
        await api(method, path, body),
        {
          status: 409,
          json: { code: 'controlled_by_file', hint: /change the weight there, and reload; rollback works/ },
        },
        `${method} ${path}`,
      )
    }
    const { weights } = (await api('GET', '/config?effective=true')).json.inForce
    t.match(weights[0], { overruled: true, set: { percent: 60, reason: 'by hand' }, effective: 20 })

    const { rollback } = (await api('POST', '/routes/orders/rollback', { reason: 'fire' })).json
    first.write({ control: 'file', groups: { checkout: { weight: 100 } } })
    t.equal((await api('POST', '/config/reload', {})).status, 200, 'Git does not undo it')
    t.equal((await api('GET', '/routes/orders')).json.weight.effective, 0)
    for (const user of ['a', 'b', 'c']) t.equal(await sideOf(banyan, '/orders/1', { 'x-user-id': user }), 'legacy')
    t.equal(await sideOf(banyan, '/cart/1'), 'new', 'what the file raises meanwhile')
    await banyan.stop()

    const { api: later, cli } = await (await house(t, { directory, sides: first.sides })).begin()
    t.match((await later('GET', '/routes/orders')).json, { weight: { effective: 0 }, rollbacks: [{ id: rollback }] })
    t.match(await cli(['weight', 'orders', '5']), { code: 6, err: /controlled by the file/ })
    t.match(await cli(['restore', 'orders']), { code: 0 })
    t.match((await later('GET', '/routes/orders')).json.weight, { declared: 20, desired: 20, effective: 20 })
    t.equal((await later('POST', '/rollback', {})).status, 200)
    t.equal((await later('GET', '/routes/cart')).json.weight.effective, 0)
    t.equal((await later('POST', '/restore', {})).status, 200)
    t.equal((await later('GET', '/routes/cart')).json.weight.effective, 100)
    const verified = await cli(['audit', 'verify'])
    t.match(verified, { code: 0, out: /whole: \d+ entries/ })
  },
)
