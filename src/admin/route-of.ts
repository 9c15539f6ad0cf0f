// The route that a call is about; there is none by the name: 404.
import type { Control } from '../control/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Route } from '../model/route.ts'
import type { Call } from './handlers.ts'

export function routeOf(control: Control, call: Call): Route {
  const route = control.plan().byId.get(call.params.id ?? '')
  if (route !== undefined) return route
  throw unknownRoute(call.params.id)
}

/** Of calls that only look: what no route matches is one, too. */
export function lookedAt(control: Control, id: string | undefined): Route {
  const { byId, fallback } = control.plan()
  const route = byId.get(id ?? '') ?? (fallback?.id === id ? fallback : null)
  if (route !== null) return route
  throw unknownRoute(id)
}

function unknownRoute(id: string | undefined): BanyanError {
  return new BanyanError('unknown_route', `there is no route ${id}`, { hint: 'GET /api/v1/routes lists them' })
}
