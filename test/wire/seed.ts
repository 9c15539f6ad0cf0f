// The seed of one run of properties: printed, and given again as SEED.
import type { Parameters } from 'fast-check'

export const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)

export function runs(numRuns: number): Parameters<unknown> {
  return { seed: SEED, numRuns }
}
