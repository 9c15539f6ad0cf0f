// What `npm run fuzz` was told: a usage text, a sentence about what is wrong, or how long, from which seed, and what is kept.
import { parseArgs } from 'node:util'

/** In one run; one fault is found by many inputs, and the first few say it all. */
export const MOST_KEPT = 20

export const USAGE = `Mutates the inputs of test/fuzz/corpus, requests and answers, and sends them through Banyans of several set-ups.

  npm run fuzz -- [options]

Each must be answered or refused as HTTP wants it, a normal client must be served after it, nothing may stay open, and
nothing may be thrown that nobody catches. What breaks that is written to test/fuzz/corpus as found-*.txt (the first ${MOST_KEPT} of
a run): npm test runs all of the corpus, so what was found stays a test.

  --minutes N    how long (default: 1)
  --seed N       where the dice begin, for the same inputs again (default: another one each time; it is printed)
  --no-keep      what is found is printed only
  --help

Exit code: 0 nothing was found, 1 something was, 2 it could not be run.
`

export interface FuzzOptions {
  readonly minutes: number
  readonly seed: number
  readonly keep: boolean
}

/** `wrong` is one sentence. `seed` is taken where none is given. */
export function readOptions(args: readonly string[], seed: number): FuzzOptions | 'help' | { readonly wrong: string } {
  let values: { minutes: string; seed?: string; keep: boolean; help: boolean }
  try {
    values = parse(args)
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/\. |\n/, 1)
    return { wrong: sentence }
  }
  if (values.help) return 'help'
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes < Number.POSITIVE_INFINITY)) return { wrong: '--minutes must be a number above 0' }
  if (values.seed !== undefined && !/^\d{1,10}$/.test(values.seed)) {
    return { wrong: '--seed must be a whole number of at most ten digits' }
  }
  return { minutes, seed: values.seed === undefined ? seed : Number(values.seed), keep: values.keep }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string' },
      keep: { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
    allowNegative: true,
  }).values
}
