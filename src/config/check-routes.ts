// Rules across keys of a route: its id, sides, match, sticky keys, weight and policies.
import { isSafe } from '../routing/decide.ts'
import { isUrl } from './addresses.ts'
import { checkOrigin, checkSettings } from './check-backends.ts'
import { checkCompare } from './check-compare.ts'
import {
  type Checked,
  checkExactlyOne,
  checkName,
  checkTwice,
  type Data,
  isMapping,
  isName,
  list,
  mapping,
  methodsOf,
  originsOf,
  type Path,
  patternsOf,
} from './check-data.ts'
import { checkFallback, checkInheritedFallback } from './check-fallback.ts'
import { checkCookies, checkRewrites } from './check-rewrites.ts'
import { checkInheritedShadow, checkShadow, checkShadowedMatch, isShadowed } from './check-shadow.ts'
import { checkUsers } from './check-users.ts'
import { didYouMean } from './hint.ts'
import type { Finding } from './mistakes.ts'

export function* checkDefault({ data, backends }: Checked): Generator<Finding> {
  const { default: target } = data
  if (typeof target === 'string' && target !== 'legacy' && target !== '404')
    yield* checkName(target, ['default'], backends)
}

export function* checkDefaults({ defaults, now }: Checked): Generator<Finding> {
  yield* checkFallback(mapping(defaults.fallback), defaults.data, ['defaults', 'fallback'])
  yield* checkShadow(mapping(defaults.shadow), defaults.data, ['defaults', 'shadow'])
  yield* checkCompare(mapping(defaults.compare), ['defaults', 'compare'], now)
}

export function* checkRoutes(checked: Checked, placeOf: (path: Path) => string): Generator<Finding> {
  yield* checkIds(checked, placeOf)
  for (const [index, route] of list(checked.data.routes).entries()) {
    if (isMapping(route)) yield* checkRoute(route, ['routes', index], checked)
  }
}

function* checkIds(checked: Checked, placeOf: (path: Path) => string): Generator<Finding> {
  const first = new Map<string, Path>()
  for (const [index, value] of list(checked.data.routes).entries()) {
    const { id } = mapping(value)
    if (typeof id !== 'string') continue
    const path = ['routes', index, 'id']
    const before = first.get(id)
    if (before === undefined) first.set(id, path)
    else
      yield { path, message: `duplicate id; the first is at ${placeOf(before)}`, hint: 'ids are unique over all files' }
  }
}

function* checkRoute(route: Data, path: Path, checked: Checked): Generator<Finding> {
  const sides = ['legacy', 'new'].filter(side => Object.hasOwn(route, side))
  for (const side of sides) {
    yield* checkSide(route[side], [...path, side], checked)
    yield* checkRewrites(mapping(route[side]), patternsOf(route), [...path, side])
  }
  yield* checkMatch(route, path)
  yield* checkSticky(route.sticky ?? [], [...path, 'sticky'], route)
  yield* checkWeight(route, sides, path, checked)
  if (sides.length === 0) {
    yield {
      path,
      message: 'a route needs a side',
      allowed: 'legacy, new or both',
      hint: 'add legacy: URL or the name of a backend',
    }
  }
  yield* checkTwoSided(route, sides, path)
  yield* checkCompare(mapping(route.compare), [...path, 'compare'], checked.now)
  if (sides.length < 2) return
  const methods = methodsOf(route)
  const unsafe = methods === null ? 'any method' : methods.find(method => !isSafe(method))
  if (unsafe !== undefined && (route.data ?? checked.defaults.data) === undefined) {
    yield {
      path: [...path, 'data'],
      message: `data is missing: the route has two sides and admits ${unsafe}`,
      allowed: 'separate or shared',
      hint: 'separate: each side has its own data; shared: both use one database; or name only safe methods',
    }
  }
  const [legacy, next] = sides.map(side => addressOf(route[side], checked))
  if (legacy !== null && legacy === next) {
    yield { path: [...path, 'new'], level: 'warning', message: 'both sides are the same address' }
  }
  yield* checkUsers(route, path, checked)
  yield* checkCookies(mapping(route.legacy), mapping(route.new), [...path, 'new'])
  const { defaults } = checked
  const data = route.data ?? defaults.data
  yield* Object.hasOwn(route, 'fallback')
    ? checkFallback(mapping(route.fallback), data, [...path, 'fallback'])
    : checkInheritedFallback(mapping(defaults.fallback), data, path)
  yield* Object.hasOwn(route, 'shadow')
    ? checkShadow(mapping(route.shadow), data, [...path, 'shadow'])
    : checkInheritedShadow(mapping(defaults.shadow), data, path)
  yield* checkShadowedMatch(route, path)
}

