// Adds up what the comparisons came to: a report like that of a route, by the comparator and the noise book of the proxy. Bounded
// whatever the servers send.
//
// What is noise is known at the end only: until then each comparison is kept as the set of places at which it differed.
import type { ReportAnswer, Share, SignatureAnswer } from '../../admin/api-compare.ts'
import { fieldOf } from '../../compare/collapse.ts'
import { examine } from '../../compare/examine.ts'
import { NoiseBook } from '../../compare/noise.ts'
import { signatureId } from '../../compare/signature.ts'
import { rateInterval } from '../../evidence/interval.ts'
import {
  type AnswerCopy,
  type BodyCopy,
  type ComparePolicy,
  type Exemplar,
  type Finding,
  type FoundPlace,
  SEVERITIES,
  type Severity,
  SHADOW_RESULTS,
} from '../../model/comparison.ts'
import type { EpochMs, Milliseconds } from '../../model/units.ts'
import type { WireAnswer, WireRequest } from '../asking/answer.ts'
import type { AskedBoth } from './ask-both.ts'

/** Different sets of places; beyond it they are counted only. */
const MOST_SETS = 5_000
const MOST_SIGNATURES = 1_000
/** Signatures that keep an example. */
const MOST_EXEMPLARS = 200
/** Of a set of places: to ask again, so many of the requests that differed so. */
const MOST_REQUESTS = 5

/** Requests that differ in the same places, of which some are undecided. */
export interface OpenSet {
  readonly template: string
  /** Some of them. */
  readonly requests: readonly WireRequest[]
}

export interface CompareTally {
  add(asked: AskedBoth): void
  /** One that was asked before: it teaches what varies by itself, and is not counted once more. */
  learn(asked: AskedBoth): void
  /** What is undecided by now, the most frequent first. The same one is the same object. */
  open(): readonly OpenSet[]
  readonly asked: number
  readonly different: number
  /** In the form of a route's, so that there is one view and one verdict. */
  report(about: { readonly route: string; readonly template: string; readonly at: EpochMs }): ReportAnswer
  /** What rules hid, by their id. */
  readonly hits: ReadonlyMap<string, number>
}

export interface TallyParts {
  readonly policy: ComparePolicy
  readonly now: () => EpochMs
  readonly monotonic: () => Milliseconds
}

interface PlaceSet extends OpenSet {
  readonly requests: WireRequest[]
  readonly places: readonly FoundPlace[]
  readonly exemplar: Exemplar | null
  readonly firstSeen: EpochMs
  lastSeen: EpochMs
  latest: Exemplar | null
  count: number
}

type State = 'divergent' | 'noise' | 'undecided'

