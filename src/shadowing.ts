// Introduces shadow, comparer and ledger to each other: keeps what they learn in the store, and answers what operators ask.
import type { ShadowFace } from './admin/divergences.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { AnswerCopy, Exemplar, Finding } from './model/comparison.ts'
import { BanyanError } from './model/errors.ts'
import type { Route, RouteId } from './model/route.ts'
import type { Plan, Snapshot } from './model/snapshot.ts'
import type { Bytes, Clock, Milliseconds } from './model/units.ts'
import type { PlainRequest } from './proxy/plain.ts'
import { hashOfKey } from './routing/cohorts.ts'
import { isSafe } from './routing/decide.ts'
import { type Comparer, createComparer } from './shadow/comparer.ts'
import { createLedger } from './shadow/ledger.ts'
import { Memory } from './shadow/memory.ts'
import type { BeginCopying, Original } from './shadow/original.ts'
import { createShadow } from './shadow/shadow.ts'
import type { SignatureView } from './shadow/view.ts'
import type { Store } from './store/store.ts'
import type { Traffic } from './traffic.ts'

const SAVE_EVERY_MS: Milliseconds = 1_000
/** Records that are written as text in one turn: no client waits for more of them. */
const SAVE_AT_ONCE = 200
/** After a failed save: a full disk is not asked every second. */
const SAVE_AGAIN_MS: Milliseconds = 10_000
const REPLAY_TIMEOUT_MS: Milliseconds = 10_000
const REPLAY_READ_BYTES: Bytes = 4 * 1024 * 1024

export interface ShadowingParts {
  readonly clock: Clock
  readonly random: () => number
  readonly current: () => Snapshot
  readonly metrics: Metrics
  readonly traffic: Traffic
  readonly store: Pick<Store, 'keep' | 'kept'>
  readonly isStrained: () => boolean
  /** A request of our own, as the proxy makes it. */
  readonly originalOf: (route: Route, request: PlainRequest) => Original
  readonly publish: (type: string, event: unknown) => void
  readonly log: Log['line']
}

export interface Shadowing {
  readonly begin: BeginCopying
  readonly face: ShadowFace
  heldBytes(): Bytes
  /** A new plan is in force. */
  swapped(): void
  warnings(): readonly { readonly code: string; readonly message: string; readonly route: RouteId | null }[]
  /** Nobody is asked any more, and what was learned is saved. */
  close(): Promise<void>
}

