// Config → Plan: names resolved, texts compiled, the tree's ties found. What the schema cannot see because it looks at one
// node at a time is refused here.
import { DEFAULT_COMPARE_POLICY } from '../model/comparison.ts'
import type { Mistake } from '../model/errors.ts'
import { type Backend, DEFAULT_ROUTE, type KeyList, type Route, type RouteMatch, type UnitId } from '../model/route.ts'
import type { Plan } from '../model/snapshot.ts'
import type { EpochMs } from '../model/units.ts'
import { findTies } from '../routing/match.ts'
import { networks } from '../routing/network.ts'
import { normalisePath } from '../routing/target.ts'
import { LiveKeys } from './key-list.ts'
import { compileBackend } from './plan-backend.ts'
import { compareOf, shadowBoundsOf, shadowOf } from './plan-shadow.ts'
import { fallbackPolicy, rewriteOf } from './plan-side.ts'
import { byteTestsOf, cohortOf, overrideOf, pinOf, testsOf } from './plan-users.ts'
import { backendOf, type Config, type RouteConfig, type SideConfig } from './schema.ts'

export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface PlanSource {
  readonly file: string | null
  readonly loadedAt: EpochMs
  /** Where a JSON Pointer stands in the text. */
  readonly place: (pointer: string) => Place
  /** The file that a value came from by `file:`; null for any other. */
  readonly fileOf?: (pointer: string) => string | null
}

/** A plan with `mistakes` of level error must not be used. */
export function compilePlan(
  config: Config,
  source: PlanSource,
): { readonly plan: Plan; readonly mistakes: readonly Mistake[] } {
  const backends = new Map<string, Backend>()
  const keyLists: KeyList[] = []

  function keysFrom(file: string | null, keys: ReadonlySet<string>): KeyList {
    const known = file === null ? undefined : keyLists.find(list => list.file === file)
    if (known !== undefined) return known
    const list = new LiveKeys(file, keys)
    keyLists.push(list)
    return list
  }

  // Equal backends are one object: pools are found by identity.
  function backendFor(side: SideConfig | undefined): Backend | null {
    if (side === undefined) return null
    const backend = compileBackend(backendOf(config, side), config.proxy.profile)
    const key = JSON.stringify([backend, [...backend.retry.methods], [...backend.wire.accept]])
    const known = backends.get(key)
    if (known !== undefined) return known
    backends.set(key, Object.freeze(backend))
    return backend
  }

  const routes = config.routes.map((route, index): Route => {
    const match = matchOf(route)
    return Object.freeze({
      index,
      id: route.id,
      unit: route.group ?? route.id,
      group: route.group ?? null,
      match,
      template: match.paths[0] ?? '/',
      sides: { legacy: backendFor(route.legacy), new: backendFor(route.new) },
      rewrites: { legacy: rewriteOf(route.legacy, match.paths), new: rewriteOf(route.new, match.paths) },
      data: route.data ?? null,
      declaredWeight: route.weight,
      sticky: route.sticky,
      override: overrideOf(route),
      pin: pinOf(route),
      cohorts: route.cohorts.map((cohort, at) => {
        const file = source.fileOf?.(`/routes/${index}/cohorts/${at}/when/keys`) ?? null
        return cohortOf(cohort, keys => keysFrom(file, keys))
      }),
      preflight: route.preflight,
      ambiguous: route.ambiguous === 400 ? ('reject' as const) : ('legacy' as const),
      fallback: fallbackPolicy(route),
      otherSideOn: new Set(route.otherSideOn),
      cache: route.cache,
      etag: route.etag,
      leaks: route.leaks,
      shadow: shadowOf(route),
      compare: compareOf(route, source.loadedAt),
      owner: route.owner ?? null,
    })
  })

  const units = new Map<UnitId, Route[]>()
  for (const route of routes) units.set(route.unit, [...(units.get(route.unit) ?? []), route])

  const plan: Plan = {
    routes,
    byId: new Map(routes.map(route => [route.id, route])),
    units,
    fallback: fallbackOf(config, backendFor),
    backends: [...backends.values()],
    seed: config.split.seed,
    takesLinks: routes.some(route => route.override?.links === true),
    firstStart: config.split.firstStart,
    controlledByFile: config.control === 'file',
    clientIp: { from: networks(config.proxy.clientIp.from), hops: config.proxy.clientIp.hops },
    ...listenerOf(config.proxy, source),
    rollbackTunnels: config.rollback.tunnels,
    shadow: shadowBoundsOf(config.proxy.shadow),
    keyLists,
    file: source.file,
    loadedAt: source.loadedAt,
  }
  return { plan: Object.freeze(plan), mistakes: [...ties(routes, source), ...confusions(config, routes, source)] }
}