export function createCompareTally({ policy, now, monotonic }: TallyParts): CompareTally {
  const book = new NoiseBook()
  const counts = Object.fromEntries(SHADOW_RESULTS.map(result => [result, 0])) as Record<
    (typeof SHADOW_RESULTS)[number],
    number
  >
  const sets = new Map<string, PlaceSet>()
  /** Comparisons by template, for rates. */
  const compared = new Map<string, number>()
  const hits = new Map<string, number>()
  const times: { readonly legacy: Milliseconds; readonly new: Milliseconds }[] = []
  const startedAt = now()
  let asked = 0
  let different = 0
  let overflow = 0

  const compare = ({ request }: AskedBoth, legacy: AnswerCopy, fresh: AnswerCopy, wantsExemplar: boolean): Finding => {
    const { method, template, target } = request
    const exchange = `request ${asked}`
    const job = { route: '', method, template, target, at: now(), exchange, traceId: '', primary: 'legacy' as const }
    return examine({ ...job, keyHash: null, legacy, new: fresh, policy, wantsExemplar }, monotonic)
  }

  const stateOf = (template: string, place: FoundPlace, at: EpochMs) =>
    book.state(template, place, at, policy.noisePercent > 0)

  const keep = (template: string, request: WireRequest, { places, exemplar }: Finding): void => {
    const key = JSON.stringify([template, ...places.map(({ kind, path }) => `${kind} ${path}`).toSorted()])
    const known = sets.get(key)
    if (known !== undefined) {
      known.count++
      known.lastSeen = now()
      if (known.requests.length < MOST_REQUESTS) known.requests.push(request)
      if (known.latest !== null) known.latest = exemplar
    } else if (sets.size >= MOST_SETS) {
      overflow++
      counts.undecided++
    } else {
      const kept = sets.size < MOST_EXEMPLARS ? exemplar : null
      const at = now()
      const seen = { firstSeen: at, lastSeen: at, count: 1 }
      sets.set(key, { template, requests: [request], places, exemplar: kept, latest: kept, ...seen })
    }
  }

  /** Where legacy was asked again, what both did is a pair. */
  const pair = (both: AskedBoth, legacy: WireAnswer<BodyCopy>, finding: Finding): void => {
    const { request, again } = both
    if (again === null || again.kind === 'failure') return
    const self = compare(both, copyOf(legacy), copyOf(again), false)
    if (finding.result === 'undecided' || self.result === 'undecided') return
    book.pair(nameOf(request), finding.places, self.places, now())
  }

  return {
    get asked() {
      return asked
    },
    get different() {
      return different
    },
    hits,
    add(both) {
      const { request, legacy, new: fresh } = both
      asked++
      if (legacy.kind === 'failure' || fresh.kind === 'failure') {
        counts[legacy.kind === 'failure' ? 'primary_error' : 'candidate_error']++
        return
      }
      times.push({ legacy: legacy.elapsedMs, new: fresh.elapsedMs })
      const finding = compare(both, copyOf(legacy), copyOf(fresh), true)
      for (const { rule, count } of finding.suppressed) hits.set(rule, (hits.get(rule) ?? 0) + count)
      const named = nameOf(request)
      compared.set(named, (compared.get(named) ?? 0) + 1)
      pair(both, legacy, finding)
      if (finding.result === 'different') {
        different++
        keep(named, request, finding)
      } else counts[finding.result]++
    },
    learn(both) {
      const { legacy, new: fresh } = both
      if (legacy.kind === 'failure' || fresh.kind === 'failure') return
      pair(both, legacy, compare(both, copyOf(legacy), copyOf(fresh), false))
    },
    open() {
      const at = now()
      const isOpen = ({ template, places }: PlaceSet) =>
        places.some(place => stateOf(template, place, at).state === 'undecided')
      return [...sets.values()].filter(isOpen).toSorted((one, other) => other.count - one.count)
    },
    report({ route, template, at }) {
      const results = { ...counts }
      const judged = [...sets.values()].map(({ template: inTemplate, places, count }) => {
        const states = places.map(place => ({ ...place, state: stateOf(inTemplate, place, at).state }))
        results[worstState(states.map(one => one.state))] += count
        return { states, count }
      })
      const equal = results.match + results.tolerated
      const matchBySeverity = {
        low: matchOf(equal, judged, 'low'),
        medium: matchOf(equal, judged, 'medium'),
        high: matchOf(equal, judged, 'high'),
      }
      const items = signaturesOf(route, template, sets.values(), compared, (inTemplate, place) =>
        stateOf(inTemplate, place, at),
      )
      return {
        route,
        template,
        at,
        totals: { eligible: asked, ...results, unasked: {}, since: startedAt },
        match: matchBySeverity.low,
        matchBySeverity,
        latency: latencyOf(times),
        suspended: [],
        overflow: overflow + Math.max(0, items.length - MOST_SIGNATURES),
        items: items.slice(0, MOST_SIGNATURES),
        rules: [],
        noise: book.list(at),
      }
    },
  }
}

function copyOf({ status, fields, body }: WireAnswer<BodyCopy>): AnswerCopy {
  return { status, headers: fields.flat(), body }
}

function nameOf({ method, template }: WireRequest): string {
  return `${method} ${template}`
}

interface JudgedSet {
  readonly states: readonly { readonly severity: Severity; readonly state: State }[]
  readonly count: number
}

/** A lesser place does not count, whatever its state; where one that counts is undecided, nobody knows, and it is left out. */
function matchOf(equal: number, judged: readonly JudgedSet[], severity: Severity): Share {
  const weighs = SEVERITIES.slice(SEVERITIES.indexOf(severity))
  let count = equal
  let of = equal
  for (const { states, count: times } of judged) {
    const state = worstState(states.filter(one => weighs.includes(one.severity)).map(one => one.state))
    if (state !== 'undecided') of += times
    if (state === 'noise') count += times
  }
  if (of === 0) return { of, count, rate: null, interval: null }
  return { of, count, rate: count / of, interval: [...rateInterval(count, of)] as [number, number] }
}

