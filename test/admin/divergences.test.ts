// Calls about shadowing, without HTTP: shapes as published, no value without the scope `bodies`, what is logged before it is done.
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { type CompareCall, compareOperations } from '../../src/admin/api-compare.ts'
import { createDivergenceHandlers, type ShadowFace, type ShadowQuery } from '../../src/admin/divergences.ts'
import type { Call } from '../../src/admin/handlers.ts'
import { type Caller, callerOf } from '../../src/admin/scopes.ts'
import type { Control } from '../../src/control/control.ts'
import { DEFAULT_COMPARE_POLICY, type Exemplar, type Rule, SHADOW_RESULTS } from '../../src/model/comparison.ts'
import type { Command, Scope } from '../../src/model/control.ts'
import type { BanyanError } from '../../src/model/errors.ts'
import { hashOfKey } from '../../src/routing/cohorts.ts'
import type { NoiseView, RouteShadowView, SignatureView } from '../../src/shadow/view.ts'

const NOW = 1_800_000_000_000
const CANARY = 'CANARY'
const ACTOR = { name: 'alice', tokenId: 'tok-1', address: '127.0.0.1' }
const applied = { revision: 43, elapsedMs: 3.1, durable: true, appliedBy: [], pending: [] }

const exemplar: Exemplar = {
  at: NOW - 5_000,
  exchange: 'ex-1',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  primary: 'legacy',
  method: 'GET',
  template: '/orders/:id',
  target: `/orders/${CANARY}?token=***`,
  keyHash: `hash-${CANARY}`,
  statuses: { legacy: 200, new: 200 },
  differences: [
    {
      kind: 'value',
      path: '/lines/3/total_cents',
      newPath: `/lines/${CANARY}/total_cents`,
      severity: 'medium',
      legacyType: 'number',
      newType: 'number',
      legacy: `"${CANARY}"`,
      new: `"${CANARY}"`,
      note: `not JSON: ${CANARY}`,
    },
    { kind: 'extra', path: `/users/${CANARY}`, severity: 'high', legacyType: null, newType: 'string' },
  ],
  more: 2,
  answers: {
    legacy: { status: 200, headers: ['X-Name', CANARY, 'Vary', 'Accept'], body: CANARY },
    new: { status: 200, headers: ['X-Name', CANARY], body: CANARY },
  },
}

const signature: SignatureView = {
  signature: '0123456789ab',
  route: 'orders',
  template: '/orders/*',
  state: 'divergent',
  severity: 'medium',
  kind: 'value',
  field: 'total_cents',
  count: 12,
  rate: 0.012,
  interval: [0.006, 0.02],
  firstSeen: NOW - 3_600_000,
  lastSeen: NOW - 5_000,
  differences: [
    {
      template: '/orders/:id',
      kind: 'value',
      path: '/lines/*/total_cents',
      state: 'divergent',
      severity: 'medium',
      count: 12,
      why: 'new differed alone 12 times, legacy from itself never',
    },
  ],
  why: 'new differed alone 12 times, legacy from itself never',
  askedAgain: { persistent: 3, transient: 0 },
  exemplar,
  latest: exemplar,
}

const share = { of: 1000, count: 988, rate: 0.988, interval: [0.97, 0.995] as const }
const results = Object.fromEntries(SHADOW_RESULTS.map(result => [result, 0])) as Record<
  (typeof SHADOW_RESULTS)[number],
  number
>
const view: RouteShadowView = {
  route: 'orders',
  template: '/orders/*',
  totals: {
    eligible: 1010,
    results: { ...results, match: 988, divergent: 12, skipped: 10 },
    unasked: { method: 10 },
    since: NOW - 86_400_000,
  },
  match: share,
  matchBySeverity: { low: share, medium: share, high: share },
  latency: {
    pairs: 1000,
    legacy: { p50Ms: 4, p95Ms: 9 },
    new: { p50Ms: 3, p95Ms: null },
    delta: { p50Ms: -1, p95Ms: 2 },
    newSlower: 0.2,
  },
  suspended: [{ template: '/login', side: 'new', why: 'it sets a session cookie', since: NOW }],
  overflow: 0,
  items: [signature],
}

