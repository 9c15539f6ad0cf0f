// The part of the admin API that charts are drawn from: a route's figures over time, calls per day, and the live event
// `traffic`. Spread into the operations of api.ts.
import { z } from 'zod'
import { RouteShort, Status } from './api-shapes.ts'
import { LookParams, moment, type Operation, percent, whole } from './api-words.ts'

const counts = z.array(z.number().int().nullable())
const times = z.array(z.number().nullable())
const percents = z.array(percent.nullable())

const SideHistory = z.object({
  requests: counts.describe('answered in each point'),
  errors: counts.describe('of those, backend failures and 5xx answers'),
  p50Ms: times.describe('of the minute before the point’s end, with 24h of the point; null without requests'),
  p95Ms: times,
})

const Marker = z.object({
  at: moment,
  action: z.string().describe('as in the audit log: set-weight, rollback, restore, freeze, reload …'),
  by: z.string(),
  text: z.string().describe('what was done, and the reason that was given'),
  revision: z.number().int(),
})

export const HistoryView = z.object({
  route: z.string(),
  kept: z.boolean().describe('false: nothing is kept of it, because more routes had traffic than are kept (1000)'),
  stepMs: z.number().int().describe('from one point to the next: 10 s with 1h, 5 min with 24h'),
  from: moment.describe('the beginning of the first point; the last one ended lately'),
  since: moment.describe('since when this process counts: points before it are null'),
  sides: z
    .object({ legacy: SideHistory.nullable(), new: SideHistory.nullable() })
    .describe('null: the route has no such side. In points at which nobody looked everything is null'),
  effective: percents.describe('the weight in force at each point’s end; null also before the first request'),
  observed: percents.describe('as `weight.observed` of the route'),
  compared: counts.describe('pairs of answers that were compared and decided; null: it is not shadowed'),
  matching: counts.describe('of those, how many had no difference that counts'),
  markers: z.array(Marker).describe('changes that concern the route within the span, oldest first; the last 200'),
})
export type HistoryView = z.infer<typeof HistoryView>

const Day = z.object({
  day: z.string().describe('a UTC day, as 2026-11-27'),
  legacy: z.number().int().describe('requests that legacy answered for clients: the number that must reach zero'),
  new: z.number().int(),
  keys: z
    .object({ all: z.number().int(), new: z.number().int() })
    .nullable()
    .describe(
      'different sticky keys whose side weight decided (not a pin, cohort, link or rollback), right within 7 %; and those that new answered at least once. Over several routes: of each group its route with the most, added up. null: no such request, as with a weight of 0',
    ),
  complete: z
    .boolean()
    .describe('false: today, or for more than 5 minutes of that day nobody counted: not begun, not running, killed'),
})

export const BurndownView = z.object({
  at: moment,
  since: moment.describe('the first moment that is known of'),
  route: z.string().nullable().describe('the one that was asked for; null: all that the caller may see together'),
  days: z.array(Day).describe('oldest first, without gaps, up to today'),
})
export type BurndownView = z.infer<typeof BurndownView>

/** Data of the server-sent event `traffic`. */
export const TrafficEvent = z.object({
  at: moment,
  routes: z.array(RouteShort).describe('those whose figures changed since the one before; in the first one all'),
  default: Status.shape.default,
})
export type TrafficEvent = z.infer<typeof TrafficEvent>

export const chartOperations = {
  history: {
    method: 'GET',
    path: '/routes/:id/history',
    summary: 'Figures of a route over the last hour or day, of this instance since its start, and what was changed',
    scope: 'read',
    params: LookParams,
    query: z.strictObject({ span: z.enum(['1h', '24h']).default('1h') }),
    answer: HistoryView,
  },
  burndown: {
    method: 'GET',
    path: '/burndown',
    summary: 'Calls to legacy and to new per UTC day, of all instances and over restarts; 400 days are kept',
    scope: 'read',
    query: z.strictObject({
      days: whole(1, 400).default(90),
      route: LookParams.shape.id.optional(),
    }),
    answer: BurndownView,
  },
} as const satisfies Record<string, Operation>

export type ChartCall = keyof typeof chartOperations
