// What is thought of a place that differs, by what was seen there in repeated comparisons, and the sentence that says why.
//
//   proven          the pair test crossed: divergent, whatever the kind, and whatever the values look like
//   looks like it   a prior: noise until that is proven
//   structure       missing, extra, type, status, body: divergent at once; noise only above a floor of what legacy itself does
//   value           value, order, header: undecided until legacy has differed from itself in enough repeats; then noise
//
// Not proven is not undecided for ever by mistake: as long as legacy was never seen to differ from itself, a field that drifts
// now and then and a fault that is rare look the same. Of three differences all are new's in one of eight fields that only
// drift, and only so many of them can be told from chance: none with α = 1 % under seven, here it takes ten.
import { type Evidence, evidenceOf, isWorse, missing, type PairTest } from '../evidence/pair-test.ts'
import type { DivergenceKind, Prior } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'

/** Repeats of a template before anything is learned in it. */
export const FEWEST_REPEATS = 20
/** What legacy has to do itself before its structure may be noise. */
const STRUCTURE_TIMES = 5
const STRUCTURE_SHARE = 0.02
/** Learned noise that no repeat has shown for so long is forgotten. */
export const EXPIRES_AFTER_MS = 7 * 24 * 3_600_000
/** Not called noise meanwhile. Of fields that only drift 3 in a hundred are there at any moment. */
const SUSPICIOUS_NATS = Math.log(3)

export type NoiseState = 'divergent' | 'noise' | 'undecided'

export interface Verdict {
  readonly state: NoiseState
  /** A whole sentence for people. */
  readonly why: string
}

/** What was counted at a place. */
export interface Counts {
  /** Repeated comparisons in its template. */
  readonly repeats: number
  /** Only new differed from legacy; only legacy from itself; both. */
  readonly onlyNew: number
  readonly onlySelf: number
  readonly both: number
  /** When legacy last differed from itself. */
  readonly selfAt: EpochMs | null
  readonly test: PairTest
}

const LOOKS_LIKE: Readonly<Record<Prior, string>> = {
  timestamp: 'looks like the time of the answer',
  uuid: 'looks like a random UUID',
  'trace-id': 'looks like a trace id',
  'volatile-header': 'a header that differs by nature',
}

/** Where nothing is repeated, nothing is learned. */
export function unlearned(prior: Prior | null): Verdict {
  if (prior !== null)
    return { state: 'noise', why: `${LOOKS_LIKE[prior]} (prior); nothing is learned (noise.percent is 0)` }
  return { state: 'divergent', why: 'nothing is learned (noise.percent is 0), so every difference counts' }
}

export function verdictOf(kind: DivergenceKind, prior: Prior | null, counts: Counts, at: EpochMs): Verdict {
  const { repeats, onlyNew, selfAt, test } = counts
  const self = counts.onlySelf + counts.both
  if (isWorse(test)) return { state: 'divergent', why: proof(counts) }
  if (prior !== null) {
    const seen = self === 0 ? '' : `; ${ofItself(counts)}`
    return { state: 'noise', why: `${LOOKS_LIKE[prior]} (prior); not yet proven otherwise${seen}` }
  }
  const structural = isStructural(kind)
  const open = structural ? 'divergent' : 'undecided'
  if (repeats < FEWEST_REPEATS) {
    const few = `${repeats} of the ${FEWEST_REPEATS} repeats that are needed to learn here`
    return { state: open, why: structural ? `structure differs; ${few}` : few }
  }
  if (self === 0) {
    const base = `legacy never differed from itself here in ${repeats} repeats, only new in ${onlyNew}`
    return { state: open, why: `${base}: ${missing(test)} more such would prove it` }
  }
  if (structural && (self < STRUCTURE_TIMES || self < STRUCTURE_SHARE * repeats)) {
    const floor = `noise of structure begins at ${STRUCTURE_TIMES} times and ${STRUCTURE_SHARE * 100} %`
    return { state: 'divergent', why: `structure differs; ${ofItself(counts)}, and ${floor}` }
  }
  if (selfAt === null || at - selfAt > EXPIRES_AFTER_MS) {
    return { state: open, why: `${ofItself(counts)}, but not in the last 7 days: that has expired` }
  }
  const evidence = evidenceOf(test)
  if (evidence.nats >= SUSPICIOUS_NATS) {
    return { state: open, why: `${ofItself(counts)}, but only new did in ${onlyNew}: ${level(evidence)}` }
  }
  return { state: 'noise', why: `${ofItself(counts)}, and new not clearly more often` }
}

export function isStructural(kind: DivergenceKind): boolean {
  return kind !== 'value' && kind !== 'order' && kind !== 'header'
}

function ofItself({ onlySelf, both, repeats }: Counts): string {
  return `legacy differs from itself here in ${onlySelf + both} of ${repeats} repeats`
}

function proof({ onlyNew, onlySelf, both, repeats, test }: Counts): string {
  const evidence = evidenceOf(test)
  const legacy = onlySelf + both === 0 ? 'legacy never differed from itself' : `only legacy in ${onlySelf}`
  const how = isOver(evidence) ? level(evidence) : 'proven, and not yet disproved by what came since'
  return `only new differed in ${onlyNew} of ${repeats} repeats, ${legacy}: ${how}`
}

function level(evidence: Evidence): string {
  const { nats, threshold } = evidence
  return `evidence ${nats.toFixed(1)} ${isOver(evidence) ? 'over' : 'of the needed'} ${threshold.toFixed(1)}`
}

function isOver({ nats, threshold }: Evidence): boolean {
  return nats >= threshold
}
