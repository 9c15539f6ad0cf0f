// What the admin API answers: the shapes of status, routes, rollbacks, audit, tokens, users. The operations in `api.ts` name them.
import { z } from 'zod'
import { LEVELS, PHASES } from '../model/attention.ts'
import { SEVERITIES } from '../model/comparison.ts'
import { SCOPES } from '../model/control.ts'
import { Applied, moment, percent, side } from './api-words.ts'

export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  errors: z.array(z.object({ pointer: z.string(), message: z.string() })).optional(),
  hint: z.string().optional(),
  currentRevision: z.number().int().optional(),
})
export type Problem = z.infer<typeof Problem>

const Rollback = z.object({
  id: z.string(),
  units: z.union([z.literal('*'), z.array(z.string())]),
  restored: z.array(z.string()).describe('units for which a restore has ended it already'),
  trigger: z.enum(['operator', 'autopilot', 'break_glass']),
  by: z.string(),
  at: moment,
  reason: z.string().nullable(),
})

/** The answer to a rollback: where it is in force, its id, and what it did not concern. */
export const RolledBack = Applied.extend({
  rollback: z.string().describe('id that a restore names'),
  standing: z
    .object({ at: z.number(), by: z.string(), reason: z.string().nullable() })
    .nullable()
    .describe('it was in force already, as it was said then: a new reason is not kept; null: it begins with this call'),
  routes: z.array(z.string()).describe('routes that are on legacy because of it'),
  skipped: z.array(z.object({ route: z.string(), why: z.string() })).describe('routes without a legacy side'),
  tunnels: z
    .object({
      open: z.number().int().describe('WebSockets and event streams on new'),
      overMs: z.number().nullable().describe('in how many ms they are cut, one after another; null: they are kept'),
    })
    .describe('what is open on new, and what becomes of it (rollback.tunnels)'),
})

export const Restored = Applied.extend({
  ended: z.array(z.string()).describe('rollbacks that this restore ended'),
  remaining: z.array(z.string()).describe('rollbacks still in force for the route'),
})

const Said = z.object({ by: z.string(), at: moment, reason: z.string().nullable() })

const AddressState = z.object({
  address: z.string(),
  healthy: z.boolean(),
  why: z.enum(['probes', 'failures', 'untried']).nullable().describe('why it is not'),
  inFlight: z.number().int(),
  connections: z.number().int(),
  share: z.number().describe('0 to 1; below 1 while it starts slowly'),
  lastFailure: z.object({ kind: z.string(), at: moment }).nullable(),
})

const LastError = z.object({ at: moment, code: z.string(), detail: z.string() }).nullable()

const SideState = z.object({
  backend: z.string(),
  url: z.string().describe('where it is; several addresses with a comma between them'),
  tlsVerified: z.boolean(),
  requests: z.number().int().describe('primary requests answered since start'),
  errors: z.number().int().describe('of those, backend failures and 5xx answers'),
  perSecond: z.number().describe('over the last minute'),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  lastError: LastError,
  addresses: z.array(AddressState),
  circuit: z.enum(['closed', 'open']).nullable().describe('null: it has none'),
  gate: z
    .object({ limit: z.number().int(), inside: z.number().int(), waiting: z.number().int() })
    .nullable()
    .describe('maxConcurrent and who waits for a place; null: no limit'),
})

export const RouteView = z.object({
  id: z.string(),
  template: z.string(),
  group: z.string().nullable(),
  owner: z.string().nullable(),
  match: z.object({ paths: z.array(z.string()), host: z.string().nullable(), methods: z.array(z.string()).nullable() }),
  data: z.enum(['separate', 'shared']).nullable(),
  sticky: z.array(z.string()),
  weight: z.object({
    declared: percent.describe('what the file says'),
    desired: percent.describe('the operator’s word, else declared'),
    effective: percent.describe('what is in force: 0 while rolled back or held'),
    observed: percent
      .nullable()
      .describe(
        'share of the requests decided by weight that new served, of the last minute or since the last change where that is later; null without such requests',
      ),
    observedRequests: z.number().int().describe('how many those were'),
  }),
  set: Said.extend({ percent }).nullable().describe('the operator’s weight, if there is one'),
  frozen: Said.nullable(),
  held: z
    .boolean()
    .describe('first start with a declared weight: 0 until somebody sets a weight or returns to the file'),
  rollbacks: z.array(Rollback),
  reasons: z.record(z.string(), z.number().int()).describe('requests since start by reason'),
  sides: z.object({ legacy: SideState.nullable(), new: SideState.nullable() }),
  tunnels: z.object({ legacy: z.number().int(), new: z.number().int() }),
  shadow: z
    .object({
      percent: percent.describe('of the eligible requests whose other side is asked, too'),
      direction: z.enum(['both', 'legacy', 'new']).describe('which side may be asked as well'),
      when: z.enum(['after', 'beside']).describe('after the primary answered, or beside it'),
      methods: z.array(z.string()),
    })
    .nullable()
    .describe('null: the other side is not asked'),
  revision: z.number().int().describe('revision at which this route’s operator state last changed; its ETag'),
})
export type RouteView = z.infer<typeof RouteView>

