// What is kept of one place where answers differ, and how people see it.
import { createHash } from 'node:crypto'
import { afterPair, evidenceOf, isWorse, type PairTest, UNTESTED } from '../evidence/pair-test.ts'
import type { DivergenceKind, FoundPlace, Prior } from '../model/comparison.ts'
import type { EpochMs } from '../model/units.ts'
import { EXPIRES_AFTER_MS, type NoiseState, unlearned, verdictOf } from './noise-verdict.ts'

/** Plain data: it is stored as it is. */
export interface Learned {
  readonly kind: DivergenceKind
  readonly path: string
  readonly prior: Prior | null
  /** Repeats of its template that do not count: they were before. */
  readonly since: number
  readonly onlyNew: number
  readonly onlySelf: number
  readonly both: number
  /** When it was last seen, and when legacy last differed from itself. */
  readonly at: EpochMs
  readonly selfAt: EpochMs | null
  readonly test: PairTest
  /** An operator has revoked it: what its values look like does not excuse it. */
  readonly countsAnyway: boolean
}

/** What was learned at one place, for people. */
export interface NoiseEntry {
  /** Names it, for revoking. */
  readonly id: string
  readonly template: string
  readonly kind: DivergenceKind
  readonly path: string
  readonly state: NoiseState
  readonly prior: Prior | null
  /** Comparisons that were repeated in this template. */
  readonly repeats: number
  /** Only new differed; only legacy from itself did; both did. */
  readonly onlyNew: number
  readonly onlySelf: number
  readonly both: number
  /** Natural logarithm of the evidence, and what it has to reach. */
  readonly evidenceNats: number
  readonly thresholdNats: number
  readonly why: string
  /** Of what was learned to be noise: then, unless legacy differs from itself again. */
  readonly expiresAt: EpochMs | null
}

type Named = Pick<FoundPlace, 'kind' | 'path'>

export function begun({ kind, path, prior }: Named & Pick<FoundPlace, 'prior'>, since: number, at: EpochMs): Learned {
  return {
    kind,
    path,
    prior,
    since,
    onlyNew: 0,
    onlySelf: 0,
    both: 0,
    at,
    selfAt: null,
    test: UNTESTED,
    countsAnyway: false,
  }
}

/** After a repeat in which new differed from legacy there, legacy from itself, or both. */
export function counted(learned: Learned, ofNew: boolean, ofSelf: boolean, at: EpochMs): Learned {
  const seen = { ...learned, at, selfAt: ofSelf ? at : learned.selfAt }
  if (ofNew && ofSelf) return { ...seen, both: seen.both + 1 }
  const test = afterPair(seen.test, ofNew ? 'new' : 'legacy')
  return ofNew ? { ...seen, test, onlyNew: seen.onlyNew + 1 } : { ...seen, test, onlySelf: seen.onlySelf + 1 }
}

/** What matters most is highest: what is proven, then what was seen last. */
export function useOf({ at, test }: Learned): number {
  return isWorse(test) ? Number.MAX_SAFE_INTEGER : at
}

export function entryOf(
  template: string,
  templateRepeats: number,
  learned: Learned,
  at: EpochMs,
  learning: boolean,
): NoiseEntry {
  const { kind, path, prior, onlyNew, onlySelf, both, selfAt } = learned
  const repeats = templateRepeats - learned.since
  const { state, why } = learning ? verdictOf(kind, prior, { ...learned, repeats }, at) : unlearned(prior)
  const { nats, threshold } = evidenceOf(learned.test)
  return {
    id: idOf(template, learned),
    template,
    kind,
    path,
    state,
    prior,
    repeats,
    onlyNew,
    onlySelf,
    both,
    evidenceNats: nats,
    thresholdNats: threshold,
    why,
    expiresAt: state === 'noise' && prior === null && selfAt !== null ? selfAt + EXPIRES_AFTER_MS : null,
  }
}

/** Within a template. */
export function keyOf({ kind, path }: Named): string {
  return `${kind} ${path}`
}

/** The same on every machine and after every restart. */
export function idOf(template: string, { kind, path }: Named): string {
  return createHash('sha256')
    .update(JSON.stringify([template, kind, path]))
    .digest('hex')
    .slice(0, 12)
}
