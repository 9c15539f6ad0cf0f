// What is kept of differences: values only for a while, and never what shall not be kept.
import { ruleMistakes } from '../compare/rules/parse.ts'
import type { EpochMs } from '../model/units.ts'
import { type Data, isMapping, list, type Path } from './check-data.ts'
import type { Finding } from './mistakes.ts'
import { moment } from './moment.ts'
import { pathOf } from './positions.ts'

const DAY_MS = 86_400_000
const MAX_DAYS = 30
const MOMENT = moment()

export function* checkCompare(compare: Data, path: Path, now: EpochMs): Generator<Finding> {
  for (const [index, rule] of list(compare.rules).entries()) {
    if (isMapping(rule)) yield* checkRule(rule, [...path, 'rules', index], now)
  }
  yield* checkUntil(compare, [...path, 'valuesUntil'], now)
  const redacted = new Set(list(compare.redact))
  for (const [index, kept] of list(compare.keep).entries()) {
    if (!redacted.has(kept)) continue
    yield {
      path: [...path, 'keep', index],
      message: 'it stands under redact, too',
      allowed: 'paths that are not redacted',
      hint: 'leave it out of one of them',
    }
  }
}

function* checkRule(rule: Data, path: Path, now: EpochMs): Generator<Finding> {
  for (const { path: pointer, message, allowed, hint, level } of ruleMistakes(rule, now)) {
    yield {
      path: [...path, ...pathOf(pointer)],
      ...(message === 'unknown key' ? { at: 'key' } : {}),
      message,
      allowed,
      hint,
      ...(level === 'warning' ? { level } : {}),
    }
  }
}

function* checkUntil({ values, valuesUntil }: Data, path: Path, now: EpochMs): Generator<Finding> {
  const allowed = `a date up to ${dayOf(now + MAX_DAYS * DAY_MS)}`
  const soon = `for a week: valuesUntil: ${dayOf(now + 7 * DAY_MS)}`
  if (valuesUntil === undefined) {
    if (values !== 'redacted') return
    yield { path, message: 'until when may answers be kept? valuesUntil is missing', allowed, hint: soon }
    return
  }
  if (values !== 'redacted') {
    const hint = 'add values: redacted, or leave it out'
    yield { path, at: 'key', level: 'warning', message: 'no values are kept, whatever the date', hint }
    return
  }
  const until = MOMENT.safeParse(valuesUntil).data?.at
  if (until === undefined) return
  if (until > now + MAX_DAYS * DAY_MS) {
    yield { path, message: `more than ${MAX_DAYS} days ahead`, allowed, hint: soon }
  } else if (until <= now) {
    // Time alone must not make a configuration wrong.
    yield {
      path,
      level: 'warning',
      message: 'this has passed: no values are kept, as with values: paths',
      allowed,
      hint: soon,
    }
  }
}

function dayOf(at: EpochMs): string {
  return new Date(at).toISOString().slice(0, 10)
}
