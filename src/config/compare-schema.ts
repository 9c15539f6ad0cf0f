// The schema of `compare`: how the answers of both sides are compared, what counts as a difference, and what is kept of it.
import { z } from 'zod'
import { moment } from './moment.ts'
import { headerName } from './patterns.ts'
import { jsonPath, rule } from './rule-schema.ts'
import { duration, percent, size } from './values.ts'

const MOST = 100_000_000
const KIB = 2 ** 10

const shape = {
  status: z
    .enum(['exact', 'class'])
    .describe('statuses are compared themselves, or only their classes (2xx, 3xx …)')
    .prefault('exact'),
  headers: z
    .array(headerName())
    .exactOptional()
    .describe(
      'headers that are compared; instead of the chosen ones (docs/comparing.md lists them); a list replaces them all',
    ),
  maxBody: size(KIB, 256 * KIB * KIB)
    .describe('larger bodies are compared by hash; also the limit of what a body may decompress to')
    .prefault('1MiB'),
  budget: z
    .strictObject({
      time: duration(1).describe('time').prefault('250ms'),
      nodes: z.int().min(1).max(MOST).describe('values of both sides together').prefault(200_000),
      depth: z.int().min(1).max(MOST).describe('levels').prefault(10_000),
      keys: z.int().min(1).max(MOST).describe('members of one object').prefault(50_000),
      differences: z.int().min(1).max(10_000).describe('differences that are listed').prefault(100),
    })
    .describe('what one comparison may cost; beyond it the result is undecided')
    .prefault({}),
  rules: z
    .array(rule)
    .max(1000)
    .describe('what does not count as a difference, or weighs more or less; one action each')
    .prefault([]),
  noise: z
    .strictObject({
      percent: percent()
        .describe(
          'share of comparisons for which the side that served is asked a second time, to learn how it differs from itself; 0: nothing is learned',
        )
        .prefault(5),
    })
    .describe('differences that a side has with itself')
    .prefault({}),
  redact: z
    .array(jsonPath())
    .describe('values that are never kept, beside passwords, tokens, cookies, card numbers and e-mail addresses')
    .prefault([]),
  keep: z.array(jsonPath()).describe('values that may be kept; of all others only path, kind and type').prefault([]),
  values: z
    .enum(['paths', 'redacted'])
    .describe('what is kept of a difference: path, kind and type, or both answers, redacted, until valuesUntil')
    .prefault('paths'),
  valuesUntil: moment()
    .exactOptional()
    .describe('needed with values: redacted; at most 30 days ahead. From then on it is paths again'),
}

export const compare = z.strictObject(shape).describe('how the answers of both sides are compared')

export type CompareConfig = z.output<typeof compare>
