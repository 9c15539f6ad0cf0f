// What a healthy admin API answers; client.test.ts holds each against the schema of its operation.

export const AT = Date.UTC(2026, 0, 2, 10, 0, 0)

export const applied = {
  revision: 43,
  elapsedMs: 3.14,
  durable: true,
  appliedBy: [
    { instance: 'a', worker: 1, ms: 0.7 },
    { instance: 'a', worker: 2, ms: 0.9 },
  ],
  pending: [],
}

export const rollback = {
  id: 'rb-7',
  units: ['checkout'],
  restored: [],
  trigger: 'operator',
  by: 'alice',
  at: AT,
  reason: '5xx since 10:02',
}

const side = {
  backend: 'mono',
  url: 'http://10.0.0.5:3001',
  tlsVerified: true,
  requests: 1000,
  errors: 10,
  perSecond: 12.34,
  p50Ms: 4.2,
  p95Ms: 12.6,
  lastError: { at: AT, code: 'backend_connect', detail: 'refused' },
  addresses: [
    {
      address: '10.0.0.5:3001',
      healthy: true,
      why: null,
      inFlight: 2,
      connections: 3,
      share: 1,
      lastFailure: null,
    },
  ],
  circuit: null,
  gate: null,
}

export const route = {
  id: 'orders',
  template: '/orders/*',
  group: 'checkout',
  owner: 'team-orders',
  match: { paths: ['/orders/*'], host: null, methods: ['GET', 'POST'] },
  data: 'separate',
  sticky: ['header:x-user-id', 'auto'],
  weight: { declared: 5, desired: 25, effective: 25, observed: 24.84, observedRequests: 740 },
  set: { by: 'alice', at: AT, reason: 'second step', percent: 25 },
  frozen: null,
  held: false,
  rollbacks: [],
  reasons: { weight: 1000, override: 3, pin: 0 },
  sides: { legacy: side, new: { ...side, backend: 'orders-v2', errors: 0, lastError: null } },
  tunnels: { legacy: 2, new: 1 },
  shadow: { percent: 25, direction: 'both', when: 'after', methods: ['GET', 'HEAD'] },
  revision: 42,
}

export const routes = {
  revision: 42,
  routes: [route, { ...route, id: 'carts', group: null, weight: { ...route.weight, observed: null } }],
}

export const short = {
  id: 'orders',
  template: '/orders/*',
  group: 'checkout',
  owner: 'team-orders',
  declared: 5,
  desired: 25,
  effective: 25,
  observed: 24.84,
  observedRequests: 120,
  shadow: 10,
  state: 'split',
  perSecond: { legacy: 12.34, new: 4.1 },
  errorRatio: { legacy: 0.01, new: 0 },
  p95Ms: { legacy: 12.6, new: 9.87 },
  phase: 'growth',
  match: { compared: 412, rate: 0.99, interval: [0.97, 0.998], divergent: 3, worst: 'medium' },
  attention: { level: 'none', why: null },
  next: '3 divergences to look at',
  lastDecision: { at: AT, by: 'alice', action: 'set-weight', reason: 'second step', from: 5, to: 25 },
}

export const status = {
  product: 'banyan',
  version: '0.1.0',
  instance: 'a',
  revision: 42,
  startedAt: AT,
  uptimeSeconds: 11_520,
  state: 'ready',
  listen: '0.0.0.0:8080',
  store: { kind: 'sqlite', healthy: true, unsaved: 0, unkept: 0 },
  config: { file: 'routes.yaml', loadedAt: AT, lastReload: 'ok', lastError: null },
  workers: [
    { worker: 1, revision: 42, pid: 101, state: 'running' },
    { worker: 2, revision: 41, pid: 102, state: 'running' },
  ],
  replicas: [],
  rollbacks: [],
  routes: [short],
  default: null,
  warnings: [],
}

export const rolledBackStatus = {
  ...status,
  rollbacks: [rollback],
  routes: [
    { ...short, state: 'rolled-back', effective: 0, observed: null, errorRatio: { legacy: null, new: null } },
    { ...short, id: 'carts', state: 'held', effective: 0 },
  ],
  warnings: [{ code: 'untrusted_forwarder', message: '10.0.0.9 sends X-Forwarded-For', route: 'orders' }],
}

export const preview = {
  revision: 42,
  refused: null as { code: string; status: number; detail: string; hint: string | null } | null,
  changes: true,
  says: 'about 5 % of users move from legacy to new; those on new stay',
  routes: [
    {
      id: 'orders',
      effective: { from: 25, to: 30 },
      desired: { from: 25, to: 30 },
      perSecond: { legacy: { from: 12.3, to: 11.5 }, new: { from: 4.1, to: 4.9 } },
      headroom: { side: 'new', backend: 'orders-v2', limit: 40, inside: 3, wouldNeed: 5 },
      notes: ['2 support pins win over the weight'],
    },
  ],
  tunnels: { open: 0, overMs: null as number | null },
}

