// What Prometheus reads: the metrics of the process that decides and of those that serve, as one text.
//
// Counts of several processes add up; so do gauges, but for those that prom-client averages. What a process had counted when
// it was read for the last time stays in the sum after its end: a counter that somebody has seen never falls.
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'

/** The metrics of one process, as data. */
export type Metered = readonly MetricObjectWithValues<MetricValue<string>>[]

export { Registry }

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

export function readMetrics(registry: Registry): Promise<Metered> {
  return registry.getMetricsAsJSON()
}

/** Both serve in this process. */
export function textOfOne(registries: readonly Registry[]): Promise<string> {
  return Registry.merge([...registries]).metrics()
}

export function textOfAll(metered: readonly Metered[]): Promise<string> {
  return summed(metered).metrics()
}

/**
 * What stays of processes that have ended: of what was kept before and of the last reading of one more, the sum of what only
 * goes up. Series of routes that are gone go with them.
 */
export async function pastOf(before: Metered, ended: Metered, isRoute: (id: string) => boolean): Promise<Metered> {
  const all = await summed([before, ended]).getMetricsAsJSON()
  return all
    .filter(({ type }) => UPWARD.has(String(type)))
    .map(metric => ({ ...metric, values: metric.values.filter(({ labels }) => concerns(labels, isRoute)) }))
}

const UPWARD = new Set(['counter', 'histogram', 'summary'])

function concerns({ route }: MetricValue<string>['labels'], isRoute: (id: string) => boolean): boolean {
  return route === undefined || String(route).startsWith('_') || isRoute(String(route))
}

function summed(metered: readonly Metered[]): Registry {
  return AggregatorRegistry.aggregate(metered.map(one => [...one]))
}