function listenerOf(
  { profile, limits, timeouts, proxyProtocol, tls, errors, drain }: Config['proxy'],
  { fileOf }: PlanSource,
): Pick<Plan, 'profile' | 'limits' | 'timeouts' | 'proxyProtocol' | 'tls' | 'tlsFiles' | 'errorPage' | 'drain'> {
  const tlsFiles = ['/proxy/tls/cert', '/proxy/tls/key'].flatMap(pointer => fileOf?.(pointer) ?? [])
  return {
    profile,
    limits: {
      headBytes: limits.head,
      fields: limits.fields,
      targetBytes: limits.target,
      bodyBytes: limits.body,
      connections: limits.connections,
      perAddress: limits.perAddress,
    },
    timeouts: {
      requestHeadMs: timeouts.requestHead,
      keepAliveMs: timeouts.keepAlive,
      stallMs: timeouts.stall,
      minBytesPerSecond: timeouts.minRate,
    },
    proxyProtocol,
    tls: tls ?? null,
    tlsFiles,
    errorPage: errors.page,
    drain: { graceMs: drain.grace, deadlineMs: drain.deadline, tunnels: drain.tunnels },
  }
}

function fallbackOf(config: Config, backendFor: (side: SideConfig) => Backend | null): Route | null {
  const { default: target } = config
  if (target === 404 || (target === 'legacy' && config.backends.legacy === undefined)) return null
  return Object.freeze({
    index: -1,
    id: DEFAULT_ROUTE,
    unit: DEFAULT_ROUTE,
    group: null,
    match: { paths: ['/*'], host: null, methods: null, headers: [], query: [], cookies: [], ignoreCase: false },
    template: '/*',
    sides: { legacy: backendFor({ backend: target }), new: null },
    rewrites: { legacy: null, new: null },
    data: null,
    declaredWeight: 0,
    sticky: [],
    override: null,
    pin: null,
    cohorts: [],
    preflight: 'legacy' as const,
    ambiguous: 'legacy' as const,
    fallback: null,
    otherSideOn: new Set<number>(),
    cache: 'keep' as const,
    etag: 'keep' as const,
    leaks: 'count' as const,
    shadow: null,
    compare: DEFAULT_COMPARE_POLICY,
    owner: null,
  })
}

function matchOf({ match }: RouteConfig): RouteMatch {
  return {
    paths: match.paths.map(normalisePath),
    host: match.host ?? null,
    methods: match.methods ?? null,
    headers: byteTestsOf(match.headers),
    query: testsOf(match.query),
    cookies: byteTestsOf(match.cookies),
    ignoreCase: match.case === 'ignore',
  }
}

function ties(routes: readonly Route[], source: PlanSource): Mistake[] {
  return findTies(routes).map(({ a, b, pattern }) => {
    const first = source.place(`/routes/${a.index}/match`)
    return mistake(source, `/routes/${b.index}/match`, {
      message: `route ${b.id} matches ${pattern} exactly as well as route ${a.id} (${first.file}:${first.line})`,
      found: pattern,
      allowed: 'routes that some request cannot match equally well',
      hint: 'tell them apart by host, path, methods, headers, query or cookies',
    })
  })
}

/** A group and a route of one name would share their weight without being told to. */
function confusions(config: Config, routes: readonly Route[], source: PlanSource): Mistake[] {
  return routes
    .filter(route => route.group !== route.id && Object.hasOwn(config.groups, route.id))
    .map(route =>
      mistake(source, `/routes/${route.index}/id`, {
        message: `route ${route.id} has the name of a group that it is not in`,
        found: route.id,
        allowed: 'an id that is no group’s name',
        hint: `rename one of them, or write group: ${route.id}`,
      }),
    )
}

function mistake(
  source: PlanSource,
  path: string,
  words: Pick<Mistake, 'message' | 'found' | 'allowed' | 'hint'>,
): Mistake {
  return { ...source.place(path), path, ...words, level: 'error' }
}