function worstState(states: readonly State[]): State {
  if (states.includes('divergent')) return 'divergent'
  return states.includes('undecided') ? 'undecided' : 'noise'
}

function signaturesOf(
  route: string,
  template: string,
  sets: Iterable<PlaceSet>,
  compared: ReadonlyMap<string, number>,
  stateOf: (template: string, place: FoundPlace) => { readonly state: State; readonly why: string },
): readonly SignatureAnswer[] {
  const found = new Map<string, SignatureAnswer>()
  for (const set of sets) {
    const fields = Map.groupBy(set.places, ({ kind, path }) => signatureId(route, kind, fieldOf(kind, path)))
    for (const [signature, places] of fields) {
      const fresh = places.map(place => ({
        template: set.template,
        kind: place.kind,
        path: place.path,
        ...stateOf(set.template, place),
        severity: place.severity,
        count: set.count,
      }))
      found.set(signature, joined(found.get(signature), { signature, route, template, set, places: fresh }))
    }
  }
  const withRates = [...found.values()].map(item => {
    const templates = [...new Set(item.differences.map(place => place.template))]
    const of = templates.reduce((sum, one) => sum + (compared.get(one) ?? 0), 0)
    const { count } = item
    return of === 0 ? item : { ...item, rate: count / of, interval: [...rateInterval(count, of)] as [number, number] }
  })
  const rank = (item: SignatureAnswer) =>
    ['noise', 'undecided', 'divergent'].indexOf(item.state) * 10 + SEVERITIES.indexOf(item.severity)
  return withRates.toSorted((a, b) => rank(b) - rank(a) || b.count - a.count)
}

type Place = SignatureAnswer['differences'][number] & { readonly state: State }

function joined(
  before: SignatureAnswer | undefined,
  {
    signature,
    route,
    template,
    set,
    places,
  }: Pick<SignatureAnswer, 'signature' | 'route' | 'template'> & {
    readonly set: PlaceSet
    readonly places: readonly Place[]
  },
): SignatureAnswer {
  const known = new Map<string, Place>()
  for (const place of [...((before?.differences ?? []) as readonly Place[]), ...places]) {
    const key = `${place.template} ${place.path}`
    known.set(key, { ...place, count: place.count + (known.get(key)?.count ?? 0) })
  }
  const differences = [...known.values()]
  const state = worstState(differences.map(place => place.state))
  const [{ kind, path }] = places as readonly [Place]
  return {
    signature,
    route,
    template,
    state,
    severity: SEVERITIES.findLast(one => differences.some(place => place.severity === one)) ?? 'low',
    kind,
    field: fieldOf(kind, path),
    count: (before?.count ?? 0) + set.count,
    rate: null,
    interval: null,
    firstSeen: Math.min(before?.firstSeen ?? set.firstSeen, set.firstSeen),
    lastSeen: Math.max(before?.lastSeen ?? set.lastSeen, set.lastSeen),
    differences,
    why: differences.find(place => place.state === state)?.why ?? '',
    askedAgain: { persistent: 0, transient: 0 },
    exemplar: before?.exemplar ?? shown(set.exemplar),
    latest: shown(set.latest) ?? before?.latest ?? null,
  }
}

function shown(exemplar: Exemplar | null): SignatureAnswer['exemplar'] {
  if (exemplar === null) return null
  // Here values are wanted for one line each; whole answers are for the proxy's own store.
  return { ...exemplar, differences: [...exemplar.differences], answers: null }
}

function latencyOf(
  times: readonly { readonly legacy: Milliseconds; readonly new: Milliseconds }[],
): ReportAnswer['latency'] {
  const quantiles = (values: readonly Milliseconds[]) => {
    const sorted = values.toSorted((a, b) => a - b)
    const at = (share: number): Milliseconds | null => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
    return { p50Ms: at(0.5), p95Ms: at(0.95) }
  }
  const pairs = times.length
  return {
    pairs,
    legacy: quantiles(times.map(time => time.legacy)),
    new: quantiles(times.map(time => time.new)),
    delta: quantiles(times.map(time => time.new - time.legacy)),
    newSlower: pairs === 0 ? null : times.filter(time => time.new > time.legacy).length / pairs,
  }
}