const noise: NoiseView = {
  id: 'noise-1',
  template: '/orders/:id',
  kind: 'value',
  path: '/served_at',
  state: 'noise',
  prior: 'timestamp',
  repeats: 50,
  onlyNew: 0,
  onlySelf: 1,
  both: 49,
  evidenceNats: 0,
  thresholdNats: 3,
  why: 'legacy differs from itself as well',
  expiresAt: null,
}

const rule = (id: string, more: Partial<Rule> = {}): Rule => ({
  does: 'ignore',
  id,
  paths: ['$.request_id'],
  owner: null,
  reason: 'an id of each request',
  until: null,
  ...(more as object),
})

function house(faces: Partial<ShadowFace> = {}) {
  const done: string[] = []
  const commands: Command[] = []
  const queries: ShadowQuery[] = []
  let rules = [
    { route: 'orders', rule: rule('rule-1', { until: NOW - 1 }), by: 'alice', at: NOW - 10 },
    { route: 'carts', rule: rule('rule-2'), by: 'alice', at: NOW },
  ]
  const orders = { id: 'orders', unit: 'checkout', compare: { ...DEFAULT_COMPARE_POLICY, rules: [rule('file:0')] } }
  const plan = {
    routes: [orders],
    byId: new Map([['orders', orders]]),
    units: new Map([['checkout', [orders, { id: 'carts' }]]]),
  }
  const control = {
    plan: () => plan,
    state: () => ({ rules }),
    async apply(command: Command) {
      commands.push(command)
      done.push(`control ${command.type}`)
      if (command.type === 'add-rule')
        rules = [...rules, { route: command.route, rule: command.rule, by: 'a', at: NOW }]
      return { applied }
    },
  } as unknown as Control
  const shadow: Omit<ShadowFace, 'brief'> = {
    view(_, query) {
      queries.push(query)
      return view
    },
    signature: id => (id === signature.signature ? signature : null),
    acknowledge: id => done.push(`acknowledge ${id}`),
    forget(keyHash) {
      done.push(`forget ${keyHash}`)
      return 2
    },
    noise: () => [noise],
    revokeNoise: (route, id) => done.push(`revoke ${route} ${id}`),
    ruleHits: () => new Map([['file:0', { hits: 7, lastHit: NOW, comparisons: 1000, dead: false }]]),
    replay: async (_, authorization) => ({
      at: NOW,
      method: 'GET',
      target: authorization,
      statuses: { legacy: 200, new: null },
      verdict: 'failed',
      why: 'new did not answer',
      differences: [],
      more: 0,
    }),
    resume: (route, template) => {
      done.push(`resume ${route} ${template}`)
      return view.suspended
    },
    ...faces,
  }
  const said = (call: Call) => ({ actor: call.actor, reason: call.body?.reason ?? call.query?.reason ?? null })
  const clock = { now: () => NOW, monotonic: () => 0 }
  return { handlers: createDivergenceHandlers({ control, clock, shadow, said }), done, commands, queries }
}

function caller(scopes: readonly Scope[], routes: readonly string[] | null = null): Caller {
  return callerOf({ name: 'alice', tokenId: 'tok-1', has: 'the token has some', via: 'token', expiresAt: null }, [
    { scopes, routes },
  ])
}

const READER = caller(['read'])
const OWNER = caller(['read', 'bodies', 'operate', 'rollback', 'admin'])

