// HTML as a list of tags and texts, written in one way: white space between tags, the order and quoting of attributes, comments
// and the case of names do not count. Not a parser: what a browser would repair is compared as it is.
import type { Meter } from './json/meter.ts'
import { commonLength, excerpt, placeIn, type TextDifference } from './text.ts'

interface Token {
  readonly text: string
  /** Where it begins. */
  readonly at: number
}

/** What is in them is no markup; of `pre` white space counts. */
const RAW: ReadonlyMap<string, RegExp> = new Map(
  ['script', 'style', 'textarea', 'title'].map(name => [name, new RegExp(`</${name}(?![a-z0-9-])`, 'gi')]),
)
/** What a tag costs, in steps of a meter. */
const STEPS = 16
const SPACE = /[ \t\n\r\f]/
const SPACES = /[ \t\n\r\f]+/g

/** Equal texts: equal pages. */
export function canonicalHtml(html: string, meter: Meter): string {
  return tokensOf(html, meter)
    .map(token => token.text)
    .join('\n')
}

/** Of pages that differ. */
export function firstHtmlDifference(legacy: string, fresh: string): TextDifference {
  const [ours, theirs] = [tokensOf(legacy, null), tokensOf(fresh, null)]
  let i = 0
  while (i < ours.length && ours[i]?.text === theirs[i]?.text) i++
  const [mine, other] = [ours[i]?.text ?? '', theirs[i]?.text ?? '']
  const at = commonLength(mine, other)
  return { legacy: excerpt(mine, at), new: excerpt(other, at), note: placeIn(legacy, ours[i]?.at ?? legacy.length) }
}

/** `meter` null: it was affordable before. */
function tokensOf(html: string, meter: Meter | null): Token[] {
  const tokens: Token[] = []
  let preformatted = 0
  let lastText: Token | null = null
  const addText = (start: number, end: number) => {
    const written = html.slice(start, end)
    const text = preformatted > 0 ? written : written.replace(SPACES, ' ')
    if (text === '' || text === ' ') return
    // A comment makes no second text.
    const last = tokens.at(-1)
    if (last !== undefined && last === lastText) tokens.pop()
    lastText = last !== undefined && last === lastText ? { text: last.text + text, at: last.at } : { text, at: start }
    tokens.push(lastText)
  }

  let start = 0
  let at = html.indexOf('<')
  while (at !== -1) {
    const next = html[at + 1] ?? ''
    if (next !== '!' && next !== '?' && !/[a-z]/i.test(next === '/' ? (html[at + 2] ?? '') : next)) {
      at = html.indexOf('<', at + 1)
      continue
    }
    meter?.steps(STEPS)
    addText(start, at)
    if (next === '!' || next === '?') {
      start = endOfDeclaration(html, at)
      if (!html.startsWith('<!--', at)) {
        tokens.push({ text: html.slice(at, start).replace(SPACES, ' ').toLowerCase(), at })
      }
    } else {
      const tag = readTag(html, at)
      tokens.push({ text: tag.text, at })
      start = tag.end
      if (tag.name === 'pre') preformatted++
      else if (tag.name === '/pre') preformatted = Math.max(0, preformatted - 1)
      const closing = RAW.get(tag.name)
      if (closing !== undefined) {
        closing.lastIndex = start
        const end = closing.exec(html)?.index ?? html.length
        const text = html.slice(start, end)
        if (text.trim() !== '') tokens.push({ text, at: start })
        start = end
      }
    }
    at = html.indexOf('<', start)
  }
  addText(start, html.length)
  return tokens
}

function endOfDeclaration(html: string, at: number): number {
  const isComment = html.startsWith('<!--', at)
  const end = html.indexOf(isComment ? '-->' : '>', at + (isComment ? 4 : 2))
  return end === -1 ? html.length : end + (isComment ? 3 : 1)
}

/** Attributes by name, in double quotes; of several with one name the first counts, as in browsers. */
function readTag(html: string, at: number): { readonly name: string; readonly text: string; readonly end: number } {
  let i = at + 1
  const upTo = (ends: RegExp) => {
    const start = i
    while (i < html.length && !ends.test(html[i] as string)) i++
    return html.slice(start, i)
  }
  const skip = (what: RegExp) => {
    while (i < html.length && what.test(html[i] as string)) i++
  }

  const slash = html[i] === '/' ? '/' : ''
  i += slash.length
  const name = slash + upTo(/[ \t\n\r\f/>]/).toLowerCase()
  const attributes = new Map<string, string>()
  for (;;) {
    skip(/[ \t\n\r\f/]/)
    if (i >= html.length || html[i] === '>') break
    const from = i
    // An equals sign at the beginning belongs to the name.
    i++
    upTo(/[ \t\n\r\f/>=]/)
    const attribute = html.slice(from, i).toLowerCase()
    skip(SPACE)
    let value = ''
    if (html[i] === '=') {
      i++
      skip(SPACE)
      const quote = html[i]
      if (quote === '"' || quote === "'") {
        const end = html.indexOf(quote, i + 1)
        value = html.slice(i + 1, end === -1 ? html.length : end)
        i = end === -1 ? html.length : end + 1
      } else value = upTo(/[ \t\n\r\f>]/)
    }
    if (!attributes.has(attribute)) attributes.set(attribute, value)
  }
  const written = [...attributes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
  return { name, text: `<${name}${written.join('')}>`, end: Math.min(html.length, i + 1) }
}
