// One signature as people see it. What is thought of its places is asked when somebody looks: what was undecided may be noise
// by now.

import { worse } from '../compare/found-places.ts'
import { SEVERITIES, type Severity } from '../model/comparison.ts'
import type { Route } from '../model/route.ts'
import type { EpochMs } from '../model/units.ts'
import { shareOf } from './counts.ts'
import type { ExemplarPair } from './exemplars.ts'
import type { Place, Signature } from './kept.ts'
import type { PlaceState, PlaceView, SignatureView } from './view.ts'

/** As `GET …/divergences` asks; null: whatever it is. */
export interface SignatureQuery {
  /** Seen since then. */
  readonly since: EpochMs | null
  /** That, or above. */
  readonly severity: Severity | null
  readonly kind: Signature['kind'] | null
  /** A JSON Pointer: there or below. */
  readonly path: string | null
  readonly state: PlaceState | null
  readonly limit: number
}

export interface Row {
  readonly signature: Signature
  readonly state: PlaceState
  readonly severity: Severity
  readonly differences: readonly PlaceView[]
}

/** The worst counts: noise beside a fault says nothing of it. */
const STATES: readonly PlaceState[] = ['divergent', 'undecided', 'ignored', 'noise']

export function rowOf(signature: Signature, judge: (place: Place) => Pick<PlaceView, 'state' | 'why'>): Row {
  const differences = signature.places
    .map(place => ({ ...shown(place), ...judge(place) }))
    .sort((one, other) => rank(one.state) - rank(other.state) || other.count - one.count)
  const state = differences[0]?.state ?? 'undecided'
  const deciding = differences.filter(place => place.state === state)
  const severity = deciding.reduce<Severity>((worst, place) => worse(worst, place.severity), 'low')
  return { signature, state, severity, differences }
}

function shown({ template, kind, path, severity, count }: Place): Omit<PlaceView, 'state' | 'why'> {
  return { template, kind, path, severity, count }
}

export function isAsked({ signature, state, severity, differences }: Row, query: SignatureQuery): boolean {
  const { since, kind, path } = query
  return (
    (since === null || signature.lastSeen >= since) &&
    (kind === null || signature.kind === kind) &&
    (query.state === null || state === query.state) &&
    (query.severity === null || worse(severity, query.severity) === severity) &&
    (path === null || differences.some(place => place.path === path || place.path.startsWith(`${path}/`)))
  )
}

/** What needs somebody to look at it first. */
export function inOrder(one: Row, other: Row): number {
  return (
    rank(one.state) - rank(other.state) ||
    SEVERITIES.indexOf(other.severity) - SEVERITIES.indexOf(one.severity) ||
    countOf(other) - countOf(one) ||
    (one.signature.id < other.signature.id ? -1 : 1)
  )
}

function rank(state: PlaceState): number {
  return STATES.indexOf(state)
}

/** Comparisons in which nothing but its noise was seen count where it is noise only. */
function countOf({ signature, state }: Row): number {
  return state === 'noise' ? signature.count + signature.noise : signature.count
}

export interface Surroundings {
  readonly route: Route['id']
  readonly template: string
  /** Of the templates in which it was seen. */
  readonly comparisons: number
  readonly exemplars: ExemplarPair
}

export function viewOf(row: Row, { route, template, comparisons, exemplars }: Surroundings): SignatureView {
  const { signature, state, severity, differences } = row
  const { id, kind, field, firstSeen, lastSeen, persistent, transient } = signature
  const count = countOf(row)
  const { rate, interval } = shareOf(count, Math.max(count, comparisons))
  return {
    signature: id,
    route,
    template,
    state,
    severity,
    kind,
    field,
    count,
    rate,
    interval,
    firstSeen,
    lastSeen,
    differences,
    why: differences[0]?.why ?? '',
    askedAgain: { persistent, transient },
    exemplar: exemplars.first,
    latest: exemplars.latest,
  }
}
