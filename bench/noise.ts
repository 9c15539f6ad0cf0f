// The question "is learned noise right?": fields that drift by themselves, and faults planted in them, in simulated repeats.
//
// A pair is one comparison in which legacy was asked twice. Nothing here is timed: figures are the same on every machine.
import { NoiseBook } from '../src/compare/noise.ts'
import type { NoiseState } from '../src/compare/noise-verdict.ts'
import type { FoundPlace } from '../src/model/comparison.ts'
import type { Bench, Question } from './kit/bench.ts'
import { answers, changing, clock, type Draw, drifting, type Random } from './kit/drift.ts'
import { percentile, spreadOf, table, type Verdict } from './kit/figures.ts'
import { seeded } from './kit/many-routes.ts'

export const noise: Question = {
  name: 'noise',
  asks: 'does learned noise hide a fault, or cry wolf? (simulated, seeded)',
  run,
}

const SEED = 20_261_126
const PAIRS = 2000
/** Of one book: under its bound. */
const FIELDS_TOGETHER = 500
/** A crossing stands for at least so many pairs: looking that often misses none. */
const CROSSING_STANDS = 200

async function run(bench: Bench): Promise<readonly Verdict[]> {
  bench.print(`seed ${SEED}`)
  const wrong = falseAlarms(bench)
  const power = foundRegressions(bench)
  laterRegressions(bench)
  const soonest = plantedFaults(bench)
  const recognised = naturalFields(bench)
  const one = (asked: string, value: number, unit: string, kind: 'at least' | 'at most', bar: number): Verdict => {
    return { asked, figure: spreadOf([value]), unit, bar: { kind, value: bar } }
  }
  return [
    one('fields that only drift, ever divergent, at the worst drift', wrong, '%', 'at most', 1),
    one(`5 points more at a drift up to 10 %, found within ${PAIRS} pairs`, power, '%', 'at least', 80),
    one('a fault in every answer, pairs until it is divergent', soonest, 'pairs', 'at most', 12),
    one('times, UUIDs and counters that are noise after 100 pairs, of the worst kind', recognised, '%', 'at least', 95),
  ]
}

/** The largest share of fields that were ever divergent, in percent. */
function falseAlarms(bench: Bench): number {
  const fields = 2000
  const drifts = bench.quick ? [5, 50] : [0, 1, 2, 5, 10, 20, 30, 50, 70, 90, 99, 100]
  const rows: [string, Draw][] = drifts.map(percent => [`${percent} %`, drifting(percent / 100)])
  rows.push(['2 % to 98 %, changing', changing], ['10 %, one answer shared', answers(0.1)])
  const shares = rows.map(([name, draw], i) => {
    bench.told(`noise: false alarms at a drift of ${name}`)
    const ever = firstDivergent(seeded(SEED + i), { fields, pairs: PAIRS, lookEvery: CROSSING_STANDS, draw })
    return (ever.filter(Number.isFinite).length / fields) * 100
  })
  const cells = rows.map(([name], i) => [name, `${(shares[i] as number).toFixed(2)} %`])
  bench.print(table([['natural drift', `ever divergent, of ${fields} fields in ${PAIRS} pairs`], ...cells]))
  return Math.max(...shares)
}

/** The smallest share that was found, in percent. */
function foundRegressions(bench: Bench): number {
  const fields = bench.quick ? 100 : 500
  const shareOf = (draw: Draw) => {
    const found = firstDivergent(seeded(SEED), { fields, pairs: PAIRS, lookEvery: 20, draw })
    return (found.filter(Number.isFinite).length / fields) * 100
  }
  const rows = [0, 1, 2, 5, 10].map(percent => {
    bench.told(`noise: 5 points more than ${percent} %`)
    return [percent, shareOf(drifting(percent / 100, 0.05)), shareOf(answers(percent / 100, 0.05))] as const
  })
  const cells = rows.map(([percent, ...shares]) => [`${percent} %`, ...shares.map(share => `${share.toFixed(1)} %`)])
  bench.print(
    table([['natural drift', `5 points more: found in ${PAIRS} pairs`, 'the same, one answer shared'], ...cells]),
  )
  return Math.min(...rows.flatMap(([, ...shares]) => shares))
}

/** What a drift of 20 to 80 % hides longer. */
function laterRegressions(bench: Bench): void {
  const fields = bench.quick ? 50 : 200
  const rows = [20, 30, 50, 70, 80].map(percent => {
    bench.told(`noise: 5 points more than ${percent} %`)
    const draw = drifting(percent / 100, 0.05)
    const found = firstDivergent(seeded(SEED), { fields, pairs: 5 * PAIRS, lookEvery: 20, draw })
    return [`${percent} %`, pairsText(percentile(found, 0.5)), pairsText(percentile(found, 0.8))]
  })
  bench.print(table([['natural drift', '5 points more: median pairs', 'for 80 % of fields'], ...rows]))
}

