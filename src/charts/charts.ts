// Takes what charts are drawn from out of the data plane's readings, each 10 s and when somebody asks, and keeps calls per day
// in the store, about once a minute. Nothing of it is in the way of a request.
import type { RouteId } from '../model/route.ts'
import type { Clock, Milliseconds, Percent } from '../model/units.ts'
import type { KeptRecord, Store } from '../store/store.ts'
import { Calls, type Question } from './calls.ts'
import { above, Counted, type Readings } from './counted.ts'
import { PREFIX } from './day-record.ts'
import type { Day } from './days.ts'
import { type Figures, History, type Span } from './history.ts'
import { FINE, type Pairs } from './track.ts'

const SAVE_EVERY_MS: Milliseconds = 60_000
/** After the end of a point: a timer may be a little early. */
const AFTER_MS: Milliseconds = 50
/** What others have counted is asked for so often, where it is only looked at. */
const OTHERS_MS: Milliseconds = 10_000
const TEND_EVERY_MS: Milliseconds = 3_600_000
/** Whoever has it keeps a copy of what instances counted that may be gone, before it is swept away. */
const LEASE = 'calls'

export interface ChartsParts {
  readonly clock: Clock
  readonly instance: string
  /** What readings are of now, or of at most a second ago. */
  readonly look: () => Promise<void>
  readonly readings: () => Readings
  /** With the default, if there is one, and the weight in force. */
  readonly routes: () => ReadonlyMap<RouteId, Percent>
  /** Of those that are shadowed: compared since their counts were begun. */
  readonly pairs: () => ReadonlyMap<RouteId, Pairs>
  readonly store: Pick<Store, 'keep' | 'kept' | 'keptByOthers' | 'lease'>
  /** As they were at the start; rejected: the store did not answer. */
  readonly known: Promise<readonly KeptRecord[]>
  readonly newName: () => string
  readonly log: (level: 'warn' | 'info', message: string, details?: Record<string, unknown>) => void
}

export interface Burndown {
  readonly since: number
  readonly days: readonly Day[]
}

export interface Charts {
  history(route: RouteId, span: Span): Figures
  /** As of the last look. */
  burndown(question: Question): Promise<Burndown>
  /** Ends a point. */
  sample(): Promise<void>
  save(): Promise<void>
  /** What was counted is saved; while the data plane can still be asked. */
  close(): Promise<void>
}

export async function createCharts(parts: ChartsParts): Promise<Charts> {
  const { clock, store, log } = parts
  const counted = new Counted()
  const history = new History(clock.now())
  const calls = new Calls(clock.now(), parts.newName)
  let lastPairs = parts.pairs()
  let isKnown = await load(() => parts.known)
  let others: { readonly at: Milliseconds; readonly records: readonly KeptRecord[] } | null = null
  let tendedAt: Milliseconds | null = null
  let isUnsaved = false
  let timer: NodeJS.Timeout | null = null
  let saving: Promise<void> = Promise.resolve()

  async function load(kept: () => Promise<readonly KeptRecord[]>): Promise<boolean> {
    const records = await kept().catch(() => null)
    calls.load(records ?? [])
    return records !== null
  }

  function count(): void {
    const readings = parts.readings()
    const increased = counted.take(readings)
    history.count(increased)
    calls.count(increased, readings, clock.now())
  }

  function point(): void {
    count()
    const [readings, routes, pairs] = [parts.readings(), parts.routes(), parts.pairs()]
    const compared = new Map<RouteId, Pairs>()
    for (const [route, now] of pairs) {
      // One that is shadowed again has its counts of before.
      const before = lastPairs.get(route) ?? now
      compared.set(route, {
        compared: above(now.compared, before.compared),
        matching: above(now.matching, before.matching),
      })
    }
    lastPairs = pairs
    const gauges = (route: RouteId) => ({ readings: readings.get(route) ?? [], effective: routes.get(route) ?? 0 })
    history.point(clock.now(), routes.keys(), gauges, compared)
  }

  async function sample(): Promise<void> {
    await parts.look()
    point()
  }

  function schedule(): void {
    const wait = FINE.stepMs - (clock.now() % FINE.stepMs) + AFTER_MS
    timer = setTimeout(() => {
      void sample()
        .catch(error => log('warn', 'figures for charts could not be taken', { error: String(error) }))
        .then(() => {
          if (timer !== null) schedule()
        })
    }, wait)
    timer.unref()
  }

  async function othersNow(): Promise<readonly KeptRecord[]> {
    const now = clock.monotonic()
    if (others === null || now - others.at >= OTHERS_MS) {
      const found = await store.keptByOthers(PREFIX).catch(() => null)
      others = { at: now, records: found?.map(([, key, text]) => [key, text] as const) ?? others?.records ?? [] }
    }
    return others.records
  }

  async function tend(): Promise<void> {
    if (tendedAt !== null && clock.monotonic() - tendedAt < TEND_EVERY_MS) return
    const records = await othersNow()
    const adopts = records.length > 0 && (await store.lease(LEASE, parts.instance, 2 * TEND_EVERY_MS)) !== null
    calls.tend(records, adopts)
    tendedAt = clock.monotonic()
  }

  async function saveNow(): Promise<void> {
    // Before anything is written: what was counted today already goes on.
    isKnown ||= await load(store.kept)
    if (!isKnown) return
    await tend().catch(() => {})
    const changes = calls.changes()
    if (changes.put.length + changes.remove.length === 0) return
    try {
      await store.keep(changes)
      isUnsaved = false
    } catch (error) {
      calls.unsaved(changes)
      if (!isUnsaved) log('warn', 'calls per day could not be saved; it is tried again', { error: String(error) })
      isUnsaved = true
    }
  }

  function save(): Promise<void> {
    saving = saving.then(saveNow)
    return saving
  }

  const saver = setInterval(() => void save(), SAVE_EVERY_MS)
  saver.unref()
  schedule()

  return {
    history: (route, span) => history.view(route, span, clock.now()),
    async burndown(question) {
      count()
      return calls.view(question, await othersNow(), clock.now())
    },
    sample,
    save,
    async close() {
      if (timer !== null) clearTimeout(timer)
      timer = null
      clearInterval(saver)
      await parts.look().catch(() => {})
      count()
      await save()
      if (isUnsaved) log('warn', 'calls of the last minutes are lost: they could not be saved')
    },
  }
}
