// What several processes may take together, shared out: limits of numbers and bytes are of the whole, so each of them gets its
// part, and at least one. What cannot be shared stays whole in each: times, percents, limits by client address.
import type { Config } from './schema.ts'
import type { ShadowConfig } from './shadow-schema.ts'

/** One of so many, from 1. */
export interface Share {
  readonly worker: number
  readonly of: number
}

/** The configuration of one worker. */
export function shareOut(config: Config, share: Share): Config {
  if (share.of === 1) return config
  const part = (whole: number) => partOf(whole, share)
  const { proxy } = config
  return {
    ...config,
    proxy: {
      ...proxy,
      limits: { ...proxy.limits, connections: part(proxy.limits.connections) },
      shadow: { ...proxy.shadow, memory: part(proxy.shadow.memory), queue: part(proxy.shadow.queue) },
    },
    backends: Object.fromEntries(
      Object.entries(config.backends).map(([name, backend]) => [name, shareOfBackend(backend, part)]),
    ),
    routes: config.routes.map(route => ({
      ...route,
      ...(route.legacy === undefined ? {} : { legacy: shareOfBackend(route.legacy, part) }),
      ...(route.new === undefined ? {} : { new: shareOfBackend(route.new, part) }),
      ...(route.shadow === undefined ? {} : { shadow: shareOfShadow(route.shadow, part) }),
    })),
  }
}

/** Where a limit is smaller than the number of workers: each has one all the same. JSON Pointers. */
export function limitsBelow(config: Config, workers: number): readonly string[] {
  const isBelow = (limit: number | null | undefined) => limit != null && limit < workers
  const { limits } = config.proxy
  return [
    ...(isBelow(limits.connections) ? ['/proxy/limits/connections'] : []),
    ...Object.entries(config.backends).flatMap(([name, backend]) => [
      ...(isBelow(backend.maxConcurrent) ? [`/backends/${name}/maxConcurrent`] : []),
      ...(isBelow(backend.connections) ? [`/backends/${name}/connections`] : []),
    ]),
    ...config.routes.flatMap(({ shadow }, index) => {
      if (shadow === undefined || shadow.percent === 0) return []
      return (['legacy', 'new'] as const).flatMap(side => [
        ...(isBelow(shadow.maxConcurrent[side]) ? [`/routes/${index}/shadow/maxConcurrent/${side}`] : []),
        ...(isBelow(shadow.maxRps[side]) ? [`/routes/${index}/shadow/maxRps/${side}`] : []),
      ])
    }),
  ]
}

interface Limited {
  readonly maxConcurrent?: number | null
  readonly queue?: { readonly size?: number }
  readonly connections?: number
}

/** What is not said is inherited, and shared out there. */
function shareOfBackend<B extends Limited>(backend: B, part: (whole: number) => number): B {
  const { maxConcurrent, queue, connections } = backend
  return {
    ...backend,
    ...(maxConcurrent == null ? {} : { maxConcurrent: part(maxConcurrent) }),
    ...(queue?.size === undefined ? {} : { queue: { ...queue, size: part(queue.size) } }),
    ...(connections === undefined ? {} : { connections: part(connections) }),
  }
}

function shareOfShadow(shadow: ShadowConfig, part: (whole: number) => number): ShadowConfig {
  const { maxRps, maxConcurrent } = shadow
  const orNone = (whole: number | null) => (whole === null ? null : part(whole))
  return {
    ...shadow,
    maxRps: { legacy: orNone(maxRps.legacy), new: orNone(maxRps.new) },
    maxConcurrent: { legacy: part(maxConcurrent.legacy), new: part(maxConcurrent.new) },
  }
}

/** The parts of all workers add up to the whole, unless that is less than one each. */
function partOf(whole: number, { worker, of }: Share): number {
  const floor = Math.floor(whole / of)
  return Math.max(1, worker <= whole % of ? floor + 1 : floor)
}
