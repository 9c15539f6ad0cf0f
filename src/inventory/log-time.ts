// Moments and spans of time as logs write them. Spells out what each unit is in milliseconds.
import type { EpochMs, Milliseconds } from '../model/units.ts'

export const MS_OF = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000 } as const
export type TimeUnit = keyof typeof MS_OF

const SPAN = /^(\d{1,15}(?:\.\d{1,12})?|\.\d{1,12})(ns|us|µs|μs|ms|s|m)?$/
const CLF = /^(\d{2})\/(\w{3})\/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?:\.\d+)? ([+-])(\d{2}):?(\d{2})$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** Nothing that answers HTTP was there before. */
const FIRST_YEAR_MS: EpochMs = Date.UTC(1990, 0)
const LAST_YEAR_MS: EpochMs = Date.UTC(2200, 0)

/** `12ms`, `0.012`, `3` … : a number with its own unit, else in `unit`. */
export function readSpan(value: unknown, unit: TimeUnit): Milliseconds | null {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value * MS_OF[unit] : null
  if (typeof value !== 'string') return null
  const found = SPAN.exec(value)
  if (found === null) return null
  const own = found[2]
  const ms = own === undefined ? MS_OF[unit] : own === 'm' ? 60_000 : MS_OF[own.replace(/^[µμ]/, 'u') as TimeUnit]
  return Number(found[1]) * ms
}

/** `10/Oct/2000:13:55:36 -0700`, ISO 8601, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970. */
export function readMoment(value: unknown): EpochMs | null {
  if (typeof value === 'number') return ofNumber(value)
  if (typeof value !== 'string' || value.length > 64) return null
  const clf = CLF.exec(value)
  if (clf !== null) return ofClf(clf)
  if (/^\d{9,20}(?:\.\d+)?$/.test(value)) return ofNumber(Number(value))
  return /^\d{4}-\d{2}-\d{2}/.test(value) ? sane(Date.parse(value.replace(/^(\S+) (?=\d)/, '$1T'))) : null
}

function ofNumber(value: number): EpochMs | null {
  for (const ms of [1000, 1, 1e-3, 1e-6]) {
    const at = sane(value * ms)
    if (at !== null) return at
  }
  return null
}

function ofClf([
  ,
  day,
  name,
  year,
  hour,
  minute,
  second,
  sign,
  zoneHours,
  zoneMinutes,
]: RegExpExecArray): EpochMs | null {
  const month = MONTHS.indexOf(name as string)
  if (month === -1) return null
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === '-' ? -60_000 : 60_000)
  return sane(Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute), Number(second)) - zone)
}

function sane(at: number): EpochMs | null {
  return at >= FIRST_YEAR_MS && at < LAST_YEAR_MS ? Math.round(at) : null
}
