// All routes and all replicas: is anything wrong, and where.
import { dashboard, figure, HERE, lines, table } from './kit.ts'

const RATE = '[$__rate_interval]'
const NOBODY = 'No Banyan answers'
/** Recorded by route and side. */
const side = (metric: string, side: string) => `max by (job, route) (${metric}{${HERE}, side="${side}"})`
const p95 = (of: string) =>
  `max by (job, route) (route_side:banyan_backend_request_duration_seconds:quantile5m{${HERE}, side="${of}", quantile="0.95"})`
const perInstance = (expr: string) => [{ expr: `max by (instance) (${expr})`, legend: '{{instance}}' }]

export const fleetDashboard = dashboard({
  uid: 'banyan-fleet',
  title: 'Banyan / Fleet',
  about: 'Is anything wrong, and where? All routes and all replicas.',
  variables: [],
  annotations: [],
  rows: [
    {
      id: 1,
      title: 'Now',
      height: 4,
      panels: [
        figure({
          id: 11,
          title: 'Replicas that answer',
          about: 'Of those that Prometheus knows.',
          unit: 'none',
          none: NOBODY,
          width: 3,
          expr: `sum(up{${HERE}} and on (job, instance) banyan_build_info)`,
          bad: { below: 1 },
        }),
        figure({
          id: 12,
          title: 'Replicas behind',
          about: 'They do not run the stored revision.',
          unit: 'none',
          none: NOBODY,
          width: 3,
          expr: `max(banyan_replicas{${HERE}, state="pending"})`,
          bad: { from: 1 },
        }),
        figure({
          id: 13,
          title: 'Store',
          about: '1: it takes changes. 0: the last save failed somewhere.',
          unit: 'none',
          none: NOBODY,
          width: 3,
          expr: `min(banyan_store_healthy{${HERE}})`,
          bad: { below: 1 },
        }),
        figure({
          id: 14,
          title: 'Rollbacks unsaved',
          about: 'In force, and in local files only.',
          unit: 'none',
          none: NOBODY,
          width: 3,
          expr: `max(banyan_rollbacks_unsaved{${HERE}})`,
          bad: { from: 1 },
        }),
        figure({
          id: 15,
          title: 'Configurations that differ',
          about: 'Replicas whose file is another. Expected during a roll.',
          unit: 'none',
          none: NOBODY,
          width: 3,
          expr: `max(banyan_config_differs{${HERE}})`,
          bad: { from: 1 },
        }),
        figure({
          id: 16,
          title: 'Routes held back',
          about: 'Less in force than is desired: rolled back, or held after a fresh store.',
          unit: 'none',
          none: NOBODY,
          width: 3,
          expr:
            `sum(max by (job, route) (banyan_route_weight_ratio{${HERE}, kind="desired"})` +
            ` > bool max by (job, route) (banyan_route_weight_ratio{${HERE}, kind="effective"}))`,
          bad: { from: 1 },
        }),
        figure({
          id: 17,
          title: 'Requests on new',
          about: 'Share of all requests that the new side answered, whatever the route.',
          unit: 'percentunit',
          none: 'No traffic',
          width: 3,
          expr:
            `sum(route_side:banyan_requests:rate5m{${HERE}, side="new"})` +
            ` / (sum(route_side:banyan_requests:rate5m{${HERE}}) > 0)`,
          bad: null,
        }),
        figure({
          id: 18,
          title: 'Alerts',
          about: 'Of banyan.rules.yaml that fire.',
          unit: 'none',
          none: '0',
          width: 3,
          expr: 'sum(ALERTS{alertname=~"Banyan.+", alertstate="firing"})',
          bad: { from: 1 },
        }),
      ],
    },
    {
      id: 2,
      title: 'Routes',
      height: 10,
      panels: [
        table({
          id: 21,
          title: 'Routes',
          about: 'Both sides beside each other over 5 minutes. Where a side has no traffic there is a dash.',
          none: 'No routes',
          width: 24,
          by: ['job', 'route'],
          sortedBy: 'Errors of new',
          link: {
            title: 'Look at the route',
            // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts its variables in
            url: '/d/banyan-route?${datasource:queryparam}&${job:queryparam}&var-route=${__value.text}',
          },
          columns: [
            {
              title: 'In force',
              unit: 'percentunit',
              expr: `max by (job, route) (banyan_route_weight_ratio{${HERE}, kind="effective"})`,
            },
            {
              title: 'Desired',
              unit: 'percentunit',
              expr: `max by (job, route) (banyan_route_weight_ratio{${HERE}, kind="desired"})`,
            },
            {
              title: 'Observed',
              unit: 'percentunit',
              expr: `max by (job, route) (route:banyan_new_share:rate5m{${HERE}})`,
            },
            { title: 'Legacy', unit: 'reqps', expr: side('route_side:banyan_requests:rate5m', 'legacy') },
            { title: 'New', unit: 'reqps', expr: side('route_side:banyan_requests:rate5m', 'new') },
            {
              title: 'Errors of legacy',
              unit: 'percentunit',
              expr: side('route_side:banyan_error_ratio:rate5m', 'legacy'),
            },
            { title: 'Errors of new', unit: 'percentunit', expr: side('route_side:banyan_error_ratio:rate5m', 'new') },
            { title: 'P95 of legacy', unit: 's', expr: p95('legacy') },
            { title: 'P95 of new', unit: 's', expr: p95('new') },
            {
              title: 'Match rate',
              unit: 'percentunit',
              expr: `max by (job, route) (route:banyan_shadow_match_ratio:increase15m{${HERE}})`,
            },
          ],
        }),
      ],
    },
    {
      id: 3,
      title: 'Traffic',
      height: 8,
      panels: [
        lines({
          id: 31,
          title: 'Requests',
          about: 'By the side that answered. none: no route matched, or the request was refused.',
          unit: 'reqps',
          none: NOBODY,
          width: 8,
          isStacked: true,
          queries: [{ expr: `sum by (side) (rate(banyan_requests_total{${HERE}}${RATE}))`, legend: '{{side}}' }],
        }),
        lines({
          id: 32,
          title: 'Error ratio',
          about: 'Of what clients got: 5xx, and answers that broke off.',
          unit: 'percentunit',
          none: 'No traffic',
          width: 8,
          queries: [
            {
              expr:
                `sum by (side) (route_side:banyan_errors:rate5m{${HERE}})` +
                ` / (sum by (side) (route_side:banyan_requests:rate5m{${HERE}}) > 0)`,
              legend: '{{side}}',
            },
          ],
        }),
        lines({
          id: 33,
          title: 'Second tries',
          about: 'Of the same side, made, or not made because its budget was spent.',
          unit: 'ops',
          none: NOBODY,
          width: 8,
          queries: [
            {
              expr: `sum by (side, result) (rate(banyan_retries_total{${HERE}}${RATE}))`,
              legend: '{{side}}: {{result}}',
            },
          ],
        }),
      ],
    },
    {
      id: 4,
      title: 'Going back',
      height: 7,
      panels: [
        lines({
          id: 41,
          title: 'Rollbacks',
          about: 'Routes that were rolled back, by who did it.',
          unit: 'short',
          none: NOBODY,
          width: 8,
          queries: [
            { expr: `sum by (trigger) (increase(banyan_rollbacks_total{${HERE}}${RATE}))`, legend: '{{trigger}}' },
          ],
        }),
        lines({
          id: 42,
          title: 'Time of rollbacks',
          about: 'From the call to in force: the longest since the replicas started, by the upper end of its bucket.',
          unit: 's',
          none: 'No rollback since the start',
          width: 8,
          queries: [
            {
              expr: `histogram_quantile(1, sum by (trigger, le) (banyan_rollback_seconds_bucket{${HERE}})) >= 0`,
              legend: '{{trigger}}',
            },
          ],
        }),
        lines({
          id: 43,
          title: 'Tunnels',
          about: 'Open WebSockets and event streams.',
          unit: 'short',
          none: NOBODY,
          width: 8,
          queries: [{ expr: `sum by (side) (banyan_tunnels{${HERE}})`, legend: '{{side}}' }],
        }),
      ],
    },
    {
      id: 5,
      title: 'Replicas',
      height: 7,
      panels: [
        lines({
          id: 51,
          title: 'Revision',
          about: 'In force at each replica. They are the same but for moments.',
          unit: 'none',
          none: NOBODY,
          width: 6,
          isStepped: true,
          queries: perInstance(`banyan_config_revision{${HERE}}`),
        }),
        lines({
          id: 52,
          title: 'Workers',
          about: 'Processes that serve clients, by whether they answer, and those that were replaced.',
          unit: 'none',
          none: NOBODY,
          width: 6,
          queries: [
            { expr: `max by (instance, state) (banyan_workers{${HERE}})`, legend: '{{instance}}: {{state}}' },
            {
              expr: `sum by (instance) (increase(banyan_worker_restarts_total{${HERE}}${RATE})) > 0`,
              legend: '{{instance}}: replaced',
            },
          ],
        }),
        lines({
          id: 53,
          title: 'CPU',
          about: 'Of all processes of a replica together; 1 is one core.',
          unit: 'short',
          none: NOBODY,
          width: 6,
          queries: perInstance(
            `rate(process_cpu_seconds_total{${HERE}}${RATE}) and on (job, instance) banyan_build_info`,
          ),
        }),
        lines({
          id: 54,
          title: 'Memory',
          about: 'Resident, of all processes of a replica together; shared pages count for each.',
          unit: 'bytes',
          none: NOBODY,
          width: 6,
          queries: perInstance(`process_resident_memory_bytes{${HERE}} and on (job, instance) banyan_build_info`),
        }),
        lines({
          id: 55,
          title: 'Event loop lag, P99',
          about: 'How long turns wait. Clients wait as long.',
          unit: 's',
          none: NOBODY,
          width: 6,
          queries: perInstance(`nodejs_eventloop_lag_p99_seconds{${HERE}} and on (job, instance) banyan_build_info`),
        }),
        lines({
          id: 56,
          title: 'Open files',
          about: 'Share of those that it may have. Connections are files.',
          unit: 'percentunit',
          none: NOBODY,
          width: 6,
          max: 1,
          queries: perInstance(
            `process_open_fds{${HERE}} / process_max_fds{${HERE}} and on (job, instance) banyan_build_info`,
          ),
        }),
        lines({
          id: 57,
          title: 'Added by the proxy, P99',
          about: 'From accepting a request to its first byte towards a backend; the slowest five routes.',
          unit: 's',
          none: 'No traffic',
          width: 6,
          queries: [{ expr: `topk(5, route:banyan_proxy_overhead_seconds:p99_5m{${HERE}})`, legend: '{{route}}' }],
        }),
        lines({
          id: 58,
          title: 'Reloads',
          about: 'Of the configuration, by result.',
          unit: 'short',
          none: NOBODY,
          width: 6,
          queries: [
            { expr: `sum by (result) (increase(banyan_config_reloads_total{${HERE}}${RATE}))`, legend: '{{result}}' },
          ],
        }),
      ],
    },
    {
      id: 6,
      title: 'At the edges',
      height: 7,
      panels: [
        lines({
          id: 61,
          title: 'Shed',
          about: 'What was not done, because there was too much. request, connection: clients were refused.',
          unit: 'ops',
          none: NOBODY,
          width: 6,
          queries: [{ expr: `sum by (what) (rate(banyan_shed_total{${HERE}}${RATE}))`, legend: '{{what}}' }],
        }),
        lines({
          id: 62,
          title: 'Slow clients, and no clients',
          about: 'Cut because they were too slow; connections that ended before any request.',
          unit: 'ops',
          none: NOBODY,
          width: 6,
          queries: [
            { expr: `sum by (phase) (rate(banyan_slow_clients_total{${HERE}}${RATE}))`, legend: 'slow: {{phase}}' },
            { expr: `sum by (what) (rate(banyan_no_entry_total{${HERE}}${RATE}))`, legend: 'no entry: {{what}}' },
          ],
        }),
        lines({
          id: 63,
          title: 'Failed logins',
          about: 'Calls of the admin API without a right to it.',
          unit: 'ops',
          none: NOBODY,
          width: 6,
          queries: [
            {
              expr: `sum by (reason, answer) (rate(banyan_admin_failed_logins_total{${HERE}}${RATE}))`,
              legend: '{{reason}}: {{answer}}',
            },
          ],
        }),
        lines({
          id: 64,
          title: 'What a stricter proxy would have refused',
          about: 'Limits that were crossed under profile transparent, and quirks of backends’ answers.',
          unit: 'ops',
          none: NOBODY,
          width: 6,
          queries: [
            { expr: `sum by (limit) (rate(banyan_would_have_cut_total{${HERE}}${RATE}))`, legend: 'limit: {{limit}}' },
            {
              expr: `sum by (side, quirk) (rate(banyan_wire_quirks_total{${HERE}}${RATE}))`,
              legend: '{{side}}: {{quirk}}',
            },
          ],
        }),
      ],
    },
  ],
})
