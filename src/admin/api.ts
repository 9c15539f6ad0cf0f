// The admin API as data: every path, parameter, body and answer, once. The server validates with it, OpenAPI is
// generated from it, the CLI and the dashboard are clients of it.
import { z } from 'zod'
import { SCOPES } from '../model/control.ts'
import { DEFAULT_ROUTE } from '../model/route.ts'
import { chartOperations } from './api-charts.ts'
import { compareOperations } from './api-compare.ts'
import { configOperations } from './api-config.ts'
import {
  AuditEntry,
  Diagnosis,
  Explanation,
  InventoryView,
  LinkView,
  PinView,
  PreviewView,
  Restored,
  RolledBack,
  RouteView,
  SessionView,
  Status,
  TokenView,
  WhoView,
} from './api-shapes.ts'
import {
  Applied,
  cutReason,
  key,
  LookParams,
  type Operation,
  percent,
  RouteParams,
  reason,
  side,
  span,
  whole,
} from './api-words.ts'

export { BurndownView, HistoryView, TrafficEvent } from './api-charts.ts'
export { Checked, MistakeView } from './api-config.ts'
export {
  AuditEntry,
  DECISIONS,
  type Decision,
  Diagnosis,
  Explanation,
  InventoryView,
  LinkView,
  PinView,
  PreviewView,
  Problem,
  Restored,
  RolledBack,
  RouteShort,
  RouteView,
  SessionView,
  Status,
  TokenView,
  WhoView,
} from './api-shapes.ts'
export { Applied, type Operation } from './api-words.ts'
export { refusedIn } from './refused.ts'

const nothing = z.strictObject({})

const PreviewBody = z.strictObject({
  action: z.enum(['weight', 'unset-weight', 'freeze', 'unfreeze', 'rollback', 'restore']),
  percent: percent.optional().describe('of weight, which needs it, and of restore'),
  rollbacks: z.array(z.string()).max(100).optional().describe('of restore: only these'),
})