/** What operators do about who serves a route. */
export const DECISIONS = ['set-weight', 'unset-weight', 'freeze', 'unfreeze', 'rollback', 'restore'] as const

const Decision = z
  .object({
    at: moment,
    by: z.string(),
    action: z.enum(DECISIONS),
    reason: z.string().nullable(),
    from: percent.nullable().describe('the operators’ weight before; null: the file’s'),
    to: percent.nullable().describe('and after'),
  })
  .describe('the last change of weight, rollback, restore or freeze: of the route, its group, or everything')
export type Decision = z.infer<typeof Decision>

export const RouteShort = z.object({
  id: z.string(),
  template: z.string(),
  group: z.string().nullable(),
  owner: z.string().nullable(),
  declared: percent,
  desired: percent,
  effective: percent,
  observed: percent.nullable(),
  observedRequests: z.number().int().describe('of how many requests that is'),
  shadow: percent.describe('of the eligible requests whose other side is asked, too; 0: none'),
  state: z.enum(['split', 'legacy', 'new', 'rolled-back', 'held', 'frozen', 'legacy-only', 'new-only']),
  perSecond: z.object({ legacy: z.number(), new: z.number() }),
  errorRatio: z.object({ legacy: z.number().nullable(), new: z.number().nullable() }),
  p95Ms: z.object({ legacy: z.number().nullable(), new: z.number().nullable() }),
  phase: z
    .enum(PHASES)
    .describe(
      'how far it has come, by the weight in force: canary up to 10 %, retired: it has no legacy side any more',
    ),
  match: z
    .object({
      compared: z.number().int().describe('comparisons that were decided, by this instance'),
      rate: z.number().nullable().describe('0 to 1'),
      interval: z.tuple([z.number(), z.number()]).nullable().describe('95 %, and it may be looked at at any time'),
      divergent: z.number().int().describe('divergences that are open: fields, not requests'),
      worst: z.enum(SEVERITIES).nullable().describe('of those'),
    })
    .nullable()
    .describe('null: it is not shadowed'),
  attention: z
    .object({ level: z.enum(LEVELS), why: z.string().nullable().describe('the sentence to read first') })
    .describe('wrong: users are hurt, or kept from new; look: somebody should look at it'),
  next: z.string().describe('what moves next, and what it waits for'),
  lastDecision: Decision.nullable().describe('null: none is known'),
})

export type RouteShort = z.infer<typeof RouteShort>

const Warning = z.object({ code: z.string(), message: z.string(), route: z.string().nullable() })

export const Status = z.object({
  product: z.literal('banyan'),
  version: z.string(),
  instance: z.string(),
  revision: z.number().int(),
  startedAt: moment,
  uptimeSeconds: z.number(),
  state: z.enum(['starting', 'ready', 'draining']),
  listen: z.string(),
  store: z.object({
    kind: z.string(),
    healthy: z.boolean(),
    unsaved: z.number().int().describe('rollbacks in force that the store does not hold yet'),
    unkept: z.number().int().describe('of those, how many the local file does not hold either: a restart forgets them'),
  }),
  config: z.object({
    file: z.string().nullable(),
    loadedAt: moment,
    lastReload: z.enum(['none', 'ok', 'failed']),
    lastError: z.string().nullable(),
  }),
  workers: z.array(
    z.object({
      worker: z.number().int(),
      revision: z.number().int(),
      pid: z.number().int(),
      state: z.enum(['running', 'pending']).describe('pending: it is starting, or does not answer'),
    }),
  ),
  replicas: z.array(
    z.object({
      instance: z.string(),
      revision: z.number().int().describe('of the store, in force there'),
      version: z.string(),
      state: z.enum(['starting', 'ready', 'draining']),
      agoMs: z.number().describe('since it was seen last'),
      silent: z.boolean().describe('it is not seen any more and has not left: it may serve by what it knew'),
      configHash: z.string().describe('of its configuration; another one than ours: it differs'),
      self: z.boolean().describe('the one that answers'),
      workers: z.array(z.object({ worker: z.number().int(), revision: z.number().int() })),
    }),
  ),
  rollbacks: z.array(Rollback),
  routes: z.array(RouteShort),
  default: RouteShort.extend({ lastError: LastError })
    .nullable()
    .describe('what no route matches; null: it is answered with 404, or the token is limited to routes'),
  warnings: z.array(Warning),
})
export type Status = z.infer<typeof Status>

