// The route that a call is about; there is none by the name: 404.
import type { Control } from '../control/control.ts'
import { BanyanError } from '../model/errors.ts'
import type { Route } from '../model/route.ts'
import type { Call } from './handlers.ts'

export function routeOf(control: Control, call: Call): Route {
  const route = control.plan().byId.get(call.params.id ?? '')
  if (route !== undefined) return route
  throw new BanyanError('unknown_route', `there is no route ${call.params.id}`, {
    hint: 'GET /api/v1/routes lists them',
  })
}
