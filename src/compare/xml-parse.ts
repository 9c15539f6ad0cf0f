// Reads XML into elements, without what XML says to be the same, and notes what both documents of a comparison have at each path
// of names. No entity is expanded but the five that XML has: a document with others is refused, which is also what bombs are.
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { type Meter, OverBudget } from './json/meter.ts'

/** Reading the tree calls itself. */
const MOST_DEPTH = 1000
const CHUNK = 65536
const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'
/** In orders of instructions: texts by character, and elements. */
const CONTENT = '#content'

export interface Element {
  readonly name: string
  /** null: there are none. */
  readonly attributes: ReadonlyMap<string, string> | null
  readonly parts: (string | Element)[]
  /** Not among the parts, so that a text is one text whether there is one in it or not; null: there are none. */
  instructions: Instruction[] | null
  readonly place: Place
  /** Of its children's names; null where there is one name only. */
  order: string | null
  /** Of its instructions among its parts, whatever those are; null where there are none. */
  instructionOrder: string | null
}

/** A processing instruction. */
export interface Instruction {
  /** `?` and its target, which is no element's name. */
  readonly name: string
  readonly data: string
  readonly place: Place
  /** Of the element around it, so many came before. */
  readonly elements: number
  readonly characters: number
}

/** What is known of all elements, of both documents, at one path of names. */
export interface Place {
  readonly children: Map<string, Place>
  /** What is known of the instructions in them, as of children; null: there are none. */
  instructions: Place | null
  isRepeated: boolean
  hasAttributes: boolean
  /** By how often which name comes: the first order seen. */
  readonly orders: Map<string, string>
  hasOrders: boolean
}

export function newPlace(): Place {
  return {
    children: new Map(),
    instructions: null,
    isRepeated: false,
    hasAttributes: false,
    orders: new Map(),
    hasOrders: false,
  }
}

/** An element whose end was not read yet. */
interface Open {
  readonly element: Element
  readonly uri: string
  /** How often which name came among its children; null: there are none. */
  counts: Map<string, number> | null
  instructionCounts: Map<string, number> | null
  elements: number
  characters: number
}

class NotXml extends Error {}

/** The document as an element without a name: instructions may be beside its root. */
export function parseXml(text: string, place: Place, meter: Meter): Element | { readonly wrong: string } {
  const parser = new SaxesParser({ xmlns: true })
  const document = opened('', null, place, '')
  const open: Open[] = [document]

  parser.on('error', () => {
    throw new NotXml(`line ${parser.line}, column ${parser.column}`)
  })
  parser.on('opentag', tag => {
    meter.depth(open.length)
    if (open.length > MOST_DEPTH) throw new OverBudget(`deeper than ${MOST_DEPTH}`)
    const around = open.at(-1) as Open
    around.counts ??= new Map()
    const place = placeOf(tag.local, around.element.place, around.counts)
    const attributes = attributesOf(tag, around.uri)
    meter.values(1 + (attributes?.size ?? 0))
    if (attributes !== null) place.hasAttributes = true
    const inside = opened(tag.local, attributes, place, tag.uri)
    around.elements++
    around.element.parts.push(inside.element)
    open.push(inside)
  })
  const addText = (text: string) => {
    const around = open.at(-1) as Open
    // White space beside the root.
    if (around === document) return
    const { parts } = around.element
    around.characters += text.length
    // A comment, an instruction or a CDATA section makes no second text.
    const last = parts.at(-1)
    if (typeof last === 'string') parts[parts.length - 1] = last + text
    else {
      meter.values(1)
      parts.push(text)
    }
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  // Not called for the XML declaration, which is about the bytes, and not within the document type.
  parser.on('processinginstruction', ({ target, body }) => {
    const around = open.at(-1) as Open
    const { element, elements, characters } = around
    meter.values(1)
    element.place.instructions ??= newPlace()
    around.instructionCounts ??= new Map()
    const name = `?${target}`
    const place = placeOf(name, element.place.instructions, around.instructionCounts)
    element.instructions ??= []
    element.instructions.push({ name, data: body, place, elements, characters })
  })
  parser.on('closetag', () => noteOrders(open.pop() as Open))

  try {
    for (let at = 0; at < text.length; at += CHUNK) {
      meter.steps(CHUNK)
      parser.write(text.slice(at, at + CHUNK))
    }
    parser.close()
    noteOrders(document)
  } catch (error) {
    if (error instanceof NotXml) return { wrong: error.message }
    throw error
  }
  return document.element
}

function opened(name: string, attributes: Element['attributes'], place: Place, uri: string): Open {
  const element = { name, attributes, parts: [], instructions: null, place, order: null, instructionOrder: null }
  return { element, uri, counts: null, instructionCounts: null, elements: 0, characters: 0 }
}

/** Only these are white space in XML; a no-break space is a text. */
const BEYOND_SPACE = /[^ \t\r\n]/

/** White space alone is a text only where the document says so. */
export function hasText({ attributes, parts }: Element): boolean {
  const isPreserved = attributes?.get('@xml:space') === 'preserve'
  return parts.some(part => typeof part === 'string' && (isPreserved || BEYOND_SPACE.test(part)))
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

function placeOf(name: string, { children }: Place, counts: Map<string, number>): Place {
  let place = children.get(name)
  if (place === undefined) {
    place = newPlace()
    children.set(name, place)
  }
  const seen = counts.get(name) ?? 0
  counts.set(name, seen + 1)
  if (seen > 0) place.isRepeated = true
  return place
}

function noteOrders({ element, counts, instructionCounts, elements, characters }: Open): void {
  const { place, instructions } = element
  if (counts !== null && counts.size > 1) element.order = noted(orderOf(element), counts, place)
  if (instructions === null || instructionCounts === null || place.instructions === null) return
  // White space between elements moves nothing.
  const weight = hasText(element) ? 1 : 0
  const length = elements + weight * characters
  const order = instructionOrderOf(instructions, weight, length)
  element.instructionOrder = noted(order, new Map(instructionCounts).set(CONTENT, length), place.instructions)
}

function orderOf(element: Element): string {
  const runs: string[] = []
  let length = 0
  const children = element.parts.filter(part => typeof part !== 'string')
  for (const [i, { name }] of children.entries()) {
    length++
    if (children[i + 1]?.name === name) continue
    runs.push(length === 1 ? name : `${name}*${length}`)
    length = 0
  }
  return runs.join(' ')
}

/** Only how much is between them: an order of elements is a difference by itself, and a rule may hide either. */
function instructionOrderOf(instructions: readonly Instruction[], weight: number, length: number): string {
  const runs: string[] = []
  let done = 0
  const passTo = (at: number) => {
    if (at > done) runs.push(`${CONTENT}*${at - done}`)
    done = at
  }
  for (const { name, elements, characters } of instructions) {
    passTo(elements + weight * characters)
    runs.push(name)
  }
  passTo(length)
  return runs.join(' ')
}

function noted(order: string, counts: ReadonlyMap<string, number>, place: Place): string {
  const key = [...counts]
    .map(([name, count]) => `${name}*${count}`)
    .sort()
    .join(' ')
  const first = place.orders.get(key)
  if (first === undefined) place.orders.set(key, order)
  else if (first !== order) place.hasOrders = true
  return order
}
