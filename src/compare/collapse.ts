// Paths as they are counted and learned: without what is data in them, and of bounded length.
//
// A JSON Pointer into an answer names one element of one list, and often one thing of one user: `/orders/17/lines/0/total`,
// `/balances/ann@example.com`. Counted are fields, so indexes and keys that look like data become `*`. Guessed from the text
// alone: what is taken for data by mistake joins its siblings, what is taken for a word by mistake is counted by itself.
import type { DivergenceKind } from '../model/comparison.ts'
import { redactText } from './redact.ts'
import { isMapOfSecrets } from './secret-names.ts'

const MOST_SEGMENTS = 16
const LONGEST_KEY = 64
/** Where `MOST_SEGMENTS` are left: from the beginning, and from the end. */
const FIRST = 8
const LAST = 7

/** What is in an XML element is the element, to people. */
const NAMELESS = new Set(['**', '#text', '#content'])

/** Letters of any script, and what authors use in names, of JSON and XML. */
const NAME = /^[@#$:?]?[\p{L}_][\p{L}\p{M}\p{N}_:.$-]*$|^[@#$_:?-]$/u
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i
const HEX = /^(?=.*\d)[0-9a-f]{8,}$/i
/** `INV-2024-0012`, `order_8842`, `SKU00042`. */
const ENDS_IN_NUMBER = /[-_.:]\d{3,}$|\d{4,}$/
/** `cus_9s6XKzkNRiz8i3`, `wordpress_logged_in_5f3a9c2b…`. */
const ENDS_IN_TOKEN = /(?:^|[-_.:])(?=[a-z]*\d+[a-z]+\d)[a-z\d]{8,}$/i

/** `isHeader`: the first segment is a header's name, which the policy chose. */
export function collapsePointer(pointer: string, isHeader = false): string {
  if (pointer === '') return ''
  const segments = pointer.split('/').slice(1)
  const collapsed = (from: number, to: number) =>
    segments.slice(from, to).map((key, i) => collapsedKey(key, segments[from + i - 1] ?? null))
  if (isHeader) return `/${[headerName(segments[0] as string), ...collapsed(1, MOST_SEGMENTS)].join('/')}`
  const { length } = segments
  const shortened =
    length <= MOST_SEGMENTS ? collapsed(0, length) : [...collapsed(0, FIRST), '**', ...collapsed(length - LAST, length)]
  return `/${shortened.join('/')}`
}

/** `around`: what it is a key of; null: the whole. */
function collapsedKey(key: string, around: string | null): string {
  const isHidden = around !== null && key !== '**' && isMapOfSecrets(around)
  return isHidden || isData(key) ? '*' : key
}

function headerName(name: string): string {
  return /^[\w-]+$/.test(name) && name.length <= LONGEST_KEY ? name.toLowerCase() : '*'
}

/** A key that stands for one of many things. `**` stays what it is. */
export function isData(key: string): boolean {
  if (key === '**') return false
  return (
    key.length > LONGEST_KEY ||
    !NAME.test(key) ||
    HEX.test(key) ||
    UUID.test(key) ||
    ENDS_IN_NUMBER.test(key) ||
    ENDS_IN_TOKEN.test(key) ||
    redactText(key) !== key
  )
}

/** What a person calls the place, wherever in an answer it is: the last name in its collapsed path. */
export function fieldOf(kind: DivergenceKind, path: string): string {
  const segments = path.split('/').slice(1)
  if (kind === 'status') return segments.join(' → ')
  if (kind === 'header') return `header ${segments.join(' ')}`
  let stars = ''
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i] as string
    if (segment === '*') stars += '[]'
    else if (!NAMELESS.has(segment)) return segment + stars
  }
  return `(body)${stars}`
}
