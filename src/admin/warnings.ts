// What an operator should know without asking: the warnings of the status.
import type { Control } from '../control/control.ts'
import { isInForce } from '../model/control.ts'
import type { Mistake } from '../model/errors.ts'
import type { BackendTls, Route, Side } from '../model/route.ts'
import type { Plan, Snapshot } from '../model/snapshot.ts'
import { whereToWrite } from '../sightings.ts'
import type { AddressState, BackendState } from '../upstream/services.ts'
import type { Status } from './api.ts'

/** `forwarders` are peers that forward for others without being named; `seen` is what traffic showed. */
export function warningsOf(
  mistakes: readonly Mistake[],
  control: Control,
  snapshot: Snapshot,
  forwarders: ReadonlySet<string>,
  seen: Status['warnings'],
  addresses: readonly AddressState[],
  backends: readonly BackendState[],
): Status['warnings'] {
  const { plan } = snapshot
  const heldUnits = new Map<string, Route>()
  for (const route of plan.routes) if (snapshot.splits[route.index]?.held) heldUnits.set(route.unit, route)
  return [
    ...mistakes.map(mistake => ({
      code: 'config',
      message: `${mistake.path}: ${mistake.message}`,
      route: null,
    })),
    ...[...forwarders].map(peer => ({
      code: 'unnamed_forwarder',
      message: `${peer} sends X-Forwarded-For and is not named in proxy.clientIp.from${whereToWrite(plan)}: what it says is dropped`,
      route: null,
    })),
    ...[...heldUnits.values()].map(route => ({
      code: 'held',
      message: `held at 0 % since the first start of this store; the file declares ${route.declaredWeight} %: set a weight, or return to the file`,
      route: route.id,
    })),
    ...seen,
    ...addresses
      .filter(({ healthy, why }) => !healthy && why !== 'untried')
      .map(({ backend, address, why }) => ({
        code: 'address_out',
        message: `backend ${backend}: ${address} is out of use (${why ?? 'unknown'})`,
        route: null,
      })),
    ...addresses
      .filter(({ waiting }) => waiting > 0)
      .map(({ backend, address, connections, waiting }) => ({
        code: 'connections_full',
        message: `backend ${backend}: all ${connections} connections to ${address} are in use, and ${waiting} ${waiting === 1 ? 'request waits' : 'requests wait'} for one: raise connections, or see why its answers take so long`,
        route: null,
      })),
    ...openCircuits(plan, backends),
    ...plan.backends
      .filter(backend => !backend.tls.verify)
      .map(backend => ({
        code: 'tls_unverified',
        message: `backend ${backend.name}: its certificate is not checked`,
        route: null,
      })),
    ...plan.backends.flatMap(({ name, tls }) => {
      const said = weakenedBy(tls)
      const message = `backend ${name}: TLS towards it is set by tls.${said.join(', tls.')}`
      return said.length === 0 ? [] : [{ code: 'tls_weakened', message, route: null }]
    }),
    ...(control.owed().length > 0
      ? [{ code: 'unsaved_rollback', message: unsavedText(control.keptNowhere().length), route: null }]
      : []),
    ...plan.routes
      .filter(
        route => route.sides.legacy === null && control.state().rollbacks.some(rollback => isInForce(rollback, route)),
      )
      .map(route => ({
        code: 'new_only',
        message: 'a rollback does not reach it: it has no legacy side',
        route: route.id,
      })),
  ]
}

function unsavedText(unkept: number): string {
  if (unkept === 0) return 'a rollback is in force and only in the local file'
  return 'a rollback is in force and kept nowhere: neither the store nor the local file could be written. A restart forgets it: make room'
}

/** By route and side: what is refused meanwhile differs. */
function openCircuits({ routes, fallback }: Plan, backends: readonly BackendState[]): Status['warnings'] {
  const open = new Set(backends.filter(({ circuit }) => circuit === 'open').map(({ backend }) => backend))
  if (open.size === 0) return []
  return [...routes, ...(fallback === null ? [] : [fallback])].flatMap(route =>
    (['legacy', 'new'] as const).flatMap(side => {
      const backend = route.sides[side]
      if (backend === null || backend.circuit === null || !open.has(backend.name)) return []
      const { openMs } = backend.circuit
      const message = `the circuit of its ${side} side (backend ${backend.name}) is open, because too many requests had failed: ${meanwhile(route, side)}; one request each ${openMs / 1000} s tries whether it is well again`
      return [{ code: 'circuit_open', message, route: route.id }]
    }),
  )
}

function meanwhile({ sides, fallback }: Route, side: Side): string {
  if (side === 'legacy' || sides.legacy === null || !fallback?.connect) return 'requests for it get 503'
  return `of the requests for it ${[...fallback.methods].join(', ')} go to legacy, others get 503`
}

/** What lets in more than Node would by itself, or may. */
function weakenedBy({ minVersion, ciphers, legacyRenegotiation }: BackendTls): string[] {
  return [
    ...(minVersion === 'TLSv1' || minVersion === 'TLSv1.1' ? [`minVersion ${minVersion}`] : []),
    ...(ciphers === null ? [] : ['ciphers']),
    ...(legacyRenegotiation ? ['legacyRenegotiation'] : []),
  ]
}
