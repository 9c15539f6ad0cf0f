// What is asked for in a dashboard of Grafana, with values for its variables.
import type { Tree } from './read.ts'

/** Without the rows. */
export function panelsOf(dashboard: Tree): readonly Tree[] {
  return dashboard.panels.filter((panel: Tree) => panel.type !== 'row')
}

/** Every question: of panels, annotations and variables. */
export function expressionsOf(
  dashboard: Tree,
  values: Readonly<Record<string, string>> = STAND_IN,
): readonly { readonly where: string; readonly expr: string }[] {
  const filled = (expr: string) => expr.replace(/\$(\w+)/g, (whole, name: string) => values[name] ?? whole)
  const panels = panelsOf(dashboard).flatMap(({ title, targets }) =>
    targets.map((target: Tree) => ({ where: title, expr: filled(target.expr) })),
  )
  const annotations = dashboard.annotations.list.map(({ name, target }: Tree) => ({
    where: `annotation ${name}`,
    expr: filled(target.expr),
  }))
  const variables = dashboard.templating.list
    .filter(({ type }: Tree) => type === 'query')
    .map(({ name, query }: Tree) => ({
      where: `variable ${name}`,
      expr: filled(query.query.replace(/^label_values\((.*), (\w+)\)$/, 'count by ($2) ($1)')),
    }))
  return [...panels, ...annotations, ...variables]
}

export const STAND_IN: Readonly<Record<string, string>> = {
  namespace: '.*',
  job: '.*',
  route: '.*',
  __rate_interval: '1m',
  __range: '1h',
}
