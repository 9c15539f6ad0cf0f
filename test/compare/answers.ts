// Answers and policies for tests of comparing.
import { BodyCopier } from '../../src/compare/body-copy.ts'
import { type CompareContext, type Compared, compareAnswers } from '../../src/compare/compare.ts'
import { compileRules } from '../../src/compare/rules/compile.ts'
import type { AnswerCopy, ComparePolicy, Rule, RuleAction } from '../../src/model/comparison.ts'
import type { HeaderList } from '../../src/model/exchange.ts'

export const POLICY: ComparePolicy = {
  status: 'exact',
  headers: null,
  maxBodyBytes: 1_000_000,
  budget: { timeMs: 2000, nodes: 2_000_000, depth: 100_000, keys: 100_000, differences: 100 },
  rules: [],
  noisePercent: 0,
  redact: [],
  keep: [],
  valuesUntil: null,
}

export const AT = Date.UTC(2026, 0, 15)

export interface Given {
  readonly status?: number
  readonly headers?: HeaderList
  /** Shorthand for a content type. */
  readonly type?: string
  readonly body?: string | Uint8Array
  readonly complete?: boolean
  readonly keep?: number
}

export function answer({
  status = 200,
  headers = [],
  type,
  body = '',
  complete = true,
  keep = 1_000_000,
}: Given): AnswerCopy {
  const copier = new BodyCopier(keep)
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  if (bytes.length > 0) copier.add(bytes)
  return {
    status,
    headers: type === undefined ? headers : ['Content-Type', type, ...headers],
    body: copier.end(complete),
  }
}

export function compareGiven(
  legacy: Given,
  fresh: Given,
  policy: Partial<ComparePolicy> = {},
  context: Partial<CompareContext> = {},
): Compared {
  const whole = { ...POLICY, ...policy }
  const rules = whole.rules.length > 0 ? compileRules(whole.rules, AT) : null
  const now = () => performance.now()
  return compareAnswers(answer(legacy), answer(fresh), whole, { method: 'GET', at: AT, now, rules, ...context })
}

/** `kind path` of each difference. */
export function placesOf(compared: Compared): string[] {
  return compared.differences.map(({ kind, path }) => `${kind} ${path}`.trim())
}

export function rule(action: RuleAction, ...paths: readonly string[]): Rule {
  return { ...action, id: 'file:0', paths, owner: null, reason: null, until: null }
}
