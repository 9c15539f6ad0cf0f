// Introduces the ledger of shadowing to those who ask as shadows: books what they find, keeps it in the store, and answers what
// operators ask. One for all processes that serve.
import type { ShadowFace } from './admin/divergences.ts'
import type { Log } from './log.ts'
import type { ControlMetrics } from './metrics/control.ts'
import type { Exemplar, Finding } from './model/comparison.ts'
import { BanyanError } from './model/errors.ts'
import type { Route, RouteId } from './model/route.ts'
import type { Plan, Snapshot } from './model/snapshot.ts'
import type { Clock, Milliseconds } from './model/units.ts'
import type { Ears, Plane, PlaneWarning } from './plane/plane.ts'
import type { PlainRequest } from './proxy/plain.ts'
import { isSafe } from './routing/decide.ts'
import { createLedger, type Ledger, type Others } from './shadow/ledger.ts'
import { createPolicies } from './shadow/policies.ts'
import { Suspensions } from './shadow/suspensions.ts'
import type { SignatureView } from './shadow/view.ts'
import type { Store } from './store/store.ts'

const SAVE_EVERY_MS: Milliseconds = 1_000
/** Records that are written as text in one turn: no client waits for more of them. */
const SAVE_AT_ONCE = 200
/** After a failed save: a full disk is not asked every second. */
const SAVE_AGAIN_MS: Milliseconds = 10_000

export interface ShadowingParts {
  readonly clock: Clock
  readonly current: () => Snapshot
  readonly metrics: ControlMetrics
  readonly store: Pick<Store, 'keep' | 'keptByOthers'>
  /** What was kept before; rejected: the store does not answer, and it is not waited for. */
  readonly known: ReturnType<Store['kept']>
  readonly plane: () => Pick<Plane, 'reading' | 'remembered' | 'replay' | 'resume' | 'suspend'>
  readonly publish: (type: string, event: unknown) => void
  readonly log: Log['line']
}

export interface Shadowing {
  readonly ears: Pick<Ears, 'shadowEnded' | 'shadowCompared' | 'shadowTriaged' | 'shadowSuspended'>
  readonly face: ShadowFace
  /** For a process that begins to serve. */
  readonly suspensions: Suspensions
  /** Of routes that are shadowed: what was compared and decided since their counts were begun, and what of it matched. */
  pairs(): ReadonlyMap<RouteId, ReturnType<Ledger['pairs']>>
  /** A new plan is in force. */
  swapped(): void
  warnings(): readonly PlaneWarning[]
  /** What was learned is saved. */
  close(): Promise<void>
}

