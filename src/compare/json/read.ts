// JSON as a tree that has lost nothing: native JSON.parse wherever a cheap look at the text proves that it changes no number and
// drops no duplicate key; else the slow reader.
import type { Exact } from './exact.ts'
import { readLossless } from './lossless.ts'
import { isLossless } from './scan.ts'

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
  let tree: Json
  try {
    tree = JSON.parse(text) as Json
  } catch (error) {
    return { wrong: whereOf(error, text) }
  }
  return numbers === 'value' && isLossless(text, tree) ? { tree, duplicates: [] } : readLossless(text, numbers)
}

/** Without what is written there: V8's own message quotes it. */
function whereOf(error: unknown, text: string): string {
  if (text.trim() === '') return 'empty'
  const message = error instanceof Error ? error.message : ''
  const position = /at position (\d+)/.exec(message)?.[1]
  if (position !== undefined) return `wrong at position ${position}`
  return message.includes('end of JSON') ? `ends too early, at position ${text.length}` : 'an unexpected character'
}
