// XML as a tree that the JSON comparison and JSONPath rules understand, so that what XML says to be the same is the same.
//
//   <a>text</a>                   "text"; an empty element is "". Where others at this path of names have attributes or
//                                 elements, in either document: { "#text": "text" } and {}
//   <a b="1">text</a>             { "@b": "1", "#text": "text" }
//   <a><b/><c>1</c><c>2</c></a>   { "b": "", "c": ["1", "2"] }; a name that repeats somewhere at this path is an array
//   <a>one <b>two</b> three</a>   { "#content": ["one ", { "b": "two" }, " three"] }
//   <p:a xmlns:p="urn:x"/>        { "@xmlns": "urn:x" } where its namespace is not that of the element around it
//   <a><?b c?>text</a>            { "?b": "c", "#text": "text" }; beside the root, instructions are members beside it
//
// Prefixes, the order of attributes, comments, the XML declaration, the document type and white space between elements are left
// out. Members have no order, so an element gets `#order` where elements of its place have the same children in several, and `?`
// where they have the same instructions at several places in them.
import type { Divergence } from '../model/comparison.ts'
import type { Meter } from './json/meter.ts'
import type { Json, Read } from './json/read.ts'
import { type Element, hasText, newPlace, type Place, parseXml } from './xml-parse.ts'

export function readXml(
  legacy: string,
  fresh: string,
  meter: Meter,
): readonly [Read | { readonly wrong: string }, Read | { readonly wrong: string }] {
  const place = newPlace()
  const [ours, theirs] = [parseXml(legacy, place, meter), parseXml(fresh, place, meter)]
  // Only now it is known what repeats.
  return [treeOf(ours), treeOf(theirs)]
}

function treeOf(document: Element | { readonly wrong: string }): Read | { readonly wrong: string } {
  return 'wrong' in document ? document : { tree: project(document), duplicates: [] }
}

function project(element: Element): Json {
  const { attributes, parts, place } = element
  const isText = hasText(element)
  const hasElements = parts.some(part => typeof part !== 'string')
  if (place.children.size === 0 && !place.hasAttributes && place.instructions === null) {
    return isText ? (parts[0] as string) : ''
  }
  const members: Members = {}
  if (attributes !== null) for (const [name, value] of attributes) put(members, name, value)
  if (place.instructions !== null) addInstructions(members, element, place.instructions)
  if (isText && !hasElements) put(members, '#text', parts[0] as string)
  else if (isText) put(members, '#content', parts.map(inOrder))
  else addChildren(members, element)
  return members
}

interface Members {
  [name: string]: Json
}

function inOrder(part: string | Element): Json {
  if (typeof part === 'string') return part
  const members: Members = {}
  put(members, part.name, project(part))
  return members
}

function addChildren(members: Members, { parts, place, order }: Element): void {
  addLists(members, place)
  for (const part of parts) if (typeof part !== 'string') putOne(members, part, project(part))
  if (place.hasOrders && order !== null) put(members, ORDER, order)
}

function addInstructions(members: Members, { instructions, instructionOrder }: Element, place: Place): void {
  addLists(members, place)
  for (const instruction of instructions ?? []) putOne(members, instruction, instruction.data)
  if (place.hasOrders && instructionOrder !== null) put(members, INSTRUCTION_ORDER, instructionOrder)
}

/** Also where there is none: one more is then one more element. */
function addLists(members: Members, { children }: Place): void {
  for (const [name, child] of children) if (child.isRepeated) put(members, name, [])
}

function putOne(
  members: Members,
  { name, place }: { readonly name: string; readonly place: Place },
  value: Json,
): void {
  if (place.isRepeated) (members[name] as Json[]).push(value)
  else put(members, name, value)
}

/** `__proto__` is just a name. */
function put(members: Members, name: string, value: Json): void {
  if (name !== '__proto__') members[name] = value
  else Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true })
}

const ORDER = '#order'
/** No instruction has that name, because none is without a target. */
const INSTRUCTION_ORDER = '?'

/** A difference of two trees of `readXml`, as one of documents; null: it is one of others already. */
export function inXml(found: Divergence): Divergence | null {
  const path = orderedPath(found.path)
  if (path === null) return found
  // Where there are other children, that is the difference.
  if (found.kind !== 'value' || childrenOf(found.legacy) !== childrenOf(found.new)) return null
  const { newPath, ...rest } = found
  const inNew = newPath === undefined ? null : orderedPath(newPath)
  // An order weighs less than a value, unless a rule says what it weighs.
  const severity = found.severity === 'medium' ? 'low' : found.severity
  return { ...rest, kind: 'order', path, ...(inNew !== null && { newPath: inNew }), severity }
}

/** How often which name comes, whatever the order. */
function childrenOf(order: unknown): string {
  const counts = new Map<string, number>()
  for (const run of String(order).split(' ')) {
    const [name = '', times = '1'] = run.split('*')
    counts.set(name, (counts.get(name) ?? 0) + Number(times))
  }
  return [...counts].map(String).sort().join(' ')
}

/** Of the element whose children are in another order, or of its instructions; null: it is about something else. */
function orderedPath(path: string): string | null {
  if (path.endsWith(`/${INSTRUCTION_ORDER}`)) return path
  return path.endsWith(`/${ORDER}`) ? path.slice(0, -ORDER.length - 1) : null
}