export async function createShadowing(parts: ShadowingParts): Promise<Shadowing> {
  const { clock, current, metrics, log } = parts
  const suspensions = new Suspensions()
  const policyOf = createPolicies(route => current().splits[route.index]?.rules ?? null)
  const { keepBytes, ageMs } = current().plan.shadow
  const ledger = createLedger({
    clock,
    keepBytes,
    ageMs,
    publish: event => parts.publish('divergence', event),
    divergent: (route, kind, severity) => metrics.divergent(route, kind, severity),
    suspended: route => suspensions.of(route),
    rulesOf(id) {
      const route = current().plan.byId.get(id)
      return route === undefined ? [] : policyOf(route).rules
    },
  })

  // Serving is not held up by what was learned: it goes on from nothing.
  const known = await parts.known.catch(error => {
    log('warn', 'what was learned of differences before could not be read', { error: String(error) })
    return []
  })
  ledger.load(known)
  swapped()

  let saving: Promise<void> = Promise.resolve()
  let isSaving = false
  /** Not before. */
  let saveAt: Milliseconds = 0
  const timer = setInterval(() => {
    if (isSaving || clock.monotonic() < saveAt) return
    isSaving = true
    saving = save().finally(() => {
      isSaving = false
    })
  }, SAVE_EVERY_MS)
  timer.unref()

  let unsaved = false
  async function save(): Promise<void> {
    for (;;) {
      const changes = ledger.changes(SAVE_AT_ONCE)
      const count = changes.put.length + changes.remove.length
      if (count === 0) return
      try {
        await parts.store.keep(changes)
        if (unsaved) log('info', 'what was learned of differences is saved again')
        unsaved = false
      } catch (error) {
        ledger.unsaved(changes)
        if (!unsaved)
          log('warn', 'what was learned of differences could not be saved; it is tried again', { error: String(error) })
        unsaved = true
        saveAt = clock.monotonic() + SAVE_AGAIN_MS
        return
      }
      // What changes meanwhile is for the next time.
      if (count < SAVE_AT_ONCE) return
    }
  }

  function swapped(): void {
    const { plan } = current()
    ledger.retain(new Set(plan.byId.keys()))
    suspensions.retain(new Set(shadowedRoutes(plan).map(route => route.id)))
  }

  /** What other instances have kept of a route, or of all of them; nothing while the store does not answer. */
  async function othersOf(route: RouteId | null): Promise<Others> {
    const { keptByOthers } = parts.store
    const all = await keptByOthers(ledger.prefixOf(route)).catch(() => [])
    return all.map(([, key, text]) => [key, text] as const)
  }

  async function replay(signature: SignatureView, authorization: string | null) {
    const { plan } = current()
    const route = plan.byId.get(signature.route)
    if (route === undefined || route.sides.legacy === null || route.sides.new === null) {
      throw new BanyanError('not_replayable', `route ${signature.route} has no two sides any more`)
    }
    const { latest, exemplar } = signature
    const safe = { ...signature, latest: ifSafe(latest), exemplar: ifSafe(exemplar) }
    const plane = parts.plane()
    const exchanges = [safe.latest, safe.exemplar].flatMap(one => (one === null ? [] : [one.exchange]))
    const request = (await plane.remembered(exchanges)) ?? keptRequest(safe, route)
    if (request === null) {
      // First: waiting for another one, or keeping values, would not help.
      refuseUnsafe(latest ?? exemplar, safe)
      throw new BanyanError('not_replayable', 'the request is not kept: of this one only paths, kinds and types are', {
        hint: 'it can be replayed for a while after it was seen, or with compare.values: redacted',
      })
    }
    const { statuses, finding } = await plane.replay(route.id, { ...request, authorization })
    const said = { at: clock.now(), method: request.method, target: request.target, statuses }
    if (finding === null) {
      const silent = statuses.legacy === null ? 'legacy' : 'new'
      return { ...said, verdict: 'failed' as const, why: `${silent} did not answer`, differences: [], more: 0 }
    }
    const { differences = [], more = 0 } = finding.exemplar ?? {}
    return { ...said, ...verdictOf(signature, finding), differences: [...differences], more }
  }

  return {
    ears: {
      shadowEnded(route, result, reason, times) {
        for (let i = 0; i < times; i++) ledger.ended(route, result, reason)
        metrics.shadowed(route.id, result, reason, times)
      },
      shadowCompared(pair) {
        const result = ledger.compared({ ...pair, rules: pair.rules ?? policyOf(pair.route).rules })
        metrics.shadowed(pair.route.id, result, null)
        return result
      },
      shadowTriaged: ledger.triaged,
      shadowSuspended(suspended) {
        const { route, template, side, why, since } = suspended
        if (suspensions.of(route).some(one => one.template === template && one.side === side)) return
        if (!suspensions.suspend(route, side, template, why, since)) return
        log('warn', `shadow: ${side} is not asked for ${template} any more: ${why}`, { route })
        parts.plane().suspend(suspended)
      },
    },
    face: {
      brief: ledger.brief,
      view: async (route, query) => ledger.view(route, query, await othersOf(route)),
      signature: async id => ledger.signature(id, await othersOf(null)),
      acknowledge: ledger.acknowledge,
      forget: ledger.forget,
      noise: async route => ledger.noise(route, await othersOf(route)),
      revokeNoise: ledger.revokeNoise,
      ruleHits: async route => ledger.rules(route, await othersOf(route)),
      replay,
      resume(route, template) {
        const suspended = suspensions.of(route).filter(one => template === null || one.template === template)
        for (const one of suspended) {
          suspensions.resume(route, one.template)
          parts.plane().resume(route, one.template)
        }
        return suspended
      },
    },
    suspensions,
    pairs: () => new Map(shadowedRoutes(current().plan).map(({ id }) => [id, ledger.pairs(id)])),
    swapped,
    warnings() {
      const silent = parts.plane().reading().silent
      const ofRoutes = shadowedRoutes(current().plan).flatMap(route => [
        ...silent
          .filter(one => one.route === route.id)
          .map(({ side }) => ({
            code: 'shadow_silent',
            message: `the shadow’s questions to ${side} fail: it is asked less until it answers`,
            route: route.id,
          })),
        ...suspensions.of(route.id).map(({ template, side, why }) => ({
          code: 'shadow_suspended',
          message: `${side} is not asked for ${template}: ${why}`,
          route: route.id,
        })),
      ])
      return unsaved ? [UNSAVED, ...ofRoutes] : ofRoutes
    },
    async close() {
      clearInterval(timer)
      await saving
      await save()
      if (unsaved) log('error', 'what was learned of differences is lost in part: it could not be saved')
    },
  }
}

const UNSAVED = {
  code: 'divergences_unsaved',
  message: 'what was learned of differences cannot be saved and would be lost with the process: the log has why',
  route: null,
}

function shadowedRoutes(plan: Plan): readonly Route[] {
  return plan.routes.filter(route => route.shadow !== null)
}

/** The exemplar keeps no Host: the route's own, or what legacy is called by. */
function keptRequest(
  { latest, exemplar }: SignatureView,
  { match, sides }: Route,
): Omit<PlainRequest, 'authorization'> | null {
  const named = match.host === null || match.host.startsWith('*') ? null : match.host
  const host = named ?? sides.legacy?.host ?? new URL(sides.legacy?.origins[0] ?? 'http://legacy').host
  for (const one of [latest, exemplar]) {
    if (one?.target != null) return { method: one.method, target: one.target, host }
  }
  return null
}

function ifSafe(exemplar: Exemplar | null): Exemplar | null {
  return exemplar !== null && isSafe(exemplar.method) ? exemplar : null
}

/** `seen`: some request of the signature; `safe`: those of it that may be asked again. */
function refuseUnsafe(seen: Exemplar | null, safe: Pick<SignatureView, 'latest' | 'exemplar'>): void {
  if (seen === null || safe.latest !== null || safe.exemplar !== null) return
  throw new BanyanError('not_replayable', `${seen.method} is never asked again: it may change something`, {
    hint: 'only GET, HEAD, OPTIONS and QUERY without a body are',
  })
}

function verdictOf(signature: SignatureView, finding: Finding) {
  if (finding.result === 'undecided') return { verdict: 'failed' as const, why: `undecided: ${finding.why}` }
  if (finding.places.length === 0) return { verdict: 'transient' as const, why: 'the answers do not differ any more' }
  const same = finding.places.some(place =>
    signature.differences.some(known => known.kind === place.kind && known.path === place.path),
  )
  return same
    ? { verdict: 'persistent' as const, why: 'the same difference is there again' }
    : { verdict: 'other' as const, why: 'the answers differ, but not there' }
}
