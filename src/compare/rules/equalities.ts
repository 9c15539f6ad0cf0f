// Values of which a rule says that they are the same.
import type { Equality } from '../../model/comparison.ts'
import { decimalOf } from '../json/exact.ts'
import { Exact, type Json } from '../json/read.ts'

type Place = Json | undefined

/** undefined: absent. In either direction. */
export function isEqualBy(what: readonly Equality[], legacy: Place, fresh: Place): boolean {
  return what.some(equality => TESTS[equality]?.(legacy, fresh) === true)
}

const TESTS: Readonly<Record<Equality, (legacy: Place, fresh: Place) => boolean>> = {
  'null=absent': (a, b) => isPair(a, b, isNull, isAbsent),
  '""=null': (a, b) => isPair(a, b, isEmptyText, isNull),
  '""=absent': (a, b) => isPair(a, b, isEmptyText, isAbsent),
  '[]=absent': (a, b) => isPair(a, b, isEmptyList, isAbsent),
  // Of use where numbers are compared as they are written; else these are equal anyway.
  '1=1.0': (a, b) => isNumber(a) && isNumber(b) && decimal(a) !== '0' && decimal(a) === decimal(b),
  '0=-0': (a, b) => isNumber(a) && isNumber(b) && decimal(a) === '0' && decimal(b) === '0',
  '"1"=1': (a, b) => isPair(a, b, isNumericText, isNumber) && decimal(a) === decimal(b),
}

function isPair(a: Place, b: Place, one: (value: Place) => boolean, other: (value: Place) => boolean): boolean {
  return (one(a) && other(b)) || (one(b) && other(a))
}

const isAbsent = (value: Place) => value === undefined
const isNull = (value: Place) => value === null
const isEmptyText = (value: Place) => value === ''
const isEmptyList = (value: Place) => Array.isArray(value) && value.length === 0
const isNumber = (value: Place): value is number | Exact => typeof value === 'number' || value instanceof Exact
const isNumericText = (value: Place) => typeof value === 'string' && NUMBER.test(value)

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function decimal(value: Place): string {
  return decimalOf(String(value))
}
