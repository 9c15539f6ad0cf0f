// Regular expressions that people write into rules, kept from running away: what one may cost at most is read off its text, and
// with it how long a text may be that it is tried on.
const MAX_PATTERN = 200
const MAX_TEXT = 4096
/** A pattern that is affordable on shorter texts only is of no use. */
const MIN_TEXT = 64
/** Ways to try, for one text. */
const MAX_WAYS = 3e7

export interface SafePattern {
  /** Flags `gu`. */
  readonly expression: RegExp
  /** UTF-16 units; longer texts are not tried. */
  readonly maxText: number
}

export interface PatternMistake {
  readonly message: string
  readonly hint: string | null
  /** It would be a pattern. */
  readonly isSlow: boolean
}

export function readPattern(source: string): SafePattern | PatternMistake {
  if (source.length > MAX_PATTERN) return { message: `longer than ${MAX_PATTERN} characters`, hint: null, isSlow: true }
  let expression: RegExp
  try {
    expression = new RegExp(source, 'gu')
  } catch (error) {
    const detail = (error as Error).message.replace(/^.*\/[gu]+: /s, '')
    return { message: `not a regular expression: ${detail}`, hint: null, isSlow: false }
  }
  const ways = waysOf(source)
  for (let maxText = MAX_TEXT; maxText >= MIN_TEXT; maxText /= 2) {
    if (ways(maxText) <= MAX_WAYS) return { expression, maxText }
  }
  return {
    message: 'a regular expression that could take for ever',
    hint: 'repeat no group that repeats or chooses inside ([ab]+ for (a|b)+), and use fewer of * and +',
    isSlow: true,
  }
}

/** How many ways there are to go through `source` on a text of some length: an upper bound, as there is no back-tracking beyond it. */
function waysOf(source: string): (length: number) => number {
  let at = 0

  /** Alternatives up to a `)` or the end. */
  function choice(length: number): number {
    let sum = 0
    let product = 1
    while (at < source.length && source[at] !== ')') {
      if (source[at] === '|') {
        sum += product
        product = 1
        at++
      } else {
        const inner = atom(length)
        const [least, most] = repeats(length)
        // Each time round has all the ways of the inside again.
        product *= (most - least + 1) * inner ** (inner > 1 ? most : 1)
      }
    }
    return sum + product
  }

  function atom(length: number): number {
    const char = source[at++]
    if (char === '\\') {
      const long = /^(?:[uPp]\{[^}]*\}|k<[^>]*>)/.exec(source.slice(at))
      at += long === null ? 1 : long[0].length
    } else if (char === '[') {
      while (source[at] !== ']') at += source[at] === '\\' ? 2 : 1
      at++
    } else if (char === '(') {
      at += /^(?:\?(?::|=|!|<=|<!|<[^>]*>|[a-z-]*:))?/.exec(source.slice(at))?.[0].length ?? 0
      const inner = choice(length)
      at++
      return inner
    }
    return 1
  }

  function repeats(length: number): readonly [least: number, most: number] {
    const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(source.slice(at))
    if (found === null) return [1, 1]
    at += found[0].length
    const [, sign, least, comma, most] = found
    if (sign === '?') return [0, 1]
    if (sign !== undefined) return [0, length]
    const from = Math.min(Number(least), length)
    if (comma === '') return [from, from]
    return [from, most === '' ? length : Math.min(Number(most), length)]
  }

  return length => {
    at = 0
    // A pattern that is bound to the beginning fails at once everywhere else.
    const starts = source.startsWith('^') && !source.includes('|') ? 1 : length
    return starts * choice(length)
  }
}

/** Beyond it, a replacement that grows stops: the text stays as it is. */
const MAX_REPLACED = 65_536

/** A text that is too long stays as it is. In `replacement`, `$1` to `$9` are groups, `$&` the match, `$$` a dollar. */
export function replaceAll(text: string, { expression, maxText }: SafePattern, replacement: string): string {
  if (text.length > maxText) return text
  let replaced = ''
  let end = 0
  for (const match of text.matchAll(expression)) {
    replaced += text.slice(end, match.index) + filled(replacement, match)
    end = match.index + match[0].length
    if (replaced.length > MAX_REPLACED) return text
  }
  return replaced + text.slice(end)
}

function filled(replacement: string, match: RegExpExecArray): string {
  return replacement.replace(/\$([$&1-9])/g, (_, sign: string) =>
    sign === '$' ? '$' : ((sign === '&' ? match[0] : match[Number(sign)]) ?? ''),
  )
}
