// deploy/prometheus: every metric, label and value that rules and dashboards name exists in the /metrics of a Banyan that runs;
// every alert has its section in docs/operations.md, and the other way round; and promtool takes the rules and their tests.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DIVERGENCE_KINDS, DROP_REASONS, SKIP_REASONS } from '../../src/model/comparison.ts'
import { FAILURE_KINDS, REASONS, TOKEN_RESULTS } from '../../src/model/exchange.ts'
import { eventually, named, rawBackend, rawClient, startBanyan } from '../e2e/harness.ts'
import { type Family, readPrometheus } from '../prometheus.ts'
import { expressionsOf, panelsOf } from './dashboards.ts'
import { groupingsOf, noPromtool, promtool, selectorsOf } from './promql.ts'
import { documentsOf, filesOf, ROOT, type Tree, textOf, yamlOf } from './read.ts'

const RULES = 'deploy/prometheus/banyan.rules.yaml'
/** The quiet case is the first one of the last. */
const TESTS = filesOf('deploy/prometheus', '.test.yaml')
const rules: readonly Tree[] = yamlOf(RULES).groups.flatMap((group: Tree) => group.rules)
const alerts = rules.filter(rule => rule.alert !== undefined)
const recorded = new Map<string, Tree>(rules.filter(rule => rule.record !== undefined).map(rule => [rule.record, rule]))
const dashboards = filesOf('deploy/grafana', '.json')

/** What Prometheus itself adds. */
const OF_TARGETS = ['namespace', 'job', 'instance']
const OF_PROMETHEUS = new Map([
  ['up', OF_TARGETS],
  ['ALERTS', ['alertname', 'alertstate', 'severity']],
])
/** Values that come with traffic, beside those that are there from the start. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'banyan_requests_total reason': REASONS,
  'banyan_requests_total side': ['none'],
  'banyan_requests_total code': ['1xx', '2xx', '3xx', '4xx', '5xx', 'aborted', 'error'],
  'banyan_shadow_unasked_total reason': [...SKIP_REASONS, ...DROP_REASONS],
  'banyan_backend_errors_total kind': FAILURE_KINDS,
  'banyan_backend_errors_total role': ['primary', 'shadow'],
  'banyan_divergences_total kind': DIVERGENCE_KINDS,
  'banyan_tokens_total result': TOKEN_RESULTS,
}

t.test('metrics, labels and values exist', async t => {
  const families = await metricsOfAll(t)
  const labels = new Map<string, Map<string, Set<string>>>()
  for (const { samples } of families.values()) {
    for (const sample of samples) {
      const known = labels.get(sample.name) ?? new Map<string, Set<string>>()
      labels.set(sample.name, known)
      for (const [label, value] of Object.entries(sample.labels)) {
        known.set(label, (known.get(label) ?? new Set(VALUES[`${sample.name} ${label}`])).add(value))
      }
    }
  }

  /** null: there is no such metric. */
  function labelsOf(metric: string): readonly string[] | null {
    const rule = recorded.get(metric)
    if (rule !== undefined) return [...recordedLabels(rule), ...OF_TARGETS]
    const own = labels.get(metric)
    return own === undefined ? (OF_PROMETHEUS.get(metric) ?? null) : [...own.keys(), ...OF_TARGETS]
  }

  function check(expr: string, where: string): void {
    const selectors = selectorsOf(expr)
    if (selectors.length === 0) t.fail(`${where} asks for nothing: ${expr}`)
    const all = new Set<string>()
    for (const { metric, matchers } of selectors) {
      const known = labelsOf(metric)
      if (known === null) {
        t.fail(`${where}: there is no metric ${metric}`)
        continue
      }
      for (const label of known) all.add(label)
      for (const [label, values] of matchers) {
        if (!known.includes(label)) t.fail(`${where}: ${metric} has no label ${label}`)
        const possible = labels.get(metric)?.get(label)
        if (label === 'route' || possible === undefined) continue
        for (const value of values ?? []) {
          if (!possible.has(value)) t.fail(`${where}: ${metric} has no ${label}="${value}"`)
        }
      }
    }
    for (const label of groupingsOf(expr)) {
      if (!all.has(label)) t.fail(`${where}: nothing in it has a label ${label}`)
    }
  }

  for (const { record, alert, expr } of rules) check(expr, alert ?? record)
  let checked = rules.length
  for (const file of dashboards) {
    for (const { where, expr } of expressionsOf(JSON.parse(textOf(file)))) {
      check(expr, `${file}, ${where}`)
      checked++
    }
  }
  t.ok(checked > 100, `${checked} expressions`)

  const own = [...families.keys()].filter(name => name.startsWith('banyan_'))
  const text = [textOf(RULES), ...dashboards.map(textOf)].join('\n')
  for (const name of own) t.match(text, name, `${name} is shown or watched`)
})

