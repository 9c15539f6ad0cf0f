// Shadowing as the API shows it: what the ledger knows, without values for who may not see them; and what operators do about
// it. A change goes to control first, for its audit entry, then to the ledger.
import type { Control } from '../control/control.ts'
import type { DivergenceKind, Exemplar, Severity, ShownAnswer } from '../model/comparison.ts'
import { BanyanError } from '../model/errors.ts'
import type { RouteId } from '../model/route.ts'
import type { Clock, EpochMs } from '../model/units.ts'
import { hashOfKey } from '../routing/cohorts.ts'
import type {
  NoiseView,
  PlaceState,
  PlaceView,
  RouteShadowView,
  ShadowBrief,
  SignatureView,
  Suspension,
} from '../shadow/view.ts'
import { requireScope } from './access.ts'
import type { CompareCall, ExemplarView, Replayed, SignatureAnswer } from './api-compare.ts'
import type { Call, Handler } from './handlers.ts'
import { routeOf } from './route-of.ts'
import { createRuleHandlers, type RuleHits, rulesOf } from './rules.ts'

type Soon<T> = T | Promise<T>

/** What is asked of a route's differences; null: whatever it is. */
export interface ShadowQuery {
  /** Seen since then. */
  readonly since: EpochMs | null
  /** That, or above. */
  readonly severity: Severity | null
  readonly kind: DivergenceKind | null
  /** A JSON Pointer: there or below. */
  readonly path: string | null
  readonly state: PlaceState | null
  readonly limit: number
}

/** What the rest of the house hands to these calls. */
export interface ShadowFace {
  /** Of what this instance found, for all routes and often; null: nothing was compared. */
  brief(route: RouteId): ShadowBrief | null
  view(route: RouteId, query: ShadowQuery): Soon<RouteShadowView>
  signature(id: string): Soon<SignatureView | null>
  acknowledge(id: string): Soon<unknown>
  /** How many exemplars were deleted. */
  forget(keyHash: string): Soon<number>
  noise(route: RouteId): Soon<readonly NoiseView[]>
  revokeNoise(route: RouteId, id: string): Soon<unknown>
  /** By the rule's id. */
  ruleHits(route: RouteId): Soon<ReadonlyMap<string, RuleHits>>
  /** Asks both sides now; `authorization` is sent to both. Refuses with `not_replayable`. */
  replay(signature: SignatureView, authorization: string | null): Promise<Omit<Replayed, 'signature'>>
  /** null: every template. Answers with those that were suspended. */
  resume(route: RouteId, template: string | null): Soon<readonly Suspension[]>
}

export interface DivergenceParts {
  readonly control: Control
  readonly clock: Clock
  readonly shadow: Omit<ShadowFace, 'brief'>
  /** What every change carries. */
  readonly said: (call: Call) => { readonly actor: Call['actor']; readonly reason: string | null }
}

const ONE_OF_ANY: ShadowQuery = { since: null, severity: null, kind: null, path: null, state: null, limit: 1 }

/** `since` that is smaller is a time until now. */
const LONGEST_SPAN_MS = 400 * 86_400_000

