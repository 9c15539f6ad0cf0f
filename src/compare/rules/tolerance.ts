// How far numbers and times may be apart.
import type { RuleAction } from '../../model/comparison.ts'
import { Exact, type Json } from '../json/read.ts'
import { readTime } from './times.ts'

export type Tolerance = RuleAction & { readonly does: 'tolerance' }

/** Numbers, and times that are written in the same form. */
export function isTolerated(legacy: Json, fresh: Json, tolerance: Tolerance): boolean {
  const { absolute, relative, timeMs } = tolerance
  if (timeMs !== null && isNear(legacy, fresh, timeMs)) return true
  const [a, b] = [numberOf(legacy), numberOf(fresh)]
  if (a === null || b === null) return false
  const [ours, theirs] = [Number(a), Number(b)]
  const largest = Math.max(Math.abs(ours), Math.abs(theirs))
  const apart = apartBy(a, b)
  return (absolute !== null && apart <= absolute) || (relative !== null && apart <= relative * largest)
}

function isNear(legacy: Json, fresh: Json, withinMs: number): boolean {
  const [a, b] = [timeOf(legacy), timeOf(fresh)]
  return a !== null && b !== null && a.form === b.form && Math.abs(a.ms - b.ms) <= withinMs
}

function timeOf(value: Json) {
  return typeof value === 'string' || typeof value === 'number' ? readTime(value) : null
}

type Numeric = number | Exact

function numberOf(value: Json): Numeric | null {
  return typeof value === 'number' || value instanceof Exact ? value : null
}

const INTEGER = /^-?\d{1,400}$/

/** Whole numbers to their last digit. Others with some slack: 1.01 - 1 is a little more than 0.01 in doubles. */
function apartBy(a: Numeric, b: Numeric): number {
  const [x, y] = [String(a), String(b)]
  if (INTEGER.test(x) && INTEGER.test(y)) return Math.abs(Number(BigInt(x) - BigInt(y)))
  const [one, other] = [Number(a), Number(b)]
  return Math.abs(one - other) - 2 * Number.EPSILON * Math.max(Math.abs(one), Math.abs(other))
}
