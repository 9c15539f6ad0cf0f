// Introduces the rooms to each other: opens the store, puts a snapshot in force, starts the listeners, and takes it all down.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { createAccess, createSecret, hashOf } from './admin/access.ts'
import type { Status } from './admin/api.ts'
import { createEvents } from './admin/events.ts'
import { createHealthServer } from './admin/health.ts'
import { createAdminServer } from './admin/server.ts'
import { createSideDoors, doorBackend } from './admin/sides.ts'
import { type BreakGlass, watchBreakGlass } from './break-glass.ts'
import { type Chance, compileSnapshot } from './config/compile.ts'
import { differences, needsRestart } from './config/diff.ts'
import { createLive, type Swappable } from './config/live.ts'
import type { Configured } from './configured.ts'
import { type Control, openControl, rollbackId } from './control/control.ts'
import { createIds } from './ids.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import { type Actor, isInForce, type RollbackTrigger } from './model/control.ts'
import { BanyanError, type Mistake } from './model/errors.ts'
import type { Backend } from './model/route.ts'
import type { Plan, Snapshot } from './model/snapshot.ts'
import type { Clock } from './model/units.ts'
import { createProxyServer } from './proxy/server.ts'
import { makeDirectory } from './store/directory.ts'
import { createMemoryStore } from './store/memory.ts'
import { createSpill } from './store/spill.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { createTraffic } from './traffic.ts'
import { forward } from './upstream/forward.ts'
import { createPools } from './upstream/pools.ts'
import { BACKEND_HEADER, createSideDispatcher } from './upstream/side-door.ts'
import { VERSION } from './version.ts'

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
}

export interface App {
  readonly addresses: {
    readonly proxy: string
    readonly admin: string
    readonly health: string
    readonly sides: string | null
  }
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
  let configured = options.configured
  let state: Status['state'] = 'starting'
  let lastReload: Status['config']['lastReload'] = 'none'
  let lastError: string | null = null
  const forwarders = new Set<string>()
  const startedAt = clock.now()

  const directory = config.store.kind === 'sqlite' ? dirname(resolve(options.cwd, config.store.path)) : null
  const store = await openStore(options)
  const pools = createPools()
  const traffic = createTraffic(clock)
  const live: { snapshot: Swappable<Snapshot> | null } = { snapshot: null }
  const current = () => (live.snapshot as Swappable<Snapshot>).current()
  const metrics = createMetrics({ version: VERSION, current, perRoute: false })
  const events = createEvents(randomBytes(4).toString('hex'))
  let recall = () => 0

