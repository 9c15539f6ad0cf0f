// What is wrong with a rule that is well-formed: paths that are none, limits that limit nothing, patterns that could run away.
import {
  DIVERGENCE_KINDS,
  EQUALITIES,
  NORMALISERS,
  type Rule,
  type RulePath,
  SEVERITIES,
} from '../../model/comparison.ts'
import { didYouMean } from '../../model/nearest.ts'
import type { EpochMs } from '../../model/units.ts'
import { tokensOf } from '../json/pointer.ts'
import { type BodyPath, type FilterTest, isPath, readPath } from './path.ts'
import { readPattern } from './pattern.ts'

export interface RuleMistake {
  /** JSON Pointer into what was given. */
  readonly path: string
  readonly message: string
  readonly allowed: string | null
  readonly hint: string | null
  /** A warning: the rule can be taken, but is of no use. */
  readonly level: 'error' | 'warning'
}

export const ALLOWED_PATHS = 'a JSONPath ($.a.b, $..id, $.items[*].price), header:NAME or status'
const MAX_PATHS = 50
const MAX_KEYS = 10
const MAX_REPLACEMENT = 200
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Pointers are into `rule`. */
export function mistakesIn(rule: Rule, at: EpochMs): readonly RuleMistake[] {
  const found = [...pathsMistakes(rule), ...actionMistakes(rule)]
  if (rule.until !== null && rule.until <= at) {
    found.push({ ...mistake('/until', 'its time is over: the rule does not count any more'), level: 'warning' })
  }
  return found
}

export function mistake(
  path: string,
  message: string,
  more: { readonly allowed?: string | null; readonly hint?: string | null } = {},
): RuleMistake {
  return { path, message, allowed: more.allowed ?? null, hint: more.hint ?? null, level: 'error' }
}

function pathsMistakes(rule: Rule): RuleMistake[] {
  if (rule.paths.length === 0) return [mistake('/paths', 'no path', { allowed: ALLOWED_PATHS })]
  if (rule.paths.length > MAX_PATHS) return [mistake('/paths', `more than ${MAX_PATHS} paths`)]
  return rule.paths.flatMap((path, i) => pathMistake(rule, path, `/paths/${i}`) ?? [])
}

function pathMistake({ does }: Rule, path: RulePath, at: string): RuleMistake | null {
  if (path.startsWith('$')) return bodyPathMistake(path, at)
  if (path === 'status') {
    if (does === 'ignore' || does === 'expect' || does === 'severity') return null
    return mistake(at, `${does} means nothing for the status`, { hint: 'ignore, expect and severity do' })
  }
  if (!path.startsWith('header:')) return mistake(at, 'not a path', { allowed: ALLOWED_PATHS, hint: meantBy(path) })
  if (does === 'unordered' || does === 'keyed') {
    return mistake(at, `${does} is for arrays`, { hint: 'headers that are lists are compared as such anyway' })
  }
  const name = path.slice('header:'.length)
  if (TOKEN.test(name)) return null
  return mistake(at, 'not a name of a header', { allowed: 'letters, digits and -', hint: 'header:x-request-id, say' })
}

function bodyPathMistake(path: string, at: string): RuleMistake | null {
  const read = readPath(path)
  if (!isPath(read)) {
    const { message, position } = read
    return mistake(at, `not a JSONPath: ${message}, at character ${position}`, { allowed: 'RFC 9535' })
  }
  for (const pattern of patternsIn(read)) {
    const wrong = readPattern(pattern)
    // Another kind of wrong pattern fits nothing, says RFC 9535.
    if ('message' in wrong && wrong.isSlow) return mistake(at, wrong.message, { hint: wrong.hint })
  }
  return null
}