export const Explanation = z.object({
  route: z.string().nullable().describe('null: no route matched'),
  side: z.enum(['legacy', 'new']).nullable(),
  backend: z.string().nullable().describe('where that side is; several addresses with a comma between them'),
  reason: z.string(),
  why: z.string().describe('the same in a sentence'),
  unit: z.string().nullable(),
  key: z.object({ from: z.string(), hashed: z.string().describe('first 8 hex of the SHA-256 of the key') }).nullable(),
  bucket: z.number().nullable().describe('0 ≤ bucket < 100: the percent above which this user is on new'),
  weight: z.object({ declared: percent, desired: percent, effective: percent }).nullable(),
  considered: z.array(z.object({ step: z.string(), applies: z.boolean(), because: z.string() })),
  alsoAsked: z.array(z.string()).describe('who else would be asked: shadow, relay'),
})
export type Explanation = z.infer<typeof Explanation>

export const Diagnosis = z.object({
  checks: z
    .array(
      z.object({
        area: z.string().describe('what was looked at: traffic, forwarders, wire, cookies, keys, sessions …'),
        code: z.string(),
        level: z.enum(['ok', 'note', 'warn', 'bad']).describe('note: nothing to do, or nothing was seen'),
        message: z.string(),
        route: z.string().nullable(),
        evidence: z.record(z.string(), z.unknown()),
      }),
    )
    .describe('every area at least once; worst first within each'),
  paste: z.string().nullable().describe('YAML to merge into routes.yaml; null: nothing to add'),
  since: moment,
  sampled: z.number().int().describe('requests that were looked at closely'),
  seen: z.number().int().describe('requests since the start'),
})
export type Diagnosis = z.infer<typeof Diagnosis>

export const AuditEntry = z.object({
  seq: z.number().int(),
  at: moment,
  actor: z.object({ name: z.string(), tokenId: z.string().nullable(), address: z.string().nullable() }),
  action: z.string(),
  subject: z.string(),
  reason: z.string().nullable(),
  before: z.unknown(),
  after: z.unknown(),
  revision: z.number().int(),
  previous: z.string(),
  hash: z.string(),
})

export const TokenView = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  routes: z.array(z.string()).nullable(),
  createdAt: moment,
  expiresAt: moment.nullable(),
  lastUsedAt: moment.nullable().describe('by what this process saw since its start; null: not since then'),
})

/** One method at one template. */
const InventoryEntry = z.object({
  template: z.string().describe('a path pattern, such as /orders/:id; or with *.do for file names of one extension'),
  method: z.string(),
  requests: z.number().describe('where only some were looked at: the number that they stand for'),
  perSecond: z.number().nullable().describe('over the whole period'),
  p50Ms: z.number().nullable().describe('without answers that stream'),
  p95Ms: z.number().nullable(),
  requestBytes: z.number().nullable().describe('of all request bodies together; null: not known'),
  answerBytes: z.number().nullable(),
  callers: z.number().int().describe('different addresses, right within 7 % above 64; of those that were looked at'),
  statuses: z.record(z.string(), z.number()).describe('requests by 1xx … 5xx; none: the client left before an answer'),
  sessionCookies: z.array(z.string()).describe('names of cookies it sets that look like a session'),
  sessionInPath: z.boolean().describe('a session id was in a path, as ;jsessionid=…'),
  write: z
    .enum(['no', 'method', 'looks-like'])
    .describe('looks-like: the method is safe, the request looks as if it wrote'),
  writeSign: z.string().nullable().describe('why it looks so'),
  stream: z
    .enum(['events', 'upgrade', 'multipart', 'long'])
    .nullable()
    .describe('how an answer streams; long: it was open for 30 s'),
  kind: z.enum(['page', 'assets', 'other']),
  calledFrom: z.string().nullable().describe('template of the page that calls it'),
  hosts: z.array(z.string()).describe('up to four'),
})

