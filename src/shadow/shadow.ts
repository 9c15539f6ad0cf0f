// Asking the other side, too: which requests are copied, who may be asked now, and where everything is counted.
//
// Nothing here can be waited for: every bound that is reached drops the copy, counts it, and lets go of what was held.
import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import { isSame } from '../compare/compare.ts'
import { redactTarget } from '../compare/redact.ts'
import type {
  AnswerCopy,
  Asked,
  ComparePolicy,
  Finding,
  Rule,
  ShadowResult,
  UnaskedReason,
} from '../model/comparison.ts'
import { headerOf } from '../model/exchange.ts'
import { Roster } from '../model/roster.ts'
import type { Route, RouteId, Side } from '../model/route.ts'
import type { Clock, Milliseconds } from '../model/units.ts'
import { thresholdOf } from '../routing/bucket.ts'
import { Admission } from './admission.ts'
import type { Comparer } from './comparer.ts'
import { Copy } from './copy.ts'
import { whyNot } from './eligible.ts'
import type { Ledger } from './ledger.ts'
import type { Memory } from './memory.ts'
import type { Copying, Original } from './original.ts'
import { Paths } from './paths.ts'
import { createPolicies } from './policies.ts'
import { SlowDown } from './slow-down.ts'
import { Suspensions } from './suspensions.ts'
import { isWithin } from './window.ts'

/** Requests that can be asked again. */
const REMEMBERED = 1_000
const REMEMBERED_CHARACTERS = 1024 * 1024
/** Exemplars are made of so many comparisons a second, at most. */
const EXEMPLARS_PER_SECOND = 20
/** A mismatch is asked again after this, one of a route within that. */
const AGAIN_AFTER_MS: Milliseconds = 2_000
const AGAIN_EVERY_MS: Milliseconds = 5_000

const MATCH: Finding = { result: 'match', why: null, places: [], suppressed: [], exemplar: null }

export interface ShadowParts {
  readonly clock: Clock
  /** 0 ≤ … < 1. */
  readonly random: () => number
  readonly ledger: Pick<Ledger, 'ended' | 'compared' | 'triaged'>
  readonly comparer: Comparer
  readonly memory: Memory
  /** Rules that operators added to the route; null: none. */
  readonly rulesOf: (route: Route) => readonly Rule[] | null
  /** There is so much to do that nothing optional should be done. */
  readonly isStrained: () => boolean
  /** Of the last minute, of requests that legacy answered to clients; null: too few. */
  readonly legacyP95: (route: RouteId) => Milliseconds | null
  /** Each question and what came of it, for the metrics. */
  readonly asked: (route: RouteId, side: Side, asked: Asked) => void
  /** Of a user's key, for forgetting. */
  readonly hashOfKey: (key: string) => string
  readonly suspended: (route: RouteId, template: string, side: Side, why: string) => void
  /** Where they are kept; default: its own place. */
  readonly suspensions?: Suspensions
  readonly broken: (error: unknown) => void
  readonly sleep: (ms: Milliseconds) => Promise<void>
}

export interface Compared {
  readonly finding: Finding
  readonly repeat: Finding | null
  readonly legacyMs: Milliseconds
  readonly newMs: Milliseconds
}

/** What a copy may ask of the room. */
export interface Desk {
  readonly memory: Memory
  templateOf(target: string): string
  isSuspended(copy: Copy, side: Side): boolean
  /** False: an operator has said that it may be asked all the same. */
  suspend(copy: Copy, side: Side, why: string): boolean
  /** Whoever enters has to leave, with what came of it. */
  enter(
    copy: Copy,
    side: Side,
  ): { readonly refused: UnaskedReason } | { leave(asked: Asked | { readonly kind: 'full' }): void }
  /** null: too many wait. */
  compare(copy: Copy, primary: Side, served: AnswerCopy, other: AnswerCopy): Promise<Finding | null>
  /** Legacy's answer against another of its own. */
  compareSelf(copy: Copy, first: AnswerCopy, again: AnswerCopy): Promise<Finding | null>
  wantsRepeat(copy: Copy): boolean
  compared(copy: Copy, compared: Compared): ShadowResult
  ended(copy: Copy, result: ShadowResult, reason: UnaskedReason | null): void
  /** Asks both sides once more, a while later: was it a race, or does it stay? */
  askAgain(copy: Copy, finding: Finding): void
  sleep(ms: Milliseconds): Promise<void>
  broken(error: unknown): void
}

/** In memory only, for a while, and without its secrets: what an operator may ask again. */
export interface RememberedRequest {
  readonly method: string
  readonly target: string
  readonly host: string
}

