// The system's clock and dice, as the rooms take them.
import { randomBytes } from 'node:crypto'
import type { Chance } from './config/compile.ts'
import type { Clock } from './model/units.ts'

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

export const systemChance: Chance = {
  random: Math.random,
  randomId: () => randomBytes(12).toString('base64url'),
  now: Date.now,
}
