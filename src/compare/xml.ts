// XML as a tree that the JSON comparison and JSONPath rules understand, so that what XML says to be the same is the same.
//
//   <a>text</a>                   "text"; an empty element is "". Where others at this path of names have attributes or
//                                 elements, in either document: { "#text": "text" } and {}
//   <a b="1">text</a>             { "@b": "1", "#text": "text" }
//   <a><b/><c>1</c><c>2</c></a>   { "b": "", "c": ["1", "2"] }; a name that repeats somewhere at this path is an array
//   <a>one <b>two</b> three</a>   { "#content": ["one ", { "b": "two" }, " three"] }
//   <p:a xmlns:p="urn:x"/>        { "@xmlns": "urn:x" } where its namespace is not that of the element around it
//
// Prefixes, the order of attributes, comments, processing instructions, the document type and white space between elements are
// left out. Members have no order, so an element gets `#order` where elements of its place have the same children in several.
import { SaxesParser } from 'saxes'
import type { Divergence } from '../model/comparison.ts'
import type { Json, Read } from './json/read.ts'
import { LateError } from './records.ts'

/** Beyond them the document is not compared. */
export interface XmlLimits {
  readonly depth: number
  /** Elements, texts and attributes of one document. */
  readonly nodes: number
  readonly isLate: () => boolean
}

/** Of the stack: projecting calls itself. */
const MOST_DEPTH = 1000
const CHUNK = 65536
const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'

interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly parts: (string | Element)[]
  readonly place: Place
  /** Of its children's names; null where there is one name only. */
  order: string | null
}

/** What is known of all elements, of both documents, at one path of names. */
interface Place {
  readonly children: Map<string, Place>
  isRepeated: boolean
  hasAttributes: boolean
  /** By how often which name comes: the first order seen. */
  readonly orders: Map<string, string>
  hasOrders: boolean
}

export function readXml(
  legacy: string,
  fresh: string,
  limits: XmlLimits,
): readonly [Read | { readonly wrong: string }, Read | { readonly wrong: string }] {
  const place = newPlace()
  const [ours, theirs] = [parse(legacy, place, limits), parse(fresh, place, limits)]
  // Only now it is known what repeats.
  return [treeOf(ours), treeOf(theirs)]
}

function treeOf(root: Element | { readonly wrong: string }): Read | { readonly wrong: string } {
  return 'wrong' in root ? root : { tree: { [root.name]: project(root) }, duplicates: [] }
}

function newPlace(): Place {
  return { children: new Map(), isRepeated: false, hasAttributes: false, orders: new Map(), hasOrders: false }
}

class NotXml extends Error {}
/** Deeper or larger than the limits. */
export class TooMuchXml extends Error {}

function parse(text: string, document: Place, limits: XmlLimits): Element | { readonly wrong: string } {
  const parser = new SaxesParser({ xmlns: true })
  const open: { readonly element: Element; readonly uri: string; readonly counts: Map<string, number> }[] = []
  const deepest = Math.min(limits.depth, MOST_DEPTH)
  let root: Element | null = null
  let nodes = 0
  const count = (more: number) => {
    nodes += more
    if (nodes > limits.nodes) throw new TooMuchXml(`more than ${limits.nodes} elements, attributes and texts`)
  }

  parser.on('error', () => {
    throw new NotXml(`line ${parser.line}, column ${parser.column}`)
  })
  parser.on('opentag', tag => {
    if (open.length >= deepest) throw new TooMuchXml(`more than ${deepest} elements deep`)
    count(1 + Object.keys(tag.attributes).length)
    const around = open.at(-1)
    const place = placeOf(tag.local, around?.element.place ?? document, around?.counts ?? new Map())
    const attributes = new Map<string, string>()
    if (tag.uri !== (around?.uri ?? '')) attributes.set('@xmlns', tag.uri)
    for (const { prefix, local, uri, value } of Object.values(tag.attributes)) {
      if (prefix === 'xmlns' || (prefix === '' && local === 'xmlns')) continue
      const key = uri === XML_NAMESPACE ? `@xml:${local}` : uri === '' ? `@${local}` : `@{${uri}}${local}`
      attributes.set(key, value)
    }
    if (attributes.size > 0) place.hasAttributes = true
    const element: Element = { name: tag.local, attributes, parts: [], place, order: null }
    if (around === undefined) root = element
    else around.element.parts.push(element)
    open.push({ element, uri: tag.uri, counts: new Map() })
  })
  const addText = (text: string) => {
    const parts = open.at(-1)?.element.parts
    if (parts === undefined) return
    // A comment or a CDATA section makes no second text.
    const last = parts.at(-1)
    if (typeof last === 'string') parts[parts.length - 1] = last + text
    else {
      count(1)
      parts.push(text)
    }
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const { element, counts } = open.pop() as (typeof open)[number]
    if (counts.size > 1) noteOrder(element, counts)
  })

  try {
    for (let at = 0; at < text.length; at += CHUNK) {
      if (limits.isLate()) throw new LateError()
      parser.write(text.slice(at, at + CHUNK))
    }
    parser.close()
  } catch (error) {
    if (error instanceof NotXml) return { wrong: error.message }
    throw error
  }
  return root ?? { wrong: 'no element' }
}

