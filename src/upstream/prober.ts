// Probes addresses in the background, each once however many backends it belongs to.
import type { Backend, HealthPolicy } from '../model/route.ts'
import type { Milliseconds } from '../model/units.ts'
import type { Connect, Target } from './connect.ts'
import { probe } from './probe.ts'
import { Streak } from './standing.ts'

/** So that the probes of a thousand addresses do not fall on one moment. */
const JITTER = 0.1
/** The first probe comes within this. */
const FIRST_MS: Milliseconds = 500

export interface Probed {
  readonly isWell: boolean
  close(): void
}

export interface Probers {
  /** `authority` is the origin's own; `changed` is told when `isWell` has. */
  watch(backend: Backend, policy: HealthPolicy, target: Target, authority: string, changed: () => void): Probed
  destroy(): void
}

interface Prober {
  readonly streak: Streak
  readonly watchers: Set<() => void>
  stop(): void
}

export function createProbers(chance: () => number, connect: Connect): Probers {
  const probers = new Map<string, Prober>()

  function start(policy: HealthPolicy, target: Target, request: string): Prober {
    const streak = new Streak(policy)
    const watchers = new Set<() => void>()
    let stopProbe = () => {}
    let timer: NodeJS.Timeout
    const next = (afterMs: Milliseconds): void => {
      timer = setTimeout(() => {
        stopProbe = probe(connect, target, request, policy.timeoutMs, ok => {
          next(policy.intervalMs * (1 - JITTER + 2 * JITTER * chance()))
          if (streak.probed(ok)) for (const changed of [...watchers]) changed()
        })
      }, afterMs)
      timer.unref()
    }
    next(Math.min(FIRST_MS, policy.intervalMs) * chance())
    return {
      streak,
      watchers,
      stop() {
        clearTimeout(timer)
        stopProbe()
      },
    }
  }

  return {
    watch(backend, policy, target, authority, changed) {
      const request = requestOf(backend, policy, authority)
      const key = JSON.stringify([target, request, policy])
      let prober = probers.get(key)
      if (prober === undefined) {
        prober = start(policy, target, request)
        probers.set(key, prober)
      }
      const { streak, watchers, stop } = prober
      const told = () => changed()
      watchers.add(told)
      return {
        get isWell() {
          return streak.isWell
        },
        close() {
          watchers.delete(told)
          if (watchers.size > 0 || probers.get(key) !== prober) return
          probers.delete(key)
          stop()
        },
      }
    },
    destroy() {
      for (const { stop } of probers.values()) stop()
      probers.clear()
    },
  }
}

function requestOf({ host, wire }: Backend, { path }: HealthPolicy, authority: string): string {
  const fields = `Host: ${host ?? authority}\r\nUser-Agent: banyan-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n`
  return `GET ${path} HTTP/${wire.version}\r\n${fields}`
}
