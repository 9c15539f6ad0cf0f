// What somebody probably meant: near misses of words, and the traps of YAML.
import type { YAMLError } from 'yaml'
import { didYouMean, nearest } from '../model/nearest.ts'

export { didYouMean, nearest }

export type Kind = 'text' | 'number' | 'whole number' | 'true or false' | 'list' | 'mapping'

const YES = new Set(['on', 'yes', 'y'])
const NO = new Set(['off', 'no', 'n'])

/** Somebody wants to have it, and says no more. */
export function saysYes(value: unknown): boolean {
  return value === true || (typeof value === 'string' && YES.has(value.toLowerCase()))
}

/** Why a value of the wrong kind stands there; `source` is its text, `words` are all that a list may hold, if they are few. */
export function kindHint(
  expected: Kind,
  value: unknown,
  source: string,
  words: readonly string[] | null = null,
): string | null {
  if (value === null) return `nothing stands there${expected === 'mapping' ? ': write {} or leave the key out' : ''}`
  if (expected === 'text') return typeof value === 'object' ? null : `write it in quotes: "${source}"`
  if (expected === 'list') {
    if (typeof value === 'object') return 'put `- ` before each entry'
    if (words !== null) {
      // Any other word would be the next mistake.
      const word = nearest(String(value), words)
      return word === null ? null : `write [${word}]`
    }
    return `write [${typeof value === 'string' ? quoted(value) : source}]`
  }
  if (expected === 'mapping')
    return Array.isArray(value) ? 'leave out the `- `' : 'write `key: value` below it, indented'
  if (typeof value !== 'string') return null
  if (expected === 'true or false') {
    const word = value.toLowerCase()
    if (YES.has(word)) return `${source} is a text in YAML 1.2: write true`
    return NO.has(word) ? `${source} is a text in YAML 1.2: write false` : wordInQuotes(word, /^(true|false)$/)
  }
  return wordInQuotes(value.trim(), /^-?[0-9.]+$/)
}

/** A word from a list was expected. */
export function wordHint(words: readonly string[], value: unknown): string | null {
  if (typeof value === 'boolean') {
    const meant = words.find(word => (value ? YES.has(word) : NO.has(word) || word === 'none'))
    return meant === undefined ? null : `write ${meant}`
  }
  return value === null ? 'nothing stands there' : didYouMean(String(value), words)
}

function wordInQuotes(word: string, right: RegExp): string | null {
  return right.test(word) ? `write ${word} without quotes` : null
}

function quoted(text: string): string {
  return /^[\w/.:@-]+$/.test(text) ? text : JSON.stringify(text)
}

const SYNTAX: Partial<Record<YAMLError['code'], string>> = {
  BAD_COLLECTION_TYPE: 'this kind of collection is not allowed here',
  BAD_DIRECTIVE: 'directives are not allowed',
  BAD_DQ_ESCAPE: 'unknown escape in a text in double quotes',
  BAD_INDENT: 'wrong indentation',
  BLOCK_AS_IMPLICIT_KEY: 'a second `:` on one line',
  BLOCK_IN_FLOW: 'a block inside of [ ] or { }',
  MISSING_CHAR: 'something is missing',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line',
  MULTIPLE_DOCS: 'a second document',
  NON_STRING_KEY: 'a key must be a text',
  RESOURCE_EXHAUSTION: 'nested too deep',
  TAB_AS_INDENT: 'a tab as indentation',
}

const SYNTAX_HINTS: Partial<Record<YAMLError['code'], string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'put the value in quotes, or on its own line, indented further',
  TAB_AS_INDENT: 'indent with spaces',
  BAD_SCALAR_START: 'put the value in quotes',
  BAD_DQ_ESCAPE: 'write \\\\ for a backslash, or use single quotes',
  MULTIPLE_DOCS: 'remove the line `---`',
}

export function syntaxMessage({ code, message }: YAMLError): string {
  const words = SYNTAX[code]
  if (code === 'MISSING_CHAR' && message.endsWith('quote')) return 'a text in quotes does not end'
  const detail = message.replace(/[\s:]+$/, '')
  return words === undefined || code === 'MISSING_CHAR' ? `not YAML: ${lowerFirst(detail)}` : words
}

/** The traps: `${` inside of `{ }`, an end of line after `memory:`. */
export function syntaxHint({ code, pos }: YAMLError, text: string): string | null {
  const begin = text.lastIndexOf('\n', Math.max(0, pos[0] - 1)) + 1
  const end = text.indexOf('\n', pos[0])
  const line = text.slice(begin, end === -1 ? text.length : end)
  // Only the beginning: no mistake is worth a walk through a line of megabytes.
  const variable = /\$\{[^}\s]*\}?/.exec(line.slice(0, 2000))
  if (variable !== null && /[{[]/.test(line.slice(0, variable.index))) {
    return `inside of { } and [ ] it needs quotes: "${variable[0]}"`
  }
  if (/:\s*memory:\s*(#.*)?$/.test(line.slice(0, 2000))) return 'write "memory:" in quotes'
  return SYNTAX_HINTS[code] ?? null
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
