// The Forwarded field of RFC 7239: read with care, because who it names is believed.

export interface ForwardedElement {
  /** Node as written, without quotes: an address, perhaps with a port, or `unknown`, or `_hidden`; null: not said. */
  readonly for: string | null
  readonly proto: string | null
  readonly host: string | null
}

const EMPTY: ForwardedElement = { for: null, proto: null, host: null }
const NAMES: ReadonlySet<string> = new Set(['for', 'proto', 'host'])

/**
 * Elements in the order of the text. One that is not `name=value;name="value"` is there, so that hops are counted right, but
 * says nothing. One pass, whatever stands there.
 */
export function readForwarded(text: string): ForwardedElement[] {
  const elements: ForwardedElement[] = []
  let element: { for: string | null; proto: string | null; host: string | null } = { ...EMPTY }
  let isSound = true
  let at = 0
  for (;;) {
    at = afterBlanks(text, at)
    const pair = readPair(text, at)
    if (pair === null) isSound &&= isEnd(text, at)
    else {
      if (NAMES.has(pair.name)) {
        const name = pair.name as keyof ForwardedElement
        // RFC 7239, 4: each name at most once in an element. Two could be read in two ways.
        if (element[name] !== null) isSound = false
        element[name] = pair.value
      }
      at = afterBlanks(text, pair.end)
      if (!isEnd(text, at)) isSound = false
    }
    at = nextSeparator(text, at)
    if (text[at] === ';') at++
    else {
      elements.push(isSound ? element : EMPTY)
      if (at >= text.length) return elements
      element = { ...EMPTY }
      isSound = true
      at++
    }
  }
}

function isEnd(text: string, at: number): boolean {
  return at >= text.length || text[at] === ';' || text[at] === ','
}

function afterBlanks(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\t') at++
  return at
}

function nextSeparator(text: string, from: number): number {
  let at = from
  while (!isEnd(text, at)) at++
  return at
}

/** Token characters (RFC 9110, 5.6.2), and `:` and brackets, which some write without the quotes that they need. */
const VALUE_CHAR = /[!#$%&'*+\-.^_`|~0-9A-Za-z:[\]]/

function readPair(text: string, from: number): { name: string; value: string; end: number } | null {
  let at = from
  while (at < text.length && /[A-Za-z]/.test(text[at] as string)) at++
  if (at === from || text[at] !== '=') return null
  const name = text.slice(from, at).toLowerCase()
  at++
  if (text[at] === '"') return readQuoted(text, at + 1, name)
  const start = at
  while (at < text.length && VALUE_CHAR.test(text[at] as string)) at++
  return at === start ? null : { name, value: text.slice(start, at), end: at }
}

/** null: the quotes are never closed. */
function readQuoted(text: string, from: number, name: string): { name: string; value: string; end: number } | null {
  let value = ''
  for (let at = from; at < text.length; at++) {
    if (text[at] === '"') return { name, value, end: at + 1 }
    if (text[at] === '\\') at++
    value += text[at] ?? ''
  }
  return null
}