/** Pairs until a fault in every answer is found, of the slowest field. */
function plantedFaults(bench: Bench): number {
  const fields = bench.quick ? 50 : 200
  const late = (pair: number) => (pair <= PAIRS ? 0 : 1)
  const rows: (readonly [string, Draw, number])[] = [
    ['in every answer', drifting(0, 1), 0],
    ['in 30 % of answers', drifting(0, 0.3), 0],
    ['in 5 %', drifting(0, 0.05), 0],
    ['in 1 %', drifting(0, 0.01), 0],
    ['in every answer, drift 10 %', drifting(0.1, 0.9), 0],
    [
      'in every answer, drift 10 %, after 2,000 good pairs',
      (random, pair) => drifting(0.1, late(pair))(random, pair),
      PAIRS,
    ],
  ]
  const found = rows.map(([name, draw, from]) => {
    bench.told(`noise: a fault ${name}`)
    return firstDivergent(seeded(SEED), { fields, pairs: 2 * PAIRS, lookEvery: 1, draw }).map(pair => pair - from)
  })
  const cells = rows.map(([name], i) => {
    const pairs = found[i] as number[]
    return [name, pairsText(percentile(pairs, 0.5)), pairsText(percentile(pairs, 0.95))]
  })
  bench.print(table([['planted fault', 'pairs until divergent: median', 'P95'], ...cells]))
  return Math.max(...(found[0] as number[]))
}

/** The smallest share of fields that are noise after 100 pairs, in percent, of those asked as they are to be. */
function naturalFields(bench: Bench): number {
  const fields = bench.quick ? 100 : 500
  const seconds = (afterMs: number) => clock(1000, 300, afterMs)
  const rows: readonly (readonly [string, Draw, FoundPlace['prior']])[] = [
    ['UUID', drifting(1), 'uuid'],
    ['UUID, without a prior', drifting(1), null],
    ['seconds, legacy asked again after 2 s', seconds(2000), 'timestamp'],
    ['the same, without a prior', seconds(2000), null],
    ['minutes, asked again after 61 s, without a prior', clock(60_000, 300, 61_000), null],
    ['a counter that others push in 30 % of pairs', drifting(0.3), null],
    ['for contrast: seconds, asked again after 20 ms', seconds(20), 'timestamp'],
  ]
  const shares = rows.map(([name, draw, prior], i) => {
    bench.told(`noise: ${name}`)
    const book = new NoiseBook()
    const places = placesOf(fields, prior)
    const random = seeded(SEED + i)
    for (let pair = 1; pair <= 100; pair++) take(book, places, draw, random, pair)
    const isIn = (state: NoiseState) => places.filter(place => book.state('/', place, 0, true).state === state).length
    return [(isIn('noise') / fields) * 100, (isIn('divergent') / fields) * 100] as const
  })
  const cells = rows.map(([name], i) => [
    name,
    ...(shares[i] as readonly number[]).map(share => `${share.toFixed(1)} %`),
  ])
  bench.print(table([['field, new asked 300 ms after legacy', 'noise after 100 pairs', 'divergent'], ...cells]))
  return Math.min(...shares.slice(0, -1).map(([share]) => share))
}

/** The pair at which each field was first seen divergent; infinite: never. */
function firstDivergent(
  random: Random,
  of: { readonly fields: number; readonly pairs: number; readonly lookEvery: number; readonly draw: Draw },
): number[] {
  const first: number[] = []
  for (let done = 0; done < of.fields; done += FIELDS_TOGETHER) {
    const book = new NoiseBook()
    const places = placesOf(Math.min(FIELDS_TOGETHER, of.fields - done), null)
    const found = new Map<FoundPlace, number>()
    for (let pair = 1; pair <= of.pairs && found.size < places.length; pair++) {
      take(book, places, of.draw, random, pair)
      if (pair % of.lookEvery !== 0) continue
      for (const place of places) {
        if (!found.has(place) && book.state('/', place, 0, true).state === 'divergent') found.set(place, pair)
      }
    }
    first.push(...places.map(place => found.get(place) ?? Number.POSITIVE_INFINITY))
  }
  return first
}

function take(book: NoiseBook, places: readonly FoundPlace[], draw: Draw, random: Random, pair: number): void {
  const [a, b]: [FoundPlace[], FoundPlace[]] = [[], []]
  for (const place of places) {
    const [ofNew, ofSelf] = draw(random, pair)
    if (ofNew) a.push(place)
    if (ofSelf) b.push(place)
  }
  book.pair('/', a, b, 0)
}

function placesOf(fields: number, prior: FoundPlace['prior']): FoundPlace[] {
  return Array.from({ length: fields }, (_, i) => ({ kind: 'value', path: `/field${i}`, severity: 'medium', prior }))
}

function pairsText(pairs: number): string {
  return Number.isFinite(pairs) ? pairs.toLocaleString('en-US') : 'never'
}