/** As the server does it: what was asked is read with the schema; what is answered must be what is published. */
async function asked(
  t: Test,
  { handlers }: Pick<ReturnType<typeof house>, 'handlers'>,
  name: CompareCall,
  input: { params?: object; query?: object; body?: object; caller?: Caller; authorization?: string },
  // biome-ignore lint/suspicious/noExplicitAny: checked by its schema
): Promise<any> {
  const operation = compareOperations[name] as {
    answer: (typeof compareOperations)['report']['answer']
    query?: { parse(value: unknown): unknown }
    body?: { parse(value: unknown): unknown }
  }
  const answer = await handlers[name]({
    caller: input.caller ?? OWNER,
    actor: ACTOR,
    params: { id: 'orders', ...input.params },
    query: operation.query?.parse(input.query ?? {}) ?? {},
    body: operation.body?.parse(input.body ?? {}) ?? {},
    ifRevision: null,
    forwardAuthorization: input.authorization ?? null,
  })
  const read = operation.answer.safeParse(answer)
  t.same(read.error?.issues ?? [], [], `${name} answers as published`)
  t.ok(isDeepStrictEqual(read.data, JSON.parse(JSON.stringify(answer))), `${name} answers nothing else`)
  return answer
}

const refusal = async (run: Promise<unknown>) =>
  (await run.then(
    () => null,
    error => error,
  )) as BanyanError | null

t.test('without the scope bodies, no value comes through', async t => {
  const all = house()
  for (const [name, params] of [
    ['divergences', {}],
    ['report', {}],
    ['divergence', { signature: signature.signature }],
  ] as const) {
    const text = JSON.stringify(await asked(t, all, name, { params, caller: READER }))
    t.notMatch(text, CANARY, name)
    t.match(text, '/lines/*/total_cents')
    const whole = JSON.stringify(await asked(t, all, name, { params, caller: caller(['read', 'bodies']) }))
    t.match(whole, CANARY, `${name}, with bodies`)
  }
  const shown = await asked(t, all, 'divergence', { params: { signature: signature.signature }, caller: READER })
  t.match(shown.exemplar, { target: null, keyHash: null, answers: null, statuses: { legacy: 200, new: 200 } })
  t.same(
    shown.exemplar.differences,
    [{ kind: 'value', path: '/lines/*/total_cents', severity: 'medium', legacyType: 'number', newType: 'number' }],
    'what belongs to no place of the signature is counted only',
  )
  t.equal(shown.exemplar.more, 3)
  const whole = await asked(t, all, 'divergence', { params: { signature: signature.signature } })
  t.same(whole.exemplar.answers.legacy.headers, [
    ['X-Name', CANARY],
    ['Vary', 'Accept'],
  ])
})

t.test('totals are flat, and add up', async t => {
  const { totals } = await asked(t, house(), 'divergences', {})
  t.match(totals, { eligible: 1010, match: 988, divergent: 12, skipped: 10, unasked: { method: 10 } })
  t.equal(
    SHADOW_RESULTS.reduce((sum, result) => sum + totals[result], 0),
    totals.eligible,
  )
})

t.test('what is asked for: a time until now, a moment, nothing', async t => {
  const all = house()
  await asked(t, all, 'divergences', { query: { since: '1h', severity: 'medium', limit: '5' } })
  await asked(t, all, 'divergences', { query: { since: String(NOW - 1), kind: 'value', path: '/a', state: 'noise' } })
  await asked(t, all, 'divergences', {})
  const nothing = { since: null, severity: null, kind: null, path: null, state: null, limit: 100 }
  t.same(all.queries, [
    { ...nothing, since: NOW - 3_600_000, severity: 'medium', limit: 5 },
    { ...nothing, since: NOW - 1, kind: 'value', path: '/a', state: 'noise' },
    nothing,
  ])
  for (const query of [{ since: 'yesterday' }, { since: '5' }, { limit: 0 }, { severity: 'worst' }, { x: 1 }]) {
    t.notOk(compareOperations.divergences.query.safeParse(query).success, JSON.stringify(query))
  }
})

