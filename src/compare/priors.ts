// What may differ by its nature, from the two values of one difference: the time of the answer, random UUIDs, trace ids, volatile
// headers. A guess to begin with: whoever learns may prove it wrong. Structure, and a header that one side lacks, never qualify.
import type { Divergence, Prior } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'
import { isStructural } from './noise-verdict.ts'
import { readTime } from './rules/times.ts'

/** Around the exchange: a clock may be wrong, and an answer may come from a short-lived cache. */
const NEAR_MS = 10 * 60_000

const VOLATILE = new Set([
  'age',
  'date',
  'expires',
  'server-timing',
  'x-runtime',
  'x-response-time',
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'correlation-id',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-amzn-trace-id',
  'x-amzn-requestid',
  'x-amz-request-id',
  'x-amz-id-2',
  'x-cloud-trace-context',
  'x-ms-request-id',
  'sentry-trace',
  'cf-ray',
])

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** Hexadecimal or base64 in either alphabet. */
const TOKEN = /^[\w+/-]{8,128}={0,2}$/
/** Of a name without case and separators. */
const TRACE_NAME = /(?:trace|span|request|req|correlation|invocation)id$|^traceparent$/

export function priorOf({ kind, path, legacy, new: found }: Divergence, at: EpochMs): Prior | null {
  if (isStructural(kind) || kind === 'order' || legacy === undefined || found === undefined) return null
  const names = path.split('/').slice(1)
  if (kind === 'header' && names.length === 1 && VOLATILE.has(names[0] as string)) return 'volatile-header'
  if (areTimesOf(at, legacy, found)) return 'timestamp'
  if (typeof legacy !== 'string' || typeof found !== 'string') return null
  if (UUID.test(legacy) && UUID.test(found)) return 'uuid'
  return areTraceIds(names, legacy, found) ? 'trace-id' : null
}

/** Written alike, and both close to the exchange: when something was ordered or is due is data. */
function areTimesOf(at: EpochMs, legacy: unknown, found: unknown): boolean {
  if (!isScalar(legacy) || !isScalar(found) || typeof legacy !== typeof found) return false
  const [one, other] = [readTime(legacy), readTime(found)]
  if (one === null || other === null || one.form !== other.form || one.form === 'date') return false
  if (one.form !== 'http' && shapeOf(legacy) !== shapeOf(found)) return false
  return Math.abs(one.ms - at) <= NEAR_MS && Math.abs(other.ms - at) <= NEAR_MS
}

/** A fraction may end in zeros that are not written; that there is one is part of the shape. */
function shapeOf(time: string | number): string {
  if (typeof time === 'number') return 'number'
  return time.replace(/[.,]\d+/, '.0').replace(/\d/g, '0')
}

function areTraceIds(names: readonly string[], legacy: string, found: string): boolean {
  const name = names.findLast(name => !/^\d+$/.test(name))
  if (name === undefined || !TRACE_NAME.test(name.toLowerCase().replace(/[^a-z]/g, ''))) return false
  return legacy.length === found.length && TOKEN.test(legacy) && TOKEN.test(found)
}

function isScalar(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}