  const control = await openControl(
    {
      instance,
      clock,
      compile: (plan, controlState) => compileSnapshot(plan, controlState, options.chance),
      swap(snapshot) {
        if (live.snapshot === null) live.snapshot = createLive(snapshot)
        else live.snapshot.swap(snapshot)
        recall()
      },
      load: () => store.load(),
      commit: (controlState, draft) => store.commit(controlState, draft),
      spill: directory === null ? noSpill : createSpill({ path: join(directory, 'rollbacks.pending') }),
      seed: () => randomBytes(24).toString('base64url'),
      changed(event) {
        events.publish('change', event)
        if (event.trigger !== null) {
          const { plan } = current()
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
    configured.plan,
  )
  await ensureAdminToken(options, control, directory)

  const mark = createHmac('sha256', configured.plan.seed ?? control.state().seed)
  const loopMark = mark.update('banyan loop mark').digest('hex').slice(0, 16)
  const proxyPort = { current: config.proxy.listen.port }
  const access = log.access
  const proxy = createProxyServer(
    {
      current,
      ask: (asking, listening) => forward(pools.of(asking.backend, 'primary'), asking, listening),
      observe(exchange) {
        metrics.exchange(exchange)
        traffic.exchange(exchange)
        access?.(exchange)
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
    },
    {
      host: config.proxy.listen.host,
      port: config.proxy.listen.port,
      limits: configured.plan.limits,
      requestHeadMs: config.proxy.timeouts.requestHead,
      keepAliveMs: config.proxy.timeouts.keepAlive,
    },
  )
  recall = () => proxy.recall()

  async function reload(actor: Actor, reason: string | null, source: string) {
    if (options.reread === null) {
      throw new BanyanError('no_file', 'there is no configuration file: started with --legacy alone')
    }
    try {
      const next = await options.reread()
      const changes = differences(configured.shown, next.shown)
      const outcome = await control.reload(next.plan, { type: 'reload', source, actor, reason })
      configured = next
      pools.retain(next.plan.backends)
      traffic.retain(new Set([...next.plan.byId.keys(), '_default']))
      lastReload = 'ok'
      lastError = null
      metrics.reloaded('ok')
      const late = changes.filter(needsRestart)
      for (const change of late) log.line('warn', `${change.path} changed: in force after a restart`)
      const warnings = [...next.warnings, ...late.map(change => restartWarning(next, change.path))]
      return { outcome, changes, warnings }
    } catch (error) {
      lastReload = 'failed'
      lastError = error instanceof Error ? error.message : String(error)
      metrics.reloaded('failed')
      log.line('error', 'reload refused; the configuration in force stays', { error: lastError })
      throw error
    }
  }

  const accessControl = createAccess({
    clock,
    tokens: () => control.state().tokens,
    environmentToken: options.adminToken === null ? null : hashOf(options.adminToken),
    hosts: config.admin.hosts,
  })
  const admin = createAdminServer({
    control,
    current,
    traffic,
    clock,
    access: accessControl,
    events,
    version: VERSION,
    log: log.line,
    audit: { page: page => store.audit(page), verify: () => store.verifyAudit() },
    config: {
      shown: () => configured.shown,
      file: () => configured.plan.file,
      async check(text) {
        const checked = await tryCheck(() => options.check(text))
        return 'mistakes' in checked
          ? { mistakes: checked.mistakes, changes: [] }
          : { mistakes: checked.configured.warnings, changes: differences(configured.shown, checked.configured.shown) }
      },
      reload: (actor, reason) => reload(actor, reason, 'api'),
    },
    process: () => ({
      version: VERSION,
      instance,
      startedAt,
      uptimeSeconds: Math.round((clock.now() - startedAt) / 100) / 10,
      state,
      listen: addresses.proxy,
      store: { kind: store.kind, healthy: control.healthy(), unsaved: control.unsaved() },
      config: { file: configured.plan.file, loadedAt: configured.plan.loadedAt, lastReload, lastError },
      warnings: warningsOf(configured, control, current(), forwarders),
    }),
    newSeed: () => randomBytes(24).toString('base64url'),
  })
  const health = createHealthServer({
    ready: () => ({ ready: state === 'ready', why: state }),
    metrics,
  })
  const sides =
    config.sides.listen === null
      ? null
      : await createSideDoors({
          access: accessControl,
          plan: () => control.plan(),
          dispatcher: createSideDispatcher(pools, door => doorBackend(control.plan(), door)),
          backendHeader: BACKEND_HEADER,
        })

  const addresses = { proxy: '', admin: '', health: '', sides: null as string | null }
  try {
    addresses.health = await listen(health, config.health.listen, 'health.listen')
    addresses.admin = await listen(admin, config.admin.listen, 'admin.listen')
    if (sides !== null && config.sides.listen !== null) {
      addresses.sides = await listen(sides, config.sides.listen, 'sides.listen')
    }
    const bound = await proxy.listen().catch(error => {
      throw listenFailed(error, config.proxy.listen, 'proxy.listen')
    })
    proxyPort.current = bound.port
    addresses.proxy = addressText(bound)
  } catch (error) {
    await Promise.allSettled([health.close(), admin.close(), sides?.close()])
    await control.close()
    await store.close()
    throw error
  }
  state = 'ready'

  const breakGlass = async (reason: string | null) => {
    const actor: Actor = { name: 'break_glass', tokenId: null, address: null }
    const trigger: RollbackTrigger = 'break_glass'
    await control.apply({ type: 'rollback', id: rollbackId(), route: null, trigger, actor, reason })
  }
  const glass: BreakGlass | null = directory === null ? null : watchBreakGlass(directory, breakGlass)

  let stopping: Promise<void> | null = null
  async function stop(drain: boolean): Promise<void> {
    state = 'draining'
    const { graceMs, deadlineMs } = control.plan().drain
    proxy.beginDrain()
    if (drain) await new Promise(resolve => setTimeout(resolve, graceMs))
    const cut = await proxy.close(drain ? deadlineMs : 0)
    if (cut > 0) log.line('warn', `${cut} requests were cut at the end of drain.deadline`)
    glass?.close()
    events.close()
    await Promise.allSettled([admin.close(), sides?.close(), health.close()])
    await pools.destroy()
    await control.close()
    await store.close()
    log.flush()
  }

  return {
    addresses,
    control,
    breakGlass,
    async reload(source) {
      await reload({ name: source, tokenId: null, address: null }, null, source).catch((error: BanyanError) => {
        if (error.code === 'no_file') log.line('warn', `${source}: ${error.message}`)
      })
    },
    stop({ drain }) {
      stopping ??= stop(drain)
      return stopping
    },
  }
}

/** A store in memory forgets with the process, and so may its rollbacks. */
const noSpill = { append() {}, read: async () => [], clear: async () => {}, reserve: async () => {} }

async function openStore(options: AppOptions): Promise<Store> {
  const { store } = options.configured.config
  return store.kind === 'memory' ? createMemoryStore() : openSqliteStore({ path: resolve(options.cwd, store.path) })
}

/** Without BANYAN_ADMIN_TOKEN and without any admin token in the store, one is made: its file is readable for this user only. */
async function ensureAdminToken(options: AppOptions, control: Control, directory: string | null): Promise<void> {
  if (options.adminToken !== null) return
  const file = join(directory ?? resolve(options.cwd, '.banyan'), 'admin.token')
  const known = control.state().tokens.find(token => token.id === 'tok-first')
  if (known !== undefined) {
    if (existsSync(file)) return
    // Its secret is nowhere any more: a new one takes its place.
    await control.apply({ type: 'revoke-token', id: known.id, actor: SYSTEM, reason: 'its file is gone' })
  }
  const secret = createSecret()
  const now = options.clock.now()
  makeDirectory(dirname(file))
  writeFileSync(file, `${secret}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
  const token = {
    id: 'tok-first',
    name: 'first',
    hash: createHash('sha256').update(secret).digest('hex'),
    scopes: ['admin' as const],
    routes: null,
    createdAt: now,
    expiresAt: null,
  }
  await control.apply({ type: 'create-token', token, actor: SYSTEM, reason: 'no token was given' })
  options.tokenMade(file, secret)
}

const SYSTEM: Actor = { name: 'system', tokenId: null, address: null }

async function listen(
  server: FastifyInstance,
  address: { readonly host: string; readonly port: number },
  key: string,
): Promise<string> {
  try {
    await server.listen({ host: address.host, port: address.port })
  } catch (error) {
    throw listenFailed(error, address, key)
  }
  const bound = server.server.address()
  return addressText({
    host: address.host,
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
  })
}

function listenFailed(
  error: unknown,
  address: { readonly host: string; readonly port: number },
  key: string,
): BanyanError {
  const code = (error as { code?: string }).code ?? 'unknown'
  const why =
    { EADDRINUSE: 'the address is in use', EACCES: 'this user may not use it', EADDRNOTAVAIL: 'no such address here' }[
      code
    ] ?? code
  return new BanyanError('listen_failed', `cannot listen on ${addressText(address)} (${key}): ${why}`, {
    hint: `give another address in ${key}, or end what has it`,
    cause: error,
  })
}

function addressText({ host, port }: { readonly host: string; readonly port: number }): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** A backend on our own port, at an address of this machine or a name that may be one. */
function couldBeUs(port: { readonly current: number }): (backend: Backend) => boolean {
  const known = new WeakMap<Backend, { readonly port: number; readonly answer: boolean }>()
  return function isPerhapsUs(backend) {
    const seen = known.get(backend)
    if (seen !== undefined && seen.port === port.current) return seen.answer
    const url = new URL(backend.origin)
    const asked = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
    const name = url.hostname.replace(/^\[|\]$/g, '')
    const own = new Set(['0.0.0.0', '::', 'localhost', hostname().toLowerCase()])
    for (const list of Object.values(networkInterfaces())) for (const one of list ?? []) own.add(one.address)
    const answer = asked === port.current && (own.has(name) || name.startsWith('127.') || !/^[\d.:]+$/.test(name))
    known.set(backend, { port: port.current, answer })
    return answer
  }
}

async function tryCheck(
  check: () => Promise<Configured>,
): Promise<{ readonly configured: Configured } | { readonly mistakes: readonly Mistake[] }> {
  try {
    return { configured: await check() }
  } catch (error) {
    if (error instanceof BanyanError && Array.isArray(error.details.mistakes)) {
      return { mistakes: error.details.mistakes as Mistake[] }
    }
    throw error
  }
}

function restartWarning(configured: Configured, path: string): Mistake {
  return {
    file: configured.plan.file ?? '',
    line: 0,
    column: 0,
    path,
    message: 'changed, and in force after a restart only',
    found: null,
    allowed: null,
    hint: null,
    level: 'warning',
  }
}

function warningsOf(
  configured: Configured,
  control: Control,
  snapshot: Snapshot,
  forwarders: ReadonlySet<string>,
): Status['warnings'] {
  const { plan } = snapshot
  const heldUnits = new Map<string, Plan['routes'][number]>()
  for (const route of plan.routes) if (snapshot.splits[route.index]?.held) heldUnits.set(route.unit, route)
  return [
    ...configured.warnings.map(mistake => ({
      code: 'config',
      message: `${mistake.path}: ${mistake.message}`,
      route: null,
    })),
    ...[...forwarders].map(peer => ({
      code: 'unnamed_forwarder',
      message: `${peer} sends X-Forwarded-For and is not named in proxy.clientIp.from: what it says is dropped`,
      route: null,
    })),
    ...[...heldUnits.values()].map(route => ({
      code: 'held',
      message: `held at 0 % since the first start of this store; the file declares ${route.declaredWeight} %: set a weight, or return to the file`,
      route: route.id,
    })),
    ...plan.backends
      .filter(backend => !backend.tls.verify)
      .map(backend => ({
        code: 'tls_unverified',
        message: `backend ${backend.name}: its certificate is not checked`,
        route: null,
      })),
    ...(control.unsaved() > 0
      ? [{ code: 'unsaved_rollback', message: 'a rollback is in force and only in the local file', route: null }]
      : []),
    ...plan.routes
      .filter(
        route =>
          route.sides.legacy === null && control.state().rollbacks.some(rollback => isInForce(rollback, route.unit)),
      )
      .map(route => ({
        code: 'new_only',
        message: 'a rollback does not reach it: it has no legacy side',
        route: route.id,
      })),
  ]
}
