// The rules of routes.yaml that need several keys at once. They look at the data as it was read, so that they speak up beside
// the schema's own findings, and believe nothing about its shape.
import { isSafe } from '../routing/decide.ts'
import { type Address, answersAt, isLoopback, isUrl, readAddress, readOrigin, writeAddress } from './addresses.ts'
import { didYouMean } from './hint.ts'
import { NOT_YET } from './later.ts'
import type { Finding } from './mistakes.ts'

type Data = Readonly<Record<string, unknown>>
type Path = readonly PropertyKey[]

/** What is looked up for every route, gathered once. */
interface Config {
  readonly data: Data
  readonly defaults: Data
  readonly backends: Named
  readonly groups: Named
  readonly listeners: readonly Listener[]
}

/** `names` are the first ones, for hints. */
interface Named {
  readonly title: string
  readonly by: Data
  readonly names: readonly string[]
}

interface Listener {
  readonly name: string
  readonly at: Address
}

/** `placeOf` says where something stands, for "the first is at …". */
export function check(data: unknown, placeOf: (path: Path) => string): readonly Finding[] {
  const whole = mapping(data)
  const config: Config = {
    data: whole,
    defaults: mapping(whole.defaults),
    backends: named('backend', whole.backends),
    groups: named('group', whole.groups),
    listeners: listenersOf(whole),
  }
  return [
    ...checkListeners(config),
    ...checkBackends(config),
    ...checkDefault(config),
    ...checkIds(config, placeOf),
    ...list(whole.routes).flatMap((route, index) =>
      isMapping(route) ? [...checkRoute(route, ['routes', index], config)] : [],
    ),
  ]
}

function named(title: string, value: unknown): Named {
  const by = mapping(value)
  return { title, by, names: Object.keys(by).slice(0, 200) }
}

// ---- listeners

const LISTENERS = { proxy: '0.0.0.0:8080', admin: '127.0.0.1:9900', health: '127.0.0.1:9901', sides: 'none' } as const

function listenersOf(data: Data): readonly Listener[] {
  return Object.entries(LISTENERS).flatMap(([name, fallback]) => {
    const at = readAddress(String(mapping(data[name]).listen ?? fallback))
    return 'port' in at ? [{ name, at }] : []
  })
}

function* checkListeners({ data, listeners }: Config): Generator<Finding> {
  for (const [index, { name, at }] of listeners.entries()) {
    const other = listeners
      .slice(0, index)
      .find(one => answersAt(one.at, at.host, at.port) || answersAt(at, one.at.host, one.at.port))
    if (other !== undefined) {
      yield { path: [name, 'listen'], message: `${other.name} listens on ${writeAddress(other.at)} already` }
    }
  }
  const admin = mapping(data.admin)
  const at = listeners.find(({ name }) => name === 'admin')?.at
  if (at === undefined || isLoopback(at.host)) return
  const missing = [
    ...(admin.behindTls === true ? [] : ['behindTls: true']),
    ...(list(admin.hosts).length > 0 ? [] : ['hosts: [name of this host]']),
  ]
  if (missing.length === 0) return
  yield {
    path: ['admin', 'listen'],
    message: 'the admin listener would be reachable from other machines',
    allowed: 'a loopback address, or any with hosts and behindTls: true',
    hint: `listen on 127.0.0.1, or put TLS in front and add ${missing.join(' and ')}`,
  }
}

// ---- backends

function* checkBackends(config: Config): Generator<Finding> {
  for (const [name, value] of Object.entries(config.backends.by)) {
    const backend = mapping(value)
    const path = ['backends', name]
    if (isMapping(value)) yield* checkExactlyOne(backend, ['url', 'urls'], path)
    if (list(backend.urls).length > 1) {
      yield {
        path: [...path, 'urls', 1],
        message: NOT_YET,
        allowed: 'one url',
        hint: 'put a balancer in front, or name one url',
      }
    }
    yield* checkOrigin(backend.url, [...path, 'url'], config)
    yield* checkOrigin(list(backend.urls)[0], [...path, 'urls', 0], config)
    yield* checkTls(backend, path)
  }
}

function* checkOrigin(value: unknown, path: Path, config: Config): Generator<Finding> {
  const origin = originOf(value)
  if (origin === null) return
  const { hostname, port, protocol } = new URL(origin)
  const host = hostname.replace(/^\[|\]$/g, '')
  const own = config.listeners.find(({ at }) => answersAt(at, host, Number(port || (protocol === 'https:' ? 443 : 80))))
  if (own === undefined) return
  yield { path, level: 'warning', message: `this is our own listener (${own.name}): requests would go in circles` }
}

function* checkTls(holder: Data, path: Path): Generator<Finding> {
  if (mapping(holder.tls).verify !== false) return
  yield {
    path: [...path, 'tls', 'verify'],
    level: 'warning',
    message: 'certificates are not checked: anybody in between can read and change the traffic',
    hint: 'trust the authority instead: tls: { ca: file:ca.pem }',
  }
}

function* checkDefault(config: Config): Generator<Finding> {
  const { default: target } = config.data
  if (typeof target === 'string' && target !== 'legacy' && target !== '404')
    yield* checkName(target, ['default'], config.backends)
}

