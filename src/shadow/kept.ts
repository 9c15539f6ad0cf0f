// The places of a route where answers differ, by signature, within the bytes that there are. A new place for which there is no
// room is counted as overflow; what nobody has seen for too long goes.
import { fieldOf } from '../compare/collapse.ts'
import { worse } from '../compare/found-places.ts'
import { signatureId } from '../compare/signature.ts'
import type { DivergenceKind, FoundPlace, Prior, Severity } from '../model/comparison.ts'
import type { RouteId } from '../model/route.ts'
import type { Bytes, EpochMs } from '../model/units.ts'
import type { Space, Tenant } from './space.ts'

export interface Place {
  readonly template: string
  readonly kind: DivergenceKind
  readonly path: string
  /** The worst. */
  severity: Severity
  /** Of the last time. */
  prior: Prior | null
  count: number
  lastSeen: EpochMs
}

export interface Signature {
  readonly id: string
  readonly kind: DivergenceKind
  readonly field: string
  /** Comparisons in which a place of it counted, and in which all its places were noise. */
  count: number
  noise: number
  readonly firstSeen: EpochMs
  lastSeen: EpochMs
  persistent: number
  transient: number
  /** It was made known when it was first divergent. */
  isTold: boolean
  readonly places: Place[]
}

/** What is found in one comparison, and whether it is more than noise. */
export interface Judged {
  readonly place: FoundPlace
  readonly counts: boolean
}

/** About, in memory and as text, with the index that finds them. */
const PLACE_BYTES: Bytes = 400
const SIGNATURE_BYTES: Bytes = 700
/** Of one signature. Who looks at one fault looks at no more places of it. */
const MOST_PLACES = 100
/** When others need room, so much goes at once: sorting by age takes time. */
const AT_ONCE = 0.05

export class Kept implements Tenant {
  readonly #route: RouteId
  readonly #space: Space
  readonly #changed: (signature: string) => void
  readonly #signatures = new Map<string, Signature>()
  bytes: Bytes = 0
  /** Times that a place was seen which is not kept. */
  overflow = 0

  constructor(route: RouteId, space: Space, changed: (signature: string) => void) {
    this.#route = route
    this.#space = space
    this.#changed = changed
    space.enter(this)
  }

  get signatures(): ReadonlyMap<string, Signature> {
    return this.#signatures
  }

  /** One comparison's places. Answers with the signature of each; null: there was no room for it. */
  see(template: string, found: readonly Judged[], at: EpochMs): readonly (Signature | null)[] {
    const signatures = found.map(({ place }) => this.#seePlace(template, place, at))
    const seen = new Map<Signature, boolean>()
    for (const [i, { counts }] of found.entries()) {
      const signature = signatures[i] ?? null
      if (signature !== null) seen.set(signature, counts || seen.get(signature) === true)
    }
    for (const [signature, counts] of seen) {
      if (counts) signature.count++
      else signature.noise++
      signature.lastSeen = at
      this.#changed(signature.id)
    }
    return signatures
  }

  of({ kind, path }: Pick<FoundPlace, 'kind' | 'path'>): Signature | null {
    return this.#signatures.get(signatureId(this.#route, kind, fieldOf(kind, path))) ?? null
  }

  /** As it was stored, if there is room. */
  restore(signature: Signature): void {
    const bytes = sizeOf(signature)
    if (!this.#space.admits(this, bytes)) {
      for (const place of signature.places) this.overflow += place.count
    } else {
      this.#signatures.set(signature.id, signature)
      this.#grow(bytes)
    }
  }

  remove(id: string): boolean {
    const signature = this.#signatures.get(id)
    if (signature === undefined) return false
    this.#signatures.delete(id)
    this.#grow(-sizeOf(signature))
    this.#changed(id)
    return true
  }

  removeBefore(at: EpochMs): void {
    for (const signature of [...this.#signatures.values()]) {
      for (const place of signature.places.filter(place => place.lastSeen < at)) this.#drop(signature, place)
    }
  }

  giveUp(bytes: Bytes): void {
    const enough = this.bytes - Math.max(bytes, AT_ONCE * this.bytes)
    const all = [...this.#signatures.values()].flatMap(signature =>
      signature.places.map(place => ({ signature, place })),
    )
    all.sort((one, other) => one.place.lastSeen - other.place.lastSeen)
    for (const { signature, place } of all) {
      if (this.bytes <= enough) return
      this.overflow += place.count
      this.#drop(signature, place)
    }
  }

  #seePlace(template: string, found: FoundPlace, at: EpochMs): Signature | null {
    const { kind, path, severity, prior } = found
    const field = fieldOf(kind, path)
    const id = signatureId(this.#route, kind, field)
    const known = this.#signatures.get(id)
    const place = known?.places.find(place => place.path === path && place.template === template)
    if (known !== undefined && place !== undefined) {
      place.count++
      place.lastSeen = at
      place.severity = worse(place.severity, severity)
      place.prior = prior
      return known
    }
    const fresh: Place = { template, kind, path, severity, prior, count: 1, lastSeen: at }
    const bytes = placeSize(fresh) + (known === undefined ? signatureSize(field) : 0)
    if ((known?.places.length ?? 0) >= MOST_PLACES || !this.#space.admits(this, bytes)) {
      this.overflow++
      return known ?? null
    }
    const signature = known ?? begun(id, kind, field, at)
    this.#signatures.set(id, signature)
    signature.places.push(fresh)
    this.#grow(bytes)
    return signature
  }

  #drop(signature: Signature, place: Place): void {
    signature.places.splice(signature.places.indexOf(place), 1)
    this.#grow(-placeSize(place))
    if (signature.places.length === 0) {
      this.#signatures.delete(signature.id)
      this.#grow(-signatureSize(signature.field))
    }
    this.#changed(signature.id)
  }

  #grow(bytes: Bytes): void {
    this.bytes += bytes
    this.#space.used += bytes
  }
}

function begun(id: string, kind: DivergenceKind, field: string, at: EpochMs): Signature {
  const counts = { count: 0, noise: 0, persistent: 0, transient: 0 }
  return { id, kind, field, ...counts, firstSeen: at, lastSeen: at, isTold: false, places: [] }
}

function sizeOf({ field, places }: Signature): Bytes {
  return places.reduce((sum, place) => sum + placeSize(place), signatureSize(field))
}

function placeSize({ template, path }: Place): Bytes {
  return PLACE_BYTES + 2 * (template.length + path.length)
}

function signatureSize(field: string): Bytes {
  return SIGNATURE_BYTES + 2 * field.length
}