function placeOf(name: string, around: Place, counts: Map<string, number>): Place {
  const seen = counts.get(name) ?? 0
  counts.set(name, seen + 1)
  let place = around.children.get(name)
  if (place === undefined) {
    place = newPlace()
    around.children.set(name, place)
  }
  if (seen > 0) place.isRepeated = true
  return place
}

function noteOrder(element: Element, counts: ReadonlyMap<string, number>): void {
  const runs: string[] = []
  let length = 0
  const children = element.parts.filter(part => typeof part !== 'string')
  for (const [i, { name }] of children.entries()) {
    length++
    if (children[i + 1]?.name === name) continue
    runs.push(length === 1 ? name : `${name}*${length}`)
    length = 0
  }
  element.order = runs.join(' ')
  const key = [...counts]
    .map(([name, count]) => `${name}*${count}`)
    .sort()
    .join(' ')
  const first = element.place.orders.get(key)
  if (first === undefined) element.place.orders.set(key, element.order)
  else if (first !== element.order) element.place.hasOrders = true
}

function project(element: Element): Json {
  const { attributes, parts, place } = element
  const isPreserved = attributes.get('@xml:space') === 'preserve'
  const hasText = parts.some(part => typeof part === 'string' && (isPreserved || part.trim() !== ''))
  const hasElements = parts.some(part => typeof part !== 'string')
  if (place.children.size === 0 && !place.hasAttributes) return hasText ? (parts[0] as string) : ''
  const members: { [name: string]: Json } = Object.fromEntries(attributes)
  if (hasText && !hasElements) members['#text'] = parts[0] as string
  else if (hasText) {
    members['#content'] = parts.map(part => (typeof part === 'string' ? part : { [part.name]: project(part) }))
  } else {
    for (const [name, child] of place.children) if (child.isRepeated) members[name] = []
    for (const part of parts) {
      if (typeof part === 'string') continue
      const value = project(part)
      if (part.place.isRepeated) (members[part.name] as Json[]).push(value)
      else members[part.name] = value
    }
    if (place.hasOrders && element.order !== null) members[ORDER] = element.order
  }
  return members
}

const ORDER = '#order'

/** A difference of two trees of `readXml`, as one of documents. */
export function inXml(found: Divergence): Divergence {
  const path = orderedPath(found.path)
  if (path === null) return found
  const { newPath, ...rest } = found
  const inNew = newPath === undefined ? null : orderedPath(newPath)
  return { ...rest, kind: 'order', path, ...(inNew !== null && { newPath: inNew }) }
}

/** Of the element whose children are in another order; null: it is about something else. */
function orderedPath(path: string): string | null {
  return path.endsWith(`/${ORDER}`) ? path.slice(0, -ORDER.length - 1) : null
}

/** By the document's first line, lower case; null: it does not say. */
export function declaredCharset(bytes: Uint8Array): string | null {
  const start = Buffer.from(bytes.subarray(0, 200)).toString('latin1')
  const charset = /^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)/.exec(start)?.[1]?.toLowerCase() ?? null
  // What could be read until here is none of those.
  return charset === null || /^ut[fc]-?(?:16|32)/.test(charset) ? null : charset
}
