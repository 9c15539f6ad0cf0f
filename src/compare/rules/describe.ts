// A rule as one line for people.
import type { Rule } from '../../model/comparison.ts'
import type { EpochMs, Milliseconds } from '../../model/units.ts'

const LONGEST = 60

/** `tolerance 1 % at $.price, until 2026-12-01, owner team-orders` */
export function describeRule(rule: Rule): string {
  return [
    `${actionOf(rule)} ${rule.paths.join(', ')}`,
    ...(rule.until === null ? [] : [`until ${dayOf(rule.until)}`]),
    ...(rule.owner === null ? [] : [`owner ${rule.owner}`]),
    ...(rule.reason === null ? [] : [`because: ${rule.reason}`]),
  ].join(', ')
}

function actionOf(rule: Rule): string {
  switch (rule.does) {
    case 'ignore':
    case 'unordered':
      return rule.does
    case 'keyed':
      return `keyed by ${rule.by.join(' + ')} at`
    case 'tolerance': {
      const { absolute, relative, timeMs } = rule
      const limits = [
        ...(absolute === null ? [] : [`${absolute}`]),
        ...(relative === null ? [] : [`${Number((relative * 100).toPrecision(12))} %`]),
        ...(timeMs === null ? [] : [durationOf(timeMs)]),
      ]
      return `tolerance ${limits.join(' or ')} at`
    }
    case 'normalise':
      if (rule.as !== 'pattern') return `normalise ${rule.as} at`
      return `normalise /${shortened(rule.pattern)}/ to ${JSON.stringify(shortened(rule.replace))} at`
    case 'equal':
      return `equal ${rule.what.join(', ')} at`
    case 'idMap':
      return 'id map at'
    case 'expect':
      return `expect ${rule.kinds === null ? 'any difference' : rule.kinds.join(', ')} at`
    case 'severity':
      return `severity ${rule.severity} at`
  }
}

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

function durationOf(ms: Milliseconds): string {
  const unit = UNITS.find(([, size]) => ms % size === 0)
  return unit === undefined ? `${ms} ms` : `${ms / unit[1]} ${unit[0]}`
}

/** Of midnight (UTC) the day only. */
function dayOf(at: EpochMs): string {
  const text = new Date(at).toISOString()
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text.replace('.000Z', 'Z')
}