/** Patterns of `match` and `search` that are written in the path. */
function patternsIn(path: BodyPath): string[] {
  const inTest = (test: FilterTest): string[] => {
    if (test.is === 'query') return patternsIn(test.path)
    if (test.is === 'not') return inTest(test.of)
    if (test.is === 'literal') return []
    if (test.is !== 'call') return [...inTest(test.left), ...inTest(test.right)]
    const [, pattern] = test.args
    const own = pattern?.is === 'literal' && typeof pattern.value === 'string' ? [pattern.value] : []
    return [...own, ...test.args.flatMap(inTest)]
  }
  return path.flatMap(({ selectors }) => selectors.flatMap(one => (one.by === 'filter' ? inTest(one.test) : [])))
}

function meantBy(path: string): string | null {
  if (path === '') return null
  if (path.startsWith('/')) {
    const steps = tokensOf(path).map(token => (/^\d+$|^\*$/.test(token) ? '[*]' : step(token)))
    return `write $${steps.join('')}`
  }
  if (/^headers?[.:/ ]/i.test(path)) return `write header:${path.replace(/^headers?[.:/ ]+/i, '')}`
  if (/^[\w.[\]*]+$/.test(path)) return didYouMean(path, ['status']) ?? `write $.${path}`
  return null
}

function step(name: string): string {
  return /^[a-z_]\w*$/i.test(name) ? `.${name}` : `['${name.replace(/['\\]/g, '\\$&')}']`
}

function actionMistakes(rule: Rule): RuleMistake[] {
  switch (rule.does) {
    case 'keyed': {
      if (rule.by.length === 0)
        return [mistake('/by', 'by is missing', { allowed: 'the name of a member, or several' })]
      if (rule.by.length > MAX_KEYS) return [mistake('/by', `more than ${MAX_KEYS} names`)]
      return rule.by.flatMap((name, i) => (name === '' ? [mistake(`/by/${i}`, 'an empty name')] : []))
    }
    case 'tolerance': {
      const { absolute, relative, timeMs } = rule
      if (absolute === null && relative === null && timeMs === null) {
        return [mistake('', 'a tolerance of what?', { allowed: 'absolute, relative, time' })]
      }
      return [
        ...limitMistake('/absolute', absolute, Number.POSITIVE_INFINITY),
        ...limitMistake('/relative', relative, 1),
        ...limitMistake('/timeMs', timeMs, Number.POSITIVE_INFINITY),
      ]
    }
    case 'normalise': {
      if (rule.as !== 'pattern') return wordMistake('/as', rule.as, [...NORMALISERS, 'pattern'])
      const read = readPattern(rule.pattern)
      const wrong = 'message' in read ? [mistake('/pattern', read.message, { hint: read.hint })] : []
      if (rule.pattern === '') wrong.push(mistake('/pattern', 'an empty pattern'))
      const isLong = rule.replace.length > MAX_REPLACEMENT
      return isLong ? [...wrong, mistake('/replace', `longer than ${MAX_REPLACEMENT} characters`)] : wrong
    }
    case 'equal':
      return wordsMistakes('/what', rule.what, EQUALITIES)
    case 'expect':
      return rule.kinds === null ? [] : wordsMistakes('/kinds', rule.kinds, DIVERGENCE_KINDS)
    case 'severity':
      return wordMistake('/severity', rule.severity, SEVERITIES)
    default:
      return []
  }
}

function limitMistake(path: string, limit: number | null, most: number): RuleMistake[] {
  if (limit === null || (limit > 0 && limit <= most && limit !== Number.POSITIVE_INFINITY)) return []
  const hint = limit > 1 && path === '/relative' ? `did you mean ${limit}%?` : null
  return [
    mistake(path, 'out of bounds', { allowed: most === 1 ? 'more than 0, at most 1 (100%)' : 'more than 0', hint }),
  ]
}

function wordsMistakes(path: string, words: readonly string[], known: readonly string[]): RuleMistake[] {
  if (words.length === 0) return [mistake(path, 'nothing stands there', { allowed: known.join(', ') })]
  return words.flatMap((word, i) => wordMistake(`${path}/${i}`, word, known))
}

function wordMistake(path: string, word: string, known: readonly string[]): RuleMistake[] {
  if (known.includes(word)) return []
  return [mistake(path, 'unknown word', { allowed: known.join(', '), hint: didYouMean(word, known) })]
}
