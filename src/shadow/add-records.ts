// Records of one route that several instances keep, as one: counts add up, times are the first and the last, verdicts the worst.
// Adding is commutative and associative, so whoever looks at whichever instance sees the same.
import { worse } from '../compare/found-places.ts'
import type { StoredNoise } from '../compare/noise.ts'
import type { Learned } from '../compare/noise-place.ts'
import type { PairTest, Process } from '../evidence/pair-test.ts'
import type { Exemplar } from '../model/comparison.ts'
import type { StoredAcknowledged } from './acknowledged.ts'
import type { StoredCounts } from './counts.ts'
import type { ExemplarPair } from './exemplars.ts'
import type { Place, Signature } from './kept.ts'
import type { StoredBook } from './route-book.ts'
import type { StoredTemplates } from './templates.ts'

/** Two texts of the record of that name. What cannot be read, or is of another format, adds nothing. */
export function addRecords(record: string, one: string, other: string): string {
  const [a, b] = [parse(one), parse(other)]
  if (a === null || b === null || a.format !== b.format) return a === null ? other : one
  const add = ADDERS[record.split('-', 1)[0] as string]
  return add === undefined ? one : JSON.stringify({ ...a, ...(add as Adder)(a as never, b as never) })
}

type Adder = (one: never, other: never) => object

const ADDERS: Readonly<Record<string, Adder>> = {
  counts: (a: StoredBook, b: StoredBook): Omit<StoredBook, 'format'> => ({
    template: a.template === '' ? b.template : a.template,
    learning: a.learning || b.learning,
    overflow: a.overflow + b.overflow,
    counts: addCounts(a.counts, b.counts),
    templates: addTemplates(a.templates, b.templates),
    acknowledged: addAcknowledged(a.acknowledged, b.acknowledged),
    latency: {
      legacy: addLists(a.latency?.legacy, b.latency?.legacy),
      new: addLists(a.latency?.new, b.latency?.new),
      slower: addLists(a.latency?.slower, b.latency?.slower),
      faster: addLists(a.latency?.faster, b.latency?.faster),
    },
  }),
  noise: (a: { learned: StoredNoise }, b: { learned: StoredNoise }) => ({ learned: addNoise(a.learned, b.learned) }),
  signature: (a: { signature: Signature }, b: { signature: Signature }) => ({
    signature: addSignatures(a.signature, b.signature),
  }),
  exemplars: (a: ExemplarPair, b: ExemplarPair): ExemplarPair => ({
    first: pick([a.first, b.first], (x, y) => x.at <= y.at),
    latest: pick([a.latest, b.latest, ...notFirst(a, b)], (x, y) => x.at >= y.at),
  }),
}

function addCounts(a: StoredCounts, b: StoredCounts): StoredCounts {
  const rules = new Map(a.rules)
  for (const [id, count] of b.rules) {
    const known = rules.get(id)
    rules.set(
      id,
      known === undefined
        ? count
        : {
            since: Math.min(known.since, count.since),
            hits: known.hits + count.hits,
            lastHit: Math.max(known.lastHit ?? 0, count.lastHit ?? 0) || null,
            comparisons: known.comparisons + count.comparisons,
          },
    )
  }
  return {
    since: Math.min(a.since, b.since),
    results: addNumbers(a.results, b.results),
    unasked: addNumbers(a.unasked, b.unasked),
    worst: addNumbers(a.worst, b.worst),
    rules: [...rules],
  }
}

function addTemplates(a: StoredTemplates, b: StoredTemplates): StoredTemplates {
  const all = new Map(a.map(one => [one[0], one]))
  for (const [template, count, at] of b) {
    const [, before = 0, beforeAt = 0] = all.get(template) ?? []
    all.set(template, [template, before + count, Math.max(at, beforeAt)])
  }
  return [...all.values()]
}

function addAcknowledged(a: StoredAcknowledged, b: StoredAcknowledged): StoredAcknowledged {
  const all = new Map(a.map(([id, comparisons]) => [id, new Map(comparisons)]))
  for (const [id, comparisons] of b) {
    const known = all.get(id) ?? new Map<string, number>()
    for (const [template, count] of comparisons) known.set(template, (known.get(template) ?? 0) + count)
    all.set(id, known)
  }
  return [...all].map(([id, comparisons]) => [id, [...comparisons]])
}

