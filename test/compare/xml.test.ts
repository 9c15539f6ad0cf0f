// XML as trees: what XML says to be the same is the same tree, and paths are those that people would write.
import t from 'tap'
import { Meter } from '../../src/compare/json/meter.ts'
import type { Json } from '../../src/compare/json/read.ts'
import { inXml, readXml } from '../../src/compare/xml.ts'
import type { CompareBudget } from '../../src/model/comparison.ts'
import { POLICY } from './answers.ts'

function meter(budget: Partial<CompareBudget> = {}, now = () => 0): Meter {
  return new Meter({ ...POLICY.budget, ...budget }, now)
}

function read(legacy: string, fresh: string): (Json | string)[] {
  return readXml(legacy, fresh, meter()).map(side => ('wrong' in side ? `not XML: ${side.wrong}` : side.tree))
}

const SAME: Readonly<Record<string, readonly [string, string]>> = {
  'another prefix': ['<a:x xmlns:a="urn:1"><a:y a:z="1"/></a:x>', '<b:x xmlns:b="urn:1"><b:y b:z="1"/></b:x>'],
  'a prefix and none': ['<a:x xmlns:a="urn:1"><a:y/></a:x>', '<x xmlns="urn:1"><y/></x>'],
  'declarations elsewhere': ['<x xmlns:a="urn:1"><a:y/></x>', '<x><y xmlns="urn:1"/></x>'],
  'attributes in another order': ['<x a="1" b="2"/>', "<x b='2'   a='1'></x>"],
  'white space between elements': ['<x><y>1</y><z/></x>', '<x>\n  <y>1</y>\n  <z/>\n</x>\n'],
  'an empty element with white space': ['<x></x>', '<x>\n</x>'],
  'comments, instructions, the document type': [
    '<x>ab</x>',
    '<?xml version="1.0"?><!DOCTYPE x><!-- c --><x>a<!-- c --><?p i?>b</x>',
  ],
  'CDATA and entities': ['<x>&lt;&amp;&#x41;</x>', '<x><![CDATA[<&A]]></x>'],
  'line ends': ['<x>a\r\nb</x>', '<x>a\nb</x>'],
}

const OTHER: Readonly<Record<string, readonly [string, string]>> = {
  'another namespace': ['<a:x xmlns:a="urn:1"/>', '<a:x xmlns:a="urn:2"/>'],
  'another namespace of an attribute': ['<x xmlns:a="urn:1" a:b="1"/>', '<x xmlns:a="urn:2" a:b="1"/>'],
  'a namespace and none': ['<x xmlns="urn:1"/>', '<x/>'],
  'another namespace of a child': ['<x><y xmlns="urn:1"/></x>', '<x><y xmlns="urn:2"/></x>'],
  'the case of a name': ['<x/>', '<X/>'],
  'another order of children': ['<x><a/><b/></x>', '<x><b/><a/></x>'],
  'an interleaved order': ['<x><a/><a/><b/><a/></x>', '<x><a/><b/><a/><a/></x>'],
  'another order of text and elements': ['<x>1<a/>2</x>', '<x>12<a/></x>'],
  'white space in a text': ['<x>a</x>', '<x> a </x>'],
  'white space that is kept': ['<x xml:space="preserve"> </x>', '<x xml:space="preserve"></x>'],
  'a text and an attribute': ['<x>1</x>', '<x a="1"/>'],
}

t.test('the same', async t => {
  for (const [name, [a, b]] of Object.entries(SAME)) {
    const [ours, theirs] = read(a, b)
    t.same(ours, theirs, name)
    t.type(ours, 'object')
  }
})

t.test('another', async t => {
  for (const [name, [a, b]] of Object.entries(OTHER)) {
    const [ours, theirs] = read(a, b)
    t.notSame(ours, theirs, name)
  }
})

t.test('trees that people understand', async t => {
  const invoice = (line: string) =>
    `<invoice xmlns="urn:i"><total_cents>1200</total_cents><lines>${line}</lines></invoice>`
  const [ours, theirs] = read(invoice('<line sku="a"/><line sku="b">x</line>'), invoice('<line sku="a"/>'))
  t.same(ours, {
    invoice: {
      '@xmlns': 'urn:i',
      total_cents: '1200',
      lines: { line: [{ '@sku': 'a' }, { '@sku': 'b', '#text': 'x' }] },
    },
  })
  t.same(theirs, { invoice: { '@xmlns': 'urn:i', total_cents: '1200', lines: { line: [{ '@sku': 'a' }] } } })
  t.same(read('<a><b/></a>', '<a/>'), [{ a: { b: '' } }, { a: {} }], 'a place that may have elements is an object')
  t.same(read('<a>1 <b>2</b> 3</a>', '<a xml:lang="de"/>'), [
    { a: { '#content': ['1 ', { b: '2' }, ' 3'] } },
    { a: { '@xml:lang': 'de' } },
  ])
  t.same(read('<a><__proto__>1</__proto__></a>', '<a/>')[0], JSON.parse('{"a":{"__proto__":"1"}}'))
})

t.test('a member that says the order is shown as an order', async t => {
  t.same(inXml({ kind: 'value', path: '/a/#order', legacy: 'b c', new: 'c b', severity: 'medium' }), {
    kind: 'order',
    path: '/a',
    legacy: 'b c',
    new: 'c b',
    severity: 'low',
  })
  const other = { kind: 'value', path: '/a/b', legacy: '1', new: '2', severity: 'medium' } as const
  t.equal(inXml(other), other)
})

t.test('what is not XML says where', async t => {
  for (const [text, expected] of [
    ['', 'not XML: line 1, column 0'],
    ['{"a":1}', 'not XML: line 1, column 7'],
    ['<a>', 'not XML: line 1, column 3'],
    ['<a/>x', 'not XML: line 1, column 5'],
    ['<a b="1" b="2"/>', 'not XML: line 1, column 16'],
    ['<p:a/>', 'not XML: line 1, column 6'],
    ['<a>&nbsp;</a>', 'not XML: line 1, column 9'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'not XML: line 1, column 36'],
  ] as const) {
    t.equal(read(text, '<a/>')[0], expected, text)
  }
})

t.test('limits', async t => {
  const deep = '<a>'.repeat(2000)
  t.throws(() => readXml(deep, '<a/>', meter()), { message: 'deeper than 1000' })
  t.throws(() => readXml('<a><b/></a>', '<a/>', meter({ depth: 1 })), { message: 'deeper than 1' })
  t.throws(() => readXml('<a><b c="1"/>d</a>', '<a/>', meter({ nodes: 3 })), { message: 'more than 3 values' })
  let clock = 0
  t.throws(
    () =>
      readXml(
        '<a/>',
        '<a/>',
        meter({ timeMs: 1 }, () => clock++),
      ),
    { message: 'it took longer than 1 ms' },
  )
  const wide = `<a>${'<b c="1">x</b>'.repeat(5_000)}</a>`
  t.same(read(wide, wide)[0], read(wide, wide)[1])
})