/** Policies that move a request from one side to the other. */
function* checkTwoSided(route: Data, sides: readonly string[], path: Path): Generator<Finding> {
  if (sides.length !== 1) return
  for (const [key, on] of [
    ['fallback', mapping(route.fallback).on],
    ['otherSideOn', route.otherSideOn],
    ['pin', route.pin === undefined ? [] : [route.pin]],
    ['cohorts', route.cohorts],
    ['shadow', isShadowed(mapping(route.shadow)) ? [route.shadow] : []],
  ] as const) {
    if (list(on).length === 0) continue
    yield {
      path: [...path, key],
      at: 'key',
      message: `a route with one side has no other`,
      allowed: 'a route with legacy and new',
      hint: 'leave it out',
    }
  }
}

function* checkSide(value: unknown, path: Path, checked: Checked): Generator<Finding> {
  if (typeof value === 'string') {
    if (isUrl(value)) yield* checkOrigin(value, path, checked)
    else if (isName(value)) yield* checkName(value, path, checked.backends)
    return
  }
  if (!isMapping(value)) return
  yield* checkExactlyOne(value, ['backend', 'url'], path)
  if (isName(value.backend)) yield* checkName(value.backend, [...path, 'backend'], checked.backends)
  yield* checkOrigin(value.url, [...path, 'url'], checked)
  yield* checkSettings(
    value,
    typeof value.backend === 'string' ? mapping(checked.backends.by[value.backend]) : {},
    path,
  )
}

function* checkMatch(route: Data, path: Path): Generator<Finding> {
  const { match } = route
  if (!isMapping(match)) return
  yield* checkExactlyOne(match, ['path', 'paths'], [...path, 'match'])
  yield* checkTwice(mapping(match.headers), [...path, 'match', 'headers'])
}

function* checkSticky(value: unknown, path: Path, route: Data): Generator<Finding> {
  const sources = list(value)
  const params = patternsOf(route).flatMap(pattern =>
    pattern.split('/').flatMap(part => (part.startsWith(':') ? [part.slice(1)] : [])),
  )
  for (const [index, source] of sources.entries()) {
    if (source === 'ip' && index < sources.length - 1) {
      yield { path: [...path, index], message: 'ip stands last: every request has one', hint: 'move it to the end' }
    }
    const param = typeof source === 'string' ? /^path:(.+)$/.exec(source)?.[1] : undefined
    if (param !== undefined && !params.includes(param)) {
      yield {
        path: [...path, index],
        message: 'no path of the route has this parameter',
        allowed: params.length === 0 ? 'the paths have no :param' : params.map(name => `path:${name}`).join(', '),
        hint: didYouMean(param, params),
      }
    }
  }
}

function* checkWeight(route: Data, sides: readonly string[], path: Path, checked: Checked): Generator<Finding> {
  const { group } = route
  if (typeof group === 'string') yield* checkName(group, [...path, 'group'], checked.groups)
  if (!Object.hasOwn(route, 'weight')) return
  if (group !== undefined) {
    yield {
      path: [...path, 'weight'],
      at: 'key',
      message: 'the group has the weight of its routes',
      hint: `set it under groups: ${String(group)}: { weight: … }`,
    }
  } else if (sides.length === 1) {
    yield { path: [...path, 'weight'], at: 'key', message: 'a route with one side has no weight', hint: 'leave it out' }
  }
}

/** What a side asks, with the Host it sends: two names on one address may be two services. */
function addressOf(value: unknown, checked: Checked): string | null {
  const side = typeof value === 'string' ? (isUrl(value) ? { url: value } : { backend: value }) : mapping(value)
  const { backend: name, url, host }: Data = side
  const backend = typeof name === 'string' ? mapping(checked.backends.by[name]) : {}
  const origins = originsOf(url === undefined ? backend : { url })
  return origins.length === 0 ? null : `${origins.join(' ')} ${String(host ?? backend.host ?? 'preserve')}`
}
