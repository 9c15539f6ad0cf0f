// The schema of `shadow`: which requests of a route are asked of the other side, too, and what that may cost.
import { z } from 'zod'
import { fieldName, method } from './patterns.ts'
import { denyPattern, rise, timeWindow } from './shadow-forms.ts'
import { headers } from './side-schema.ts'
import { countOrNone, duration, percent, size } from './values.ts'

const MOST = 1_000_000
const KIB = 2 ** 10

/** Methods, where a route names none. */
export const SHADOWED = ['GET', 'HEAD', 'OPTIONS', 'QUERY']

const concurrent = () => z.int().min(1).max(10_000)

/** A number for both sides, or one for each. */
const maxRps = z.codec(
  z.union([
    z.strictObject({
      legacy: countOrNone(MOST).describe('towards legacy').prefault(20),
      new: countOrNone(MOST).describe('towards new').prefault('none'),
    }),
    countOrNone(MOST),
  ]),
  z.custom<{ readonly legacy: number | null; readonly new: number | null }>(),
  { decode: value => (isPair(value) ? value : { legacy: value, new: value }), encode: caps => caps },
)

const maxConcurrent = z.codec(
  z.union([
    z.strictObject({
      legacy: concurrent().describe('towards legacy').prefault(4),
      new: concurrent().describe('towards new').prefault(64),
    }),
    concurrent(),
  ]),
  z.custom<{ readonly legacy: number; readonly new: number }>(),
  { decode: value => (isPair(value) ? value : { legacy: value, new: value }), encode: caps => caps },
)

function isPair<T>(value: T): value is Exclude<T, number | null> {
  return typeof value === 'object' && value !== null
}

const shape = {
  percent: percent()
    .describe(
      'share of users (without a sticky key, of requests) whose requests the other side is asked, too; 0 is off',
    )
    .prefault(0),
  when: z
    .enum(['after', 'beside'])
    .describe('after the client has its answer, or in parallel; legacy is always asked after')
    .prefault('after'),
  direction: z
    .enum(['both', 'new', 'legacy'])
    .describe('which side may be asked as well. legacy: while new serves, so that a way back stays proven')
    .prefault('both'),
  methods: z
    .array(method())
    .min(1)
    .describe('which requests; unsafe ones only with data: shared and iKnowThisWrites')
    .prefault([...SHADOWED]),
  iKnowThisWrites: z.boolean().describe('allows unsafe methods: each such request then happens twice').prefault(false),
  mark: z.boolean().describe('the copy carries `X-Banyan-Shadow: 1`').prefault(false),
  send: z
    .strictObject({
      cookies: z
        .union([z.array(fieldName()), z.enum(['none', 'all'])])
        .describe('cookies that the copy carries: none, all, or those with these names')
        .prefault('none'),
      headers: headers.exactOptional().describe('changes of the copy’s headers, in the order remove, set'),
    })
    .describe('what the copy carries')
    .prefault({}),
  deny: z
    .array(denyPattern())
    .describe('what is never asked, by path and query: `/logout*`, `?action=delete`, `/admin/*?x=y`, `?token`')
    .prefault([]),
  actions: z
    .enum(['ask', 'deny'])
    .describe('what looks like an action by its path or query, as logout or delete: not asked, or asked like the rest')
    .prefault('deny'),
  maxRps: maxRps
    .describe(
      'copies a second, at most; one number for both sides, or one for each. Legacy is taken for fragile: looking must not harm it',
    )
    .prefault({ legacy: 20, new: 'none' }),
  maxConcurrent: maxConcurrent
    .describe('copies at the same time, at most; one number for both sides, or one for each')
    .prefault({ legacy: 4, new: 64 }),
  stopAbove: z
    .strictObject({
      p95: rise().exactOptional().describe('rise of legacy’s P95 while it is asked, as +20%; default: not watched'),
    })
    .describe('when to stop by itself')
    .prefault({}),
  window: timeWindow()
    .exactOptional()
    .describe('when the other side may be asked, as `Mon-Fri 20:00-06:00 Europe/Berlin`; default: at any time'),
  timeout: duration(1).describe('for the whole answer of the side that is asked').prefault('10s'),
  maxRequest: size(0, 16 * KIB * KIB)
    .describe('requests with a larger body are not copied')
    .prefault('64KiB'),
}

export const shadow = z
  .strictObject(shape)
  .describe('asking the other side, too, and comparing the answers; default off')

export type ShadowConfig = z.output<typeof shadow>

/** Process-wide. */
export const shadowBounds = z.strictObject({
  memory: size(KIB * KIB, 64 * 2 ** 30)
    .describe('answers that are held to be compared; what comes beyond is dropped and counted')
    .prefault('64MiB'),
  queue: z.int().min(1).max(MOST).describe('comparisons that wait; more are dropped and counted').prefault(1000),
  keep: size(64 * KIB, 64 * 2 ** 30)
    .describe('what is kept of divergences, in memory and in the store')
    .prefault('16MiB'),
  age: duration(60_000, 3650 * 86_400_000)
    .describe('a divergence that was not seen for so long is forgotten')
    .prefault('30d'),
})
