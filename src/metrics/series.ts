// Counters, gauges and histograms as plain numbers: the data path only adds, prom-client writes them out when somebody scrapes.
// Labels come from the configuration and fixed lists, never from traffic; `route` is always the first where there is one.
import type { RouteId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'

/** Above this many routes, histograms are kept for all routes together (route="_all") unless asked for. */
const HISTOGRAM_ROUTES = 500
const ALL_ROUTES = '_all'

/** The route that a histogram names. */
export function timedAs(id: RouteId, { routes }: Plan, perRoute: boolean): string {
  return !perRoute && routes.length > HISTOGRAM_ROUTES ? ALL_ROUTES : id
}

export interface Count {
  value: number
}

interface Sample {
  readonly metricName?: string
  readonly value: number
  readonly labels: Record<string, string | number>
}

/** What prom-client's registry asks of a metric. */
export interface Written {
  readonly name: string
  get(): Promise<{ name: string; help: string; type: string; values: readonly Sample[]; aggregator: 'sum' }>
  /** Forgets series of routes that are gone; `route` is always the first label. */
  keepRoutes(known: ReadonlySet<string>): void
}

/** A counter or gauge as plain numbers. */
export class Series implements Written {
  readonly name: string
  readonly #help: string
  readonly #labels: readonly string[]
  readonly #type: 'counter' | 'gauge'
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly count: Count }>()

  constructor(name: string, help: string, labels: readonly string[], type: 'counter' | 'gauge' = 'counter') {
    this.name = name
    this.#help = help
    this.#labels = labels
    this.#type = type
  }

  of(values: readonly string[]): Count {
    const key = values.join(' ')
    let found = this.#series.get(key)
    if (found === undefined) {
      found = { values, count: { value: 0 } }
      this.#series.set(key, found)
    }
    return found.count
  }

  async get() {
    const values = [...this.#series.values()].map(({ values, count }) => ({
      labels: labelled(this.#labels, values),
      value: count.value,
    }))
    return { name: this.name, help: this.#help, type: this.#type, values, aggregator: 'sum' as const }
  }

  keepRoutes(known: ReadonlySet<string>): void {
    for (const [key, { values }] of this.#series) if (!known.has(values[0] ?? '')) this.#series.delete(key)
  }
}

/** One histogram series: counts per bucket, not yet added up. */
export class Timing {
  readonly #bounds: readonly number[]
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  add(seconds: number): void {
    const bounds = this.#bounds
    let i = 0
    while (i < bounds.length && seconds > (bounds[i] as number)) i++
    this.counts[i] = (this.counts[i] as number) + 1
    this.sum += seconds
  }
}

/** A histogram as plain numbers. */
export class Timings implements Written {
  readonly name: string
  readonly #help: string
  readonly #labels: readonly string[]
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly timing: Timing }>()

  constructor(name: string, help: string, labels: readonly string[], bounds: readonly number[]) {
    this.name = name
    this.#help = help
    this.#labels = labels
    this.#bounds = bounds
  }

  of(values: readonly string[]): Timing {
    const key = values.join(' ')
    let found = this.#series.get(key)
    if (found === undefined) {
      found = { values, timing: new Timing(this.#bounds) }
      this.#series.set(key, found)
    }
    return found.timing
  }

  async get() {
    const out: Sample[] = []
    for (const { values, timing } of this.#series.values()) {
      const labels = labelled(this.#labels, values)
      let total = 0
      for (const [i, count] of timing.counts.entries()) {
        total += count
        const le = this.#bounds[i] ?? '+Inf'
        out.push({ metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: total })
      }
      out.push({ metricName: `${this.name}_sum`, labels, value: timing.sum })
      out.push({ metricName: `${this.name}_count`, labels, value: total })
    }
    return { name: this.name, help: this.#help, type: 'histogram', values: out, aggregator: 'sum' as const }
  }

  keepRoutes(known: ReadonlySet<string>): void {
    for (const [key, { values }] of this.#series) {
      const route = values[0] ?? ''
      if (!known.has(route) && route !== ALL_ROUTES) this.#series.delete(key)
    }
  }
}

function labelled(names: readonly string[], values: readonly string[]): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [i, name] of names.entries()) out[name] = values[i] ?? ''
  return out
}
