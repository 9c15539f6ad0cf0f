// Reads XML into elements, without what XML says to be the same, and notes what both documents of a comparison have at each path
// of names. No entity is expanded but the five that XML has: a document with others is refused, which is also what bombs are.
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { type Meter, OverBudget } from './json/meter.ts'

/** Reading the tree calls itself. */
const MOST_DEPTH = 1000
const CHUNK = 65536
const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'

export interface Element {
  readonly name: string
  /** null: there are none. */
  readonly attributes: ReadonlyMap<string, string> | null
  readonly parts: (string | Element)[]
  readonly place: Place
  /** Of its children's names; null where there is one name only. */
  order: string | null
}

/** What is known of all elements, of both documents, at one path of names. */
export interface Place {
  readonly children: Map<string, Place>
  isRepeated: boolean
  hasAttributes: boolean
  /** By how often which name comes: the first order seen. */
  readonly orders: Map<string, string>
  hasOrders: boolean
}

export function newPlace(): Place {
  return { children: new Map(), isRepeated: false, hasAttributes: false, orders: new Map(), hasOrders: false }
}

/** An element whose end was not read yet. */
interface Open {
  readonly element: Element
  readonly uri: string
  /** How often which name came among its children; null: there are none. */
  counts: Map<string, number> | null
}

class NotXml extends Error {}

export function parseXml(text: string, document: Place, meter: Meter): Element | { readonly wrong: string } {
  const parser = new SaxesParser({ xmlns: true })
  const open: Open[] = []
  let root: Element | null = null

  parser.on('error', () => {
    throw new NotXml(`line ${parser.line}, column ${parser.column}`)
  })
  parser.on('opentag', tag => {
    meter.depth(open.length + 1)
    if (open.length >= MOST_DEPTH) throw new OverBudget(`deeper than ${MOST_DEPTH}`)
    const around = open.at(-1)
    const place = placeOf(tag.local, around, document)
    const attributes = attributesOf(tag, around?.uri ?? '')
    meter.values(1 + (attributes?.size ?? 0))
    if (attributes !== null) place.hasAttributes = true
    const element: Element = { name: tag.local, attributes, parts: [], place, order: null }
    if (around === undefined) root = element
    else around.element.parts.push(element)
    open.push({ element, uri: tag.uri, counts: null })
  })
  const addText = (text: string) => {
    const parts = open.at(-1)?.element.parts
    if (parts === undefined) return
    // A comment or a CDATA section makes no second text.
    const last = parts.at(-1)
    if (typeof last === 'string') parts[parts.length - 1] = last + text
    else {
      meter.values(1)
      parts.push(text)
    }
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const { element, counts } = open.pop() as Open
    if (counts !== null && counts.size > 1) noteOrder(element, counts)
  })

  try {
    for (let at = 0; at < text.length; at += CHUNK) {
      meter.steps(CHUNK)
      parser.write(text.slice(at, at + CHUNK))
    }
    parser.close()
  } catch (error) {
    if (error instanceof NotXml) return { wrong: error.message }
    throw error
  }
  return root ?? { wrong: 'no element' }
}

function attributesOf(tag: SaxesTagNS, uriAround: string): Map<string, string> | null {
  let attributes: Map<string, string> | null = null
  if (tag.uri !== uriAround) attributes = new Map([['@xmlns', tag.uri]])
  for (const written in tag.attributes) {
    const { prefix, local, uri, value } = tag.attributes[written] as SaxesAttributeNS
    if (prefix === 'xmlns' || (prefix === '' && local === 'xmlns')) continue
    attributes ??= new Map()
    attributes.set(uri === '' ? `@${local}` : uri === XML_NAMESPACE ? `@xml:${local}` : `@{${uri}}${local}`, value)
  }
  return attributes
}

function placeOf(name: string, around: Open | undefined, document: Place): Place {
  const { children } = around?.element.place ?? document
  let place = children.get(name)
  if (place === undefined) {
    place = newPlace()
    children.set(name, place)
  }
  if (around === undefined) return place
  around.counts ??= new Map()
  const seen = around.counts.get(name) ?? 0
  around.counts.set(name, seen + 1)
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
