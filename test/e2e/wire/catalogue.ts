// Every case, group by group, in the order of the page.
import type { Case } from './case.ts'
import { answerBodies } from './cases/answer-bodies.ts'
import { answerFields } from './cases/answer-fields.ts'
import { bound } from './cases/bound.ts'
import { crowd, limits } from './cases/crowd.ts'
import { expectations, interim } from './cases/expect.ts'
import { framing } from './cases/framing.ts'
import { cuts, early, leaving } from './cases/lifetime.ts'
import { lying } from './cases/lying.ts'
import { nominated } from './cases/nominated.ts'
import { pipelined } from './cases/pipelined.ts'
import { poisoned } from './cases/poisoned.ts'
import { problems } from './cases/problems.ts'
import { quirks } from './cases/quirks.ts'
import { requestFields } from './cases/request-fields.ts'
import { retry } from './cases/retry.ts'
import { streaming } from './cases/streaming.ts'
import { syntax } from './cases/syntax.ts'
import { host, target } from './cases/target.ts'
import { upgrade } from './cases/upgrade.ts'

/** One test file each. */
export const CHAPTERS = {
  matrix: [...framing, ...crowd, ...nominated],
  requests: [...syntax, ...target, ...host, ...limits, ...requestFields, ...pipelined],
  answers: [...answerFields, ...answerBodies, ...expectations, ...interim, ...problems],
  lifetime: [...leaving, ...cuts, ...early, ...streaming, ...upgrade],
  upstream: [...retry, ...bound, ...poisoned],
  lying: [...lying, ...quirks],
} as const satisfies Readonly<Record<string, readonly Case[]>>

export const CASES: readonly Case[] = Object.values(CHAPTERS).flat()
