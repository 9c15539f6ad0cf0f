// Runs inputs through lanes, one after the other in each, and tells what must never be.
import type { Test } from 'tap'
import { next, runAnswer } from './answers.ts'
import { type Ending, type Input, type Kind, readCorpus } from './corpus.ts'
import { Dice, mutated } from './dice.ts'
import { type Finding, type Lane, type LaneName, openLane } from './lane.ts'
import { runRequest } from './requests.ts'

/** Which lanes what goes through. */
export const LANES_OF: Readonly<Record<Kind, readonly LaneName[]>> = {
  requests: ['transparent', 'standard', 'old', 'split'],
  answers: ['standard', 'transparent', 'lenient', 'split', 'old'],
}

/** After so many inputs a lane is looked at. */
const BATCH = 100
/** Connections that the pool may keep for the next request, and what is on its way to its end. */
const KEPT = 8

export interface Bounds {
  readonly seed: number
  /** When it ends, as `performance.now()`. */
  readonly until: number
  readonly found: (finding: Finding) => void
}

export function run(lane: Lane, kind: Kind, input: Input): Promise<string | null> {
  return kind === 'requests' ? runRequest(lane, input) : runAnswer(lane, input)
}

/** Mutates the corpus until time is up, at least for one batch; how many inputs were run. */
export async function fuzz(t: Test, kind: Kind, name: LaneName, { seed, until, found }: Bounds): Promise<number> {
  const lane = await openLane(t, name)
  const corpus = readCorpus(kind)
  const texts = corpus.map(({ bytes }) => bytes)
  const dice = new Dice(seed)
  let count = 0
  // However long the start took.
  while (performance.now() < until || count < BATCH) {
    const input = change(dice.one(corpus), dice, texts)
    let what = await run(lane, kind, input)
    if (++count % BATCH === 0) what ??= await rest(lane)
    if (what !== null) found({ lane: name, kind, input, what })
  }
  const what = await rest(lane)
  if (what !== null) found({ lane: name, kind, input: corpus[0] as Input, what })
  return count
}

function change(input: Input, dice: Dice, others: readonly string[]): Input {
  const bytes = mutated(input.bytes, dice, others)
  return {
    ...input,
    bytes,
    cuts: dice.places(bytes),
    method: dice.oneIn(4) ? dice.one(['GET', 'HEAD', 'POST']) : input.method,
    ending: dice.oneIn(4) ? dice.one<Ending>(['wait', 'close', 'reset']) : input.ending,
  }
}

/** A normal client is served, and nothing is left open. */
async function rest(lane: Lane): Promise<string | null> {
  const wrong = await next(lane)
  if (wrong !== null) return wrong
  const end = performance.now() + 3_000
  while (lane.backend.open.size > KEPT) {
    if (performance.now() > end) return `${lane.backend.open.size} connections to the backend stay open`
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return null
}

/** Exceptions that nobody caught, until `stop`. */
export function uncaught(): { readonly errors: unknown[]; stop(): void } {
  const errors: unknown[] = []
  const note = (error: unknown) => errors.push(error)
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  return {
    errors,
    stop() {
      process.off('uncaughtException', note)
      process.off('unhandledRejection', note)
    },
  }
}