export interface Shadow {
  /** null: it was counted already, and nothing more is wanted. Only for routes whose `shadow` is not null. */
  begin(original: Original): Copying | null
  readonly suspensions: Suspensions
  /** A side of a route does not answer: it is left alone for a while. */
  isSilent(route: RouteId, side: Side): boolean
  /** How answers of the route are compared now, with what operators added. */
  policyOf(route: Route): ComparePolicy
  /** The first of these exchanges that was seen lately; null: none is known any more. */
  remembered(exchanges: readonly string[]): RememberedRequest | null
  retain(routes: ReadonlySet<RouteId>): void
  /** From now on nobody is asked, and what is under way is counted as it is. */
  stop(): void
}

export function createShadow(parts: ShadowParts): Shadow {
  const { clock, ledger, comparer, memory } = parts
  const paths = new Paths()
  const remembered = new LRUCache<string, RememberedRequest>({
    max: REMEMBERED,
    maxSize: REMEMBERED_CHARACTERS,
    sizeCalculation: ({ target, host }) => 1 + target.length + host.length,
  })
  const { suspensions = new Suspensions() } = parts
  const admissions = new Map<RouteId, Readonly<Record<Side, Admission>> & { readonly route: Route }>()
  const slowDowns = new Map<RouteId, SlowDown>()
  /** Sessions that legacy is being asked for. */
  const sessions = new Set<string>()
  const askedAgainAt = new Map<RouteId, Milliseconds>()
  const policyOf = createPolicies(parts.rulesOf)
  let exemplars = { second: 0, left: 0 }
  /** Not counted yet. */
  const underWay = new Roster<Copy>()
  let isStopped = false

  function admissionOf(route: Route, side: Side): Admission {
    let one = admissions.get(route.id)
    const caps = (route.shadow ?? one?.route.shadow)?.caps
    if (caps === undefined) throw new Error(`route ${route.id} is not shadowed`)
    // A reload may have changed the caps; what is under way under the old ones ends there. The same caps go on counting.
    if (one === undefined || (one.route !== route && !isDeepStrictEqual(one.route.shadow?.caps, caps))) {
      one = { route, legacy: new Admission(caps.legacy, clock), new: new Admission(caps.new, clock) }
      admissions.set(route.id, one)
    }
    return one[side]
  }

  function remember({ exchange, head, bodyBytes }: Original): void {
    if (bodyBytes !== null) return
    const target = redactTarget(head.target)
    remembered.set(exchange, { method: head.method, target, host: headerOf(head.headers, 'host') ?? head.host })
  }

  function mayMakeExemplar(): boolean {
    const second = Math.floor(clock.monotonic() / 1000)
    if (exemplars.second !== second) exemplars = { second, left: EXEMPLARS_PER_SECOND }
    return exemplars.left-- > 0
  }

  /** Whom legacy may lock out; null: the copy says nothing of who it is for. */
  function sessionOf({ original, policies, key }: Copy): string | null {
    const { route, head } = original
    if (key !== null) return `${route.unit} ${key}`
    const carries = policies.shadow.cookies !== 'none' && headerOf(head.headers, 'cookie') !== null
    return carries ? `${route.unit} ${head.address}` : null
  }

  /** Why legacy is not to be asked now. */
  function whyNotLegacy(copy: Copy, session: string | null): UnaskedReason | null {
    const { route } = copy.original
    if (session !== null && sessions.has(session)) return 'session_busy'
    const rise = copy.policies.shadow.stopAboveP95
    if (rise === null) return null
    let slowDown = slowDowns.get(route.id)
    if (slowDown === undefined) {
      slowDown = new SlowDown(clock)
      slowDowns.set(route.id, slowDown)
    }
    return slowDown.stops(rise, () => parts.legacyP95(route.id)) ? 'slower' : null
  }

  function count(route: Route, result: ShadowResult, reason: UnaskedReason | null): void {
    ledger.ended(route, result, reason)
  }

  async function compareBoth(copy: Copy, legacy: AnswerCopy, fresh: AnswerCopy, primary: Side, wants: boolean) {
    const { original, policies } = copy
    if (isSame(legacy, fresh, policies.compare)) return MATCH
    const wantsExemplar = wants && mayMakeExemplar()
    if (wantsExemplar) remember(original)
    return comparer.compare({
      route: original.route.id,
      method: original.head.method,
      template: copy.template,
      target: original.head.target,
      at: clock.now(),
      exchange: original.exchange,
      traceId: original.traceId,
      primary,
      keyHash: copy.key === null ? null : parts.hashOfKey(copy.key),
      legacy,
      new: fresh,
      policy: policies.compare,
      wantsExemplar,
    })
  }

  async function askAgain(copy: Copy, finding: Finding): Promise<void> {
    await parts.sleep(AGAIN_AFTER_MS)
    const again = new Copy(desk, copy.original, {
      ...copy.policies,
      shadow: { ...copy.policies.shadow, when: 'after' },
    })
    const { maxBodyBytes } = copy.policies.compare
    const [legacy, fresh] = await Promise.all([again.ask('legacy', maxBodyBytes), again.ask('new', maxBodyBytes)])
    try {
      if ('refused' in legacy || 'refused' in fresh || legacy.kind !== 'answer' || fresh.kind !== 'answer') return
      const found = await compareBoth(copy, legacy.answer, fresh.answer, copy.original.side, false)
      if (found === null || found.result === 'undecided') return
      const stays = finding.places.filter(place =>
        found.places.some(other => other.kind === place.kind && other.path === place.path),
      )
      ledger.triaged(copy.original.route, copy.template, finding.places, stays.length > 0 ? 'persistent' : 'transient')
    } finally {
      again.close()
    }
  }

  const desk: Desk = {
    memory,
    templateOf: target => paths.of(target).template,
    isSuspended: ({ original, template }, side) => suspensions.has(original.route.id, side, template),
    suspend({ original, template }, side, why) {
      if (suspensions.has(original.route.id, side, template)) return true
      const suspended = suspensions.suspend(original.route.id, side, template, why, clock.now())
      if (suspended) parts.suspended(original.route.id, template, side, why)
      return suspended
    },
    enter(copy, side) {
      if (isStopped) return { refused: 'stopping' }
      if (parts.isStrained()) return { refused: 'strained' }
      const { route } = copy.original
      const session = side === 'legacy' ? sessionOf(copy) : null
      const why = side === 'legacy' ? whyNotLegacy(copy, session) : null
      if (why !== null) return { refused: why }
      const admission = admissionOf(route, side)
      const refused = admission.enter()
      if (refused !== null) return { refused }
      if (session !== null) sessions.add(session)
      return {
        leave(asked) {
          if (session !== null) sessions.delete(session)
          // What cannot be read to its end is as bad as no answer: it costs much, and tells little.
          const isGood = asked.kind === 'answer' && asked.answer.body.complete
          const isBad = asked.kind === 'failure' ? !asked.ours : asked.kind === 'answer' && !isGood
          const answered = isGood ? true : isBad ? false : null
          admission.leave(answered)
          if (asked.kind !== 'full') parts.asked(route.id, side, asked)
        },
      }
    },
    compare(copy, primary, served, other) {
      const [legacy, fresh] = primary === 'legacy' ? [served, other] : [other, served]
      return compareBoth(copy, legacy, fresh, primary, true)
    },
    compareSelf: (copy, first, again) => compareBoth(copy, first, again, 'legacy', false),
    wantsRepeat: ({ policies }) => parts.random() * 100 < policies.compare.noisePercent,
    compared(copy, compared) {
      underWay.delete(copy)
      const { route } = copy.original
      const { rules, noisePercent } = copy.policies.compare
      const learning = noisePercent > 0
      return ledger.compared({ route, template: copy.template, ...compared, learning, rules })
    },
    ended(copy, result, reason) {
      underWay.delete(copy)
      count(copy.original.route, result, reason)
    },
    askAgain(copy, finding) {
      const { route } = copy.original
      const now = clock.monotonic()
      if (isStopped || copy.original.bodyBytes !== null) return
      if (now - (askedAgainAt.get(route.id) ?? Number.NEGATIVE_INFINITY) < AGAIN_EVERY_MS) return
      askedAgainAt.set(route.id, now)
      askAgain(copy, finding).catch(parts.broken)
    },
    sleep: parts.sleep,
    broken: parts.broken,
  }

  return {
    begin(original) {
      const { route } = original
      const policy = route.shadow
      if (policy === null) return null
      if (policy.percent < 100 && original.sample().bucket >= thresholdOf(policy.percent)) {
        count(route, 'not_sampled', null)
        return null
      }
      const why =
        whyNot(original, policy, paths) ??
        (policy.window !== null && !isWithin(policy.window, clock.now()) ? ('window' as const) : null)
      if (why !== null) {
        count(route, 'skipped', why)
        return null
      }
      const copy = new Copy(desk, original, { shadow: policy, compare: policyOf(route) })
      underWay.add(copy)
      return copy
    },
    suspensions,
    isSilent: (route, side) => admissions.get(route)?.[side].breaker.isOpen ?? false,
    policyOf,
    remembered(exchanges) {
      for (const exchange of exchanges) {
        const found = remembered.get(exchange)
        if (found !== undefined) return found
      }
      return null
    },
    retain(routes) {
      suspensions.retain(routes)
      for (const kept of [admissions, slowDowns, askedAgainAt]) {
        for (const id of kept.keys()) if (!routes.has(id)) kept.delete(id)
      }
    },
    stop() {
      isStopped = true
      for (const copy of underWay.all()) copy.stop()
    },
  }
}
