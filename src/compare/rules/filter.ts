// Whether a place passes the filter of a JSONPath (RFC 9535, 2.3.5): comparisons over lossless JSON, and the five functions.
import { jsonpath } from 'json-p3'
import { decimalOf, isExactAsDouble } from '../json/exact.ts'
import { Exact, type Json } from '../json/read.ts'
import type { FilterTest } from './path.ts'
import { readPattern } from './pattern.ts'
import { isContainer, select, type Visits } from './select.ts'

/** What a path that finds no place has for a value. */
const NOTHING: unique symbol = Symbol('nothing')
type Value = Json | typeof NOTHING

export function passes(test: FilterTest, current: Json, root: Json, visits: Visits): boolean {
  switch (test.is) {
    case 'not':
      return !passes(test.of, current, root, visits)
    case 'and':
      return passes(test.left, current, root, visits) && passes(test.right, current, root, visits)
    case 'or':
      return passes(test.left, current, root, visits) || passes(test.right, current, root, visits)
    case 'compare': {
      const left = valueAt(test.left, current, root, visits)
      return compare(left, test.operator, valueAt(test.right, current, root, visits), visits)
    }
    case 'query':
      return valuesAt(test, current, root, visits).length > 0
    case 'call': {
      const [text, pattern] = test.args.map((arg): Value => valueAt(arg, current, root, visits))
      return typeof text === 'string' && typeof pattern === 'string' && fits(test.name, text, pattern)
    }
    case 'literal':
      return false
  }
}

function valueAt(test: FilterTest, current: Json, root: Json, visits: Visits): Value {
  if (test.is === 'literal') return test.value
  if (test.is === 'query') return only(valuesAt(test, current, root, visits))
  if (test.is !== 'call') return NOTHING
  const arg = test.args[0] as FilterTest
  if (test.name === 'count') return valuesAt(arg, current, root, visits).length
  if (test.name === 'value') return only(valuesAt(arg, current, root, visits))
  const value = valueAt(arg, current, root, visits)
  if (typeof value === 'string') return [...value].length
  if (value === NOTHING || !isContainer(value)) return NOTHING
  return Array.isArray(value) ? value.length : Object.keys(value).length
}

function valuesAt(test: FilterTest, current: Json, root: Json, visits: Visits): readonly Json[] {
  if (test.is !== 'query') return []
  visits.count()
  return select(test.path, test.from === '$' ? root : current, root, visits).map(place => place.value)
}

function only(values: readonly Json[]): Value {
  return values.length === 1 ? (values[0] as Json) : NOTHING
}

function compare(left: Value, operator: string, right: Value, visits: Visits): boolean {
  switch (operator) {
    case '==':
      return equal(left, right, visits)
    case '!=':
      return !equal(left, right, visits)
    case '<':
      return less(left, right)
    case '>':
      return less(right, left)
    case '<=':
      return less(left, right) || equal(left, right, visits)
    default:
      return less(right, left) || equal(left, right, visits)
  }
}

function equal(left: Value, right: Value, visits: Visits): boolean {
  if (left === NOTHING || right === NOTHING) return left === right
  const waiting: [Json, Json][] = [[left, right]]
  while (waiting.length > 0) {
    const [a, b] = waiting.pop() as [Json, Json]
    visits.count()
    if (isNumber(a) && isNumber(b)) {
      if (decimal(a) !== decimal(b)) return false
    } else if (!isContainer(a) || !isContainer(b)) {
      if (a !== b) return false
    } else {
      const names = Object.keys(a)
      if (Array.isArray(a) !== Array.isArray(b) || names.length !== Object.keys(b).length) return false
      for (const name of names) {
        if (!Object.hasOwn(b, name)) return false
        waiting.push([(a as Record<string, Json>)[name] as Json, (b as Record<string, Json>)[name] as Json])
      }
    }
  }
  return true
}

function less(left: Value, right: Value): boolean {
  if (typeof left === 'string' && typeof right === 'string') return textBefore(left, right)
  if (left === NOTHING || right === NOTHING || !isNumber(left) || !isNumber(right)) return false
  return Number(left) < Number(right)
}

/** By Unicode scalar values; JavaScript orders by UTF-16 units. */
function textBefore(left: string, right: string): boolean {
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [a, b] = [left.charCodeAt(i), right.charCodeAt(i)]
    if (a !== b) return rank(a) < rank(b)
  }
  return left.length < right.length
}

function rank(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit < 0xe000
  return isSurrogate ? unit + 0x10000 : unit
}

function isNumber(value: Json): value is number | Exact {
  return typeof value === 'number' || value instanceof Exact
}

function decimal(value: number | Exact): number | string {
  if (typeof value === 'number') return value
  return isExactAsDouble(value.text) ? Number(value.text) : decimalOf(value.text)
}

const FUNCTIONS = { match: new jsonpath.functions.Match(), search: new jsonpath.functions.Search() }
const MOST_REMEMBERED = 100
/** How long a text each pattern may be tried on: patterns may come out of the body. */
const maxTexts = new Map<string, number>()

function fits(name: string, text: string, pattern: string): boolean {
  let maxText = maxTexts.get(pattern)
  if (maxText === undefined) {
    const read = readPattern(pattern)
    maxText = 'message' in read ? -1 : read.maxText
    if (maxTexts.size >= MOST_REMEMBERED) maxTexts.clear()
    maxTexts.set(pattern, maxText)
  }
  return text.length <= maxText && FUNCTIONS[name as 'match' | 'search'].call(text, pattern)
}