t.test('an audit entry first, then the ledger', async t => {
  const all = house()
  const params = { signature: signature.signature, place: noise.id }
  const acknowledged = await asked(t, all, 'acknowledge', { params, query: { reason: 'known' } })
  t.match(acknowledged, { revision: 43, signature: signature.signature, route: 'orders' })
  t.match(await asked(t, all, 'revokeNoise', { params }), { noise: { id: noise.id } })
  t.match(await asked(t, all, 'forget', { body: { key: 'user-7' } }), { forgotten: 2 })
  t.match(await asked(t, all, 'resume', { query: { template: '/login' } }), { revision: 43, resumed: view.suspended })
  const hash = hashOfKey('user-7')
  t.same(all.done, [
    'control acknowledge',
    `acknowledge ${signature.signature}`,
    'control revoke-noise',
    'revoke orders noise-1',
    'control forget',
    `forget ${hash}`,
    'control resume-shadow',
    'resume orders /login',
  ])
  t.match(all.commands[0], { actor: ACTOR, reason: 'known', route: 'orders', signature: signature.signature })
  t.notMatch(JSON.stringify(all.commands), 'user-7', 'the key itself is nowhere')
})

t.test('resuming what is not suspended is refused, and leaves no entry', async t => {
  const all = house()
  t.match(await refusal(asked(t, all, 'resume', { query: { template: '/foo' } })), {
    code: 'unknown_suspension',
    message: '/foo is not suspended in route orders',
    hint: 'suspended are: /login',
  })
  const none = house({ view: () => ({ ...view, suspended: [] }) })
  t.match(await refusal(asked(t, none, 'resume', { query: { template: '/login' } })), { hint: 'no template of it is' })
  t.match(await refusal(asked(t, none, 'resume', {})), { message: 'nothing is suspended in route orders' })
  t.same([...all.done, ...none.done], [])
})

t.test('what is not there, and whose route it is', async t => {
  const all = house()
  const params = { signature: signature.signature }
  const codes = async (name: CompareCall, input: Parameters<typeof asked>[3]) =>
    (await refusal(asked(t, all, name, input)))?.code
  t.equal(await codes('divergence', { params: { signature: 'none' } }), 'unknown_signature')
  t.equal(await codes('replay', { params: { signature: 'none' } }), 'unknown_signature')
  t.equal(await codes('revokeNoise', { params: { place: 'none' } }), 'unknown_noise')
  for (const name of ['divergences', 'noise', 'rules', 'report', 'resume'] as const) {
    t.equal(await codes(name, { params: { id: 'nowhere' } }), 'unknown_route', name)
  }
  const elsewhere = caller(['read', 'bodies', 'operate'], ['carts'])
  const half = caller(['read', 'bodies', 'operate'], ['orders'])
  for (const name of ['divergence', 'acknowledge', 'replay'] as const) {
    t.equal(await codes(name, { params, caller: elsewhere }), 'forbidden', name)
  }
  t.equal(await codes('divergence', { params, caller: half }), undefined, 'reading is about the route alone')
  t.equal(await codes('acknowledge', { params, caller: half }), 'forbidden', 'a change is about its group')
  t.same(all.done, [])
})

t.test('replay passes the credentials on, and only those that were given for it', async t => {
  const params = { signature: signature.signature }
  const replayed = await asked(t, house(), 'replay', { params, authorization: 'Bearer x' })
  t.match(replayed, { signature: signature.signature, target: 'Bearer x', verdict: 'failed' })
  t.match(await asked(t, house(), 'replay', { params }), { target: null, statuses: { legacy: 200, new: null } })
})

t.test('rules: those of the file and those that were added, with what they did', async t => {
  const { rules } = await asked(t, house(), 'rules', {})
  t.match(rules, [
    { id: 'file:0', source: 'file', by: null, hits: 7, expired: false, reason: 'an id of each request' },
    { id: 'rule-1', source: 'added', by: 'alice', at: NOW - 10, hits: 0, expired: true },
  ])
  t.equal(rules.length, 2, 'of this route only')
})

