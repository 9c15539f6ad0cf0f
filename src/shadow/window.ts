// Whether now is within a window of the week, in its own time zone. Looked up once a minute, not once a request.
import type { TimeWindow } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'

const MINUTE_MS = 60_000
const DAY_MINUTES = 24 * 60
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

interface Looked {
  readonly minute: number
  readonly isOpen: boolean
}

const looked = new WeakMap<TimeWindow, Looked>()
const formats = new Map<string, Intl.DateTimeFormat>()

export function isWithin(window: TimeWindow, at: EpochMs): boolean {
  const minute = Math.floor(at / MINUTE_MS)
  const last = looked.get(window)
  if (last?.minute === minute) return last.isOpen
  const isOpen = isOpenAt(window, at)
  looked.set(window, { minute, isOpen })
  return isOpen
}

/** `from` > `to` goes over midnight and belongs to the day of `from`; equal ones are the whole day. */
function isOpenAt({ days, fromMinute, toMinute, zone }: TimeWindow, at: EpochMs): boolean {
  const { day, minute } = localTime(zone, at)
  const isOn = (day: number) => days.has((day + 7) % 7)
  if (fromMinute === toMinute) return isOn(day)
  if (fromMinute < toMinute) return isOn(day) && minute >= fromMinute && minute < toMinute
  return (isOn(day) && minute >= fromMinute) || (isOn(day - 1) && minute < toMinute)
}

function localTime(zone: string, at: EpochMs): { readonly day: number; readonly minute: number } {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: 'numeric',
      minute: 'numeric',
      hourCycle: 'h23',
    })
    formats.set(zone, format)
  }
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]))
  const minute = (60 * Number(parts.get('hour')) + Number(parts.get('minute'))) % DAY_MINUTES
  return { day: DAYS.indexOf(parts.get('weekday') ?? ''), minute }
}
