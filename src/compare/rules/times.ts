// Points in time as services write them: which form, and when.
import type { EpochMs } from '../../model/units.ts'

export interface WrittenTime {
  /** Two of the same form are written alike: digits of a fraction and offset aside. */
  readonly form: 'date' | 'local' | 'zoned' | 'http' | 'seconds' | 'milliseconds'
  readonly ms: EpochMs
}

const ISO =
  /^(\d{4})-?(\d\d)-?(\d\d)(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?)?$/
/** RFC 1123, also with an offset in numbers. */
const HTTP =
  /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:GMT|UTC?|([+-])(\d\d)(\d\d))$/
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const MAX_LENGTH = 40

/** 2001 to 2100 in seconds: what is outside is a number like others. */
const FIRST_S = 978_307_200
const LAST_S = 4_102_444_800

export function readTime(value: string | number): WrittenTime | null {
  if (typeof value === 'number') return readEpoch(value)
  if (value.length > MAX_LENGTH) return null
  if (/^\d{10}(?:\.\d+)?$|^\d{13}$/.test(value)) return readEpoch(Number(value))
  return readIso(value) ?? readHttp(value)
}

function readEpoch(value: number): WrittenTime | null {
  if (value >= FIRST_S && value < LAST_S) return { form: 'seconds', ms: value * 1000 }
  if (value >= FIRST_S * 1000 && value < LAST_S * 1000) return { form: 'milliseconds', ms: value }
  return null
}

/** ISO 8601, extended or basic; without a zone it is taken as UTC. */
function readIso(text: string): WrittenTime | null {
  const parts = ISO.exec(text)
  if (parts === null) return null
  const [, year, month, day, hour, minute, second = '0', fraction = '0', zulu, sign, offsetHours, offsetMinutes] = parts
  // Eight digits are as likely a number as a day.
  if (hour === undefined && !text.includes('-')) return null
  const ms = at(Number(year), Number(month), Number(day), Number(hour ?? 0), Number(minute ?? 0), Number(second))
  if (ms === null) return null
  const form = hour === undefined ? 'date' : zulu === undefined && sign === undefined ? 'local' : 'zoned'
  return { form, ms: ms + Number(`0.${fraction}`) * 1000 - offset(sign, offsetHours, offsetMinutes) }
}

function readHttp(text: string): WrittenTime | null {
  const parts = HTTP.exec(text)
  if (parts === null) return null
  const [, day, month, year, hour, minute, second, sign, offsetHours, offsetMinutes] = parts
  const number = MONTHS.indexOf(month ?? '') + 1
  const ms = at(Number(year), number, Number(day), Number(hour), Number(minute), Number(second))
  return ms === null ? null : { form: 'http', ms: ms - offset(sign, offsetHours, offsetMinutes) }
}

/** null: there is no such day or hour. A leap second is the next one. */
function at(year: number, month: number, day: number, hour: number, minute: number, second: number): EpochMs | null {
  if (month < 1 || month > 12 || hour > 24 || minute > 59 || second > 60) return null
  const midnight = Date.UTC(year, month - 1, day)
  if (new Date(midnight).getUTCDate() !== day) return null
  return midnight + ((hour * 60 + minute) * 60 + second) * 1000
}

function offset(sign: string | undefined, hours = '0', minutes = '0'): number {
  const ms = (Number(hours) * 60 + Number(minutes)) * 60_000
  return sign === '-' ? -ms : ms
}
