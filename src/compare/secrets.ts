// Finds secrets and people in texts of any kind: where they are, not what they are. Rather too much than too little: what is
// found is hidden from those who look at examples, and nobody else reads them.
import { looksRandom } from './random-looking.ts'
import { isSecretName } from './secret-names.ts'

export type Range = readonly [start: number, end: number]

const PEOPLE = /[^\s@"<>(),:;[\]\\=&?/|{}]{1,64}@\[?[\p{L}\p{N}][\p{L}\p{N}.:-]*/gu
const USER_INFO = /(?<=\/\/)[^/\s@"'<>]{1,256}(?=@)/g
/** A JSON object in base64: tokens of all kinds begin like that. */
const JWT = /(?<![\w-])eyJ[\w+/=-]{4,}(?:\.[\w+/=-]*)*/g
const BEARER = /(?<=\bbearer[\s:=+]{1,4})[^\s"',;<>&]{4,}/gi
const BASIC = /(?<=\bbasic[\s:=+]{1,4})[\w+/-]{4,}=*/gi
const KNOWN_KEY = /\b(?:[spr]k_(?:live|test)_|gh[pousr]_|xox[a-z]-|AKIA|ASIA|AIza|glpat-)[\w-]{8,}/g
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END|$)/g
const TOKEN = /[\w+/=-]{20,}/g
const DIGITS = /(?<!\d)\d(?:[ \u00a0.+_\u2013-]{0,2}\d){11,}/g
const SOCIAL_SECURITY = /(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])/g
const IBAN = /(?<![A-Z\d])[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,4})?(?![A-Z\d])/g
const NAMED = /(?<![\w.-])([\w.-]{2,64})["'\]]{0,2}\s{0,8}(?:=>|[:=])\s{0,8}/g
/** After a name: a text in quotes, or what goes on until a sign that ends it. */
const VALUE = /"[^"\\]*(?:\\.[^"\\]*)*"?|'[^'\\]*(?:\\.[^'\\]*)*'?|[^\s"'&,;<>{}[\]]+/y
const LINE_END = /[\r\n"<]/g
const ELEMENT = /<(?:[\w.-]{1,64}:)?([\w.-]{1,64})(?:\s[^<>]*)?>/g
/** What a form field, a `meta` and a parameter hold is said beside their name. */
const HOLDS = /\b(?:value|content)\s{0,8}=\s{0,8}("[^"]*"|'[^']*'|[^\s>]+)/gi
const NAMES = /\b(?:name|id|type|key)\s{0,8}=\s{0,8}["']?([\w.:-]{1,64})/gi

const WHOLE: readonly RegExp[] = [PEOPLE, USER_INFO, JWT, BEARER, KNOWN_KEY, PRIVATE_KEY, SOCIAL_SECURITY]

export function* secretsIn(text: string): Generator<Range> {
  for (const pattern of WHOLE) for (const match of text.matchAll(pattern)) yield rangeOf(match)
  for (const match of text.matchAll(TOKEN)) if (looksRandom(match[0])) yield rangeOf(match)
  for (const match of text.matchAll(BASIC)) if (isCredentials(match[0])) yield rangeOf(match)
  for (const match of text.matchAll(IBAN)) if (isIban(match[0])) yield rangeOf(match)
  for (const match of text.matchAll(DIGITS)) yield* cardsIn(match[0], match.index)
  yield* outside(text.matchAll(NAMED), match =>
    isSecretName(match[1] as string) ? valueAfter(text, match.index + match[0].length, match[1] as string) : [],
  )
  yield* outside(text.matchAll(ELEMENT), match => inElement(text, match))
}

/** What is named within something that is found already is found with it, and not looked for again: that could take very long. */
function* outside(
  matches: Iterable<RegExpExecArray>,
  find: (match: RegExpExecArray) => Iterable<Range>,
): Generator<Range> {
  let end = 0
  for (const match of matches) {
    if (match.index + match[0].length < end) continue
    for (const range of find(match)) {
      end = Math.max(end, range[1])
      yield range
    }
  }
}

function rangeOf(match: RegExpExecArray): Range {
  return [match.index, match.index + match[0].length]
}

function isCredentials(base64: string): boolean {
  // Not by Buffer: the dashboard collapses paths as well.
  const plain = base64.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  try {
    return atob(plain.length % 4 === 1 ? plain.slice(0, -1) : plain).includes(':')
  } catch {
    return false
  }
}

/** ISO 13616: its check digits. */
function isIban(text: string): boolean {
  const letters = text.replaceAll(' ', '')
  const digits = (letters.slice(4) + letters.slice(0, 4)).replace(/[A-Z]/g, letter =>
    String(Number.parseInt(letter, 36)),
  )
  return BigInt(digits) % 97n === 1n
}

/** Of each row of groups of digits in it that may be a card's number. */
function* cardsIn(run: string, at: number): Generator<Range> {
  const groups = [...run.matchAll(/\d+/g)]
  for (let first = 0; first < groups.length; first++) {
    let digits = ''
    for (let last = first; last < groups.length && digits.length < 19; last++) {
      const group = groups[last] as RegExpExecArray
      digits += group[0]
      if (!isCard(digits)) continue
      yield [at + (groups[first] as RegExpExecArray).index, at + group.index + group[0].length]
    }
  }
}

/** ISO/IEC 7812: its issuer's first digit, its length, its check digit (Luhn). */
function isCard(digits: string): boolean {
  if (!/^[2-6]\d{11,18}$/.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    sum += i % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit
  }
  return sum % 10 === 0
}

function* valueAfter(text: string, start: number, name: string): Generator<Range> {
  // A line of a head: all of it.
  if (/cookie|authorization/i.test(name) && !/["'{[]/.test(text[start] ?? '')) {
    LINE_END.lastIndex = start
    yield [start, LINE_END.exec(text)?.index ?? text.length]
  } else if (text[start] === '{' || text[start] === '[') yield [start, closingOf(text, start)]
  else {
    VALUE.lastIndex = start
    if (VALUE.test(text) && VALUE.lastIndex > start) yield [start, VALUE.lastIndex]
  }
}

/** Behind the bracket that closes the one at `start`; the text's end, when none does. */
function closingOf(text: string, start: number): number {
  let open = 0
  for (let i = start; i < text.length; i++) {
    if (text[i] === '{' || text[i] === '[') open++
    else if ((text[i] === '}' || text[i] === ']') && --open === 0) return i + 1
  }
  return text.length
}

function* inElement(text: string, match: RegExpExecArray): Generator<Range> {
  const [tag, name = ''] = match
  const inside = match.index + tag.length
  if (isSecretName(name) && !tag.endsWith('/>')) {
    const close = new RegExp(`</(?:[\\w.-]+:)?${name.replaceAll('.', '\\.')}\\s*>`, 'g')
    close.lastIndex = inside
    yield [inside, close.exec(text)?.index ?? text.length]
  }
  if (![...tag.matchAll(NAMES)].some(named => isSecretName(named[1] as string))) return
  for (const held of tag.matchAll(HOLDS)) {
    const end = match.index + held.index + held[0].length
    yield [end - (held[1] as string).length, end]
  }
}
