// JSON as a tree that has lost nothing: native JSON.parse wherever a cheap look at the text proves that it changes no number and
// drops no duplicate key; else the slow reader.
import type { Exact } from './exact.ts'
import { readLossless } from './lossless.ts'

export { Exact } from './exact.ts'

export type Json = null | boolean | number | string | Exact | readonly Json[] | { readonly [name: string]: Json }

/** `value`: 1 = 1.0 = 1e0 and 0 = -0; `lexeme`: they differ. */
export type Numbers = 'value' | 'lexeme'

export interface Read {
  readonly tree: Json
  /** JSON Pointers of members that came more than once; the last one is in the tree. */
  readonly duplicates: readonly string[]
}

export function readJson(text: string, numbers: Numbers = 'value'): Read | { readonly wrong: string } {
  try {
    JSON.parse(text)
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
  return readLossless(text, numbers)
}
