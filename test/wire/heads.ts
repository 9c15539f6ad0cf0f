// Heads as fast-check makes them, and what may go wrong with one on its way.
import fc from 'fast-check'

const TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789abcxyzABCXYZ"

const token = fc.array(fc.constantFrom(...TOKEN_CHARS), { minLength: 1, maxLength: 12 }).map(chars => chars.join(''))
const visible = fc.integer({ min: 0x21, max: 0xff }).filter(code => code !== 0x7f && code !== 0x23)
const target = fc.array(visible, { maxLength: 30 }).map(codes => `/${String.fromCharCode(...codes)}`)
/** Bytes of a value, without blanks at its ends. */
export const value = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0x20, max: 0xff }).filter(code => code !== 0x7f),
      fc.constant(9),
    ),
    { maxLength: 20 },
  )
  .map(codes => String.fromCharCode(...codes).replace(/^[ \t]+|[ \t]+$/g, ''))

const MEANT = new Set(['host', 'content-length', 'transfer-encoding', 'expect'])

export type Pair = readonly [name: string, value: string]

export const plainFields = fc.array(
  fc.tuple(
    token.filter(name => !MEANT.has(name.toLowerCase())),
    value,
  ),
  { maxLength: 8 },
)

export interface Head {
  readonly method: string
  readonly target: string
  readonly fields: readonly Pair[]
  readonly framing: number | 'chunked' | null
}

export const head: fc.Arbitrary<Head> = fc
  .record({
    method: fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'), token),
    target,
    fields: plainFields,
    framing: fc.oneof(fc.constant(null), fc.constant('chunked' as const), fc.nat({ max: 1e12 })),
    at: fc.nat(),
  })
  .map(({ at, fields, framing, ...rest }) => {
    const said: Pair[] = [['Host', 'a.example:80']]
    if (framing === 'chunked') said.push(['Transfer-Encoding', 'Chunked'])
    else if (framing !== null) said.push(['content-length', String(framing)])
    const place = at % (fields.length + 1)
    return { ...rest, framing, fields: [...fields.slice(0, place), ...said, ...fields.slice(place)] }
  })

export function render({ method, target: at, fields }: Pick<Head, 'method' | 'target' | 'fields'>): string {
  return `${method} ${at} HTTP/1.1\r\n${fields.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`
}

/** What two readers have disagreed on, somewhere, some time. */
const MISCHIEF = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  '\t',
  ' ',
  ':',
  '#',
  '\x0b',
  '\x7f',
  '\x85',
  '\xa0',
  ',',
  '0',
  '+',
  'Content-Length: 3\r\n',
  'Content-Length : 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Transfer-Encoding:\x0bchunked\r\n',
  'Host: b\r\n',
  'Host:\r\n',
  'Expect: 100-continue\r\n',
  'Expect: 200\r\n',
  ' folded\r\n',
  ': nameless\r\n',
  'HTTP/1.0',
  'HTTP/2.0',
]

interface Change {
  readonly at: number
  readonly cut: number
  readonly put: string
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  cut: fc.integer({ min: 0, max: 3 }),
  put: fc.oneof(
    fc.constant(''),
    fc.constantFrom(...MISCHIEF),
    fc.nat({ max: 255 }).map(code => String.fromCharCode(code)),
  ),
})

export const changes = fc.array(change, { minLength: 1, maxLength: 3 })

/** Half of the changes go to where a line begins: most of what matters is there. */
export function mutated(text: string, by: readonly Change[]): string {
  let out = text
  for (const { at, cut, put } of by) {
    const starts = [...out.matchAll(/\r\n/g)].map(({ index }) => index + 2)
    const place = at % 2 === 0 && starts.length > 0 ? (starts[at % starts.length] as number) : at % (out.length + 1)
    out = out.slice(0, place) + put + out.slice(place + cut)
  }
  return out
}
