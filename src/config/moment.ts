// A point in time in routes.yaml: a day, or a date and a time with its zone.
import type { EpochMs } from '../model/units.ts'
import { form, Wrong } from './values.ts'

export interface Moment {
  /** As it was written. */
  readonly text: string
  readonly at: EpochMs
}

const MOMENT = '[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2}))?'

/** A day (its first moment in UTC), or a date and time with its zone. */
export function moment() {
  return form<Moment>({
    allowed: 'a date as 2026-12-31, or a date and time as 2026-12-31T18:00:00+01:00',
    pattern: MOMENT,
    read(text) {
      if (!new RegExp(`^${MOMENT}$`).test(text)) return new Wrong('not a date, and not a date and time with its zone')
      const at = Date.parse(text)
      return Number.isNaN(at) || !isDay(text.slice(0, 10)) ? new Wrong('no such day or time') : { text, at }
    },
    write: ({ text }) => text,
  })
}

/** `Date` takes 31 February for 3 March. */
function isDay(text: string): boolean {
  const at = Date.parse(text)
  return !Number.isNaN(at) && new Date(at).toISOString().slice(0, 10) === text
}