t.test('what is checked here finds mistakes', async t => {
  const [first, second] = selectorsOf(
    'sum by (route) (rate(banyan_x_total{side!="none", code=~"5xx|error"}[5m])) > a:b:c',
  )
  t.equal(first?.metric, 'banyan_x_total')
  t.same(
    [...first!.matchers],
    [
      ['side', ['none']],
      ['code', ['5xx', 'error']],
    ],
  )
  t.equal(second?.metric, 'a:b:c')
  t.same(groupingsOf('sum by (a, b) (x) / on (c) y'), ['a', 'b', 'c'])
})

t.test('every alert has its section in the runbook, and every section its alert', async t => {
  const guide = textOf('docs/operations.md')
  const chapter = guide.split(/^## /m).find(one => one.startsWith('Alerts\n')) ?? ''
  const sections = [...chapter.matchAll(/^### (\w+)$/gm)].map(([, name]) => name!)
  const names = alerts.map(({ alert }) => alert)
  t.same(sections.toSorted(), names.toSorted())
  t.equal(new Set(names).size, names.length)
  for (const { alert, labels, annotations, expr } of alerts) {
    t.match(labels.severity, /^(page|ticket)$/, alert)
    t.equal(annotations.runbook_url, `docs/operations.md#${alert.toLowerCase()}`)
    t.ok(annotations.summary.length > 0 && annotations.description.length > 0, alert)
    const [, section = ''] = new RegExp(`^### ${alert}$(.*?)^##`, 'ms').exec(`${chapter}\n##`) ?? []
    t.match(section, /`[^`]+`/, `${alert}: a command, or what to look at`)
    t.match(section, new RegExp(`^\\*\\*${labels.severity}\\.\\*\\*`, 'im'), `${alert}: says its severity`)
    // What the texts put in must be a label of the result.
    const known = new Set([...selectorsOf(expr).flatMap(({ metric }) => labelsFrom(metric)), ...groupingsOf(expr)])
    for (const [, label] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g))
      t.ok(known.has(label!), `${alert}: ${label}`)
  }
})

function labelsFrom(metric: string): readonly string[] {
  const rule = recorded.get(metric)
  return rule === undefined ? (OF_PROMETHEUS.get(metric) ?? []) : recordedLabels(rule)
}

/** Labels of what is recorded are said by its name, which the first part of groups it by. */
function recordedLabels({ record, labels = {} }: Tree): readonly string[] {
  return [...record.split(':')[0].split('_'), ...Object.keys(labels), 'namespace', 'job']
}

t.test('every alert is tried: it fires, and it does not', async t => {
  const tests = TESTS.flatMap(file => yamlOf(file).tests)
  const samples: readonly Tree[] = tests.flatMap((one: Tree) => one.promql_expr_test)
  const fired = JSON.stringify(samples.map(one => one.exp_samples))
  for (const { alert } of alerts) t.match(fired, `alertname=\\"${alert}\\"`)
  const quiet = yamlOf(TESTS.at(-1)!).tests[0]
  t.ok(quiet.promql_expr_test.filter((one: Tree) => one.expr === 'ALERTS' && one.exp_samples.length === 0).length >= 3)
})

t.test('promtool', { skip: noPromtool }, async t => {
  const { status, said } = promtool('check', 'rules', join(ROOT, RULES))
  t.equal(status, 0, said)
  t.match(said, `${rules.length} rules found`)
  const tried = promtool('test', 'rules', ...TESTS.map(file => join(ROOT, file)))
  t.equal(tried.status, 0, tried.said)

  const scraped = textOf('deploy/compose/prometheus.yml').replace(
    /\/etc\/banyan-rules/,
    join(ROOT, 'deploy/prometheus'),
  )
  const file = join(mkdtempSync(join(tmpdir(), 'banyan-prometheus-')), 'prometheus.yml')
  writeFileSync(file, scraped)
  const config = promtool('check', 'config', file)
  t.equal(config.status, 0, config.said)
})

t.test('the Prometheus operator gets the same rules', async t => {
  const [rule] = documentsOf('deploy/kubernetes/monitoring/rules.yaml')
  t.same(rule.spec.groups, yamlOf(RULES).groups)
})

t.test('panels ask for what is recorded by the names that are recorded', async t => {
  const asked = new Set(
    dashboards.flatMap(file => panelsOf(JSON.parse(textOf(file)))).flatMap(panel => JSON.stringify(panel)),
  )
  const text = [...asked].join('\n') + textOf(RULES).replace(/record: .*/g, '')
  for (const name of recorded.keys()) t.match(text, name, `${name} is of use`)
})

/** Of a Banyan that has met all that makes a series. */
async function metricsOfAll(t: Test): Promise<ReadonlyMap<string, Family>> {
  const fresh = await named(t, 'new')
  const legacy = await rawBackend(t, socket => {
    socket.on('data', data => {
      const [, path = ''] = /^\S+ (\S+)/.exec(String(data)) ?? []
      const leak = `Location: http://127.0.0.1:${socket.localPort}/\r\nCache-Control: public, max-age=60\r\n`
      socket.end(
        path === '/quirk'
          ? 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'
          : `HTTP/1.1 200 OK\r\n${leak}Content-Length: 0\r\nConnection: close\r\n\r\n`,
      )
    })
  })
  const banyan = await startBanyan(t, {
    backends: { legacy: { url: legacy.url }, new: { url: fresh.url } },
    routes: [
      {
        id: 'all',
        match: { path: '/*' },
        legacy: 'legacy',
        new: 'new',
        data: 'shared',
        weight: 50,
        sticky: ['header:x-user-id'],
        override: { links: true },
        shadow: { percent: 100 },
      },
    ],
  })
  const get = async (path: string, method = 'GET', user = '') => {
    const client = rawClient(t, banyan.port)
    client.send(`${method} ${path} HTTP/1.1\r\nHost: a.example\r\nX-User-Id: ${user}\r\nConnection: close\r\n\r\n`)
    await client.closed
  }
  for (let user = 0; user < 20; user++) await get('/', 'GET', `user-${user}`)
  for (let user = 0; user < 10; user++) await get('/quirk', 'GET', `user-${user}`)
  await get('/', 'DELETE')
  await banyan.api('POST', '/rollback', {})
  let families: ReadonlyMap<string, Family> = new Map()
  const wanted = ['legacy_leaks', 'shared_cache_answers', 'wire_quirks', 'shadow_unasked', 'rollback_seconds']
  await eventually(async () => {
    families = readPrometheus(await (await fetch(`${banyan.health}/metrics`)).text())
    return wanted.every(name =>
      [...families.values()].some(family => family.name.startsWith(`banyan_${name}`) && family.samples.length > 0),
    )
  }, 'every series is there')
  return families
}
