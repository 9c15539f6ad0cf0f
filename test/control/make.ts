// Plans, states and commands for tests of the control room.
import type { Command, ControlState } from '../../src/model/control.ts'
import type { Route } from '../../src/model/route.ts'
import type { Plan } from '../../src/model/snapshot.ts'
import { networks } from '../../src/routing/network.ts'
import { backend, matching, route } from '../routing/make.ts'

export function planOf(routes: readonly Route[], more: Partial<Plan> = {}): Plan {
  const units = new Map<string, Route[]>()
  for (const one of routes) units.set(one.unit, [...(units.get(one.unit) ?? []), one])
  return {
    routes,
    byId: new Map(routes.map(one => [one.id, one])),
    units,
    fallback: null,
    backends: [],
    seed: null,
    takesLinks: false,
    firstStart: 'hold',
    controlledByFile: false,
    clientIp: { from: networks([]), hops: 1 },
    profile: 'transparent',
    limits: {
      headBytes: 65536,
      fields: 200,
      targetBytes: 16384,
      bodyBytes: null,
      connections: 100,
      perAddress: null,
    },
    timeouts: { requestHeadMs: 10_000, keepAliveMs: 75_000, stallMs: 60_000, minBytesPerSecond: 0 },
    proxyProtocol: false,
    tls: null,
    tlsFiles: [],
    errorPage: null,
    drain: { graceMs: 0, deadlineMs: 1000, tunnels: 'all' },
    rollbackTunnels: null,
    shadow: { memoryBytes: 2 ** 26, queue: 1000, keepBytes: 2 ** 24, ageMs: 2_592_000_000 },
    keyLists: [],
    file: null,
    loadedAt: 0,
    ...more,
  }
}

export const PLAN = planOf([
  route(0, matching('/orders/*'), { id: 'orders', declaredWeight: 5 }),
  route(1, matching('/cart/*'), { id: 'cart', unit: 'checkout', group: 'checkout' }),
  route(2, matching('/pay/*'), { id: 'pay', unit: 'checkout', group: 'checkout' }),
  route(3, matching('/old/*'), { id: 'old', sides: { legacy: backend('l'), new: null } }),
  route(4, matching('/gone/*'), { id: 'gone', sides: { legacy: null, new: backend('n') } }),
])

export const EMPTY: ControlState = {
  revision: 1,
  seed: 's',
  units: {},
  rollbacks: [],
  ended: [],
  pins: [],
  rules: [],
  tokens: [],
  changed: { '*': 1 },
}

const actor = { name: 'ann', tokenId: 'tok-1', address: '127.0.0.1' }

// The union of commands does not distribute over Omit by itself.
type Said<C> = C extends unknown ? Omit<C, 'actor' | 'reason'> : never

export function command(said: Said<Command>): Command {
  return { actor, reason: null, ...said } as Command
}

export function rollback(id: string, on: string | null): Command {
  return command({ type: 'rollback', id, route: on, trigger: 'operator' })
}
