// The words of the admin API that its operations share: what an operation is, moments, routes, reasons, what a change answers.
import { z } from 'zod'
import { describeAs } from '../config/about.ts'
import type { Scope } from '../model/control.ts'
import { DEFAULT_ROUTE } from '../model/route.ts'

export const moment = z.number().int().describe('milliseconds since 1970-01-01T00:00:00Z')
export const percent = z.number().min(0).max(100).multipleOf(0.01).describe('percent, up to two decimals')
export const reason = z.string().max(500).describe('why; kept in the audit log')
/** Of a rollback: cut where it is too long, because at 3 am nothing may be refused for its length. */
export const cutReason = z
  .string()
  .transform(text => text.slice(0, 500))
  .describe('why; kept in the audit log up to 500 characters')

const ROUTE_ID = '1 to 64 of a-z, 0-9 and -'

export const RouteParams = z.object({
  id: describeAs(z.string().regex(/^[a-z0-9-]{1,64}$/), { allowed: ROUTE_ID }).describe(ROUTE_ID),
})

/** A number in a query, where everything is text. */
export function whole(from: number, to = Number.MAX_SAFE_INTEGER) {
  const bounds = to === Number.MAX_SAFE_INTEGER ? `from ${from} on` : `from ${from} to ${to}`
  return describeAs(z.coerce.number().int().min(from).max(to), { allowed: `a whole number ${bounds}` })
}

const SPAN_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST_SPAN_MS = 400 * 86_400_000

function readSpan(text: string): number {
  return Math.round(Number(text.slice(0, -1)) * (SPAN_MS[text.slice(-1)] as number))
}

/** The default can be looked at and no more: it has no weight, and is on legacy always. */
export const LookParams = z.object({
  id: describeAs(z.union([RouteParams.shape.id, z.literal(DEFAULT_ROUTE)]), {
    allowed: `${ROUTE_ID}, or ${DEFAULT_ROUTE}`,
  }).describe(`${ROUTE_ID}, or ${DEFAULT_ROUTE}`),
})

const SPAN = 'a time from 1s to 400d, such as 2h or 7d, or seconds as a number'

/** A time from now on: `7d`, or a number of seconds. */
export const span = z
  .union([
    z
      .string()
      .regex(/^[0-9]{1,9}(\.[0-9]{1,3})?(s|m|h|d)$/)
      .transform(readSpan),
    z.number().transform(seconds => seconds * 1000),
  ])
  .refine(ms => ms >= 1000 && ms <= LONGEST_SPAN_MS, `must be ${SPAN}`)
  .describe(SPAN)

export const side = z.enum(['legacy', 'new'])
export const key = z.string().min(1).max(1024).describe('the value of one of the route’s sticky keys')

export const Applied = z.object({
  revision: z.number().int(),
  elapsedMs: z.number(),
  durable: z
    .boolean()
    .describe(
      'saved in the store; false: in force, and in a local fsynced file until it is stored, or kept nowhere where status says so (`store.unkept`)',
    ),
  appliedBy: z.array(z.object({ instance: z.string(), worker: z.number().int(), ms: z.number() })),
  pending: z.array(z.object({ instance: z.string(), worker: z.number().int() })),
})

export interface Operation {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  readonly summary: string
  readonly scope: Scope | null
  /** A second one that is needed as well. */
  readonly andScope?: Scope
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  /** Absent: no body is read. An empty object admits `{}` and an absent body. */
  readonly body?: z.ZodType
  readonly answer: z.ZodType | null
  /** True: `If-Match` is honoured. */
  readonly conditional?: true
}
