// One route: legacy and new over each other on one axis.
import { annotation, dashboard, figure, lines, ONE_ROUTE, ROUTE } from './kit.ts'

const QUANTILES = [0.5, 0.95, 0.99]
const MINUTE = '[$__rate_interval]'
const NO_TRAFFIC = 'No traffic on this route'

const quantiles = (metric: string, more: string) =>
  QUANTILES.map(quantile => ({
    expr: `histogram_quantile(${quantile}, sum by (side, le) (rate(${metric}_bucket{${ROUTE}${more}}${MINUTE})))`,
    legend: `{{side}} P${quantile * 100}`,
  }))

export const routeDashboard = dashboard({
  uid: 'banyan-route',
  title: 'Banyan / Route',
  about: 'One route: who serves it, and how both sides do beside each other.',
  variables: [ONE_ROUTE],
  annotations: [
    annotation(
      'weight',
      'blue',
      `max by (route) (changes(banyan_route_weight_ratio{${ROUTE}, kind="effective"}[1m])) > 0`,
      'The weight in force changed',
    ),
    annotation(
      'rollback',
      'red',
      `sum by (route, trigger) (increase(banyan_rollbacks_total{${ROUTE}}[1m])) > 0`,
      'Rolled back ({{trigger}})',
    ),
    annotation(
      'reload',
      'purple',
      'sum by (result) (increase(banyan_config_reloads_total{namespace=~"$namespace", job=~"$job"}[1m])) > 0',
      'Configuration reloaded ({{result}})',
    ),
  ],
  rows: [
    {
      id: 1,
      title: 'Who serves',
      height: 8,
      panels: [
        lines({
          id: 11,
          title: 'Share of new',
          about:
            'What the file declares, what is desired, what is in force, and what is observed of drawn users. In force below desired: rolled back, or held.',
          unit: 'percentunit',
          none: 'Not a route with a weight',
          width: 12,
          max: 1,
          isStepped: true,
          queries: [
            { expr: `max by (kind) (banyan_route_weight_ratio{${ROUTE}})`, legend: '{{kind}}' },
            { expr: `max(route:banyan_new_share:rate5m{${ROUTE}})`, legend: 'observed' },
          ],
        }),
        lines({
          id: 12,
          title: 'Requests',
          about: 'By the side that answered.',
          unit: 'reqps',
          none: NO_TRAFFIC,
          width: 6,
          queries: [{ expr: `sum by (side) (rate(banyan_requests_total{${ROUTE}}${MINUTE}))`, legend: '{{side}}' }],
        }),
        lines({
          id: 13,
          title: 'Why that side',
          about: 'Reasons of the decisions. fallback, breaker: the other side covered.',
          unit: 'reqps',
          none: NO_TRAFFIC,
          width: 6,
          isStacked: true,
          queries: [
            {
              expr: `sum by (side, reason) (rate(banyan_requests_total{${ROUTE}}${MINUTE})) > 0`,
              legend: '{{reason}}: {{side}}',
            },
          ],
        }),
      ],
    },
    {
      id: 2,
      title: 'Errors',
      height: 8,
      panels: [
        lines({
          id: 21,
          title: 'Error ratio',
          about: 'Of what clients got: 5xx, and answers that broke off. Clients that left do not count.',
          unit: 'percentunit',
          none: NO_TRAFFIC,
          width: 9,
          queries: [{ expr: `max by (side) (route_side:banyan_error_ratio:rate5m{${ROUTE}})`, legend: '{{side}}' }],
        }),
        figure({
          id: 22,
          title: 'New fails at least so many times as often',
          about:
            'Lower end of the relative risk over 10 minutes, four standard errors below what was seen. Above 1 it is not chance, and BanyanNewSideErrors pages.',
          unit: 'short',
          none: '–: needs traffic on both sides',
          width: 3,
          expr: `max(route:banyan_relative_risk_low:increase10m{${ROUTE}})`,
          bad: { from: 1 },
        }),
        lines({
          id: 23,
          title: 'Status',
          about: 'Answers by class. aborted: the client left; error: the answer broke off.',
          unit: 'reqps',
          none: NO_TRAFFIC,
          width: 6,
          isStacked: true,
          queries: [
            {
              expr: `sum by (side, code) (rate(banyan_requests_total{${ROUTE}}${MINUTE})) > 0`,
              legend: '{{code}}: {{side}}',
            },
          ],
        }),
        lines({
          id: 24,
          title: 'Failures of backends',
          about: 'By kind, also those that the other side covered and clients did not see.',
          unit: 'ops',
          none: 'None',
          width: 6,
          queries: [
            {
              expr: `sum by (side, kind) (rate(banyan_backend_errors_total{${ROUTE}, role="primary"}${MINUTE})) > 0`,
              legend: '{{side}}: {{kind}}',
            },
          ],
        }),
      ],
    },
    {
      id: 3,
      title: 'Time',
      height: 9,
      panels: [
        lines({
          id: 31,
          title: 'As clients saw it',
          about: 'From accepting a request to the last byte of the answer. Slow clients are in it.',
          unit: 's',
          none: NO_TRAFFIC,
          width: 9,
          queries: quantiles('banyan_request_duration_seconds', ''),
        }),
        lines({
          id: 32,
          title: 'As backends took it',
          about: 'From dispatch to the last byte of the backend. Both sides have the same buckets.',
          unit: 's',
          none: NO_TRAFFIC,
          width: 9,
          queries: quantiles('banyan_backend_request_duration_seconds', ', role="primary"'),
        }),
        lines({
          id: 33,
          title: 'Added by the proxy',
          about: 'From accepting a request to its first byte towards a backend, waiting for a place included.',
          unit: 's',
          none: NO_TRAFFIC,
          width: 6,
          queries: QUANTILES.map(quantile => ({
            expr: `histogram_quantile(${quantile}, sum by (le) (rate(banyan_proxy_overhead_seconds_bucket{${ROUTE}}${MINUTE})))`,
            legend: `P${quantile * 100}`,
          })),
        }),
      ],
    },
    {
      id: 4,
      title: 'Beside it',
      height: 7,
      panels: [
        lines({
          id: 41,
          title: 'Open tunnels',
          about:
            'WebSockets and event streams. They stay on new after a rollback, unless rollback.tunnels says otherwise.',
          unit: 'short',
          none: 'None',
          width: 8,
          queries: [{ expr: `sum by (side) (banyan_tunnels{${ROUTE}})`, legend: '{{side}}' }],
        }),
        lines({
          id: 42,
          title: 'Pins and links',
          about:
            'Signed tokens that requests carried, by whether they counted. Routes without pin and links have none.',
          unit: 'reqps',
          none: 'No pins or links',
          width: 8,
          queries: [
            {
              expr: `sum by (what, result) (rate(banyan_tokens_total{${ROUTE}}${MINUTE}))`,
              legend: '{{what}}: {{result}}',
            },
          ],
        }),
        lines({
          id: 43,
          title: 'Leaks, and answers for shared caches',
          about: 'Answers that point past the proxy, and answers that a cache may give to users of the other side.',
          unit: 'ops',
          none: 'None',
          width: 8,
          queries: [
            {
              expr: `sum by (side, where) (rate(banyan_legacy_leaks_total{${ROUTE}}${MINUTE}))`,
              legend: '{{side}}: {{where}}',
            },
            {
              expr: `sum by (side) (rate(banyan_shared_cache_answers_total{${ROUTE}}${MINUTE}))`,
              legend: '{{side}}: for caches',
            },
          ],
        }),
      ],
    },
  ],
})
