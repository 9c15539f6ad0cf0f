// deploy/grafana: dashboards that Grafana takes. Their types are checked where they are made (docs/grafana, by the types of
// @grafana/schema), that they are made of it by `npm run reference -- --check`.
import t from 'tap'
import { expressionsOf, panelsOf } from './dashboards.ts'
import { mistakesOf, noPromtool } from './promql.ts'
import { filesOf, type Tree, textOf, yamlOf } from './read.ts'

const files = filesOf('deploy/grafana/dashboards', '.json')
const all: readonly Tree[] = files.map(file => JSON.parse(textOf(file)))
const compose = yamlOf('deploy/compose.yaml')

t.test('three dashboards, known by names that stay', async t => {
  t.same(
    all.map(({ uid }) => uid),
    ['banyan-fleet', 'banyan-route', 'banyan-shadow'],
  )
  for (const { tags, links } of all) {
    t.same(tags, ['banyan'])
    t.same(links[0].tags, tags, 'they lead to each other')
  }
})

for (const dashboard of all) {
  t.test(dashboard.title, async t => {
    const ids = dashboard.panels.map((panel: Tree) => panel.id)
    t.equal(new Set(ids).size, ids.length, 'every id once')
    t.same(overlapsOf(dashboard), [])

    const variables = new Set<string>(dashboard.templating.list.map(({ name }: Tree) => name))
    const text = JSON.stringify(dashboard)
    for (const [, name] of text.matchAll(/\$\{?(\w+)/g)) {
      if (!name!.startsWith('__')) t.ok(variables.has(name!), `$${name} is a variable`)
    }
    for (const panel of panelsOf(dashboard)) {
      const { title, description, datasource, fieldConfig, targets } = panel
      t.ok(title && description, `${panel.id} says what it is`)
      t.equal(datasource.uid, '$datasource', title)
      t.ok(fieldConfig.defaults.noValue, `${title} says why it is empty`)
      if (panel.type !== 'table') t.ok(fieldConfig.defaults.unit, `${title} has a unit`)
      t.equal(new Set(targets.map(({ refId }: Tree) => refId)).size, targets.length)
      for (const target of targets) {
        t.equal(target.datasource.uid, '$datasource')
        // A legend names labels that are left.
        const by = /\bby \(([^)]*)\)/.exec(target.expr)?.[1]?.split(', ') ?? []
        for (const [, label] of (target.legendFormat ?? '').matchAll(/\{\{(\w+)\}\}/g)) {
          if (!target.expr.startsWith('topk(')) t.ok(by.includes(label!), `${title}: ${label}`)
        }
      }
    }
    for (const [, uid] of text.matchAll(/\/d\/([\w-]+)/g))
      t.ok(
        all.some(one => one.uid === uid),
        uid!,
      )
  })
}

t.test('overlaps are found', async t => {
  const panel = (id: number, x: number, y: number, w: number, h: number) => ({ id, gridPos: { x, y, w, h } })
  t.same(overlapsOf({ panels: [panel(1, 0, 0, 12, 4), panel(2, 12, 0, 12, 4), panel(3, 0, 4, 24, 1)] }), [])
  t.equal(overlapsOf({ panels: [panel(1, 0, 0, 12, 4), panel(2, 11, 3, 12, 4)] }).length, 1)
  t.equal(overlapsOf({ panels: [panel(1, 13, 0, 12, 4)] }).length, 1)
})

t.test('every expression is PromQL', { skip: noPromtool }, async t => {
  t.equal(
    mistakesOf(
      t,
      all.flatMap(one => expressionsOf(one)).map(({ expr }) => expr),
    ),
    '',
  )
  t.match(mistakesOf(t, ['sum(']), 'parse error')
})

t.test('Grafana of compose.yaml finds the datasource and the dashboards', async t => {
  const { volumes, environment } = compose.services.grafana
  const [source] = yamlOf('deploy/grafana/provisioning/datasources/prometheus.yaml').datasources
  t.match(source.url, /^\$\{PROMETHEUS_URL\}$/)
  t.equal(environment.PROMETHEUS_URL, 'http://prometheus:9090')
  const [provider] = yamlOf('deploy/grafana/provisioning/dashboards/banyan.yaml').providers
  t.ok(volumes.includes(`./grafana/dashboards:${provider.options.path}:ro`))
  t.ok(volumes.includes('./grafana/provisioning:/etc/grafana/provisioning:ro'))
  t.equal(environment.GF_AUTH_ANONYMOUS_ENABLED, 'false')
  t.match(environment.GF_SECURITY_ADMIN_PASSWORD, /^\$\{GRAFANA_PASSWORD:\?/)
  t.equal(source.jsonData.timeInterval, yamlOf('deploy/compose/prometheus.yml').global.scrape_interval)
})

/** Panels beyond the 24 columns, and panels on each other. */
function overlapsOf({ panels }: Tree): readonly string[] {
  const out: string[] = []
  const taken = new Map<string, number>()
  for (const { id, gridPos } of panels) {
    const { x, y, w, h } = gridPos
    if (x < 0 || y < 0 || w < 1 || h < 1 || x + w > 24) out.push(`${id} is out of the grid`)
    const others = new Set<number>()
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const other = taken.get(`${column} ${line}`)
        if (other !== undefined) others.add(other)
        taken.set(`${column} ${line}`, id)
      }
    }
    for (const other of others) out.push(`${id} is on ${other}`)
  }
  return out
}