export const InventoryView = z.object({
  source: z.enum(['live', 'log']),
  since: moment.nullable(),
  until: moment.nullable(),
  requests: z.number().describe('in the whole period; where only some were looked at: the number that they stand for'),
  sampled: z.number().int().describe('how many were looked at: about 200 a second at most'),
  entries: z.array(InventoryEntry).describe('most requests first; up to about 2000'),
  other: z.object({
    refused: z.number().describe('paths that were only ever refused, as with 404'),
    forgotten: z.number().describe('what was seen least, where there were too many templates'),
  }),
  hosts: z.array(z.object({ host: z.string(), requests: z.number() })),
})
export type InventoryView = z.infer<typeof InventoryView>

const Move = (what: string) => z.object({ from: z.number(), to: z.number() }).describe(what)

export const PreviewView = z.object({
  revision: z.number().int().describe('by which it was reckoned: pass it as `If-Match` of the call itself'),
  refused: z
    .object({ code: z.string(), status: z.number().int(), detail: z.string(), hint: z.string().nullable() })
    .nullable()
    .describe('what the call itself would be refused with; `status`: of HTTP'),
  changes: z.boolean().describe('false: it says what is so already, or is refused'),
  says: z.string().describe('in one sentence'),
  routes: z.array(
    z.object({
      id: z.string(),
      effective: Move('percent in force'),
      desired: Move('percent'),
      perSecond: z
        .object({ legacy: Move('requests a second'), new: Move('requests a second') })
        .nullable()
        .describe('as the last minute lets expect; null: there was no traffic'),
      headroom: z
        .object({
          side: z.enum(['legacy', 'new']),
          backend: z.string(),
          limit: z.number().int().describe('its maxConcurrent'),
          inside: z.number().int().describe('requests in it now'),
          wouldNeed: z.number().int().nullable().describe('places, about; null: there was no traffic to reckon with'),
        })
        .nullable()
        .describe('of the backend that gets more; null: it has no limit, or none gets more'),
      notes: z.array(z.string()).describe('what else to know'),
    }),
  ),
  tunnels: z
    .object({
      open: z.number().int().describe('WebSockets and event streams on new'),
      overMs: z.number().nullable().describe('in how many ms they are cut, one after another; null: they are kept'),
    })
    .describe('what is open on new, and what becomes of it'),
})
export type PreviewView = z.infer<typeof PreviewView>

export const PinView = z.object({
  id: z.string(),
  key: z.string().describe('first 8 hex of the SHA-256 of the key'),
  side,
  until: moment,
  by: z.string(),
  at: moment,
  reason: z.string().nullable(),
})
export type PinView = z.infer<typeof PinView>

export const WhoView = z.object({
  key: z.object({ hashed: z.string().describe('first 8 hex of the SHA-256 of the key') }),
  routes: z.array(
    z.object({
      route: z.string(),
      unit: z.string(),
      side: side.nullable().describe('null: only a request can tell'),
      reason: z.string(),
      why: z.string().describe('the same in a sentence'),
      bucket: z.number().nullable().describe('0 ≤ bucket < 100: the percent above which this user is on new'),
      weight: percent.describe('in force'),
      pin: PinView.nullable().describe('what the support desk said'),
    }),
  ),
})
export type WhoView = z.infer<typeof WhoView>

export const LinkView = Applied.extend({
  route: z.string(),
  side,
  until: moment,
  host: z.string().nullable().describe('the only host on which it counts; null: any'),
  url: z.string().describe('opens the side in a browser, which keeps it by a cookie'),
  query: z.string().describe('to add to any URL of the route'),
  header: z.object({ name: z.string(), value: z.string() }).describe('for tools'),
})
export type LinkView = z.infer<typeof LinkView>

const reachable = z.array(z.string()).nullable()

/** Who calls, and what they may do: for a page that offers only that. */
export const SessionView = z.object({
  name: z.string().describe('as the audit log calls them'),
  scopes: z.array(z.enum(SCOPES)).describe('with those that they include'),
  routes: reachable.describe('that they may see; null: all'),
  reach: z.partialRecord(z.enum(SCOPES), reachable).describe('by scope: the routes for which they have it; null: all'),
  via: z.enum(['session', 'token', 'sso']),
  expiresAt: moment.nullable().describe('of the session or the token; null: not by time'),
  page: z
    .string()
    .nullable()
    .describe('answer to signing in only: to be kept by the page and sent as `X-Banyan-CSRF` with every call'),
})
export type SessionView = z.infer<typeof SessionView>
