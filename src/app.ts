// Introduces the rooms to each other: opens the store, puts a snapshot in force, starts the listeners, and takes it all down.
import { createHmac, randomBytes } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { createAccess, hashOf } from './admin/access.ts'
import type { Status } from './admin/api.ts'
import { createEvents } from './admin/events.ts'
import { createHealthServer } from './admin/health.ts'
import { healthOf } from './admin/health-view.ts'
import { createAdminServer } from './admin/server.ts'
import { createSideDoors, doorBackend } from './admin/sides.ts'
import { warningsOf } from './admin/warnings.ts'
import { type BreakGlass, watchBreakGlass } from './break-glass.ts'
import { createCertificates } from './certificates.ts'
import { type Chance, compileSnapshot } from './config/compile.ts'
import { createLive, type Swappable } from './config/live.ts'
import type { Configured } from './configured.ts'
import { type Control, openControl, rollbackId } from './control/control.ts'
import { createDoctor } from './doctor/doctor.ts'
import { ensureFirstToken } from './first-token.ts'
import { createIds } from './ids.ts'
import { createInventory } from './inventory/recorder.ts'
import { createKeyLists } from './key-lists.ts'
import { addressText, listen, listenFailed } from './listen.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import type { Actor, RollbackTrigger } from './model/control.ts'
import type { BanyanError, Mistake } from './model/errors.ts'
import { DEFAULT_ROUTE } from './model/route.ts'
import type { Snapshot } from './model/snapshot.ts'
import type { Clock, Milliseconds } from './model/units.ts'
import type { ProxyParts } from './proxy/parts.ts'
import { plainOriginal } from './proxy/plain.ts'
import { createProxyServer } from './proxy/server.ts'
import { createReloader } from './reload.ts'
import { createSampling } from './sampling.ts'
import { createShadowing, type Shadowing } from './shadowing.ts'
import { createSightings } from './sightings.ts'
import { createMemoryStore } from './store/memory.ts'
import { createSpill } from './store/spill.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { createTraffic } from './traffic.ts'
import { ask } from './upstream/ask.ts'
import { forward } from './upstream/forward.ts'
import { couldBeUs } from './upstream/own-address.ts'
import { lookupSystem } from './upstream/resolver.ts'
import { createServices } from './upstream/services.ts'
import { BACKEND_HEADER, createSideDispatcher } from './upstream/side-door.ts'
import { VERSION } from './version.ts'

/** Changes about a route that leave its users where they are. */
const MOVES_NOBODY: ReadonlySet<string> = new Set([
  'link',
  'add-rule',
  'remove-rule',
  'acknowledge',
  'revoke-noise',
  'resume-shadow',
])

/** Unnamed forwarders that are remembered for a warning. */
const MOST_FORWARDERS = 20

export interface AppOptions {
  readonly configured: Configured
  /** Reads the configuration again: from its file, or null when there is none. */
  readonly reread: (() => Promise<Configured>) | null
  /** A text that came by API. */
  readonly check: (text: string) => Promise<Configured>
  readonly log: Log
  readonly clock: Clock
  readonly chance: Chance
  /** BANYAN_ADMIN_TOKEN. */
  readonly adminToken: string | null
  readonly instance: string
  readonly cwd: string
  /** Told once, with the secret of a token that was made. */
  readonly tokenMade: (file: string, secret: string) => void
  /** Between two looks at the files of the certificate; absent: a few seconds. */
  readonly certificateLookMs?: Milliseconds
}

export interface App {
  readonly addresses: {
    /** By which this machine reaches it. */
    readonly proxy: string
    readonly admin: string
    readonly health: string
    readonly sides: string | null
  }
  /** What the data listener is bound to, as host:port. */
  readonly listening: string
  readonly control: Control
  /** From SIGUSR2 or the file. */
  breakGlass(reason: string | null): Promise<void>
  reload(source: string): Promise<void>
  /** Readiness fails, the listener goes on for the grace, what is in flight ends by the deadline. */
  stop(how: { readonly drain: boolean }): Promise<void>
}

