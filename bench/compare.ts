// The question "what does comparing cost?": one comparison of two JSON answers from their bytes on, as a multiple of reading both
// with `JSON.parse` in the same run, beside libraries that only compare what was read already.
import { createRequire } from 'node:module'
import { diff as jsonDiffTs } from 'json-diff-ts'
import * as jsondiffpatch from 'jsondiffpatch'
import microdiff from 'microdiff'
import { compareAnswers, isSame } from '../src/compare/compare.ts'
import { type AnswerCopy, DEFAULT_COMPARE_POLICY } from '../src/model/comparison.ts'
import type { Bench, Question } from './kit/bench.ts'
import { median, type Spread, shown, spreadOf, table, type Verdict } from './kit/figures.ts'

export const compare: Question = {
  name: 'compare',
  asks: 'what one comparison costs, as a multiple of reading both bodies with JSON.parse, beside four libraries',
  run,
}

// It has no module form.
const deepDiff = createRequire(import.meta.url)('deep-diff') as { diff(a: unknown, b: unknown): unknown }
const patcher = jsondiffpatch.create({ objectHash: (value: object) => (value as { id?: string }).id ?? '' })

type Way = (legacy: string, fresh: string, copies: readonly [AnswerCopy, AnswerCopy]) => unknown

const POLICY = {
  ...DEFAULT_COMPARE_POLICY,
  maxBodyBytes: 16 * 2 ** 20,
  budget: { ...DEFAULT_COMPARE_POLICY.budget, timeMs: 10_000 },
}
const CONTEXT = { method: 'GET', at: 0, now: () => performance.now(), rules: null }

const WAYS: Readonly<Record<string, Way>> = {
  banyan: (_, __, [legacy, fresh]) =>
    isSame(legacy, fresh, POLICY) || compareAnswers(legacy, fresh, POLICY, CONTEXT).result,
  microdiff: (a, b) => microdiff(JSON.parse(a), JSON.parse(b)),
  'deep-diff': (a, b) => deepDiff.diff(JSON.parse(a), JSON.parse(b)),
  'json-diff-ts': (a, b) => jsonDiffTs(JSON.parse(a), JSON.parse(b)),
  jsondiffpatch: (a, b) => patcher.diff(JSON.parse(a), JSON.parse(b)),
}
/** What all are measured in. */
const READING: Way = (a, b) => [JSON.parse(a), JSON.parse(b)]

interface Pair {
  readonly name: string
  readonly legacy: string
  readonly fresh: string
  readonly most: number
}

interface Item {
  readonly id: string
  readonly [key: string]: unknown
}

function itemOf(i: number): Item {
  const note = `note ${i} `.repeat(4)
  return { id: `item-${i}`, sku: `SKU-${i * 7}`, price: i * 1.25, open: i % 2 === 0, tags: ['a', `t${i % 9}`], note }
}

function body(items: number) {
  return { page: 1, next: null, items: Array.from({ length: items }, (_, i) => itemOf(i)) }
}

/** The same, with the members of each object the other way round. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, one]) => [key, reordered(one)]),
  )
}

function pairs(): readonly Pair[] {
  return [
    ['1 KB', 7],
    ['100 KB', 720],
  ].flatMap(([size, items]) => {
    const whole = body(items as number)
    const legacy = JSON.stringify(whole)
    const changed = structuredClone(whole)
    for (let i = 0; i < 3; i++) (changed.items[i * 2] as unknown as { price: number }).price = -1
    return [
      { name: `${size}, equal bytes`, legacy, fresh: legacy, most: 0.2 },
      { name: `${size}, reordered`, legacy, fresh: JSON.stringify(reordered(whole)), most: 4 },
      { name: `${size}, three leaves differ`, legacy, fresh: JSON.stringify(changed), most: 6 },
    ]
  })
}

function inserted(): Pair {
  const items = Array.from({ length: 10_000 }, (_, i) => itemOf(i))
  const legacy = JSON.stringify(items)
  return { name: '10,000 elements, one inserted', legacy, fresh: JSON.stringify([itemOf(-1), ...items]), most: 10 }
}

async function run(bench: Bench): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = []
  const rows: string[][] = []
  for (const pair of [...pairs(), inserted()]) {
    bench.told(`compare: ${pair.name}`)
    const found = measure(pair, bench.turns.rounds)
    rows.push([pair.name, ...[...found.values()].map(({ median }) => shown(median))])
    const own = found.get('banyan') as Spread
    verdicts.push({
      asked: `${pair.name}: one comparison, as a multiple of reading both`,
      figure: own,
      unit: '×',
      bar: { kind: 'at most', value: pair.most },
    })
    const best = Math.min(...[...found].filter(([name]) => name !== 'banyan').map(([, { median }]) => median))
    verdicts.push({
      asked: `${pair.name}: against the fastest of the libraries`,
      figure: spreadOf([own.median / best]),
      unit: '×',
      bar: { kind: 'at most', value: 1 },
    })
  }
  bench.print(table([['multiples of 2 × JSON.parse', ...Object.keys(WAYS)], ...rows]))
  return verdicts
}

/** Rounds in which all take turns; each as a multiple of the reading in the same round. */
function measure({ legacy, fresh }: Pair, rounds: number): ReadonlyMap<string, Spread> {
  const copies = [copyOf(legacy), copyOf(fresh)] as const
  const times = Math.max(2, Math.round(3_000_000 / legacy.length))
  const ratios = new Map<string, number[]>(Object.keys(WAYS).map(name => [name, []]))
  const timed = (way: Way, count: number) => {
    const from = performance.now()
    for (let i = 0; i < count; i++) way(legacy, fresh, copies)
    return (performance.now() - from) / count
  }
  for (let round = -1; round < rounds; round++) {
    const reading = timed(READING, times)
    for (const [name, way] of Object.entries(WAYS)) {
      // One that takes long is asked less often; and a few calls may meet a compiler at work.
      const few = timed(way, Math.min(times, 20))
      const own = few > 200 * reading ? few : timed(way, times)
      // The first round warms up.
      if (round >= 0) ratios.get(name)?.push(own / reading)
    }
  }
  return new Map([...ratios].map(([name, all]) => [name, { ...spreadOf(all), median: median(all) }]))
}

function copyOf(text: string): AnswerCopy {
  const start = Buffer.from(text)
  const headers = ['content-type', 'application/json; charset=utf-8', 'cache-control', 'no-store', 'x-served-by', 'a']
  return { status: 200, headers, body: { length: start.length, complete: true, start, blocks: null } }
}
