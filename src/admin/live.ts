// Tells whoever listens to events how the routes are, every two seconds: those whose figures changed. While nobody listens
// nothing is looked at.
import type { Milliseconds } from '../model/units.ts'
import type { TrafficEvent } from './api-charts.ts'
import type { Events } from './events.ts'

const EVERY_MS: Milliseconds = 2_000

export interface LiveParts {
  readonly events: Pick<Events, 'live' | 'count' | 'joined'>
  /** What is viewed then is of now. */
  readonly look: () => Promise<void>
  readonly view: () => TrafficEvent
  readonly log: (level: 'error', message: string, details?: Record<string, unknown>) => void
}

export function createLive({ events, look, view, log }: LiveParts): { close(): void } {
  /** By route, as it was told the last time. */
  let told: ReadonlyMap<string, string> = new Map()
  let timer: NodeJS.Timeout | null = null
  let isTelling = false
  /** Somebody came meanwhile. */
  let again = false
  let isClosed = false

  async function tell(): Promise<void> {
    await look()
    const whole = view()
    const texts = new Map(whole.routes.map(route => [route.id, JSON.stringify(route)] as const))
    const routes = whole.routes.filter(({ id }) => told.get(id) !== texts.get(id))
    told = texts
    events.live('traffic', () => whole, { ...whole, routes })
  }

  async function run(): Promise<void> {
    again = isTelling
    if (isTelling) return
    isTelling = true
    if (timer !== null) clearTimeout(timer)
    timer = null
    await tell().catch(error => log('error', 'traffic could not be told', { error: String(error?.stack ?? error) }))
    isTelling = false
    if (isClosed) return
    if (again) return run()
    if (events.count() > 0) timer = setTimeout(() => void run(), EVERY_MS).unref()
    else told = new Map()
  }

  events.joined(() => void run())
  return {
    close() {
      isClosed = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
