// The data plane of this process: listener, backends, shadow desk, certificates, key lists, and what they count.
import { createHmac } from 'node:crypto'
import { getHeapStatistics } from 'node:v8'
import { createCertificates } from '../certificates.ts'
import { createLive, type Swappable } from '../config/live.ts'
import { createWatch } from '../doctor/watch.ts'
import { createIds } from '../ids.ts'
import { createKeyLists } from '../key-lists.ts'
import { listenFailed } from '../listen.ts'
import type { Log } from '../log.ts'
import { type Metered, readMetrics, textOfOne } from '../metrics/text.ts'
import { createTrafficMetrics } from '../metrics/traffic.ts'
import type { Applied, Reached } from '../model/control.ts'
import { DEFAULT_ROUTE } from '../model/route.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import type { ProxyParts } from '../proxy/parts.ts'
import { plainOriginal } from '../proxy/plain.ts'
import { createProxyServer } from '../proxy/server.ts'
import { createSampling } from '../sampling.ts'
import { Suspensions } from '../shadow/suspensions.ts'
import type { ClosableTracing, CreateTracing } from '../telemetry/tracing.ts'
import { createTraffic } from '../traffic.ts'
import { ask } from '../upstream/ask.ts'
import { createConnect } from '../upstream/connect.ts'
import { forward } from '../upstream/forward.ts'
import { couldBeUs } from '../upstream/own-address.ts'
import { type OwnListener, refuseOwn } from '../upstream/own-listeners.ts'
import { lookupSystem } from '../upstream/resolver.ts'
import { createServices } from '../upstream/services.ts'
import { VERSION } from '../version.ts'
import { createShadowDesk } from './desk.ts'
import type { Ears, Generation, Plane, PlaneSettings } from './plane.ts'

/** What is seen of every exchange is told as often. */
const TELL_MS: Milliseconds = 1_000

/** At the end, for spans that have not gone yet. */
const LAST_SPANS_MS: Milliseconds = 1_000

export interface LocalPlaneParts {
  readonly settings: PlaneSettings
  readonly ears: Ears
  readonly clock: Clock
  /** One for all processes whose sessions are held against each other; default: `clock`. */
  readonly sharedClock?: Pick<Clock, 'monotonic'>
  /** 0 ≤ … < 1. */
  readonly random: () => number
  readonly log: Log
  /** Loaded where `settings.traces` says so. */
  readonly createTracing?: CreateTracing | null
  /** Who this is, where it says what runs where. */
  readonly self: Pick<Applied['appliedBy'][number], 'instance' | 'worker'>
  readonly first: Generation
}

export interface LocalPlane extends Plane {
  readonly current: () => Snapshot
  /** For whoever adds up several processes. */
  metered(): Promise<Metered>
  readonly suspensions: Suspensions
  inFlight(): number
  /** Whoever could recall it is gone: what was sent to a backend ends, and nothing new is. Before `close`. */
  beginNoMore(): void
}