export function createDivergenceHandlers(parts: DivergenceParts): Readonly<Record<CompareCall, Handler>> {
  const { control, clock, shadow, said } = parts

  function queryOf(call: Call): ShadowQuery {
    const { since = null, severity = null, kind = null, path = null, state = null, limit } = call.query
    const from = since === null || since >= LONGEST_SPAN_MS ? since : clock.now() - since
    return { since: from, severity, kind, path, state, limit }
  }

  /** Whose route the caller may not see is refused as everywhere. */
  async function found(call: Call, scope: 'read' | 'operate'): Promise<SignatureView> {
    const id = call.params.signature as string
    const signature = await shadow.signature(id)
    if (signature === null) {
      throw new BanyanError('unknown_signature', `there is no divergence ${id}`, {
        hint: 'GET /api/v1/routes/{id}/divergences lists them; what was acknowledged is gone until it is seen again',
      })
    }
    requireScope(call.caller, scope, signature.route, control.plan())
    return signature
  }

  /** Before control is asked: what changes nothing leaves no audit entry. */
  async function refuseUnlessSuspended(route: RouteId, template: string | null): Promise<void> {
    const { suspended } = await shadow.view(route, ONE_OF_ANY)
    const templates = [...new Set(suspended.map(one => one.template))]
    if (template === null ? templates.length > 0 : templates.includes(template)) return
    const what = template === null ? 'nothing is' : `${template} is not`
    throw new BanyanError('unknown_suspension', `${what} suspended in route ${route}`, {
      hint: templates.length === 0 ? 'no template of it is' : `suspended are: ${templates.join(', ')}`,
    })
  }

  async function viewOf(call: Call) {
    const route = routeOf(control, call)
    const { totals, items, ...rest } = await shadow.view(route.id, queryOf(call))
    const { eligible, results, unasked, since } = totals
    return {
      ...rest,
      totals: { eligible, ...results, unasked, since },
      items: items.map(item => shownTo(call, item)),
    }
  }

  return {
    ...createRuleHandlers(parts),
    divergences: viewOf,
    divergence: async call => shownTo(call, await found(call, 'read')),
    async acknowledge(call) {
      const { signature, route } = await found(call, 'operate')
      const { applied } = await control.apply({ type: 'acknowledge', route, signature, ...said(call) })
      await shadow.acknowledge(signature)
      return { ...applied, signature, route }
    },
    async replay(call) {
      const signature = await found(call, 'operate')
      requireScope(call.caller, 'bodies', signature.route, control.plan())
      const replayed = await shadow.replay(signature, call.forwardAuthorization)
      return { signature: signature.signature, ...replayed }
    },
    async noise(call) {
      return { noise: await shadow.noise(routeOf(control, call).id) }
    },
    async revokeNoise(call) {
      const route = routeOf(control, call).id
      const id = call.params.place as string
      const noise = (await shadow.noise(route)).find(one => one.id === id)
      if (noise === undefined) {
        throw new BanyanError('unknown_noise', `nothing was learned of ${id} in route ${route}`, {
          hint: 'GET /api/v1/routes/{id}/noise lists what was',
        })
      }
      const { applied } = await control.apply({ type: 'revoke-noise', route, place: id, ...said(call) })
      await shadow.revokeNoise(route, id)
      return { ...applied, noise }
    },
    async resume(call) {
      const route = routeOf(control, call).id
      const template = (call.query.template ?? null) as string | null
      await refuseUnlessSuspended(route, template)
      const { applied } = await control.apply({ type: 'resume-shadow', route, template, ...said(call) })
      return { ...applied, resumed: await shadow.resume(route, template) }
    },
    async report(call) {
      const route = routeOf(control, call)
      const [view, rules, noise] = await Promise.all([viewOf(call), rulesOf(parts, route), shadow.noise(route.id)])
      return { at: clock.now(), ...view, rules, noise }
    },
    async forget(call) {
      const keyHash = hashOfKey(call.body.key)
      const { applied } = await control.apply({ type: 'forget', keyHash, ...said(call) })
      return { ...applied, forgotten: await shadow.forget(keyHash) }
    },
  }
}

function shownTo(call: Call, item: SignatureView): SignatureAnswer {
  const { differences } = item
  const show = (exemplar: Exemplar | null): ExemplarView | null => {
    if (exemplar === null) return null
    return call.caller.mayOn('bodies', item.route) ? withValues(exemplar) : withoutValues(exemplar, differences)
  }
  const { interval, ...rest } = item
  return {
    ...rest,
    interval: interval === null ? null : [...interval],
    differences: [...differences],
    exemplar: show(item.exemplar),
    latest: show(item.latest),
  }
}

function withValues(exemplar: Exemplar): ExemplarView {
  const { differences, answers } = exemplar
  const pairs = ({ status, headers, body }: ShownAnswer) => ({
    status,
    headers: headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1] ?? ''] as [string, string]] : [])),
    body,
  })
  return {
    ...exemplar,
    differences: [...differences],
    answers: answers === null ? null : { legacy: pairs(answers.legacy), new: pairs(answers.new) },
  }
}

/** Only what is named here comes through; a real pointer is shown as the place that it belongs to. */
function withoutValues(exemplar: Exemplar, places: readonly PlaceView[]): ExemplarView {
  const { at, exchange, traceId, primary, method, template, statuses, more } = exemplar
  const differences = exemplar.differences.flatMap(({ kind, path, severity, legacyType, newType }) => {
    const place = places.find(one => one.kind === kind && isAt(path, one.path))
    return place === undefined ? [] : [{ kind, path: place.path, severity, legacyType, newType }]
  })
  return {
    at,
    exchange,
    traceId,
    primary,
    method,
    template,
    target: null,
    keyHash: null,
    statuses,
    differences,
    more: more + exemplar.differences.length - differences.length,
    answers: null,
  }
}

function isAt(path: string, place: string): boolean {
  const [real, collapsed] = [path.split('/'), place.split('/')]
  return real.length === collapsed.length && collapsed.every((segment, i) => segment === '*' || segment === real[i])
}
