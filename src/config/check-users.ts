// Rules about users: pins need to know the session, cohorts must mean somebody, and the routes of a group must agree about
// whom they move.
import { isDeepStrictEqual } from 'node:util'
import { isOwnCookie } from '../routing/own-cookies.ts'
import { type Checked, type Data, isMapping, list, mapping, type Path } from './check-data.ts'
import type { Finding } from './mistakes.ts'

/** Of a route with both sides. */
export function* checkUsers(route: Data, path: Path, { defaults }: Checked): Generator<Finding> {
  const sticky = list(route.sticky ?? defaults.sticky)
  yield* checkPin(route, defaults, sticky, path)
  for (const [index, cohort] of list(route.cohorts).entries()) {
    yield* checkCohort(mapping(mapping(cohort).when), sticky, [...path, 'cohorts', index, 'when'])
  }
  const override = mapping(route.override)
  if (isMapping(route.override) && list(override.from).length === 0 && override.links !== true) {
    yield {
      path: [...path, 'override'],
      level: 'warning',
      message: 'nobody may override: no network is named, and links are off',
      hint: 'add from: [networks of testers], or links: true',
    }
  }
}

function* checkPin(route: Data, defaults: Data, sticky: readonly unknown[], path: Path): Generator<Finding> {
  const isOwn = Object.hasOwn(route, 'pin')
  const said = isOwn ? route.pin : defaults.pin
  if (!isMapping(said)) return
  const named = said.session === undefined ? sticky : [said.session].flat()
  const cookies = named.flatMap(source => /^cookie:(.+)$/.exec(String(source))?.[1] ?? [])
  const where = isOwn ? [...path, 'pin'] : path
  const ours = cookies.find(isOwnCookie)
  if (ours !== undefined && said.session !== undefined) {
    yield {
      path: [...where, ...(isOwn ? ['session'] : [])],
      message: `${ours} is our own cookie`,
      allowed: 'the cookie of the application’s session',
    }
  }
  // A session that is said and is no cookie is told by the schema.
  if (cookies.length > 0 || said.session !== undefined || said.admit === 'anyone') return
  yield {
    path: where,
    message: 'which cookie holds the session? Without it nobody knows which sessions are new',
    allowed: 'pin with session: cookie:NAME, a cookie among the sticky keys, or admit: anyone',
    hint: 'add session: cookie:JSESSIONID (or what yours is called)',
  }
}

function* checkCohort(when: Data, sticky: readonly unknown[], path: Path): Generator<Finding> {
  const isEmpty = (value: unknown) => isMapping(value) && Object.keys(value).length === 0
  if (Object.values(when).every(isEmpty)) {
    yield { path, message: 'nobody is meant', allowed: 'at least one of cidr, header, cookie, claim and keys' }
  }
  if (when.keys !== undefined && sticky.length === 0) {
    yield {
      path: [...path, 'keys'],
      at: 'key',
      message: 'the route has no sticky keys that could stand in a list',
      allowed: 'keys on a route with sticky',
      hint: 'say sticky: [header:x-user-id], or where your users’ ids are',
    }
  }
}

const AGREED = ['sticky', 'pin', 'cohorts', 'override'] as const

/** A page and its calls with different rules would come from different sides. */
export function* checkGroups({ data, defaults }: Checked): Generator<Finding> {
  const first = new Map<string, Data>()
  for (const [index, value] of list(data.routes).entries()) {
    const route = mapping(value)
    if (typeof route.group !== 'string' || route.legacy === undefined || route.new === undefined) continue
    const before = first.get(route.group)
    if (before === undefined) {
      first.set(route.group, route)
      continue
    }
    for (const key of AGREED) {
      const [one, other] = [before, route].map(each => each[key] ?? defaults[key])
      if (isDeepStrictEqual(one, other)) continue
      yield {
        path: ['routes', index, ...(Object.hasOwn(route, key) ? [key] : ['group'])],
        at: 'key',
        level: 'warning',
        message: `${key} differs from that of route ${String(before.id)} in the group ${route.group}: one user may get different sides of them`,
        hint: `say the same in all routes of the group, or once under defaults`,
      }
    }
  }
}
