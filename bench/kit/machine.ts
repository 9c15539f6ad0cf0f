// On what a figure was measured: without it a figure means nothing.
import { arch, cpus, loadavg, release } from 'node:os'
import { canPin, LOAD_CORE, PROXY_CORE } from './children.ts'
import { CONNECTIONS } from './load.ts'
import type { Turns } from './turns.ts'

export function describeMachine({ rounds, measureMs, warmupMs }: Turns): string {
  const cores = cpus()
  const pinned = canPin()
    ? `proxy on core ${PROXY_CORE}, load generator and origins on core ${LOAD_CORE}`
    : 'NOT PINNED (no taskset, or one core): figures are of shared cores'
  return [
    `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown'}, Linux ${release()} ${arch()}, Node ${process.versions.node}`,
    `${pinned}; load of the machine before: ${(loadavg()[0] ?? 0).toFixed(1)}`,
    `contestants take turns, ${rounds} rounds of ${measureMs / 1000} s after ${warmupMs / 1000} s of warm-up; small requests over ${CONNECTIONS} keep-alive connections`,
  ].join('\n')
}