export function createLocalPlane(parts: LocalPlaneParts): LocalPlane {
  const { settings, ears, clock, random, log, self } = parts
  const live: Swappable<Snapshot> = createLive(parts.first.snapshot)
  const { current } = live
  const traffic = createTraffic(clock)
  const suspensions = new Suspensions()
  const metrics = createTrafficMetrics({
    current,
    perRoute: settings.perRouteMetrics,
    heldBytes: () => desk.heldBytes(),
  })
  const derived = (what: string) => createHmac('sha256', settings.seed).update(what).digest('hex')
  /** None before it serves: until then it asks nothing for a client. */
  let own: readonly OwnListener[] = []
  const services = createServices({
    clock,
    chance: random,
    lookup: lookupSystem,
    connect: createConnect(refuseOwn({ own: () => own, clock, log: log.line })),
    secret: derived('banyan addresses'),
  })
  services.retain(parts.first.configured.plan.backends)
  const watch = createWatch({ clock: parts.sharedClock ?? clock, salt: settings.salt })
  const proxyPort = { current: settings.listen.port }
  const { access } = log
  const tracing = tracingOf()
  let mayBegin = true
  const mayAsk = () => mayBegin
  const proxyParts: ProxyParts = {
    current,
    mayAsk,
    askShadow: (question, body, limits) =>
      ask({ serviceOf: backend => services.of(backend, 'shadow'), clock, mayAsk }, question, body, limits),
    shadow: original => desk.begin(original),
    ask: (asking, listening) => forward(services.of(asking.backend, 'primary'), asking, listening),
    hasChoice: backend => services.of(backend, 'primary').hasChoice,
    allowsRetry: backend => services.of(backend, 'primary').allowsRetry,
    observe(exchange) {
      metrics.exchange(exchange)
      traffic.exchange(exchange)
      access?.(exchange)
      tracing?.exchange(exchange)
    },
    tracing,
    samples: createSampling(clock, random),
    watch: watch.exchange,
    sample: ears.sample,
    note(note) {
      metrics.note(note)
      ears.note(note, 1)
    },
    tunnel(route, side, change) {
      metrics.tunnel(route, side, change)
      traffic.tunnel(route, side, change)
    },
    unnamedForwarder: ears.forwarder,
    broken: (error, of) =>
      log.line('error', 'a request failed inside the proxy', { ...of, error: String((error as Error).stack ?? error) }),
    clock,
    ids: createIds(),
    loopMark: derived('banyan loop mark').slice(0, 16),
    couldBeUs: couldBeUs(proxyPort),
  }
  const proxy = createProxyServer(proxyParts, {
    ...settings.listen,
    heapShare() {
      const { used_heap_size, heap_size_limit } = getHeapStatistics()
      return used_heap_size / heap_size_limit
    },
  })
  const desk = createShadowDesk({
    clock,
    random,
    current,
    suspensions,
    ledger: {
      ended: (route, result, reason) => ears.shadowEnded(route, result, reason, 1),
      compared: ears.shadowCompared,
      triaged: ears.shadowTriaged,
    },
    isStrained: proxy.isStrained,
    legacyP95: route => traffic.of(route).sides.legacy.p95Ms,
    asked: metrics.asked,
    suspended: (route, template, side, why) => ears.shadowSuspended({ route, template, side, why, since: clock.now() }),
    originalOf: (route, request) => plainOriginal(proxyParts, route, request),
    broken: (message, why) => log.line('error', message, { why }),
  })
  const certificates = createCertificates({
    plan: () => current().plan,
    renew: proxy.renew,
    clock,
    log: log.line,
    ...(settings.certificateLookMs === null ? {} : { lookMs: settings.certificateLookMs }),
  })
  const keyLists = createKeyLists({ plan: () => current().plan, log: log.line })
  keyLists.swapped()
  desk.swapped()

  const tellWatched = () => ears.watched(watch.take())
  const telling = setInterval(tellWatched, TELL_MS)
  telling.unref()

  function tracingOf(): ClosableTracing | null {
    const { traces } = settings
    if (traces === null || parts.createTracing == null) return null
    // Spans of ours that come back to us would make spans.
    const listeners = (): readonly OwnListener[] => [
      ...own,
      { key: 'proxy.listen', host: settings.listen.host, port: proxyPort.current },
    ]
    return parts.createTracing({
      settings: traces,
      version: VERSION,
      instance: settings.workers === 1 ? self.instance : `${self.instance}/${self.worker}`,
      clock,
      random,
      refuse: refuseOwn({ who: 'telemetry.traces.endpoint', own: listeners, clock, log: log.line }),
      counted: metrics.spans,
      log: log.line,
    })
  }

  let reached: Reached = { appliedBy: [{ ...self, ms: 0 }], pending: [] }

  function swap(snapshot: Snapshot): void {
    const before = current().plan
    live.swap(snapshot)
    proxy.recall()
    const { plan } = snapshot
    if (plan === before) return
    certificates.swapped()
    keyLists.swapped()
    services.retain(plan.backends)
    traffic.retain(new Set([...plan.byId.keys(), DEFAULT_ROUTE]))
    desk.swapped()
  }

  return {
    current,
    suspensions,
    inFlight: proxy.inFlight,
    beginNoMore() {
      mayBegin = false
      proxy.refuseWaiting()
    },
    workers: () => [{ worker: self.worker, pid: process.pid, revision: current().revision, state: 'running' }],
    async apply({ snapshot }, since) {
      swap(snapshot)
      reached = { appliedBy: [{ ...self, ms: clock.monotonic() - since }], pending: [] }
      return reached
    },
    running: async () => reached,
    async listen(listeners) {
      own = listeners
      const bound = await proxy.listen().catch(error => {
        throw listenFailed(error, settings.listen, 'proxy.listen')
      })
      proxyPort.current = bound.port
      return bound
    },
    reading: () => ({
      traffic: new Map([...traffic.readings()].map(([route, reading]) => [route, [reading]])),
      addresses: services.states(),
      backends: services.backends(),
      validTo: certificates.validTo(),
      warnings: [...certificates.warnings(), ...keyLists.warnings()],
      silent: current()
        .plan.routes.filter(({ shadow }) => shadow !== null)
        .flatMap(({ id }) =>
          (['legacy', 'new'] as const).filter(side => desk.isSilent(id, side)).map(side => ({ route: id, side })),
        ),
    }),
    async look() {
      tellWatched()
    },
    metrics: own => textOfOne([own, metrics.registry()]),
    metered: () => readMetrics(metrics.registry()),
    restartShares(routes) {
      for (const route of routes) traffic.restartShare(route)
    },
    suspend: ({ route, side, template, why, since }) => void suspensions.suspend(route, side, template, why, since),
    resume: (route, template) => void suspensions.resume(route, template),
    remembered: async exchanges => desk.remembered(exchanges),
    replay: desk.replay,
    beginDrain: proxy.beginDrain,
    close: proxy.close,
    async end() {
      clearInterval(telling)
      tellWatched()
      certificates.close()
      keyLists.close()
      await desk.close()
      services.destroy()
      // Last: shadows have spans, too.
      await tracing?.close(LAST_SPANS_MS)
    },
  }
}
