// The files of deploy/grafana and deploy/kubernetes/monitoring that are made, by their names from the root.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fleetDashboard } from './fleet.ts'
import { routeDashboard } from './route.ts'
import { shadowDashboard } from './shadow.ts'

const RULES = 'deploy/prometheus/banyan.rules.yaml'

export function monitoringFiles(): Readonly<Record<string, string>> {
  const dashboards = { fleet: fleetDashboard, route: routeDashboard, shadow: shadowDashboard }
  return {
    ...Object.fromEntries(
      Object.entries(dashboards).map(([name, dashboard]) => [
        `deploy/grafana/dashboards/${name}.json`,
        `${JSON.stringify(dashboard, null, 2)}\n`,
      ]),
    ),
    'deploy/kubernetes/monitoring/rules.yaml': prometheusRule(),
  }
}

/** The same rules as the operator of Prometheus takes them: it has no way to name a file. */
function prometheusRule(): string {
  const rules = readFileSync(join(import.meta.dirname, '../..', RULES), 'utf8')
  const groups = rules.slice(rules.search(/^groups:$/m))
  return `# Made from ${RULES} by \`npm run reference\`; change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: banyan
spec:
${groups.replace(/^(?=.)/gm, '  ')}`
}
