// Calls per UTC day, counted from what readings show, in one record a day. Over restarts: a process goes on with the record
// of today that it finds. A record of a day that is over stays as it is, but for its sketches of keys: two days later their
// numbers take their place.
import type { RouteId } from '../model/route.ts'
import type { EpochMs, Milliseconds } from '../model/units.ts'
import type { KeptChanges, KeptRecord } from '../store/store.ts'
import type { Increase, Readings } from './counted.ts'
import { DAY_MS, type DayRecord, dayIn, dayOf, newRecord, recordFrom, startOf, textOf } from './day-record.ts'
import { type Day, dayFrom, distinctRecords, HOLE_MS, keysByRoute, mergeSketch } from './days.ts'

const KEPT_DAYS = 400
/** So many days after it, sketches of all instances become numbers. */
const OVER_AFTER_DAYS = 2
/** Nothing came: that somebody counted is written so often all the same. */
const IDLE_SAVE_MS: Milliseconds = HOLE_MS - 60_000

export interface Question {
  readonly days: number
  readonly shows: (route: RouteId) => boolean
  readonly unitOf: (route: RouteId) => string
}

export class Calls {
  readonly #newName: () => string
  readonly #startedAt: EpochMs
  /** What is in the store, or will be; of days that are over. */
  readonly #texts = new Map<string, string>()
  readonly #changed = new Set<string>()
  #today: DayRecord
  #countedAt: EpochMs
  /** It is in no store yet. */
  #isFresh = true
  #savedUntil: EpochMs = 0
  #isNews = false

  constructor(now: EpochMs, newName: () => string) {
    this.#newName = newName
    this.#startedAt = now
    this.#countedAt = now
    this.#today = newRecord(dayOf(now), newName())
    this.#today.spans.push([now, now])
  }

