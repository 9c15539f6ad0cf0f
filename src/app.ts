// Introduces the rooms to each other: opens the store, puts a snapshot in force, starts the listeners, and takes it all down.
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { createActs } from './acts.ts'
import { type Access, createAccess, hashOf } from './admin/access.ts'
import type { Status } from './admin/api.ts'
import { BOUNDS, type Bounds } from './admin/bounds.ts'
import { createEvents } from './admin/events.ts'
import { createHealthServer } from './admin/health.ts'
import { healthOf } from './admin/health-view.ts'
import { createAdminServer } from './admin/server.ts'
import { warningsOf } from './admin/warnings.ts'
import { type BreakGlass, watchBreakGlass } from './break-glass.ts'
import { createCharts } from './charts/charts.ts'
import { type Chance, compileSnapshot } from './config/compile.ts'
import { createLive, type Swappable } from './config/live.ts'
import type { Configured } from './configured.ts'
import { type Control, type ControlParts, openControl, rollbackId } from './control/control.ts'
import { createDecisions } from './decisions.ts'
import { createDoctor } from './doctor/doctor.ts'
import { ensureFirstToken } from './first-token.ts'
import { createInstances, inheritRecords } from './instances.ts'
import { createInventory } from './inventory/recorder.ts'
import { createKeyLists } from './key-lists.ts'
import { addressText, type Listening, listen } from './listen.ts'
import type { Log, LogOptions } from './log.ts'
import { createControlMetrics } from './metrics/control.ts'
import { CONTENT_TYPE } from './metrics/text.ts'
import { inTurns } from './metrics/turns.ts'
import type { Actor, ControlState, Reached, RollbackTrigger } from './model/control.ts'
import type { BanyanError, Mistake } from './model/errors.ts'
import type { Plan, Snapshot } from './model/snapshot.ts'
import type { Clock, Milliseconds } from './model/units.ts'
import { createLocalPlane } from './plane/local.ts'
import type { Ears, Generation, Plane, PlaneSettings, WorkerState } from './plane/plane.ts'
import { createWorkersPlane } from './plane/workers.ts'
import { createReloader, type Reloader } from './reload.ts'
import { createShadowing } from './shadowing.ts'
import { createSightings } from './sightings.ts'
import type { Copy } from './store/copy.ts'
import { directoryOf, openCopy, openSpill, openStore } from './stores.ts'
import { trafficOf } from './traffic.ts'
import { type OwnListener, type Refuse, refuseOwn } from './upstream/own-listeners.ts'
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

/** What whoever rolls out replicas should see where it looks. */
const READY_ALL_THE_SAME: ReadonlySet<string> = new Set(['config_differs', 'instance_taken'])

/** Troubles of a store that pass by themselves. */
const WAITED_FOR = new Set(['store_unreachable', 'store_timeout', 'store_full', 'store_read_only', 'store_io'])
const ASK_AGAIN_MS: Milliseconds = 1_000
const NOWHERE: Reached = { appliedBy: [], pending: [] }
/** Unnamed forwarders that are remembered for a warning. */
const MOST_FORWARDERS = 20

export interface AppOptions {
  readonly configured: Configured
  /** Reads the configuration again: from its file, or null when there is none. */
  readonly reread: (() => Promise<Configured>) | null
  /** A text that came by API. */
  readonly check: (text: string) => Promise<Configured>
  readonly log: Log
  /** Of workers, which write by themselves; absent: they say nothing. */
  readonly workerLog?: LogOptions
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
  /** Of callers of the admin and health listeners; absent: the usual. */
  readonly bounds?: Bounds
  /** Aborted: it need not wait for its store any more. */
  readonly stopped?: AbortSignal
}

