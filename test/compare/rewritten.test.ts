// Properties: a document that is written in another way matches; one leaf of it that changes is one difference.
import fc from 'fast-check'
import t from 'tap'
import { compareGiven, placesOf } from './answers.ts'

interface Node {
  readonly name: string
  readonly space: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Node[]
  readonly text: string
  /** Of XML. */
  readonly instruction: string
  readonly isInstructionLast: boolean
}

/** Ways to write one document. */
interface Style {
  readonly prefix: string
  readonly indent: string
  readonly quote: string
  readonly isReversed: boolean
  readonly comment: string
  readonly isShort: boolean
}

const STYLE = fc.record({
  prefix: fc.constantFrom('', 'p', 'q'),
  indent: fc.constantFrom('', '\n', '  \t'),
  quote: fc.constantFrom('"', "'"),
  isReversed: fc.boolean(),
  comment: fc.constantFrom('', '<!-- c -->'),
  isShort: fc.boolean(),
})

function nodes(depth: number): fc.Arbitrary<Node> {
  return fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    space: fc.constantFrom('urn:1', 'urn:2'),
    attributes: fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.constantFrom('1', '&<', ''), { maxKeys: 3 }),
    children: depth === 0 ? fc.constant([]) : fc.array(nodes(depth - 1), { maxLength: 3 }),
    text: fc.constantFrom('', 'text', ' a < b '),
    instruction: fc.constantFrom('', '', '<?p 1?>', '<?p 2?>', '<?q 1?>', '<?p 1?><?q?><?p 2?>'),
    isInstructionLast: fc.boolean(),
  })
}

const node = nodes(3)

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function toXml(node: Node, style: Style): string {
  const { prefix, indent, quote, isReversed, comment, isShort } = style
  const name = prefix === '' ? node.name : `${prefix}:${node.name}`
  const attributes = Object.entries({ [prefix === '' ? 'xmlns' : `xmlns:${prefix}`]: node.space, ...node.attributes })
  if (isReversed) attributes.reverse()
  const head = `${name}${attributes.map(([key, value]) => ` ${key}=${quote}${escaped(value)}${quote}`).join(indent)}`
  const content =
    node.children.length > 0
      ? indent + node.children.map(child => toXml(child, style) + comment + indent).join('')
      : escaped(node.text).replace('text', `te${comment}xt`)
  const inside = node.isInstructionLast ? content + node.instruction : node.instruction + content
  return inside === '' && isShort ? `<${head}/>` : `<${head}>${inside}</${name}>`
}

function toHtml(node: Node, { indent, quote, isReversed, comment }: Style): string {
  const attributes = Object.entries(node.attributes)
  if (isReversed) attributes.reverse()
  const name = isReversed ? node.name.toUpperCase() : node.name
  const head = attributes.map(([key, value]) => ` ${key}=${quote}${value}${quote}`).join(indent)
  const inside = node.children.map(child =>
    toHtml(child, { indent, quote, isReversed, comment, prefix: '', isShort: false }),
  )
  return `<${name}${head}>${indent}${comment}${inside.join(indent)}</${name}>${indent}`
}

function compare(type: string, legacy: string, fresh: string) {
  return compareGiven({ type, body: legacy }, { type, body: fresh })
}

t.test('property: XML', async t => {
  fc.assert(
    fc.property(node, STYLE, STYLE, (node, one, other) => {
      return compare('application/xml', toXml(node, one), toXml(node, other)).result === 'match'
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})

/** Equal texts: the same document. */
function canonical({ name, space, attributes, children, text, instruction, isInstructionLast }: Node): string {
  const inside = children.length > 0 ? children.map(canonical) : text
  const around = inside === '' || !isInstructionLast ? [instruction, inside, ''] : ['', inside, instruction]
  return JSON.stringify([name, space, Object.entries(attributes).sort(), around])
}

t.test('property: XML matches only where it is the same, in the same order', async t => {
  const turned = (node: Node): Node => ({ ...node, children: node.children.map(turned).toReversed() })
  const instructed = (node: Node): Node => ({
    ...node,
    isInstructionLast: !node.isInstructionLast,
    children: node.children.map(instructed),
  })
  const pair = fc.oneof(
    fc.tuple(node, STYLE).map(([node, style]) => [node, turned(node), style] as const),
    fc.tuple(nodes(1), nodes(1), STYLE),
    fc.tuple(node, STYLE).map(([node, style]) => [node, instructed(node), style] as const),
  )
  fc.assert(
    fc.property(pair, ([node, other, style]) => {
      const { result } = compare('application/xml', toXml(node, style), toXml(other, style))
      return (result === 'match') === (canonical(node) === canonical(other))
    }),
    { numRuns: 1000 },
  )
  t.pass('held')
})

t.test('property: one attribute of XML is one difference, at its place', async t => {
  fc.assert(
    fc.property(node, STYLE, STYLE, fc.nat(), (node, one, other, at) => {
      const all: Node[] = []
      const collect = (node: Node) => {
        all.push(node)
        node.children.forEach(collect)
      }
      collect(node)
      const chosen = all[at % all.length] as Node
      const replaced = (old: Node): Node =>
        old === chosen
          ? { ...old, attributes: { ...old.attributes, x: 'changed' } }
          : { ...old, children: old.children.map(replaced) }
      const compared = compare('application/xml', toXml(node, one), toXml(replaced(node), other))
      const [place = '', ...more] = placesOf(compared)
      return more.length === 0 && place.endsWith('/@x')
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})

t.test('property: HTML', async t => {
  fc.assert(
    fc.property(node, STYLE, STYLE, (node, one, other) => {
      return compare('text/html', toHtml(node, one), toHtml(node, other)).result === 'match'
    }),
    { numRuns: 500 },
  )
  t.pass('held')
})