function addNoise(a: StoredNoise, b: StoredNoise): StoredNoise {
  const templates = new Map(a.templates.map(one => [one.template, one]))
  for (const other of b.templates) {
    const one = templates.get(other.template)
    templates.set(other.template, one === undefined ? other : addTemplateNoise(one, other))
  }
  return { format: a.format, templates: [...templates.values()] }
}

type TemplateNoise = StoredNoise['templates'][number]

function addTemplateNoise(a: TemplateNoise, b: TemplateNoise): TemplateNoise {
  const key = ({ kind, path }: Learned) => `${kind} ${path}`
  const mine = new Map(a.places.map(one => [key(one), one]))
  const theirs = new Map(b.places.map(one => [key(one), one]))
  // A place that one of them never saw was not seen there in any repeat since it forgot places.
  const places = [...new Set([...mine.keys(), ...theirs.keys()])].map(name => {
    const [one, other] = [mine.get(name), theirs.get(name)]
    if (one === undefined) return { ...(other as Learned), since: (other as Learned).since + a.since }
    return other === undefined ? { ...one, since: one.since + b.since } : addLearned(one, other)
  })
  return {
    template: a.template,
    repeats: a.repeats + b.repeats,
    at: Math.max(a.at, b.at),
    since: a.since + b.since,
    places,
  }
}

function addLearned(a: Learned, b: Learned): Learned {
  return {
    kind: a.kind,
    path: a.path,
    prior: (a.at >= b.at ? a : b).prior,
    since: a.since + b.since,
    onlyNew: a.onlyNew + b.onlyNew,
    onlySelf: a.onlySelf + b.onlySelf,
    both: a.both + b.both,
    at: Math.max(a.at, b.at),
    selfAt: Math.max(a.selfAt ?? 0, b.selfAt ?? 0) || null,
    test: addTests(a.test, b.test),
    countsAnyway: a.countsAnyway || b.countsAnyway,
  }
}

/** The pairs of both in one bet; of the stricter of both thresholds. */
function addTests(a: PairTest, b: PairTest): PairTest {
  const newest = [a.newest, b.newest].filter(one => one !== null)
  return {
    longest: addProcesses(a.longest, b.longest),
    newest: newest.length === 0 ? null : newest.reduce(addProcesses),
    crossed: a.crossed || b.crossed,
    crossedBefore: a.crossedBefore || b.crossedBefore,
  }
}

function addProcesses(a: Process, b: Process): Process {
  return { k: Math.max(a.k, b.k), onlyNew: a.onlyNew + b.onlyNew, onlyLegacy: a.onlyLegacy + b.onlyLegacy }
}

function addSignatures(a: Signature, b: Signature): Signature {
  const key = ({ template, path }: Place) => `${template} ${path}`
  const places = new Map(a.places.map(one => [key(one), one]))
  for (const other of b.places) {
    const one = places.get(key(other))
    places.set(
      key(other),
      one === undefined
        ? other
        : {
            ...(one.lastSeen >= other.lastSeen ? one : other),
            severity: worse(one.severity, other.severity),
            count: one.count + other.count,
          },
    )
  }
  return {
    id: a.id,
    kind: a.kind,
    field: a.field,
    count: a.count + b.count,
    noise: a.noise + b.noise,
    firstSeen: Math.min(a.firstSeen, b.firstSeen),
    lastSeen: Math.max(a.lastSeen, b.lastSeen),
    persistent: a.persistent + b.persistent,
    transient: a.transient + b.transient,
    isTold: a.isTold || b.isTold,
    places: [...places.values()],
  }
}

/** Two have a first one each: the later of them may be the latest. */
function notFirst(a: ExemplarPair, b: ExemplarPair): readonly (Exemplar | null)[] {
  if (a.first === null || b.first === null) return []
  return [a.first.at > b.first.at ? a.first : b.first]
}

function pick(all: readonly (Exemplar | null)[], isBetter: (one: Exemplar, other: Exemplar) => boolean) {
  return all.reduce((best, one) => (one === null || (best !== null && isBetter(best, one)) ? best : one), null)
}

function addNumbers<Name extends string>(
  a: Readonly<Partial<Record<Name, number>>>,
  b: Readonly<Partial<Record<Name, number>>>,
): Partial<Record<Name, number>> {
  const out: Partial<Record<Name, number>> = { ...a }
  for (const name of Object.keys(b) as Name[]) out[name] = (out[name] ?? 0) + (b[name] ?? 0)
  return out
}

function addLists(a: readonly number[] = [], b: readonly number[] = []): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0))
}

function parse(text: string): { readonly format: unknown } | null {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