export interface App {
  readonly addresses: {
    /** By which this machine reaches it. */
    readonly proxy: string
    readonly admin: string
    readonly health: string
    readonly sides: string | null
    readonly fleet: string | null
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
  const bounds = options.bounds ?? BOUNDS
  const workers = config.proxy.workers === 'auto' ? availableParallelism() : config.proxy.workers
  let state: Status['state'] = 'starting'
  const startedAt = clock.now()

  const directory = directoryOf(config, options.cwd)
  const store = await openStore(config, { cwd: options.cwd, instance, log: log.line })
  const live: { snapshot: Swappable<Snapshot> | null } = { snapshot: null }
  const current = () => (live.snapshot as Swappable<Snapshot>).current()
  const sightings = createSightings({ plan: () => current().plan, clock, log: log.line })
  const inventory = createInventory(clock)
  const metrics = createControlMetrics({
    version: VERSION,
    current,
    perRoute: config.metrics.perRoute === 'always',
    servesToo: workers === 1,
    workers: () => standingOf(plane.workers()),
    replicas() {
      const running = replicas().filter(({ revision, silent }) => revision >= control.stored() && !silent).length
      return { running, pending: replicas().length - running }
    },
    configDiffers: () => instances?.fleet.differing().length ?? 0,
    store: () => ({ healthy: control.healthy(), unsaved: control.owed().length }),
  })
  const events = createEvents(randomBytes(4).toString('hex'))
  /** What a snapshot was made of, for processes that compile it themselves. */
  const generations = new WeakMap<Snapshot, ControlState>()
  const configuredBy = new WeakMap([[options.configured.plan, options.configured]])
  const generationOf = (snapshot: Snapshot): Generation => ({
    snapshot,
    state: generations.get(snapshot) as ControlState,
    configured: configuredBy.get(snapshot.plan) as Configured,
  })
  let applied: (snapshot: Snapshot, since: Milliseconds) => Promise<Reached> = async () => NOWHERE
  let lastCommitMs: Milliseconds | null = null
  let listening = ''
  /** What is asked for before it is there. */
  const opened: { control: Control | null; plane: Plane | null; reloader: Reloader | null } = {
    control: null,
    plane: null,
    reloader: null,
  }
  const addresses = { proxy: '', admin: '', health: '', sides: null as string | null, fleet: null as string | null }
  const copy = openCopy(config, options.cwd, log.line)
  const instances =
    store.shared === null
      ? null
      : createInstances({
          instance,
          clock,
          config,
          store,
          shared: store.shared,
          startedAt,
          state: () => state,
          admin: () => (addresses.admin === '' ? null : addresses.admin),
          workers: () => opened.plane?.workers() ?? [],
          control: () => opened.control,
          configured: () => opened.reloader?.configured() ?? options.configured,
          ageMs: () => control.plan().shadow.ageMs,
          log: log.line,
        })
  const replicas = (): Status['replicas'] =>
    instances?.fleet.replicas().map(({ workers: all, ...one }) => ({
      ...one,
      workers: all.map(({ worker, revision }) => ({ worker, revision })),
    })) ?? [
      {
        instance,
        revision: control.stored(),
        version: VERSION,
        state,
        agoMs: 0,
        silent: false,
        configHash: '',
        self: true,
        workers: plane.workers().map(({ worker, revision }) => ({ worker, revision })),
      },
    ]

  let why: string = 'starting'
  const health = createHealthServer({
    bounds,
    ready: () => ({
      ready: state === 'ready',
      why: state === 'starting' ? why : state,
      warnings: instances?.fleet.warnings().filter(({ code }) => READY_ALL_THE_SAME.has(code)) ?? [],
    }),
    metrics: {
      contentType: CONTENT_TYPE,
      read: inTurns(async () => Buffer.from((await opened.plane?.metrics(metrics.registry())) ?? ''), clock),
    },
  })
  // Before anything that may have to wait: whoever asks hears that it is alive, and not ready.
  try {
    addresses.health = (await listen(health, config.health.listen, 'health.listen')).url
  } catch (error) {
    await health.close()
    await store.close()
    throw error
  }

  const controlParts: ControlParts = {
    instance,
    clock,
    running: async () => opened.plane?.running() ?? NOWHERE,
    compile(plan, controlState) {
      const snapshot = compileSnapshot(plan, controlState, options.chance)
      generations.set(snapshot, controlState)
      return snapshot
    },
    swap(snapshot, since) {
      if (live.snapshot === null) live.snapshot = createLive(snapshot)
      else live.snapshot.swap(snapshot)
      return applied(snapshot, since)
    },
    load: () => store.load(),
    async commit(controlState, draft, after) {
      const began = clock.monotonic()
      await store.commit(controlState, draft, { after })
      lastCommitMs = clock.monotonic() - began
    },
    probe: () => store.lease('probe', instance, 1),
    copy,
    fleet: instances?.fleet ?? null,
    spill: openSpill(directory),
    seed: () => randomBytes(24).toString('base64url'),
    changed(event) {
      acts?.own(event.revision)
      decisions.heard(event)
      events.publish('change', event)
      const { plan } = current()
      const changed = plan.byId.get(event.subject)
      const concerned = event.subject === '*' ? plan.routes : changed && plan.units.get(changed.unit)
      // The share that was observed before a change says nothing about after it. Others are heard before we serve.
      if (!MOVES_NOBODY.has(event.action)) opened.plane?.restartShares((concerned ?? []).map(({ id }) => id))
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
  }
  const decisions = createDecisions({
    store,
    stored: () => opened.control?.stored() ?? 0,
    plan: () => current().plan,
    log: log.line,
  })
  const control: Control = await whenItAnswers(() => openControl(controlParts, options.configured.plan)).catch(
    async error => {
      await instances?.close()
      await health.close()
      await store.close()
      throw error
    },
  )

  /** Without its store and without a local copy there is nothing to serve by: it waits, alive and not ready. */
  async function whenItAnswers<T>(open: () => Promise<T>): Promise<T> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await open()
      } catch (error) {
        const isPassing = WAITED_FOR.has((error as Partial<BanyanError>).code ?? '')
        if (store.shared === null || !isPassing || options.stopped?.aborted === true) throw error
        if (isFirst) log.line('warn', `waiting for the store: ${(error as Error).message}`)
        why = 'waiting for the store'
        await new Promise(resolve => setTimeout(resolve, ASK_AGAIN_MS))
      }
    }
  }

  const reloader = createReloader({
    instance,
    first: options.configured,
    reread: options.reread,
    check: options.check,
    control: {
      reload(plan, command, configured) {
        configuredBy.set(plan, configured)
        return control.reload(plan, command)
      },
    },
    storeAnswers: () => control.healthy(),
    inForce: configured => plane.restartShares(configured.plan.routes.map(({ id }) => id)),
    counted: result => metrics.reloaded(result),
    log: log.line,
  })
  opened.reloader = reloader

  // A store that was not there a moment ago is not waited for again: every second counts until something serves.
  const storeAnswers = control.healthy()
  if (store.shared !== null && storeAnswers) {
    await inheritRecords(store.shared, log.line).catch(() => {})
  }
  // Read once for all who have something there.
  const known = storeAnswers ? store.kept() : Promise.reject(new Error('the store does not answer'))
  known.catch(() => {})
  const shadowing = await createShadowing({
    clock,
    current,
    metrics,
    store,
    known,
    plane: () => plane,
    publish: (type, event) => events.publish(type, event),
    log: log.line,
  })
  const acts =
    store.shared === null
      ? null
      : createActs({
          store,
          stored: () => control.stored(),
          acknowledge: shadowing.face.acknowledge,
          revokeNoise: shadowing.face.revokeNoise,
          resume: shadowing.face.resume,
          forget: shadowing.face.forget,
          log: log.line,
        })
  acts?.look()
  const forwarders = new Set<string>()
  const settings: PlaneSettings = {
    listen: config.proxy.listen,
    perRouteMetrics: config.metrics.perRoute === 'always',
    seed: options.configured.plan.seed ?? control.state().seed,
    salt: randomBytes(4).readUInt32BE(),
    certificateLookMs: options.certificateLookMs ?? null,
  }
  const ears: Ears = {
    ...shadowing.ears,
    note: sightings.note,
    sample(sample) {
      doctor.sample(sample)
      inventory.take(sample)
    },
    watched: told => doctor.watched(told),
    forwarder(peer) {
      if (forwarders.size < MOST_FORWARDERS) forwarders.add(peer)
    },
  }
  const first = generationOf(current())
  const plane: Plane =
    workers === 1
      ? createLocalPlane({
          settings,
          ears,
          clock,
          random: options.chance.random,
          log,
          self: { instance, worker: 1 },
          first,
        })
      : createWorkersPlane({
          count: workers,
          settings,
          ears,
          clock,
          log: log.line,
          workerLog: options.workerLog ?? { level: 'silent', access: false, format: 'json', instance },
          instance,
          first,
          suspensions: () => shadowing.suspensions.all,
          replaced: metrics.workerReplaced,
        })
  // Lists of keys live in each process that has a plan; of one process they are looked at where it serves.
  const keyLists = workers === 1 ? null : createKeyLists({ plan: () => current().plan, log: () => {} })
  keyLists?.swapped()
  const charts = await createCharts({
    clock,
    instance,
    look: () => plane.look(),
    readings: () => plane.reading().traffic,
    routes() {
      const { plan, splits } = current()
      const routes = plan.fallback === null ? plan.routes : [...plan.routes, plan.fallback]
      return new Map(routes.map(({ id, index }) => [id, splits[index]?.effective ?? 0]))
    },
    pairs: shadowing.pairs,
    store,
    known,
    newName: () => randomBytes(5).toString('hex'),
    log: log.line,
  })
  // From now on others may bring something.
  opened.plane = plane
  opened.control = control
  decisions.look()
  const storeView = () => ({
    kind: store.kind,
    healthy: control.healthy(),
    unsaved: control.owed().length,
    unkept: control.keptNowhere().length,
  })
  const doctor = createDoctor({
    clock,
    plan: () => current().plan,
    keyOf: head => current().explain(head)?.explained.key ?? null,
    sighted: sightings.found,
    forwarders: () => forwarders,
    ownValidTo: () => plane.reading().validTo,
    addresses: () => plane.reading().addresses,
    schema: store.schema,
    store: () => ({
      ...storeView(),
      lastCommitMs,
      directory,
    }),
  })
  applied = (snapshot, since) => {
    const reached = plane.apply(generationOf(snapshot), since)
    shadowing.swapped()
    keyLists?.swapped()
    acts?.look()
    decisions.look()
    return reached
  }

  const accessParts = {
    failedLogin: metrics.failedLogin,
    clock,
    tokens: () => control.state().tokens,
    environmentToken: options.adminToken === null ? null : hashOf(options.adminToken),
    hosts: config.admin.hosts,
    seed: () => control.plan().seed ?? control.state().seed,
    behindTls: config.admin.behindTls,
    auth: config.admin.auth ?? null,
  }
  const accessControl = createAccess(accessParts)
  const admin = createAdminServer({
    bounds,
    control,
    current,
    look: () => plane.look(),
    traffic() {
      const { traffic } = plane.reading()
      return route => trafficOf(traffic.get(route) ?? [])
    },
    workers: plane.workers,
    replicas,
    receiver: config.fleet.listen === null ? (instances?.receiver ?? null) : null,
    inventory: inventory.view,
    shadow: shadowing.face,
    decided: decisions.read,
    charts,
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
      store: storeView(),
      config: { file: control.plan().file, loadedAt: control.plan().loadedAt, ...reloader.state() },
      warnings: warningsOf(
        [...reloader.configured().warnings.filter(isOfConfig), ...reloader.late()],
        control,
        current(),
        forwarders,
        [
          ...(instances?.fleet.warnings() ?? []),
          ...plane.reading().warnings,
          ...sightings.warnings(),
          ...doctor.warnings(),
          ...accessControl.warnings(),
          ...copyWarnings(copy),
          ...shadowing.warnings(),
        ],
        plane.reading().addresses,
        plane.reading().backends,
      ),
    }),
    doctor: routes => doctor.report(routes),
    newSeed: () => randomBytes(24).toString('base64url'),
    proxyUrl: () => addresses.proxy,
    health() {
      const { addresses, backends } = plane.reading()
      return healthOf(addresses, backends)
    },
  })
  /** By which it is operated, as they begin. Health is none: whoever asks it gets no rights, and probes may come from anywhere. */
  const own: OwnListener[] = []
  const sides =
    config.sides.listen === null
      ? null
      : await openSideDoors(
          bounds,
          accessControl,
          () => control.plan(),
          refuseOwn({ own: () => own, clock, log: log.line }),
        )

  const breakGlass = async (reason: string | null) => {
    const actor: Actor = { name: 'break_glass', tokenId: null, address: null }
    const trigger: RollbackTrigger = 'break_glass'
    await control.apply({ type: 'rollback', id: rollbackId(), route: null, trigger, actor, reason })
  }
  const glass: BreakGlass | null =
    directory === null ? null : watchBreakGlass(directory, breakGlass, () => control.keptNowhere().length === 0)

  try {
    const begun = ({ url, bound }: Listening): string => {
      own.push(...bound)
      return url
    }
    addresses.admin = begun(await listen(admin, config.admin.listen, 'admin.listen'))
    if (sides !== null && config.sides.listen !== null) {
      addresses.sides = begun(await listen(sides, config.sides.listen, 'sides.listen'))
    }
    const fleet = (await instances?.begin()) ?? null
    addresses.fleet = fleet && begun(fleet)
    // Somebody broke it while nothing ran: in force before the first request.
    await glass?.look()
    const bound = await plane.listen(own)
    addresses.proxy = addressText(bound, current().plan.tls === null ? 'http' : 'https')
    // Last: a start that fails leaves no token behind that belongs to nobody.
    if (options.adminToken === null) {
      await ensureFirstToken({
        control,
        clock,
        isShared: store.shared !== null,
        directory,
        cwd: options.cwd,
        made: options.tokenMade,
      })
    }
    listening = `${bound.host.includes(':') ? `[${bound.host}]` : bound.host}:${bound.port}`
  } catch (error) {
    glass?.close()
    keyLists?.close()
    await charts.close()
    await plane.end()
    await shadowing.close()
    await Promise.allSettled([plane.close(0), health.close(), admin.close(), sides?.close(), instances?.close()])
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
    plane.beginDrain()
    if (drain) await new Promise(resolve => setTimeout(resolve, graceMs))
    const cut = await plane.close(drain ? deadlineMs : 0)
    if (cut === 0) log.line('info', 'stopped listening; nothing was cut')
    else log.line('warn', `${cut} requests were cut at the end of drain.deadline`)
    glass?.close()
    reloader.close()
    keyLists?.close()
    events.close()
    await charts.close()
    await plane.end()
    await acts?.settled()
    await decisions.settled()
    await shadowing.close()
    await Promise.allSettled([admin.close(), sides?.close(), health.close()])
    await control.close()
    await instances?.close()
    await store.close()
    log.flush()
  }

  return {
    addresses,
    listening,
    control,
    breakGlass,
    reload: reloader.told,
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

function copyWarnings(copy: Copy | null): Status['warnings'] {
  const failing = copy?.failing() ?? null
  if (failing === null) return []
  const message = `the local copy of the state is behind, and a start without the store would go on with an older one: ${failing}`
  return [{ code: 'copy_behind', message, route: null }]
}

function standingOf(workers: readonly WorkerState[]) {
  const running = workers.filter(({ state }) => state === 'running').length
  return { running, pending: workers.length - running }
}

/** Loaded only where there are any: they bring a second proxy with them. */
async function openSideDoors(bounds: Bounds, access: Access, plan: () => Plan, refuse: Refuse) {
  const [{ createSideDoors, doorBackend }, { BACKEND_HEADER, createSideDispatcher }] = await Promise.all([
    import('./admin/sides.ts'),
    import('./upstream/side-door.ts'),
  ])
  const dispatcher = createSideDispatcher(door => doorBackend(plan(), door), refuse)
  const doors = await createSideDoors({ bounds, access, plan, dispatcher, backendHeader: BACKEND_HEADER })
  doors.addHook('onClose', async () => dispatcher.destroy())
  return doors
}