export async function createShadowing(parts: ShadowingParts): Promise<Shadowing> {
  const { clock, current, metrics, log } = parts
  const bounds = () => current().plan.shadow
  const memory = new Memory(() => bounds().memoryBytes)
  const comparer: Comparer = createComparer({
    most: () => bounds().queue,
    broken: why => log('error', 'the comparer’s thread ended; what it had in hand is undecided', { why }),
  })
  const ledger = createLedger({
    clock,
    keepBytes: bounds().keepBytes,
    ageMs: bounds().ageMs,
    publish: event => parts.publish('divergence', event),
    divergent: (route, kind, severity) => metrics.divergent(route, kind, severity),
    suspended: route => shadow.suspensions.of(route),
    rulesOf(id) {
      const route = current().plan.byId.get(id)
      return route === undefined ? [] : shadow.policyOf(route).rules
    },
  })
  const broken = (error: unknown) =>
    log('error', 'a shadow failed inside the proxy', { error: String((error as Error).stack ?? error) })
  const shadow = createShadow({
    clock,
    random: parts.random,
    ledger,
    comparer,
    memory,
    rulesOf: route => current().splits[route.index]?.rules ?? null,
    isStrained: parts.isStrained,
    legacyP95: route => parts.traffic.of(route).sides.legacy.p95Ms,
    asked: metrics.asked,
    counted: metrics.shadowed,
    hashOfKey,
    suspended: (route, template, side, why) =>
      log('warn', `shadow: ${side} is not asked for ${template} any more: ${why}`, { route }),
    broken,
    sleep: ms => new Promise(resolve => setTimeout(resolve, ms).unref()),
  })

  ledger.load(await parts.store.kept())
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
    const shadowed = new Set(shadowedRoutes(plan).map(route => route.id))
    ledger.retain(new Set(plan.byId.keys()))
    shadow.retain(shadowed)
  }

  async function replay(signature: SignatureView, authorization: string | null) {
    const { plan } = current()
    const route = plan.byId.get(signature.route)
    if (route === undefined || route.sides.legacy === null || route.sides.new === null) {
      throw new BanyanError('not_replayable', `route ${signature.route} has no two sides any more`)
    }
    const { latest, exemplar } = signature
    const safe = { ...signature, latest: ifSafe(latest), exemplar: ifSafe(exemplar) }
    const request = shadow.remembered(safe) ?? keptRequest(safe, route)
    if (request === null) {
      // First: waiting for another one, or keeping values, would not help.
      refuseUnsafe(latest ?? exemplar, safe)
      throw new BanyanError('not_replayable', 'the request is not kept: of this one only paths, kinds and types are', {
        hint: 'it can be replayed for a while after it was seen, or with compare.values: redacted',
      })
    }
    const original = parts.originalOf(route, { ...request, authorization })
    const account = memory.account()
    const { maxBodyBytes } = route.compare
    const ask = (side: 'legacy' | 'new') =>
      original.ask(side, null, {
        timeoutMs: REPLAY_TIMEOUT_MS,
        keepBytes: maxBodyBytes,
        readBytes: REPLAY_READ_BYTES,
        hold: account.hold,
      })
    const [legacy, fresh] = await Promise.all([ask('legacy'), ask('new')]).finally(() => account.close())
    const statusOf = (asked: typeof legacy) => (asked.kind === 'answer' ? asked.answer.status : null)
    const said = {
      at: clock.now(),
      method: request.method,
      target: request.target,
      statuses: { legacy: statusOf(legacy), new: statusOf(fresh) },
    }
    if (legacy.kind !== 'answer' || fresh.kind !== 'answer') {
      const silent = legacy.kind === 'answer' ? 'new' : 'legacy'
      return { ...said, verdict: 'failed' as const, why: `${silent} did not answer`, differences: [], more: 0 }
    }
    const finding = await compareNow(route, original, legacy.answer, fresh.answer)
    const { differences = [], more = 0 } = finding.exemplar ?? {}
    return { ...said, ...verdictOf(signature, finding), differences: [...differences], more }
  }

  /** With values, redacted: whoever replays may see them. They are not kept. */
  async function compareNow(route: Route, original: Original, legacy: AnswerCopy, fresh: AnswerCopy): Promise<Finding> {
    const found = await comparer.compare({
      route: route.id,
      method: original.head.method,
      template: route.template,
      target: original.head.target,
      at: clock.now(),
      exchange: original.exchange,
      traceId: original.traceId,
      primary: 'legacy',
      keyHash: null,
      legacy,
      new: fresh,
      policy: { ...shadow.policyOf(route), valuesUntil: Number.MAX_SAFE_INTEGER },
      wantsExemplar: true,
    })
    if (found === null) throw new BanyanError('busy', 'too many comparisons wait', { hint: 'try again in a moment' })
    return found
  }

  return {
    begin: shadow.begin,
    face: {
      view: ledger.view,
      signature: ledger.signature,
      acknowledge: ledger.acknowledge,
      forget: ledger.forget,
      noise: ledger.noise,
      revokeNoise: ledger.revokeNoise,
      ruleHits: ledger.rules,
      replay,
      resume(route, template) {
        const suspended = shadow.suspensions.of(route).filter(one => template === null || one.template === template)
        for (const one of suspended) shadow.suspensions.resume(route, one.template)
        return suspended
      },
    },
    heldBytes: () => memory.held,
    swapped,
    warnings() {
      const { plan } = current()
      const ofRoutes = shadowedRoutes(plan).flatMap(route => [
        ...(['legacy', 'new'] as const)
          .filter(side => shadow.isSilent(route.id, side))
          .map(side => ({
            code: 'shadow_silent',
            message: `the shadow’s questions to ${side} fail: it is asked less until it answers`,
            route: route.id,
          })),
        ...shadow.suspensions.of(route.id).map(({ template, side, why }) => ({
          code: 'shadow_suspended',
          message: `${side} is not asked for ${template}: ${why}`,
          route: route.id,
        })),
      ])
      return unsaved ? [UNSAVED, ...ofRoutes] : ofRoutes
    },
    async close() {
      shadow.stop()
      clearInterval(timer)
      await comparer.close()
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
