// Routes, heads and splits for tests, with everything that is not said at its default.
import { DEFAULT_COMPARE_POLICY } from '../../src/model/comparison.ts'
import type { RequestHead } from '../../src/model/exchange.ts'
import type { Backend, OverridePolicy, Route, RouteMatch, RouteSplit } from '../../src/model/route.ts'
import { thresholdOf } from '../../src/routing/bucket.ts'
import type { Draws } from '../../src/routing/decide.ts'
import { networks } from '../../src/routing/network.ts'
import { createPins } from '../../src/routing/pins.ts'
import { createSeal } from '../../src/routing/seal.ts'
import { createAutoId } from '../../src/routing/sticky.ts'

export function backend(name: string, origin = `http://127.0.0.1:1/${name}`): Backend {
  return {
    name,
    origins: [origin],
    host: null,
    timeouts: { connectMs: 5000, headMs: null, idleMs: null, totalMs: null },
    connections: 8,
    tls: { verify: true, ca: null, servername: null, minVersion: null, ciphers: null, legacyRenegotiation: false },
    balance: { kind: 'least' },
    health: null,
    slowStartMs: 0,
    maxConcurrent: null,
    queue: { size: 200, waitMs: 2000 },
    circuit: null,
    retry: { methods: new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']), budgetPercent: 20 },
    wire: { accept: new Set(), version: '1.1', reuse: true, bufferChunked: false, bufferBytes: 16 * 2 ** 20 },
  }
}

export function matching(paths: string | readonly string[], more: Partial<RouteMatch> = {}): RouteMatch {
  return {
    paths: typeof paths === 'string' ? [paths] : paths,
    host: null,
    methods: null,
    headers: [],
    query: [],
    cookies: [],
    ignoreCase: false,
    ...more,
  }
}

export function route(index: number, match: RouteMatch, more: Partial<Route> = {}): Route {
  const id = more.id ?? `r${index}`
  return {
    index,
    id,
    unit: id,
    group: null,
    match,
    template: match.paths[0] ?? '/',
    sides: { legacy: backend('legacy'), new: backend('new') },
    rewrites: { legacy: null, new: null },
    data: 'shared',
    declaredWeight: 0,
    sticky: [],
    override: null,
    pin: null,
    cohorts: [],
    preflight: 'legacy',
    ambiguous: 'legacy',
    fallback: null,
    otherSideOn: new Set(),
    cache: 'keep',
    etag: 'keep',
    leaks: 'count',
    shadow: null,
    compare: DEFAULT_COMPARE_POLICY,
    owner: null,
    ...more,
  }
}

export function overrideBy(name: string, from: readonly string[]): OverridePolicy {
  return { header: { name, from: networks(from) }, links: false }
}

export function head(target: string, more: Partial<RequestHead> = {}): RequestHead {
  return { method: 'GET', target, host: 'example.com', headers: [], address: '192.0.2.1', ...more }
}

export function split(percent: number, more: Partial<RouteSplit> = {}): RouteSplit {
  return {
    declared: percent,
    desired: percent,
    effective: percent,
    threshold: thresholdOf(percent),
    rolledBack: false,
    frozen: false,
    held: false,
    supportPins: null,
    rules: null,
    ...more,
  }
}

export function draws(bucket: (key: string) => number, random: () => number = () => 0.5): Draws {
  let ids = 0
  return {
    bucket,
    sample: bucket,
    auto: createAutoId('seed', () => `id${ids++}`),
    pins: createPins(new Map(), createSeal('seed', 'pin'), () => 0),
    links: createSeal('seed', 'link'),
    random,
    now: () => 0,
  }
}
