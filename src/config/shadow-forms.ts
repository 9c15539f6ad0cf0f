// Texts that only `shadow` knows: what is denied by path and query, a time window, a rise in percent.
import type { DenyPattern, TimeWindow } from '../model/comparison.ts'
import { normalisePath } from '../routing/target.ts'
import { form, Wrong } from './values.ts'

// ---- what is denied

/** `/logout*`, `?action=delete`, `/admin/*?x=y`, `?token`. */
export function denyPattern() {
  return form<DenyPattern>({
    allowed: 'a path (trailing * allowed), ?name or ?name=value, or both: /logout*, ?action=delete, /admin/*?x=y',
    pattern: '(/[^?#\\s]*)?(\\?[^#\\s]+)?',
    read: readDeny,
    write: ({ text }) => text,
  })
}

function readDeny(text: string): DenyPattern | Wrong {
  if (!/^[/?]/.test(text)) return new Wrong('a path begins with /, a query with ?', `write /${text} or ?${text}`)
  if (/[#\s\p{C}]/u.test(text)) return new Wrong('a target has no spaces and no #')
  const mark = text.indexOf('?')
  const path = mark === -1 ? text : text.slice(0, mark)
  const query = mark === -1 ? null : text.slice(mark + 1)
  if (path.slice(0, -1).includes('*')) return new Wrong('* stands only at the end of a path')
  if (/[^\x20-\x7e]/.test(path)) return new Wrong('a path is ASCII', `write ${encodeURI(path.toWellFormed())}`)
  const place = path === '' ? null : normalisePath(path)
  if (query === null) return { text, path: place, query: null }
  if (query === '' || query.startsWith('='))
    return new Wrong('a query parameter has a name', 'write ?name or ?name=value')
  if (query.includes('&')) return new Wrong('one query parameter each', 'make an entry of each')
  if (query.includes('*')) return new Wrong('no * in a query', 'write ?name for any value of it')
  const equals = query.indexOf('=')
  const [name, value] = equals === -1 ? [query, null] : [query.slice(0, equals), query.slice(equals + 1)]
  return { text, path: place, query: { name, value } }
}

// ---- when

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
const DAY = DAYS.join('|')
const SOME_DAYS = `(${DAY})(-(${DAY}))?(,(${DAY})(-(${DAY}))?)*`
const CLOCK = '([01][0-9]|2[0-3]):[0-5][0-9]'

/** `Mon-Fri 20:00-06:00 Europe/Berlin`. */
export function timeWindow() {
  return form<TimeWindow>({
    allowed:
      'days, times and a zone, as `Mon-Fri 20:00-06:00 Europe/Berlin`, `Sat,Sun 00:00-24:00` or `daily 22:00-05:00`',
    pattern: `(daily|${SOME_DAYS}) ${CLOCK}-(${CLOCK}|24:00)( [^ ]+)?`,
    read: readWindow,
    write: ({ text }) => text,
  })
}

function readWindow(text: string): TimeWindow | Wrong {
  const [dayWords = '', hours, zone = 'UTC', ...more] = text.split(' ')
  if (hours === undefined || more.length > 0) return new Wrong('not a time window: days, times, zone')
  const days = readDays(dayWords)
  if (days instanceof Wrong) return days
  if (!new RegExp(`^${CLOCK}-(${CLOCK}|24:00)$`).test(hours)) {
    return new Wrong('times are from-to, each as HH:MM', 'for example 20:00-06:00')
  }
  const [fromMinute, toMinute] = hours.split('-').map(minuteOf) as [number, number]
  if (fromMinute === toMinute) return new Wrong('a window of no length', 'for the whole day write 00:00-24:00')
  const wrong = wrongZone(zone)
  return wrong ?? { text, days, fromMinute, toMinute, zone }
}

function readDays(text: string): ReadonlySet<number> | Wrong {
  if (text === 'daily') return new Set(DAYS.keys())
  const days = new Set<number>()
  for (const part of text.split(',')) {
    const [first, last, ...more] = part.split('-').map(dayOf)
    if (first === undefined || first === -1 || last === -1 || more.length > 0) {
      return new Wrong('not days of the week', 'Mon, Tue, Wed, Thu, Fri, Sat, Sun, as Mon-Fri or Sat,Sun; or daily')
    }
    // Also over the end of the week: Sat-Mon.
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day)
      if (day === (last ?? first)) break
    }
  }
  return days
}

function dayOf(text: string): number {
  return (DAYS as readonly string[]).indexOf(text)
}

function minuteOf(clock: string): number {
  const [hours, minutes] = clock.split(':').map(Number) as [number, number]
  return hours * 60 + minutes
}

function wrongZone(zone: string): Wrong | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return null
  } catch {
    const wanted = zone.toLowerCase().replace(/.*\//, '')
    const meant = Intl.supportedValuesOf('timeZone').find(known => known.toLowerCase().endsWith(`/${wanted}`))
    return new Wrong('unknown time zone', meant === undefined ? 'for example Europe/Berlin' : `did you mean ${meant}?`)
  }
}

// ---- how much more

/** Percent above what is usual: `+20%`. */
export function rise() {
  return form<number>({
    allowed: 'a rise in whole percent from +1% to +1000%, as +20%',
    pattern: '\\+[0-9]{1,4}%',
    read(text) {
      const [, sign, digits, unit] = /^(\+?)([0-9]{1,4})(%?)$/.exec(text) ?? []
      if (digits === undefined) return new Wrong('not a rise')
      if (sign === '' || unit === '') return new Wrong('a rise has a sign and a unit', `write +${digits}%`)
      const percent = Number(digits)
      return percent < 1 || percent > 1000 ? new Wrong('a rise is +1% to +1000%') : percent
    },
    write: percent => `+${percent}%`,
  })
}
