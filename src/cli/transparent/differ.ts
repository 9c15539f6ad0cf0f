// What differs between two answers as they are on the wire. Pure; a difference has a key, so that it can be recognised again.
import {
  BLOCK_BYTES,
  type Body,
  type FieldList,
  type Interim,
  type Outcome,
  type WireAnswer,
} from '../asking/answer.ts'
import { aroundByte, fieldsShown, lineShown, valueShown } from '../asking/shown.ts'

export interface Difference {
  /** The same for the same kind of difference at the same place: `header etag: value`. */
  readonly key: string
  /** Belongs to one connection only and may be changed by whoever stands between: framing and protocol version. */
  readonly hop: boolean
  /** What was found on each way, shortened and printable, without secrets. */
  readonly direct: string
  readonly via: string
}

/** Not compared: they belong to one connection, or tell the time. */
export const IGNORED = ['date', 'age', 'connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te'] as const

const NONE = '(none)'
const UNCOMPARED: ReadonlySet<string> = new Set(IGNORED)
/** A body's length and coding are its framing, compared as such: the bytes themselves say how many there are. */
const FRAMING: ReadonlySet<string> = new Set(['transfer-encoding'])

export function differ(method: string, direct: Outcome, via: Outcome): readonly Difference[] {
  if (direct.kind === 'failure' || via.kind === 'failure') return differInFailure(direct, via)
  const found: Difference[] = []
  const unlike = (key: string, one: string, other: string, hop = false): void => {
    if (one !== other) found.push({ key, hop, direct: lineShown(one), via: lineShown(other) })
  }
  unlike('protocol version', `HTTP/${direct.version}`, `HTTP/${via.version}`, true)
  unlike('status', String(direct.status), String(via.status))
  unlike('reason phrase', direct.reason, via.reason)
  const [hasBodies, otherHas] = [hasBody(method, direct), hasBody(method, via)]
  if (hasBodies && otherHas) unlike('framing', framingOf(direct), framingOf(via), true)
  // Without a body, Content-Length only tells what there would be: it is a field like others.
  const bodied = hasBodies && otherHas
  const named = new Set([...namedByConnection(direct.fields), ...namedByConnection(via.fields)])
  const compared = (fields: FieldList): FieldList => comparable(fields, bodied, named)
  found.push(...differInFields('header', compared(direct.fields), compared(via.fields)))
  found.push(...differInInterim(direct.interim, via.interim))
  found.push(...differInBody(direct.body, via.body))
  found.push(...differInFields('trailer', direct.trailers, via.trailers))
  return found
}

/** How the end of the body was told. */
export function framingOf(answer: WireAnswer): string {
  const of = (name: string): string | null =>
    answer.fields.find(([field]) => field.toLowerCase() === name)?.[1].toLowerCase() ?? null
  return of('transfer-encoding') ?? (of('content-length') === null ? 'until the connection closes' : 'content-length')
}

function hasBody(method: string, { status }: WireAnswer): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304
}

/** What `Connection` names ends with the connection, as itself does. */
function namedByConnection(fields: FieldList): readonly string[] {
  return fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map(name => name.trim().toLowerCase()))
}

function comparable(fields: FieldList, bodied: boolean, named: ReadonlySet<string>): FieldList {
  return fields.filter(([name]) => {
    const known = name.toLowerCase()
    return !UNCOMPARED.has(known) && !named.has(known) && !FRAMING.has(known) && !(bodied && known === 'content-length')
  })
}

function differInFailure(direct: Outcome, via: Outcome): readonly Difference[] {
  // Two failures are one finding of their own; that they fail in different words proves nothing.
  if (direct.kind === via.kind) return []
  const shown = (outcome: Outcome): string => (outcome.kind === 'failure' ? outcome.why : `answers ${outcome.status}`)
  return [{ key: 'no answer', hop: false, direct: lineShown(shown(direct)), via: lineShown(shown(via)) }]
}

