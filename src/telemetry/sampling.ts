// Which traces are recorded. By the trace id alone, so that every process that sees it decides the same.
import type { TraceParent, TraceSampling } from '../model/trace.ts'

/** The last digits of a trace id are the random ones (Trace Context, 3.2.2.3); so many of them make a number that is exact. */
const DIGITS = 13
const RANGE = 16 ** DIGITS

export function isRecorded({ byParent, percent }: TraceSampling, traceId: string, parent: TraceParent | null): boolean {
  if (byParent && parent !== null) return parent.isSampled
  if (percent >= 100) return true
  // As OpenTelemetry's samplers hold it: the highest ones are in.
  return Number.parseInt(traceId.slice(-DIGITS), 16) >= RANGE * (1 - percent / 100)
}
