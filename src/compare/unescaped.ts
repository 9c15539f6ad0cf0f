// Reads through escapes: `ann\u0040example.com`, `ann%40example.com` and `ann&#64;example.com` say the same. Whoever looks for
// something in a text looks into all its readings, and learns where in the text as it is written that was.

/** Escapes in escapes: `%2540`. */
const DEPTH = 3
const ESCAPE =
  /%([\da-f]{2})|\\u([\da-f]{4})|\\x([\da-f]{2})|\\u\{([\da-f]{1,6})\}|&#x([\da-f]{1,6});?|&#(\d{1,7});?|&(commat|amp|quot|apos|lt|gt|equals|colon|period|sol);|\\(["'\\/])/gi
const ENTITIES: Readonly<Record<string, string>> = {
  commat: '@',
  amp: '&',
  quot: '"',
  apos: "'",
  lt: '<',
  gt: '>',
  equals: '=',
  colon: ':',
  period: '.',
  sol: '/',
}

export interface Reading {
  readonly text: string
  /** Where in the original the character at an index, and the end, was written; null: at the same index. */
  readonly from: readonly number[] | null
}

/** The text itself first. */
export function readingsOf(text: string): readonly Reading[] {
  const readings: Reading[] = [{ text, from: null }]
  for (let depth = 0; depth < DEPTH; depth++) {
    const next = unescaped(readings.at(-1) as Reading)
    if (next === null) break
    readings.push(next)
  }
  return readings
}

function unescaped({ text, from }: Reading): Reading | null {
  let plain = ''
  let done = 0
  const places: number[] = []
  const copy = (end: number) => {
    for (let i = done; i < end; i++) places.push(from?.[i] ?? i)
    plain += text.slice(done, end)
  }
  for (const match of text.matchAll(ESCAPE)) {
    copy(match.index)
    const character = characterOf(match)
    for (let i = 0; i < character.length; i++) places.push(from?.[match.index] ?? match.index)
    plain += character
    done = match.index + match[0].length
  }
  if (done === 0) return null
  copy(text.length)
  places.push(from?.[text.length] ?? text.length)
  return { text: plain, from: places }
}

function characterOf(match: RegExpExecArray): string {
  const [, percent, unicode, hex, braces, entityHex, entity, named, plain] = match
  if (plain !== undefined) return plain
  if (named !== undefined) return ENTITIES[named.toLowerCase()] as string
  const digits = percent ?? unicode ?? hex ?? braces ?? entityHex
  const point = digits === undefined ? Number(entity) : Number.parseInt(digits, 16)
  return point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point)
}