export function differInFields(what: 'header' | 'trailer', direct: FieldList, via: FieldList): readonly Difference[] {
  const found: Difference[] = []
  const [ours, theirs] = [byName(direct), byName(via)]
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    const [one, other] = [ours.get(name) ?? [], theirs.get(name) ?? []]
    const say = (how: string, shown = fieldsShown): void => {
      found.push({
        key: `${what} ${lineShown(name)}: ${how}`,
        hop: false,
        direct: one.length === 0 ? NONE : shown(one),
        via: other.length === 0 ? NONE : shown(other),
      })
    }
    if (one.length === 0) say('added')
    else if (other.length === 0) say('missing')
    else if (one.length !== other.length) say('repetition')
    else {
      if (one.some(([field], i) => field !== other[i]![0]))
        say('case of the name', fields => lineShown(fields.map(([field]) => field).join(', ')))
      const at = one.findIndex(([, value], i) => value !== other[i]![1])
      if (at !== -1) {
        const [mine, its] = [one[at]![1], other[at]![1]]
        found.push({
          key: `${what} ${lineShown(name)}: value`,
          hop: false,
          direct: valueShown(name, mine, its),
          via: valueShown(name, its, mine),
        })
      }
    }
  }
  const [mine, its] = [orderOf(direct, theirs, ours), orderOf(via, ours, theirs)]
  const at = mine.findIndex((name, i) => name !== its[i])
  if (at !== -1) {
    const shown = (names: readonly string[]): string =>
      lineShown(`${at > 0 ? '… ' : ''}${names.slice(at, at + 3).join(', ')}${names.length > at + 3 ? ' …' : ''}`)
    found.push({ key: `order of ${what}s`, hop: false, direct: shown(mine), via: shown(its) })
  }
  return found
}

function byName(fields: FieldList): Map<string, (readonly [string, string])[]> {
  const named = new Map<string, (readonly [string, string])[]>()
  for (const field of fields) {
    const name = field[0].toLowerCase()
    const same = named.get(name)
    if (same === undefined) named.set(name, [field])
    else same.push(field)
  }
  return named
}

/** Names in their order; what is missing or repeated otherwise on the other way was said already and would only shift the rest. */
function orderOf(
  fields: FieldList,
  theirs: ReadonlyMap<string, readonly unknown[]>,
  ours: ReadonlyMap<string, readonly unknown[]>,
): readonly string[] {
  return fields.map(([name]) => name.toLowerCase()).filter(name => theirs.get(name)?.length === ours.get(name)?.length)
}

function differInInterim(direct: readonly Interim[], via: readonly Interim[]): readonly Difference[] {
  const statuses = (interim: readonly Interim[]): string => interim.map(({ status }) => status).join(', ') || NONE
  if (statuses(direct) !== statuses(via)) {
    return [{ key: 'informational answers', hop: false, direct: statuses(direct), via: statuses(via) }]
  }
  return direct.flatMap((one, i) => {
    const other = via[i]!
    const inside = differInFields('header', one.fields, other.fields)
    const reason = { key: 'reason phrase', hop: false, direct: lineShown(one.reason), via: lineShown(other.reason) }
    return [...(one.reason === other.reason ? [] : [reason]), ...inside].map(difference => ({
      ...difference,
      key: `informational answer ${one.status}: ${difference.key}`,
    }))
  })
}

export function differInBody(direct: Body, via: Body): readonly Difference[] {
  const at = firstUnlike(direct, via)
  if (at === null) return []
  return [{ key: 'body', hop: false, direct: bodyShown(direct, at), via: bodyShown(via, at) }]
}

interface Place {
  readonly offset: number
  /** The offset is that of the byte; else of the block that it is in. */
  readonly exact: boolean
}

function firstUnlike(direct: Body, via: Body): Place | null {
  const both = Math.min(direct.start.length, via.start.length)
  if (direct.start.compare(via.start, 0, both, 0, both) !== 0) {
    let offset = 0
    while (direct.start[offset] === via.start[offset]) offset++
    return { offset, exact: true }
  }
  const shorter = Math.min(direct.length, via.length)
  const whole = Math.floor(shorter / BLOCK_BYTES)
  for (let block = 0; block < whole; block++) {
    if (direct.blocks[block] !== via.blocks[block]) return { offset: block * BLOCK_BYTES, exact: false }
  }
  if (direct.length !== via.length) {
    // One may be the beginning of the other; within the last block that is only known where both were kept.
    const exact = shorter === whole * BLOCK_BYTES || shorter <= both
    return { offset: exact ? shorter : whole * BLOCK_BYTES, exact }
  }
  return direct.blocks[whole] === via.blocks[whole] ? null : { offset: whole * BLOCK_BYTES, exact: false }
}

function bodyShown(body: Body, { offset, exact }: Place): string {
  const size = `${body.length}${body.cut ? ' or more' : ''} bytes`
  if (!exact) return `${size}, differs after byte ${offset}`
  return `${size}, at byte ${offset}: ${offset >= body.length ? 'its end' : aroundByte(body.start, offset)}`
}
