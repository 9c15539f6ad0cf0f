// What the pages show and how fresh it is: one state, changed by events, told at most four times a second.
import { useEffect, useState } from 'preact/hooks'
import type { Status } from '../api.ts'
import { type Answer, call, keepPage, Refused } from './call.ts'
import { listenToEvents } from './events.ts'

export type Who = Answer<'session'>
type Row = Status['routes'][number]

export interface Live {
  /** undefined: not known yet; null: nobody is signed in. */
  readonly who: Who | null | undefined
  readonly status: Status | null
  /** `polled`: who asks may not listen to events. */
  readonly link: 'opening' | 'live' | 'lost' | 'polled'
  /** When figures came last, by this machine's clock; 0: never. */
  readonly heardAt: number
  /** Grows with each change that anybody made: what shows state is read anew. */
  readonly changes: number
  /** By route: grows with each divergence that is new or has changed. */
  readonly divergences: Readonly<Record<string, number>>
  /** Why nothing could be read; null: it could. */
  readonly trouble: string | null
  /** Another version answers than the one that made this page. */
  readonly isOutdated: boolean
}

/** At most so often is anything drawn because of what came by itself. */
const PAINT_MS = 250
const POLL_MS = 5_000
/** Figures come every two seconds. */
export const STALE_MS = 6_000

let state: Live = {
  who: undefined,
  status: null,
  link: 'opening',
  heardAt: 0,
  changes: 0,
  divergences: {},
  trouble: null,
  isOutdated: false,
}
const ears = new Set<() => void>()
let painting = 0
let stop: (() => void) | null = null

export function useLive(): Live {
  const [seen, setSeen] = useState(state)
  useEffect(() => {
    const told = () => setSeen(state)
    ears.add(told)
    told()
    return () => {
      ears.delete(told)
    }
  }, [])
  return seen
}

/** What time it is, told again every so often, for ages. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

function put(change: Partial<Live>, isUrgent = false): void {
  state = { ...state, ...change }
  if (isUrgent) paint()
  else if (painting === 0) painting = window.setTimeout(paint, PAINT_MS)
}

function paint(): void {
  clearTimeout(painting)
  painting = 0
  for (const tell of ears) tell()
}

/** Asks who we are, and goes on from there. */
export async function begin(): Promise<void> {
  stop?.()
  stop = null
  try {
    // At once: who waits for the first figures waits for one answer, not for two.
    const [who, status] = await Promise.all([call('session'), call('status')])
    put({ who, status, heardAt: Date.now(), trouble: null }, true)
  } catch (error) {
    // Too many asked without a token: that is said where one is given.
    if (error instanceof Refused && (error.status === 401 || error.status === 429)) {
      put({ who: null, status: null, trouble: null }, true)
      return
    }
    put({ trouble: (error as Error).message }, true)
    setTimeout(begin, 2_000)
    return
  }
  stop = follow()
}

export async function signIn(token: string): Promise<void> {
  const { page, ...who } = await call('signIn', { body: { token } })
  keepPage(page)
  put({ who: { ...who, page: null } }, true)
  await begin()
}

export async function signOut(): Promise<void> {
  await call('signOut').catch(() => {})
  stop?.()
  stop = null
  keepPage(null)
  put({ who: null, status: null, link: 'opening', heardAt: 0 }, true)
}

/** What is in force is shown, not what was asked for. `isUrgent`: after a change of ours. */
export async function readStatus(isUrgent = true): Promise<void> {
  try {
    const status = await call('status')
    const isOutdated = state.status !== null && state.status.version !== status.version
    put({ status, heardAt: Date.now(), trouble: null, isOutdated: state.isOutdated || isOutdated }, isUrgent)
  } catch (error) {
    if (error instanceof Refused && error.status === 401) put({ who: null, status: null }, true)
    else put({ trouble: (error as Error).message })
  }
}

function follow(): () => void {
  let poll = 0
  let reading = 0
  // However many changes come: read after the first, and again after those that came meanwhile.
  const readSoon = () => {
    if (reading !== 0) return
    reading = window.setTimeout(() => {
      reading = 0
      void readStatus(false)
    }, PAINT_MS)
  }
  const end = listenToEvents({
    event(type, data) {
      if (type === 'traffic') takeTraffic(data as Traffic)
      if (type === 'change' || type === 'reset') {
        put({ changes: state.changes + 1 })
        readSoon()
      }
      if (type === 'divergence') {
        const { route } = data as { readonly route: string }
        put({ divergences: { ...state.divergences, [route]: (state.divergences[route] ?? 0) + 1 } })
      }
    },
    open() {
      // What was missed while it was lost is asked for; changes in between are told as events.
      if (state.link === 'lost') put({ changes: state.changes + 1 })
      clearInterval(poll)
      put({ link: 'live' }, true)
      readSoon()
    },
    lost: () => put({ link: 'lost' }, true),
    refused(status) {
      if (status === 401) {
        put({ who: null, status: null }, true)
        return
      }
      put({ link: 'polled' }, true)
      clearInterval(poll)
      poll = window.setInterval(async () => {
        const before = state.status?.revision
        await readStatus(false)
        if (state.status?.revision !== before) put({ changes: state.changes + 1 })
      }, POLL_MS)
    },
  })
  return () => {
    end()
    clearInterval(poll)
    clearTimeout(reading)
  }
}

interface Traffic {
  readonly routes: readonly Row[]
  readonly default: Status['default']
}

/** Rows that did not change stay the same objects: they are not drawn again. */
function takeTraffic(traffic: Traffic): void {
  const { status } = state
  if (status === null) return
  const changed = new Map(traffic.routes.map(row => [row.id, row]))
  const routes = changed.size === 0 ? status.routes : status.routes.map(row => changed.get(row.id) ?? row)
  put({ heardAt: Date.now(), status: { ...status, routes, default: traffic.default ?? status.default } })
}

/** The caller may do this on that route (null: on all of it). */
export function may(who: Who | null | undefined, scope: Who['scopes'][number], route: string | null): boolean {
  const reach = who?.reach[scope]
  if (reach === undefined) return false
  return reach === null || (route !== null && reach.includes(route))
}
