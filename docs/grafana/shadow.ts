// Shadow and compare: how much is compared, what was found, what it costs.
import { dashboard, figure, HERE, lines, ROUTE, ROUTES_SHADOWED } from './kit.ts'

const RATE = '[$__rate_interval]'
const NOTHING = 'Nothing is shadowed, or there is no traffic'

export const shadowDashboard = dashboard({
  uid: 'banyan-shadow',
  title: 'Banyan / Shadow',
  about: 'What shadowing compares, what differs, and what became of each request.',
  variables: [ROUTES_SHADOWED],
  annotations: [],
  rows: [
    {
      id: 1,
      title: 'What was found',
      height: 8,
      panels: [
        figure({
          id: 11,
          title: 'Match rate',
          about: 'Of the comparisons of the time range. What rules hide and what varies by itself is no difference.',
          unit: 'percentunit',
          none: 'Nothing was compared',
          width: 4,
          expr:
            `sum(increase(banyan_shadow_total{${ROUTE}, result=~"match|tolerated|noise"}[$__range]))` +
            ` / (sum(increase(banyan_shadow_total{${ROUTE}, result=~"match|tolerated|noise|divergent"}[$__range])) > 0)`,
          bad: null,
        }),
        figure({
          id: 12,
          title: 'Differences of high severity',
          about: 'In the time range; `banyan divergences` shows them side by side.',
          unit: 'short',
          none: NOTHING,
          width: 4,
          expr: `round(sum(increase(banyan_divergences_total{${ROUTE}, severity="high"}[$__range])))`,
          bad: { from: 1 },
        }),
        lines({
          id: 13,
          title: 'Match rate by route',
          about: 'Over 15 minutes.',
          unit: 'percentunit',
          none: NOTHING,
          width: 8,
          max: 1,
          queries: [
            { expr: `max by (route) (route:banyan_shadow_match_ratio:increase15m{${ROUTE}})`, legend: '{{route}}' },
          ],
        }),
        lines({
          id: 14,
          title: 'Differences by severity',
          about: 'Places at which compared answers diverged; one comparison may have several.',
          unit: 'ops',
          none: NOTHING,
          width: 8,
          isStacked: true,
          queries: [
            { expr: `sum by (severity) (rate(banyan_divergences_total{${ROUTE}}${RATE}))`, legend: '{{severity}}' },
          ],
        }),
        lines({
          id: 15,
          title: 'Differences by kind',
          about: 'missing: legacy has it and new has not; extra: the other way round.',
          unit: 'ops',
          none: NOTHING,
          width: 24,
          isStacked: true,
          queries: [
            {
              expr: `sum by (route, kind) (rate(banyan_divergences_total{${ROUTE}}${RATE})) > 0`,
              legend: '{{route}}: {{kind}}',
            },
          ],
        }),
      ],
    },
    {
      id: 2,
      title: 'What became of each request',
      height: 8,
      panels: [
        lines({
          id: 21,
          title: 'Results',
          about: 'Every eligible request ends in exactly one.',
          unit: 'reqps',
          none: NOTHING,
          width: 12,
          isStacked: true,
          queries: [{ expr: `sum by (result) (rate(banyan_shadow_total{${ROUTE}}${RATE}))`, legend: '{{result}}' }],
        }),
        lines({
          id: 22,
          title: 'Why nobody was asked',
          about:
            'rate is maxRps; queue, memory, concurrency, strained: too much; breaker: the asked side fails; slower: legacy got slower.',
          unit: 'reqps',
          none: 'Everybody was asked',
          width: 12,
          isStacked: true,
          queries: [
            { expr: `sum by (reason) (rate(banyan_shadow_unasked_total{${ROUTE}}${RATE})) > 0`, legend: '{{reason}}' },
          ],
        }),
      ],
    },
    {
      id: 3,
      title: 'What it costs',
      height: 8,
      panels: [
        lines({
          id: 31,
          title: 'Time of both sides, P95',
          about: 'primary: answers to users; shadow: copies. Legacy must not get slower by being asked.',
          unit: 's',
          none: NOTHING,
          width: 8,
          queries: [
            {
              expr: `histogram_quantile(0.95, sum by (side, role, le) (rate(banyan_backend_request_duration_seconds_bucket{${ROUTE}}${RATE})))`,
              legend: '{{side}} {{role}}',
            },
          ],
        }),
        lines({
          id: 32,
          title: 'Copies',
          about: 'Questions that were answered, by the side that was asked: extra load for it.',
          unit: 'reqps',
          none: NOTHING,
          width: 8,
          queries: [
            {
              expr: `sum by (side) (rate(banyan_backend_request_duration_seconds_count{${ROUTE}, role="shadow"}${RATE}))`,
              legend: '{{side}}',
            },
            {
              expr: `sum by (side, kind) (rate(banyan_backend_errors_total{${ROUTE}, role="shadow"}${RATE})) > 0`,
              legend: '{{side}}: {{kind}}',
            },
          ],
        }),
        lines({
          id: 33,
          title: 'Held to be compared',
          about: 'Bytes of answers; proxy.shadow.memory is the limit of a replica.',
          unit: 'bytes',
          none: 'No Banyan answers',
          width: 8,
          queries: [{ expr: `max by (instance) (banyan_shadow_held_bytes{${HERE}})`, legend: '{{instance}}' }],
        }),
      ],
    },
  ],
})
