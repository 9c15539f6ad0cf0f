// report: what it says, for people, for pull requests and for CI; and its verdict, which is its exit code.
import t from 'tap'
import type { ReportAnswer } from '../../src/admin/api-compare.ts'
import { judgeReport, type ReportBound } from '../../src/cli/report-verdict.ts'
import { fakeAdmin, run } from './fake-admin.ts'
import { report, signature } from './shadow-answers.ts'

t.test('for people', async t => {
  const admin = await fakeAdmin({ 'GET /routes/orders/report': report })
  t.teardown(() => admin.close())
  const { code, out, err } = await run(admin, ['report', 'orders'])
  t.same([code, err], [1, ''])
  t.match(
    out,
    /^divergent: total_cents, in 1,234 of 100,324 comparisons \(match rate 98\.7 to 98\.8 %, 95 % sure\)\norders {2}\/orders\/\* {2}2026-01-02T10:00:00Z to 2026-01-02T11:00:00Z\n/,
  )
  t.match(out, /^DIFFERENCES +COMPARED +WITH ONE +MATCH +95 % INTERVAL\nhigh +100,324 +0 +100 % +99.995 to 100 %$/m)
  t.match(out, /^any +100,324 +1,234 +98.8 % +98.7 to 98.8 %$/m)
  t.match(out, /^medium +total_cents +value +1,234 +1.2 %, 95 %: 1.1 to 1.4 +divergent +\/orders\/:id +0123456789ab$/m)
  t.match(out, /^file:0 +ignores \$\.request_id +4,321 +in force/m)
  t.match(out, /^rule-dead .* dead: it never hid anything/m)
  t.match(out, 'noise: /orders/:id /served_at value: legacy differs from itself as often')
  t.match(out, 'ignored: request_id value 1,234×')
  t.match(out, '20,000 not sampled\n10 skipped: method\n3 dropped: queue\n8 without the other side’s answer\n')
  t.match(out, '/orders/login: new is not asked: its answers set a session cookie')
  t.match(out, '100,324 pairs: legacy P50 12ms, P95 40ms; new P50 8.5ms, P95 22ms')
  t.match(out, 'P50 -3.5ms, P95 1ms; new was slower in 8 %')
})

t.test('at 80 columns nothing is cut: what must be pasted least of all', async t => {
  const admin = await fakeAdmin({
    'GET /routes/orders/report': { ...report, latency: { ...report.latency, pairs: 1 } },
  })
  t.teardown(() => admin.close())
  const { out } = await run(admin, ['report', 'orders'], { tty: true, columns: 80, env: { NO_COLOR: '1' } })
  t.notMatch(out, '…')
  t.match(out, /^medium {2}total_cents {2}value {2}0123456789ab\n {2}count 1,234 {2}rate 1\.2 %/m)
  t.match(out, /^rule-dead {2}ignores \$\.request_id\n {2}hid 4,321|^rule-dead {2}ignores \$\.request_id\n {2}hid 0/m)
  t.match(out, /^ {2}an id of each request$/m)
  t.match(out, /^1 pair: /m)
  t.notMatch(out, / $/m)
  t.same(
    out.split('\n').filter(line => line.length > 80),
    [],
  )
})

t.test('as Markdown: tables that are tables, whatever a field is called', async t => {
  const items = [{ ...signature, field: 'a|b <script> `x`\n# c' }]
  const admin = await fakeAdmin({ 'GET /routes/orders/report': { ...report, items } })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['report', 'orders', '--markdown', '--min-match', '98'])
  t.equal(code, 0)
  t.match(
    out,
    /^# orders: good\n\nthe match rate is above the bound of 98 %: 99,090 of 100,324 comparisons match \(match rate 98\.7 to 98\.8 %, 95 % sure\)\n/,
  )
  const rows = out.split('\n').filter(line => line.startsWith('| medium | '))
  t.equal(rows.length, 1)
  t.equal(rows[0]?.replaceAll('\\|', '').split('|').length, 8 + 2, 'eight cells')
  t.match(rows[0], 'a\\|b \\<script\\> \\`x\\`\\\\n# c')
  t.notMatch(out, '<script>')
})

t.test('as JSON, with the verdict', async t => {
  const admin = await fakeAdmin({ 'GET /routes/orders/report': report })
  t.teardown(() => admin.close())
  const { code, out } = await run(admin, ['report', 'orders', '--json', '--severity', 'high'])
  t.equal(code, 0)
  const because = 'no divergence in 100,324 comparisons (match rate 99.995 to 100 %, 95 % sure)'
  t.same(JSON.parse(out), { verdict: 'good', because, ...report })
  for (const wrong of [
    ['--min-match', '101'],
    ['--min-match', 'all'],
    ['--severity', 'worst'],
    ['--json', '--markdown'],
  ]) {
    t.equal((await run(admin, ['report', 'orders', ...wrong])).code, 2, wrong.join(' '))
  }
})