  /** Records of an earlier process, or of one that is gone; late ones are welcome. Others' are left alone. */
  load(records: readonly KeptRecord[]): void {
    for (const [key, text] of records) {
      const day = dayIn(key)
      if (day === null || key === this.#today.key) continue
      const found = day === this.#today.day && this.#isFresh ? recordFrom(key, text) : null
      if (found === null) this.#texts.set(key, text)
      else this.#goOn(found)
    }
  }

  count(increased: ReadonlyMap<RouteId, Increase>, readings: Readings, now: EpochMs): void {
    // What came since the last look lies on both sides of midnight: most of it on the side of the middle.
    const passed = now - this.#countedAt
    const middle = passed >= 0 && passed <= HOLE_MS ? now - passed / 2 : now
    // Back too, where a clock had jumped ahead: what is counted now is of that day.
    if (dayOf(middle) !== this.#today.day) this.#turn(dayOf(middle))
    for (const [route, { requests }] of increased) {
      const [legacy, fresh] = this.#today.routes.get(route) ?? [0, 0]
      this.#today.routes.set(route, [legacy + requests.legacy, fresh + requests.new])
      this.#isNews = true
    }
    for (const [route, all] of readings) {
      for (const { keys } of all) {
        if (keys === null || keys.day * DAY_MS !== startOf(this.#today.day)) continue
        mergeSketch(this.#today.sketches, route, keys)
      }
    }
    this.#spanUntil(Math.min(now, startOf(this.#today.day) + DAY_MS))
    this.#countedAt = now
  }

  /** Since it was asked for the last time. */
  changes(): KeptChanges {
    const oldest = dayOf(this.#countedAt - (KEPT_DAYS - 1) * DAY_MS)
    const remove = [...this.#texts.keys()].filter(key => (dayIn(key) ?? '') < oldest)
    for (const key of remove) {
      this.#texts.delete(key)
      this.#changed.delete(key)
    }
    const put = [...this.#changed].map(key => [key, this.#texts.get(key) ?? ''] as const)
    this.#changed.clear()
    const until = this.#today.spans.at(-1)?.[1] ?? 0
    if (this.#isNews || until - this.#savedUntil >= IDLE_SAVE_MS) {
      put.push([this.#today.key, textOf(this.#today)])
      this.#savedUntil = until
      this.#isNews = false
      this.#isFresh = false
    }
    return { put, remove }
  }

  /** They could not be saved: they come again. What was to go is looked for at the next start. */
  unsaved({ put }: KeptChanges): void {
    for (const [key] of put) {
      if (key === this.#today.key) this.#isNews = true
      else this.#changed.add(key)
    }
  }

  /** @param others records of other instances; @param adopts copies those whose instances may be forgotten one day */
  tend(others: readonly KeptRecord[], adopts: boolean): void {
    const over = dayOf(startOf(this.#today.day) - OVER_AFTER_DAYS * DAY_MS)
    const isOver = (key: string) => (dayIn(key) ?? '9') <= over
    for (const [key, text] of adopts ? others : []) {
      if (isOver(key) && !this.#texts.has(key) && recordFrom(key, text) !== null) this.#keep(key, text)
    }
    const byDay = Map.groupBy(this.#records(others, isOver), ({ day }) => day)
    for (const [key, text] of [...this.#texts]) {
      const one = isOver(key) ? recordFrom(key, text) : null
      if (one === null || one.sketches.size === 0) continue
      const keys = new Map(keysByRoute(byDay.get(one.day) ?? [one]))
      this.#keep(key, textOf({ ...one, keys, sketches: new Map() }))
    }
  }

  /** Since when something is known, and the days, oldest first. */
  view({ days, shows, unitOf }: Question, others: readonly KeptRecord[], now: EpochMs) {
    const today = dayOf(now)
    const oldest = dayOf(now - (days - 1) * DAY_MS)
    const known = [this.#today.key, ...this.#texts.keys(), ...others.map(([key]) => key)]
    const first = known.reduce((least, key) => ((dayIn(key) ?? today) < least ? (dayIn(key) as string) : least), today)
    const byDay = Map.groupBy(
      this.#records(others, key => (dayIn(key) ?? '') >= oldest || dayIn(key) === first),
      ({ day }) => day,
    )
    const spans = (byDay.get(first) ?? []).flatMap(one => one.spans.map(([from]) => from))
    const found: Day[] = []
    for (let at = startOf(first > oldest ? first : oldest); at <= startOf(today); at += DAY_MS) {
      found.push(dayFrom(dayOf(at), byDay.get(dayOf(at)) ?? [], shows, unitOf, now))
    }
    return { since: Math.min(this.#startedAt, ...spans), days: found }
  }

  #records(others: readonly KeptRecord[], isAsked: (key: string) => boolean): readonly DayRecord[] {
    const stored = [...this.#texts, ...others].filter(([key]) => isAsked(key))
    const found = stored.flatMap(([key, text]) => recordFrom(key, text) ?? [])
    return distinctRecords(isAsked(this.#today.key) ? [...found, this.#today] : found)
  }

  /** With a record of today that is there already. */
  #goOn(found: DayRecord): void {
    const { routes, sketches, spans } = this.#today
    for (const [route, [legacy, fresh]] of routes) {
      const [before, freshBefore] = found.routes.get(route) ?? [0, 0]
      found.routes.set(route, [before + legacy, freshBefore + fresh])
    }
    for (const [route, sketch] of sketches) mergeSketch(found.sketches, route, sketch)
    for (const span of spans) addSpan(found.spans, span)
    this.#today = found
    this.#isFresh = false
    this.#isNews = true
  }

  #turn(day: string): void {
    this.#spanUntil(startOf(this.#today.day) + DAY_MS)
    this.#keep(this.#today.key, textOf(this.#today))
    this.#today = newRecord(day, this.#newName())
    this.#isFresh = true
    this.#savedUntil = 0
    this.#isNews = true
    this.#countedAt = Math.max(this.#countedAt, startOf(day))
  }

  #spanUntil(now: EpochMs): void {
    const from = now - this.#countedAt <= HOLE_MS ? Math.min(now, this.#countedAt) : now
    addSpan(this.#today.spans, [from, now])
  }

  #keep(key: string, text: string): void {
    this.#texts.set(key, text)
    this.#changed.add(key)
  }
}

/** Short holes are none. */
function addSpan(spans: DayRecord['spans'], [from, until]: DayRecord['spans'][number]): void {
  const last = spans.at(-1)
  if (last === undefined || from - last[1] > HOLE_MS) spans.push([from, until])
  else spans[spans.length - 1] = [last[0], Math.max(last[1], until)]
}