export const explanation = {
  route: 'orders',
  side: 'new',
  backend: 'orders-v2',
  reason: 'weight',
  why: 'the bucket of this user is below the weight',
  unit: 'checkout',
  key: { from: 'header:x-user-id', hashed: '1a2b3c4d' },
  bucket: 12.3456,
  weight: { declared: 5, desired: 25, effective: 25 },
  considered: [
    { step: 'rollback', applies: false, because: 'no rollback is in force' },
    { step: 'weight', applies: true, because: '12.35 is below 25' },
    { step: 'fallback', applies: true, because: 'would be asked when new fails' },
  ],
  alsoAsked: ['shadow'],
}

export const audit = {
  entries: [
    {
      seq: 17,
      at: AT,
      actor: { name: 'alice', tokenId: 'tok-1', address: '127.0.0.1' },
      action: 'set-weight',
      subject: 'orders',
      reason: 'second step',
      before: { weight: 5 },
      after: { weight: 25 },
      revision: 42,
      previous: '0'.repeat(64),
      hash: 'f'.repeat(64),
    },
  ],
  next: 17,
}

export const auditVerify = { ok: true, entries: 17, brokenAt: null }

export const token = {
  id: 'tok-2',
  name: 'ci',
  scopes: ['read', 'operate'],
  routes: ['orders'],
  createdAt: AT,
  expiresAt: AT + 86_400_000,
  lastUsedAt: AT + 60_000,
}

export const mistake = {
  file: 'routes.yaml',
  line: 3,
  column: 7,
  path: '/routes/0/weight',
  message: 'not a percent',
  found: '500',
  allowed: '0 to 100',
  hint: null,
  level: 'error',
}

export const changes = [{ path: '/routes/0/weight', before: '5', after: '25' }]

export const rolledBack = {
  ...applied,
  rollback: 'rb-8',
  standing: null as { at: number; by: string; reason: string | null } | null,
  routes: ['orders', 'carts'],
  skipped: [{ route: 'search', why: 'it has no legacy side' }],
  tunnels: { open: 0, overMs: null },
}

export const restored = { ...applied, ended: ['rb-7'], remaining: [] }

export const inventory = {
  source: 'live',
  since: AT,
  until: AT + 3_600_000,
  requests: 40_000,
  sampled: 9_000,
  entries: [
    {
      template: '/orders/:id',
      method: 'GET',
      requests: 36_000,
      perSecond: 10,
      p50Ms: 4.2,
      p95Ms: 34,
      requestBytes: 0,
      answerBytes: 12 * 1024 * 1024,
      callers: 120,
      statuses: { '2xx': 35_000, '5xx': 1_000 },
      sessionCookies: [],
      sessionInPath: false,
      write: 'no',
      writeSign: null,
      stream: null,
      kind: 'other',
      calledFrom: '/shop',
      hosts: ['shop.example'],
    },
    {
      template: '/shop',
      method: 'GET',
      requests: 3_000,
      perSecond: 0.833,
      p50Ms: 20,
      p95Ms: 250,
      requestBytes: 0,
      answerBytes: 90_000_000,
      callers: 300,
      statuses: { '2xx': 3_000 },
      sessionCookies: ['JSESSIONID'],
      sessionInPath: false,
      write: 'looks-like',
      writeSign: '"action=delete" in the query',
      stream: null,
      kind: 'page',
      calledFrom: null,
      hosts: ['shop.example'],
    },
    {
      template: '/orders',
      method: 'POST',
      requests: 900,
      perSecond: 0.25,
      p50Ms: 20,
      p95Ms: 60,
      requestBytes: 90_000,
      answerBytes: 9_000,
      callers: 12,
      statuses: { '2xx': 900 },
      sessionCookies: [],
      sessionInPath: false,
      write: 'method',
      writeSign: null,
      stream: null,
      kind: 'other',
      calledFrom: '/shop',
      hosts: ['shop.example'],
    },
  ],
  other: { refused: 100, forgotten: 0 },
  hosts: [{ host: 'shop.example', requests: 40_000 }],
}

/** By the name of the operation. */
export const byOperation = {
  status,
  routes,
  route,
  setWeight: applied,
  unsetWeight: applied,
  freeze: applied,
  unfreeze: applied,
  rollback: rolledBack,
  rollbackAll: rolledBack,
  restore: restored,
  restoreAll: restored,
  preview,
  previewAll: preview,
  explain: explanation,
  inventory,
  audit,
  auditVerify,
  config: { file: 'routes.yaml', revision: 42, config: { routes: [{ id: 'orders', weight: 5 }] }, inForce: null },
  configCheck: { ok: true, mistakes: [], changes },
  configReload: { ...applied, instance: 'a', changes, warnings: [{ ...mistake, level: 'warning' }] },
  tokens: { tokens: [token, { ...token, id: 'tok-3', routes: null, expiresAt: null, lastUsedAt: null }] },
  createToken: { ...applied, token, secret: 'bny_s3cret' },
  revokeToken: applied,
  rotateSeed: applied,
}

export function problem(status: number, code: string, detail: string, more: object = {}): object {
  return { type: `urn:banyan:${code}`, title: code, status, detail, code, ...more }
}