t.test('the verdict', async t => {
  const share = (interval: [number, number] | null, of = 1000) => ({ of, count: of, rate: 1, interval })
  const judged = (
    medium: ReturnType<typeof share>,
    items: ReportAnswer['items'],
    bound: Partial<ReportBound> = {},
    open = 0,
  ) =>
    judgeReport(
      {
        matchBySeverity: { low: share([0, 1]), medium, high: share([0, 1]) },
        items,
        totals: { ...report.totals, undecided: open },
      },
      { minMatch: null, severity: 'medium', ...bound },
    ).verdict
  const undecided = { ...signature, state: 'undecided' as const }
  t.equal(judged(share(null, 0), []), 'inconclusive', 'nothing was compared')
  t.equal(judged(share(null, 0), [], { minMatch: 0 }), 'inconclusive', 'nothing was compared')
  t.equal(judged(share([0.9, 1]), []), 'good')
  t.equal(judged(share([0.9, 1]), [signature]), 'divergent')
  t.equal(judged(share([0.9, 1]), [undecided]), 'inconclusive')
  t.equal(
    judged(share([0.9, 1]), [
      { ...signature, state: 'noise' },
      { ...signature, state: 'ignored' },
    ]),
    'good',
  )
  t.equal(judged(share([0.9, 1]), [{ ...signature, severity: 'low' }]), 'good', 'below what counts')
  t.equal(judged(share([0.9, 1]), [{ ...signature, severity: 'high' }]), 'divergent')
  t.equal(judged(share([0.9995, 1]), [signature], { minMatch: 0.999 }), 'good')
  t.equal(judged(share([0.99, 0.9989]), [], { minMatch: 0.999 }), 'divergent')
  t.equal(judged(share([0.99, 0.9995]), [], { minMatch: 0.999 }), 'inconclusive')
  t.equal(judged(share([0.9995, 1]), [], { minMatch: 1 }), 'inconclusive', 'never certain')
  t.equal(judged(share([0.9995, 1]), [], { minMatch: 0.999 }, 50), 'inconclusive', 'undecided ones may be anything')
  t.equal(judged(share(null), [], { minMatch: 0.5 }), 'inconclusive')
  t.equal(judged(share([0.7, 1], 19), []), 'inconclusive', 'too few')
  t.equal(judged(share([0.7, 1], 20), []), 'good')
  t.equal(judged(share([0.2, 1], 6), [], { fewest: 6 }), 'good', 'few were asked for')
  t.equal(judged(share([0.7, 1], 19), [signature]), 'divergent', 'few are enough for that')
  t.equal(judged(share([0.9, 1], 30), [], {}, 30), 'good')
  t.equal(judged(share([0.9, 1], 30), [], {}, 31), 'inconclusive', 'more are undecided than not')
})

t.test('the sentence says of how many, and how sure that is', async t => {
  const because = (of: number, items: ReportAnswer['items'], undecided = 0, bound: Partial<ReportBound> = {}) => {
    const low = { of, count: of, rate: 1, interval: of === 0 ? null : ([0.5, 1] as [number, number]) }
    const totals = { ...report.totals, undecided }
    const share = { low, medium: low, high: low }
    return judgeReport({ matchBySeverity: share, items, totals }, { minMatch: null, severity: 'low', ...bound }).because
  }
  const undecided = { ...signature, state: 'undecided' as const }
  const sure = '(match rate 50 to 100 %, 95 % sure)'
  t.equal(because(0, []), 'nothing was compared')
  t.equal(because(0, [undecided], 6), 'undecided in all 6 comparisons: total_cents')
  t.equal(because(0, [], 1), 'undecided in the only comparison')
  t.equal(because(1, []), `no divergence in 1 comparison ${sure}, and good takes 20`)
  t.equal(because(60, []), `no divergence in 60 comparisons ${sure}`)
  t.equal(because(60, [undecided]), `undecided: total_cents; no divergence in 60 comparisons ${sure}`)
  t.equal(because(60, [], 61), `61 are undecided, more than not; no divergence in 60 comparisons ${sure}`)
  t.equal(
    because(
      60,
      Array.from({ length: 7 }, (_, i) => ({ ...signature, field: `f${i}` })),
    ),
    `f0, f1, f2, f3, f4 and 2 more, in 0 of 60 comparisons ${sure}`,
  )
  t.equal(
    because(60, [], 0, { minMatch: 0.9 }),
    `the bound of 90 % is within the interval: more comparisons are needed; 60 of 60 comparisons match ${sure}`,
  )
})
