// What is left of a value when what does not count is taken out.
import type { Normaliser as Named, RuleAction } from '../../model/comparison.ts'
import type { Json } from '../json/read.ts'
import { readPattern, replaceAll } from './pattern.ts'
import { readTime } from './times.ts'

export type Normalise = RuleAction & { readonly does: 'normalise' }

/** A value it does not know how to normalise stays what it is. */
export type Normaliser = (value: Json) => Json

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** The authority in whatever URLs there are in a text. */
const HOSTS = /(?<=:\/\/)[^/?#\s"'<>\\]+/g
/** White space that people see, and what XML has for it. */
const SPACES = /\s+/g

/** Before the name of a form: no text of a service looks like it. */
const FORM = '\0'

function formOf<T extends string | number>(value: T): T | string {
  const time = readTime(value)
  return time === null ? value : FORM + time.form
}

const NORMALISERS: Readonly<Record<Named, (text: string) => string>> = {
  uuid: text => (UUID.test(text) ? `${FORM}uuid` : text),
  timestamp: formOf,
  'url-host': text => text.replace(HOSTS, 'host'),
  // Not by locale: everywhere the same.
  case: text => text.toLowerCase(),
  space: text => text.replace(SPACES, ' ').trim(),
}

/** null: a bad pattern. */
export function normaliserOf(action: Normalise): Normaliser | null {
  if (action.as === 'pattern') {
    const pattern = readPattern(action.pattern)
    if ('message' in pattern) return null
    return value => (typeof value === 'string' ? replaceAll(value, pattern, action.replace) : value)
  }
  const normalise = NORMALISERS[action.as]
  if (normalise === undefined) return null
  const { as } = action
  return value => {
    if (typeof value === 'string') return normalise(value)
    return as === 'timestamp' && typeof value === 'number' ? formOf(value) : value
  }
}