/** Every operation by name. Paths are below `/api/v1`, with `:name` for parameters. */
export const operations = {
  status: {
    method: 'GET',
    path: '/status',
    summary: 'Instance, revision, workers, routes in short, warnings',
    scope: 'read',
    answer: Status,
  },
  routes: {
    method: 'GET',
    path: '/routes',
    summary: 'Every route with its state',
    scope: 'read',
    answer: z.object({ revision: z.number().int(), routes: z.array(RouteView) }),
  },
  route: {
    method: 'GET',
    path: '/routes/:id',
    summary: `One route, or \`${DEFAULT_ROUTE}\`: what no route matches`,
    scope: 'read',
    params: LookParams,
    answer: RouteView,
  },
  setWeight: {
    method: 'PUT',
    path: '/routes/:id/weight',
    summary: 'Set the percent of users that new serves (and the route’s group)',
    scope: 'operate',
    params: RouteParams,
    body: z.strictObject({ percent, reason: reason.optional() }),
    answer: Applied,
    conditional: true,
  },
  unsetWeight: {
    method: 'DELETE',
    path: '/routes/:id/weight',
    summary: 'Return to the file’s weight',
    scope: 'operate',
    params: RouteParams,
    query: z.strictObject({ reason: reason.optional() }),
    answer: Applied,
    conditional: true,
  },
  freeze: {
    method: 'POST',
    path: '/routes/:id/freeze',
    summary: 'No raise until unfrozen; down and rollback stay possible',
    scope: 'operate',
    params: RouteParams,
    body: z.strictObject({ reason: reason.optional() }),
    answer: Applied,
    conditional: true,
  },
  unfreeze: {
    method: 'POST',
    path: '/routes/:id/unfreeze',
    summary: 'Allow raises again',
    scope: 'operate',
    params: RouteParams,
    body: z.strictObject({ reason: reason.optional() }),
    answer: Applied,
    conditional: true,
  },
  rollback: {
    method: 'POST',
    path: '/routes/:id/rollback',
    summary: 'Everything of this route (and its group) to legacy, at once',
    scope: 'rollback',
    params: RouteParams,
    body: z.strictObject({ reason: cutReason.optional() }),
    answer: RolledBack,
  },
  rollbackAll: {
    method: 'POST',
    path: '/rollback',
    summary: 'Everything to legacy, at once',
    scope: 'rollback',
    body: z.strictObject({ reason: cutReason.optional() }),
    answer: RolledBack,
  },
  restore: {
    method: 'POST',
    path: '/routes/:id/restore',
    summary: 'End rollbacks of this route and return to the desired weight',
    scope: 'operate',
    params: RouteParams,
    body: z.strictObject({
      rollbacks: z.array(z.string()).max(100).optional(),
      percent: percent.optional(),
      reason: reason.optional(),
    }),
    answer: Restored,
    conditional: true,
  },
  restoreAll: {
    method: 'POST',
    path: '/restore',
    summary: 'End rollbacks, by default all that are in force',
    scope: 'operate',
    body: z.strictObject({ rollbacks: z.array(z.string()).max(100).optional(), reason: reason.optional() }),
    answer: Restored,
    conditional: true,
  },
  preview: {
    method: 'POST',
    path: '/routes/:id/preview',
    summary: 'What such a change of the route (and its group) would do; nothing is changed, and nothing logged',
    scope: 'read',
    params: RouteParams,
    body: PreviewBody,
    answer: PreviewView,
    conditional: true,
  },
  previewAll: {
    method: 'POST',
    path: '/preview',
    summary: 'The same of a rollback or restore of everything',
    scope: 'read',
    body: z.strictObject({
      action: z.enum(['rollback', 'restore']),
      rollbacks: z.array(z.string()).max(100).optional().describe('of restore'),
    }),
    answer: PreviewView,
    conditional: true,
  },
  pins: {
    method: 'GET',
    path: '/routes/:id/pins',
    summary: 'Users to whom the support desk gave a side',
    scope: 'read',
    params: RouteParams,
    answer: z.object({ pins: z.array(PinView) }),
  },
  pin: {
    method: 'POST',
    path: '/routes/:id/pins',
    summary: 'Give one user a side for a while (on the route’s group)',
    scope: 'operate',
    params: RouteParams,
    body: z.strictObject({ key, side, for: span, reason: reason.optional() }),
    answer: Applied.extend({ pin: PinView }),
    conditional: true,
  },
  unpin: {
    method: 'DELETE',
    path: '/routes/:id/pins',
    summary: 'Take it back, by the user’s key or by the pin’s id',
    scope: 'operate',
    params: RouteParams,
    query: z.strictObject({ key: key.optional(), pin: z.string().max(64).optional(), reason: reason.optional() }),
    answer: Applied.extend({ pin: PinView.nullable().describe('null: there was none') }),
    conditional: true,
  },
  who: {
    method: 'GET',
    path: '/who',
    summary: 'Where a user with this key is on each route, and why',
    scope: 'read',
    query: z.strictObject({ key }),
    answer: WhoView,
  },
  link: {
    method: 'POST',
    path: '/routes/:id/links',
    summary: 'Sign a link by which its holder gets a side of the route (and its group)',
    scope: 'operate',
    params: RouteParams,
    body: z.strictObject({
      side,
      for: span,
      host: z
        .string()
        .regex(/^[A-Za-z0-9.-]{1,253}$/)
        .optional()
        .describe('the only host on which it counts, without a port'),
      url: z.string().max(2048).optional().describe('a page of the route; default: the beginning of its path'),
      reason: reason.optional(),
    }),
    answer: LinkView,
  },
  explain: {
    method: 'POST',
    path: '/explain',
    summary: 'Which route and side a request would take, and why; nothing is sent',
    scope: 'read',
    body: z.strictObject({
      method: z
        .string()
        .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/)
        .default('GET')
        .describe('a method, as in GET'),
      url: z.string().max(16384).describe('a path, or a whole URL whose host counts as Host'),
      headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}),
      address: z.string().max(64).default('127.0.0.1').describe('the client’s address'),
    }),
    answer: Explanation,
  },
  doctor: {
    method: 'GET',
    path: '/doctor',
    summary: 'What was seen of this deployment: what stands in the way of a migration, and a block to paste',
    scope: 'read',
    answer: Diagnosis,
  },
  inventory: {
    method: 'GET',
    path: '/inventory',
    summary:
      'What the traffic consists of since the start: templates, rates, callers, what writes; not for limited tokens',
    scope: 'read',
    answer: InventoryView,
  },
  ...chartOperations,
  ...compareOperations,
  audit: {
    method: 'GET',
    path: '/audit',
    summary: 'Who changed what, when and why; newest first; hash-chained',
    scope: 'read',
    query: z.strictObject({
      limit: whole(1, 1000).default(100),
      before: whole(1).optional(),
      route: RouteParams.shape.id
        .optional()
        .describe(
          'only what concerns this route: itself, its group, or everything; a page may be short, `next` counts',
        ),
    }),
    answer: z.object({
      entries: z.array(AuditEntry),
      next: z.number().int().nullable().describe('pass as `before` for the page after; null at the end'),
    }),
  },
  auditVerify: {
    method: 'GET',
    path: '/audit/verify',
    summary: 'Walk the whole hash chain',
    scope: 'read',
    answer: z.object({ ok: z.boolean(), entries: z.number().int(), brokenAt: z.number().int().nullable() }),
  },
  events: {
    method: 'GET',
    path: '/events',
    summary:
      'Server-sent events with ids; `Last-Event-ID` resumes. One token may listen 32 times (else 429), all together 64 (else 503), both with Retry-After. `divergence`: one is new or has changed its state: route, signature, state, kind, field, severity. `traffic`, without an id and not resumed: about every 2 s the routes whose figures changed, as in status (at, routes, default); all of them first',
    scope: 'read',
    answer: null,
  },
  ...configOperations,
  tokens: {
    method: 'GET',
    path: '/tokens',
    summary: 'Tokens, without their secrets',
    scope: 'admin',
    answer: z.object({ tokens: z.array(TokenView) }),
  },
  createToken: {
    method: 'POST',
    path: '/tokens',
    summary: 'Make a token; its secret is shown once',
    scope: 'admin',
    body: z.strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9._@-]{1,64}$/)
        .describe('1 to 64 of A-Z, a-z, 0-9 and . _ @ -'),
      scopes: z.array(z.enum(SCOPES)).min(1),
      routes: z.array(z.string()).nullable().default(null),
      expiresInSeconds: z
        .number()
        .int()
        .min(1)
        .max(10 * 366 * 86_400)
        .nullable()
        .default(null),
      reason: reason.optional(),
    }),
    answer: Applied.extend({ token: TokenView, secret: z.string() }),
  },
  revokeToken: {
    method: 'DELETE',
    path: '/tokens/:id',
    summary: 'Revoke a token',
    scope: 'admin',
    params: z.object({ id: z.string().max(64) }),
    query: z.strictObject({ reason: reason.optional() }),
    answer: Applied,
  },
  signIn: {
    method: 'POST',
    path: '/session',
    summary: 'Sign a browser in by a token: a cookie, and in the answer the other half of the session',
    scope: null,
    body: z.strictObject({
      token: z.string().trim().min(1).max(512).describe('a token, of 1 to 512 characters'),
    }),
    answer: SessionView,
  },
  session: {
    method: 'GET',
    path: '/session',
    summary: 'Who calls, and what they may do',
    scope: 'read',
    answer: SessionView,
  },
  signOut: {
    method: 'DELETE',
    path: '/session',
    summary: 'End the session of this browser',
    scope: 'read',
    answer: z.object({ signedOut: z.boolean().describe('false: whoever called did not come by a session') }),
  },
  rotateSeed: {
    method: 'POST',
    path: '/seed/rotate',
    summary: 'Reshuffle which users are on which side',
    scope: 'admin',
    body: z.strictObject({ reason: reason.optional() }),
    answer: Applied,
    conditional: true,
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This API as OpenAPI 3.1',
    scope: null,
    answer: z.unknown(),
  },
} as const satisfies Record<string, Operation>

export type OperationName = keyof typeof operations
/** What `/api/v1` answers to an empty body where one is optional. */
export const emptyBody = nothing
