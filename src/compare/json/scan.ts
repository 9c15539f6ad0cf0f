// A cheap look at a JSON text that was parsed: whether JSON.parse can have changed a number or dropped a member. It looks at
// patterns, not at tokens: what it takes for a number or a key inside a string only costs time, what it misses would be a lie.
import { isExactAsDouble } from './exact.ts'
import type { Json } from './read.ts'

/** Fewer digits than this are held by any double, as far as the exponent has at most two. */
const LONG = 16

/** What may end before a number begins. */
const BEFORE_NUMBER = /[\s:,[]/
const LARGE_EXPONENT = /\d[eE][-+]?\d{3}/
const WITH_EXPONENT = /(?<=^|[\s:,[])-?\d[\d.]*[eE][-+]?\d+/g

const QUOTE = 34
const POINT = 46
const NINE = 57
const SPACE = 32

export function isLossless(text: string, tree: Json): boolean {
  return (
    longNumbersAreExact(text) && largeExponentsAreExact(text) && mostKeys(text) === countKeys(tree, text.includes('\\'))
  )
}

/** A run of 16 digits has a digit at a multiple of 16. */
function longNumbersAreExact(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigitOrPoint(text.charCodeAt(at))) continue
    let start = at
    while (isDigitOrPoint(text.charCodeAt(start - 1))) start--
    let end = at + 1
    while (isDigitOrPoint(text.charCodeAt(end))) end++
    if (end - start >= LONG) {
      const from = text[start - 1] === '-' ? start - 1 : start
      if ((from === 0 || BEFORE_NUMBER.test(text[from - 1] as string)) && !isExactAt(text, from, end)) return false
    }
    // The whole run was looked at.
    at += Math.floor((end - 1 - at) / LONG) * LONG
  }
  return true
}

/** NaN, beyond the ends, is none. The slash between them never touches a number. */
function isDigitOrPoint(code: number): boolean {
  return code >= POINT && code <= NINE
}

/** What follows the digits belongs to the number, too. */
function isExactAt(text: string, start: number, end: number): boolean {
  const exponent = /^[eE][-+]?\d+/.exec(text.slice(end, end + 64))?.[0] ?? ''
  return isExactAsDouble(text.slice(start, end) + exponent)
}

function largeExponentsAreExact(text: string): boolean {
  if (!LARGE_EXPONENT.test(text)) return true
  for (const [number] of text.matchAll(WITH_EXPONENT)) if (!isExactAsDouble(number)) return false
  return true
}

/** Every key ends in `":`, so this is at least the number of them. Strings may add to it. */
function mostKeys(text: string): number {
  let count = 0
  // Search for one character is the engine's fastest way through a text.
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) {
    const before = text.charCodeAt(at - 1)
    if (before === QUOTE) count++
    else if (before <= SPACE) return [...text.matchAll(/"\s*:/g)].length
  }
  return count
}

/**
 * `escapes`: whether the text has any. V8 13.6 takes a key that is written with one for another key that it has met in this
 * place before, if that is how the raw text begins. A wrong key has a backslash in it, so no such key is counted.
 */
function countKeys(tree: Json, escapes: boolean): number {
  if (typeof tree !== 'object' || tree === null) return 0
  let count = 0
  const rest: object[] = [tree]
  for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
    if (Array.isArray(one)) {
      for (let i = 0; i < one.length; i++) {
        const value = one[i]
        if (typeof value === 'object' && value !== null) rest.push(value)
      }
    } else {
      const object = one as { readonly [name: string]: unknown }
      for (const key in object) {
        if (!escapes || !key.includes('\\')) count++
        const value = object[key]
        if (typeof value === 'object' && value !== null) rest.push(value)
      }
    }
  }
  return count
}
