// What both cores did between two moments, read in the load generator at the very moments at which it begins and ends to count.
import { LOAD_CORE, PROXY_CORE } from './children.ts'
import { coreSeconds, cpuSeconds, stolenSeconds } from './cpu.ts'
import type { Timed } from './turns.ts'

/** Processes of the proxy, and the others of the bench beside the load generator itself. */
export interface Pids {
  readonly proxy: readonly number[]
  readonly origins: readonly number[]
}

export interface Reading {
  readonly seconds: number
  readonly proxy: number
  readonly load: number
  readonly proxyCore: number
  readonly loadCore: number
  readonly stolen: readonly [proxyCore: number, loadCore: number]
}

export function readCores(pids: Pids): Reading {
  return {
    seconds: performance.now() / 1000,
    proxy: cpuSeconds(pids.proxy),
    load: cpuSeconds([...pids.origins, process.pid]),
    proxyCore: coreSeconds(PROXY_CORE),
    loadCore: coreSeconds(LOAD_CORE),
    stolen: [stolenSeconds(PROXY_CORE), stolenSeconds(LOAD_CORE)],
  }
}

export function between(before: Reading, after: Reading): Timed {
  return {
    seconds: after.seconds - before.seconds,
    proxyCore: { own: after.proxy - before.proxy, all: after.proxyCore - before.proxyCore },
    loadCore: { own: after.load - before.load, all: after.loadCore - before.loadCore },
    stolen: Math.max(after.stolen[0] - before.stolen[0], after.stolen[1] - before.stolen[1]),
  }
}
