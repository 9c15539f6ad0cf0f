// `traceparent` (W3C Trace Context): read by its rules, and written in the one version that everybody knows.
import type { TraceParent } from '../model/trace.ts'

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const SAMPLED = 1
const RANDOM = 2

/** null: there is none, or it is malformed. */
export function readTraceparent(value: string | null): TraceParent | null {
  if (value === null) return null
  const [, version, traceId, spanId, flags, more] = FORM.exec(value) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return null
  // A later version may say more behind it; the first one ends there, and ff is none.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null
  const bits = Number.parseInt(flags, 16)
  return { traceId, spanId, isSampled: (bits & SAMPLED) !== 0, isRandom: (bits & RANDOM) !== 0 }
}

export function writeTraceparent({ traceId, spanId, isSampled, isRandom }: TraceParent): string {
  return `00-${traceId}-${spanId}-0${(isSampled ? SAMPLED : 0) | (isRandom ? RANDOM : 0)}`
}
