// What the API shows of a backend's addresses, gate and circuit, looked up in one reading of the upstream room's states.
import type { Backend } from '../model/route.ts'
import type { AddressState, BackendState } from '../upstream/services.ts'
import type { BackendHealth } from './views.ts'

export function healthOf(
  addresses: readonly AddressState[],
  backends: readonly BackendState[],
): (backend: Backend) => BackendHealth {
  // Asked for each side of each route.
  const states = new Map(backends.map(one => [one.backend, one]))
  const byBackend = Map.groupBy(addresses, ({ backend }) => backend)
  return function healthOfBackend({ name, origins }) {
    const state = states.get(name)
    return {
      addresses: (byBackend.get(name) ?? [])
        .filter(one => origins.includes(one.origin))
        .map(({ address, healthy, why, inFlight, connections, share, lastFailure }) => ({
          address,
          healthy,
          why,
          inFlight,
          connections,
          share,
          lastFailure: lastFailure === null ? null : { ...lastFailure },
        })),
      circuit: state?.circuit ?? null,
      gate: state?.gate == null ? null : { ...state.gate },
    }
  }
}
