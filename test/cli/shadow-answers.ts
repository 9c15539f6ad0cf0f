// Answers of the calls about shadowing, as the admin API gives them.
import type {
  DivergencesAnswer,
  NoiseAnswer,
  ReportAnswer,
  RuleAnswer,
  SignatureAnswer,
} from '../../src/admin/api-compare.ts'
import { AT } from './answers.ts'

const share = (of: number, count: number, interval: [number, number] | null) => ({
  of,
  count,
  rate: of === 0 ? null : count / of,
  interval,
})

export const exemplar: NonNullable<SignatureAnswer['exemplar']> = {
  at: AT + 60_000,
  exchange: 'ex-17',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  primary: 'legacy',
  method: 'GET',
  template: '/orders/:id',
  target: "/orders/17?note=it's",
  keyHash: null,
  statuses: { legacy: 200, new: 200 },
  differences: [
    {
      kind: 'value',
      path: '/lines/3/total_cents',
      severity: 'medium',
      legacyType: 'number',
      newType: 'number',
      legacy: '1200',
      new: '1199',
    },
  ],
  more: 1,
  answers: {
    legacy: {
      status: 200,
      headers: [
        ['content-type', 'application/json'],
        ['etag', '"a"'],
      ],
      body: '{"id":17,"lines":[{"sku":"a","total_cents":1200}],"note":"x"}',
    },
    new: {
      status: 200,
      headers: [['content-type', 'application/json']],
      body: '{"id":17,"lines":[{"sku":"a","total_cents":1199}],"note":"x"}',
    },
  },
}

export const signature: SignatureAnswer = {
  signature: '0123456789ab',
  route: 'orders',
  template: '/orders/*',
  state: 'divergent',
  severity: 'medium',
  kind: 'value',
  field: 'total_cents',
  count: 1_234,
  rate: 0.0123,
  interval: [0.011, 0.0137],
  firstSeen: AT,
  lastSeen: AT + 60_000,
  differences: [
    {
      template: '/orders/:id',
      kind: 'value',
      path: '/lines/*/total_cents',
      state: 'divergent',
      severity: 'medium',
      count: 1_234,
      why: 'only new differed 40 times, only legacy from itself never',
    },
  ],
  why: 'only new differed 40 times, only legacy from itself never',
  askedAgain: { persistent: 9, transient: 1 },
  exemplar,
  latest: exemplar,
}

/** As it is without the scope `bodies`. */
export const bare: SignatureAnswer = {
  ...signature,
  exemplar: null,
  latest: {
    ...exemplar,
    target: null,
    answers: null,
    differences: [
      { kind: 'value', path: '/lines/*/total_cents', severity: 'medium', legacyType: 'number', newType: 'string' },
    ],
  },
}

const quiet = (state: 'noise' | 'ignored' | 'undecided', field: string): SignatureAnswer => ({
  ...bare,
  signature: `${field}-id`,
  state,
  field,
  severity: 'low',
  latest: null,
  rate: null,
  interval: null,
})

export const divergences: DivergencesAnswer = {
  route: 'orders',
  template: '/orders/*',
  totals: {
    eligible: 120_345,
    not_sampled: 20_000,
    skipped: 10,
    dropped: 3,
    primary_error: 0,
    candidate_error: 8,
    match: 98_000,
    tolerated: 790,
    noise: 300,
    divergent: 1_234,
    undecided: 0,
    unasked: { method: 10, queue: 3 },
    since: AT,
  },
  match: share(100_324, 99_090, [0.9869, 0.9884]),
  matchBySeverity: {
    low: share(100_324, 99_090, [0.9869, 0.9884]),
    medium: share(100_324, 99_090, [0.9869, 0.9884]),
    high: share(100_324, 100_324, [0.99995, 1]),
  },
  latency: {
    pairs: 100_324,
    legacy: { p50Ms: 12, p95Ms: 40 },
    new: { p50Ms: 8.5, p95Ms: 22 },
    delta: { p50Ms: -3.5, p95Ms: 1 },
    newSlower: 0.08,
  },
  suspended: [{ template: '/orders/login', side: 'new', why: 'its answers set a session cookie', since: AT }],
  overflow: 0,
  items: [signature, quiet('undecided', 'currency'), quiet('noise', 'served_at'), quiet('ignored', 'request_id')],
}

export const rule: RuleAnswer = {
  id: 'file:0',
  text: 'ignores $.request_id',
  does: 'ignore',
  paths: ['$.request_id'],
  owner: 'team-orders',
  reason: 'an id of each request',
  until: null,
  source: 'file',
  by: null,
  at: null,
  hits: 4_321,
  lastHit: AT,
  comparisons: 100_324,
  dead: false,
  expired: false,
}

export const rules: RuleAnswer[] = [
  rule,
  { ...rule, id: 'rule-dead', source: 'added', by: 'alice', at: AT, hits: 0, lastHit: null, dead: true, owner: null },
  { ...rule, id: 'rule-old', source: 'added', by: 'alice', at: AT, until: AT + 1, expired: true },
]

export const noise: NoiseAnswer = {
  id: 'noise-1',
  template: '/orders/:id',
  kind: 'value',
  path: '/served_at',
  state: 'noise',
  prior: 'timestamp',
  repeats: 5_000,
  onlyNew: 0,
  onlySelf: 2,
  both: 4_998,
  evidenceNats: 0,
  thresholdNats: 4.6,
  why: 'legacy differs from itself as often',
  expiresAt: AT + 86_400_000,
}

export const report: ReportAnswer = { ...divergences, at: AT + 3_600_000, rules, noise: [noise] }