export async function startApp(options: AppOptions): Promise<App> {
  const { log, clock, instance } = options
  const { config } = options.configured
  let state: Status['state'] = 'starting'
  const forwarders = new Set<string>()
  const startedAt = clock.now()

  const directory = config.store.kind === 'sqlite' ? dirname(resolve(options.cwd, config.store.path)) : null
  const store = await openStore(options)
  const sightings = createSightings({ plan: () => current().plan, clock, log: log.line })
  const traffic = createTraffic(clock)
  const inventory = createInventory(clock)
  const live: { snapshot: Swappable<Snapshot> | null } = { snapshot: null }
  const current = () => (live.snapshot as Swappable<Snapshot>).current()
  const shadowing: { current: Shadowing | null } = { current: null }
  const metrics = createMetrics({
    version: VERSION,
    current,
    perRoute: config.metrics.perRoute === 'always',
    heldBytes: () => shadowing.current?.heldBytes() ?? 0,
  })
  const events = createEvents(randomBytes(4).toString('hex'))
  let swapped = () => {}
  let lastCommitMs: Milliseconds | null = null
  let listening = ''

  const control = await openControl(
    {
      instance,
      clock,
      compile: (plan, controlState) => compileSnapshot(plan, controlState, options.chance),
      swap(snapshot) {
        if (live.snapshot === null) live.snapshot = createLive(snapshot)
        else live.snapshot.swap(snapshot)
        swapped()
      },
      load: () => store.load(),
      async commit(controlState, draft) {
        const began = clock.monotonic()
        await store.commit(controlState, draft, { after: (await store.load())?.revision ?? 0 })
        lastCommitMs = clock.monotonic() - began
      },
      spill: directory === null ? noSpill : createSpill({ path: join(directory, 'rollbacks.pending') }),
      seed: () => randomBytes(24).toString('base64url'),
      changed(event) {
        events.publish('change', event)
        const { plan } = current()
        const changed = plan.byId.get(event.subject)
        const concerned = event.subject === '*' ? plan.routes : changed && plan.units.get(changed.unit)
        // The share that was observed before a change says nothing about after it.
        if (!MOVES_NOBODY.has(event.action)) for (const { id } of concerned ?? []) traffic.restartShare(id)
        if (event.trigger !== null) {
          const unit = event.subject === '*' ? null : (plan.byId.get(event.subject)?.unit ?? null)
          const routes = plan.routes.filter(
            route => route.sides.legacy !== null && (unit === null || route.unit === unit),
          )
          metrics.rolledBack(
            routes.map(route => route.id),
            event.trigger,
            event.ms,
          )
        }
      },
      log: log.line,
    },
    options.configured.plan,
  )
  const reloader = createReloader({
    first: options.configured,
    reread: options.reread,
    check: options.check,
    control,
    inForce(configured) {
      services.retain(configured.plan.backends)
      traffic.retain(new Set([...configured.plan.byId.keys(), DEFAULT_ROUTE]))
      for (const { id } of configured.plan.routes) traffic.restartShare(id)
    },
    counted: result => metrics.reloaded(result),
    log: log.line,
  })

  const mark = createHmac('sha256', options.configured.plan.seed ?? control.state().seed)
  const loopMark = mark.update('banyan loop mark').digest('hex').slice(0, 16)
  const secret = createHmac('sha256', options.configured.plan.seed ?? control.state().seed)
    .update('banyan addresses')
    .digest('hex')
  const services = createServices({
    clock,
    chance: options.chance.random,
    lookup: lookupSystem,
    secret,
  })
  services.retain(options.configured.plan.backends)
  const proxyPort = { current: config.proxy.listen.port }
  const access = log.access
  const doctor = createDoctor({
    clock,
    salt: randomBytes(4).readUInt32BE(),
    plan: () => current().plan,
    keyOf: head => current().explain(head)?.explained.key ?? null,
    sighted: sightings.found,
    forwarders: () => forwarders,
    ownValidTo: () => certificates.validTo(),
    addresses: services.states,
    store: () => ({
      kind: store.kind,
      healthy: control.healthy(),
      unsaved: control.unsaved(),
      lastCommitMs,
      directory,
    }),
  })
  const askShadow: ProxyParts['askShadow'] = (question, body, limits) =>
    ask({ serviceOf: backend => services.of(backend, 'shadow'), clock }, question, body, limits)
  const proxyParts: ProxyParts = {
    current,
    askShadow,
    shadow: original => shadowing.current?.begin(original) ?? null,
    ask: (asking, listening) => forward(services.of(asking.backend, 'primary'), asking, listening),
    hasChoice: backend => services.of(backend, 'primary').hasChoice,
    allowsRetry: backend => services.of(backend, 'primary').allowsRetry,
    observe(exchange) {
      metrics.exchange(exchange)
      traffic.exchange(exchange)
      access?.(exchange)
    },
    samples: createSampling(clock, options.chance.random),
    watch: doctor.exchange,
    sample(sample) {
      doctor.sample(sample)
      inventory.take(sample)
    },
    note(note) {
      metrics.note(note)
      sightings.note(note)
    },
    tunnel(route, side, change) {
      metrics.tunnel(route, side, change)
      traffic.tunnel(route, side, change)
    },
    unnamedForwarder(peer) {
      if (forwarders.size < MOST_FORWARDERS) forwarders.add(peer)
    },
    broken: error =>
      log.line('error', 'a request failed inside the proxy', { error: String((error as Error).stack ?? error) }),
    clock,
    ids: createIds(),
    loopMark,
    couldBeUs: couldBeUs(proxyPort),
  }
  const proxy = createProxyServer(proxyParts, {
    host: config.proxy.listen.host,
    port: config.proxy.listen.port,
    heapShare: () => {
      const { used_heap_size, heap_size_limit } = getHeapStatistics()
      return used_heap_size / heap_size_limit
    },
  })
  shadowing.current = await createShadowing({
    clock,
    random: options.chance.random,
    current,
    metrics,
    traffic,
    store,
    isStrained: proxy.isStrained,
    originalOf: (route, request) => plainOriginal(proxyParts, route, request),
    publish: (type, event) => events.publish(type, event),
    log: log.line,
  })
  const { face } = shadowing.current
  const certificates = createCertificates({
    plan: () => current().plan,
    renew: proxy.renew,
    clock,
    log: log.line,
    ...(options.certificateLookMs === undefined ? {} : { lookMs: options.certificateLookMs }),
  })
  const keyLists = createKeyLists({ plan: () => current().plan, log: log.line })
  keyLists.swapped()
  swapped = () => {
    proxy.recall()
    certificates.swapped()
    keyLists.swapped()
    shadowing.current?.swapped()
  }

  const accessParts = {
    clock,
    tokens: () => control.state().tokens,
    environmentToken: options.adminToken === null ? null : hashOf(options.adminToken),
    hosts: config.admin.hosts,
  }
  const accessControl = createAccess(accessParts)
  const admin = createAdminServer({
    control,
    current,
    traffic,
    inventory: inventory.view,
    shadow: face,
    clock,
    access: accessControl,
    events,
    version: VERSION,
    log: log.line,
    audit: { page: page => store.audit(page), verify: () => store.verifyAudit() },
    config: {
      shown: () => reloader.configured().shown,
      file: () => control.plan().file,
      check: text => reloader.check(text),
      reload: (actor, reason) => reloader.reload(actor, reason, 'api'),
    },
    process: () => ({
      version: VERSION,
      instance,
      startedAt,
      uptimeSeconds: Math.round((clock.now() - startedAt) / 100) / 10,
      state,
      listen: listening,
      store: { kind: store.kind, healthy: control.healthy(), unsaved: control.unsaved() },
      config: { file: control.plan().file, loadedAt: control.plan().loadedAt, ...reloader.state() },
      warnings: warningsOf(
        [...reloader.configured().warnings.filter(isOfConfig), ...reloader.late()],
        control,
        current(),
        forwarders,
        [
          ...certificates.warnings(),
          ...keyLists.warnings(),
          ...sightings.warnings(),
          ...doctor.warnings(),
          ...(shadowing.current?.warnings() ?? []),
        ],
        services.states(),
        services.backends(),
      ),
    }),
    doctor: routes => doctor.report(routes),
    newSeed: () => randomBytes(24).toString('base64url'),
    proxyUrl: () => addresses.proxy,
    health: () => healthOf(services.states(), services.backends()),
  })
  const health = createHealthServer({
    ready: () => ({ ready: state === 'ready', why: state }),
    metrics,
  })
  const dispatcher = createSideDispatcher(door => doorBackend(control.plan(), door))
  const sides =
    config.sides.listen === null
      ? null
      : await createSideDoors({
          access: createAccess({ ...accessParts, hint: 'X-Banyan-Token: <token>' }),
          plan: () => control.plan(),
          dispatcher,
          backendHeader: BACKEND_HEADER,
        })

  const breakGlass = async (reason: string | null) => {
    const actor: Actor = { name: 'break_glass', tokenId: null, address: null }
    const trigger: RollbackTrigger = 'break_glass'
    await control.apply({ type: 'rollback', id: rollbackId(), route: null, trigger, actor, reason })
  }
  const glass: BreakGlass | null = directory === null ? null : watchBreakGlass(directory, breakGlass)

  const addresses = { proxy: '', admin: '', health: '', sides: null as string | null }
  try {
    addresses.health = await listen(health, config.health.listen, 'health.listen')
    addresses.admin = await listen(admin, config.admin.listen, 'admin.listen')
    if (sides !== null && config.sides.listen !== null) {
      addresses.sides = await listen(sides, config.sides.listen, 'sides.listen')
    }
    // Somebody broke it while nothing ran: in force before the first request.
    await glass?.look()
    const bound = await proxy.listen().catch(error => {
      throw listenFailed(error, config.proxy.listen, 'proxy.listen')
    })
    proxyPort.current = bound.port
    addresses.proxy = addressText(bound, current().plan.tls === null ? 'http' : 'https')
    // Last: a start that fails leaves no token behind that belongs to nobody.
    if (options.adminToken === null) {
      await ensureFirstToken({ control, clock, directory, cwd: options.cwd, made: options.tokenMade })
    }
    listening = `${bound.host.includes(':') ? `[${bound.host}]` : bound.host}:${bound.port}`
  } catch (error) {
    glass?.close()
    certificates.close()
    keyLists.close()
    await shadowing.current?.close()
    await Promise.allSettled([proxy.close(0), health.close(), admin.close(), sides?.close()])
    await control.close()
    await store.close()
    throw error
  }
  state = 'ready'

  let stopping: Promise<void> | null = null
  async function stop(drain: boolean): Promise<void> {
    state = 'draining'
    log.line(
      'info',
      drain ? `draining: not ready, and listening for ${control.plan().drain.graceMs} ms more` : 'stopping',
    )
    const { graceMs, deadlineMs } = control.plan().drain
    proxy.beginDrain()
    if (drain) await new Promise(resolve => setTimeout(resolve, graceMs))
    const cut = await proxy.close(drain ? deadlineMs : 0)
    if (cut === 0) log.line('info', 'stopped listening; nothing was cut')
    else log.line('warn', `${cut} requests were cut at the end of drain.deadline`)
    glass?.close()
    certificates.close()
    keyLists.close()
    events.close()
    await shadowing.current?.close()
    await Promise.allSettled([admin.close(), sides?.close(), health.close()])
    services.destroy()
    dispatcher.destroy()
    await control.close()
    await store.close()
    log.flush()
  }

  return {
    addresses,
    listening,
    control,
    breakGlass,
    async reload(source) {
      await reloader
        .reload({ name: source, tokenId: null, address: null }, null, source)
        .catch((error: BanyanError) => {
          if (error.code === 'no_file') log.line('warn', `${source}: ${error.message}`)
        })
    },
    stop({ drain }) {
      stopping ??= stop(drain)
      return stopping
    },
  }
}

/** What was said of the certificate when it was read may not be true of the one in force. */
function isOfConfig({ path }: Mistake): boolean {
  return path !== '/proxy/tls/cert'
}

/** A store in memory forgets with the process, and so may its rollbacks. */
const noSpill = { append() {}, read: async () => [], clear: async () => {}, reserve: async () => {} }

async function openStore(options: AppOptions): Promise<Store> {
  const { store } = options.configured.config
  return store.kind === 'memory' ? createMemoryStore() : openSqliteStore({ path: resolve(options.cwd, store.path) })
}