t.test('adding a rule: read, logged, shown; what is wrong with it has a pointer', async t => {
  const all = house()
  const body = { ignore: '$.request_id', reason: 'an id of each request', owner: 'team-orders', until: '2100-01-01' }
  const { rule: added } = await asked(t, all, 'addRule', { body })
  t.match(added, {
    id: /^rule-[0-9a-f]{10}$/,
    source: 'added',
    does: 'ignore',
    paths: ['$.request_id'],
    expired: false,
  })
  t.match(added, { owner: 'team-orders', reason: 'an id of each request', until: Date.parse('2100-01-01') })
  t.match(added.text, /request_id/)
  t.notMatch(added.text, /team-orders/, 'what has a field of its own is not said twice')
  t.match(all.commands[0], { type: 'add-rule', route: 'orders', rule: { id: added.id } })
  for (const [wrong, pointer] of [
    [{ ignore: '$[' }, '/ignore'],
    [{ ignores: '$.a' }, '/ignores'],
    [{ tolerance: '$.a' }, /^(\/tolerance)?$/],
    [{ ignore: '$.a', until: '2020-01-01' }, '/until'],
    [{ ignore: '$.a', until: 'yesterday' }, '/until'],
  ] as const) {
    for (const call of ['addRule', 'tryRule'] as const) {
      const refused = await refusal(asked(t, all, call, { body: { ...wrong, reason: 'x' } }))
      t.match(refused, { code: 'invalid', details: { errors: [{ pointer }] } }, `${call} ${JSON.stringify(wrong)}`)
    }
  }
  t.match(await refusal(asked(t, all, 'addRule', { body: { tolerence: '$.a', absolute: 1, reason: 'x' } })), {
    message: '/tolerence: unknown key',
    hint: /^did you mean tolerance\? allowed: ignore, .*severity/,
  })
  t.equal(all.commands.length, 1)
  await asked(t, all, 'removeRule', { params: { rule: added.id } })
  t.match(all.commands[1], { type: 'remove-rule', route: 'orders', id: added.id })
})

t.test('a rule is not added without a reason, and may be tried', async t => {
  const all = house()
  for (const reason of [undefined, null, '', '  ']) {
    t.match(await refusal(asked(t, all, 'addRule', { body: { ignore: '$.a', reason } })), {
      code: 'invalid',
      message: /^\/reason: missing/,
      details: { errors: [{ pointer: '/reason' }] },
    })
  }
  t.match(await refusal(asked(t, all, 'addRule', { body: { ignore: 'a' } })), {
    details: { errors: [{ pointer: '/ignore' }, { pointer: '/reason' }] },
  })
  t.same(all.done, [])
  await asked(t, all, 'tryRule', { body: { ignore: '$.a' } })
})

t.test('trying a rule: what it would hide, and what cannot be known; nothing is changed', async t => {
  const all = house()
  const hidden = await asked(t, all, 'tryRule', { body: { ignore: '$.lines[*].total_cents' } })
  t.match(hidden, { hidden: 12, of: 12, unknown: [] })
  t.same(hidden.hides, [
    {
      signature: signature.signature,
      field: 'total_cents',
      state: 'divergent',
      severity: 'medium',
      whole: true,
      count: 12,
      places: [{ template: '/orders/:id', kind: 'value', path: '/lines/*/total_cents' }],
    },
  ])
  const open = await asked(t, all, 'tryRule', { body: { tolerance: '$.lines[*].total_cents', absolute: 1 } })
  t.match(open, { hidden: 0, hides: [], unknown: [{ signature: signature.signature, count: 12 }] })
  t.match(await asked(t, all, 'tryRule', { body: { ignore: '$.other' } }), { hidden: 0, hides: [], unknown: [] })
  t.same(all.done, [])
})