function* checkName(name: string, path: Path, { title, by, names }: Named): Generator<Finding> {
  if (Object.hasOwn(by, name)) return
  const shown = names.slice(0, 20).join(', ')
  yield {
    path,
    message: `unknown ${title}`,
    allowed: names.length === 0 ? `nothing stands under ${title}s` : `${shown}${names.length > 20 ? ' …' : ''}`,
    hint: didYouMean(name, names) ?? `name it under \`${title}s\``,
  }
}

function* checkExactlyOne(holder: Data, [one, other]: readonly [string, string], path: Path): Generator<Finding> {
  const hasOne = Object.hasOwn(holder, one)
  const hasOther = Object.hasOwn(holder, other)
  if (hasOne && hasOther) yield { path: [...path, other], at: 'key', message: `either ${one} or ${other}, not both` }
  if (!hasOne && !hasOther) yield { path: [...path, one], message: `${one} or ${other} is missing` }
}

// ---- routes

function* checkIds(config: Config, placeOf: (path: Path) => string): Generator<Finding> {
  const first = new Map<string, Path>()
  for (const [index, value] of list(config.data.routes).entries()) {
    const { id } = mapping(value)
    if (typeof id !== 'string') continue
    const path = ['routes', index, 'id']
    const before = first.get(id)
    if (before === undefined) first.set(id, path)
    else
      yield { path, message: `duplicate id; the first is at ${placeOf(before)}`, hint: 'ids are unique over all files' }
  }
}

function* checkRoute(route: Data, path: Path, config: Config): Generator<Finding> {
  const sides = ['legacy', 'new'].filter(side => Object.hasOwn(route, side))
  for (const side of sides) yield* checkSide(route[side], [...path, side], config)
  yield* checkMatch(route, path)
  yield* checkSticky(route.sticky ?? [], [...path, 'sticky'], route)
  yield* checkWeight(route, sides, path, config)
  if (sides.length === 0) {
    yield {
      path,
      message: 'a route needs a side',
      allowed: 'legacy, new or both',
      hint: 'add legacy: URL or the name of a backend',
    }
  }
  if (sides.length < 2) return
  const methods = methodsOf(route)
  const unsafe = methods === null ? 'any method' : methods.find(method => !isSafe(method))
  if (unsafe !== undefined && (route.data ?? config.defaults.data) === undefined) {
    yield {
      path: [...path, 'data'],
      message: `data is missing: the route has two sides and admits ${unsafe}`,
      allowed: 'separate or shared',
      hint: 'separate: each side has its own data; shared: both use one database; or name only safe methods',
    }
  }
  const [legacy, next] = sides.map(side => addressOf(route[side], config))
  if (legacy !== null && legacy === next) {
    yield { path: [...path, 'new'], level: 'warning', message: 'both sides are the same address' }
  }
}

function* checkSide(value: unknown, path: Path, config: Config): Generator<Finding> {
  if (typeof value === 'string') {
    if (isUrl(value)) yield* checkOrigin(value, path, config)
    else if (isName(value)) yield* checkName(value, path, config.backends)
    return
  }
  if (!isMapping(value)) return
  yield* checkExactlyOne(value, ['backend', 'url'], path)
  if (isName(value.backend)) yield* checkName(value.backend, [...path, 'backend'], config.backends)
  yield* checkOrigin(value.url, [...path, 'url'], config)
  yield* checkTls(value, path)
}

function* checkMatch(route: Data, path: Path): Generator<Finding> {
  const { match } = route
  if (!isMapping(match)) return
  yield* checkExactlyOne(match, ['path', 'paths'], [...path, 'match'])
  const seen = new Set<string>()
  for (const name of Object.keys(mapping(match.headers))) {
    if (seen.has(name.toLowerCase())) {
      yield {
        path: [...path, 'match', 'headers', name],
        at: 'key',
        message: 'this header stands twice, in another case',
      }
    }
    seen.add(name.toLowerCase())
  }
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

function* checkWeight(route: Data, sides: readonly string[], path: Path, config: Config): Generator<Finding> {
  const { group } = route
  if (typeof group === 'string') yield* checkName(group, [...path, 'group'], config.groups)
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
function addressOf(value: unknown, config: Config): string | null {
  const side = typeof value === 'string' ? (isUrl(value) ? { url: value } : { backend: value }) : mapping(value)
  const { backend: name, url, host }: Data = side
  const backend = typeof name === 'string' ? mapping(config.backends.by[name]) : {}
  const origin = originOf(url ?? backend.url ?? list(backend.urls)[0])
  return origin === null ? null : `${origin} ${String(host ?? backend.host ?? 'preserve')}`
}

function originOf(value: unknown): string | null {
  const origin = typeof value === 'string' ? readOrigin(value) : null
  return typeof origin === 'string' ? origin : null
}

function methodsOf(route: Data): readonly string[] | null {
  const { methods } = mapping(route.match)
  return Array.isArray(methods) ? methods.map(String) : null
}

function patternsOf(route: Data): readonly string[] {
  const { path, paths } = mapping(route.match)
  return [path, paths].flat().filter(pattern => typeof pattern === 'string')
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9]/.test(value)
}

function isMapping(value: unknown): value is Data {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function mapping(value: unknown): Data {
  return isMapping(value) ? value : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
