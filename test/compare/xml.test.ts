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
  'comments, the declaration, the document type': [
    '<x>ab</x>',
    '<?xml version="1.0"?><!DOCTYPE x [<?p i?>]><!-- c --><x>a<!-- c -->b</x>',
  ],
  'another declaration': ['<?xml version="1.0" encoding="latin1"?><x/>', '<?xml version="1.1" standalone="yes"?><x/>'],
  'white space around an instruction': ['<?p i?><x><?p i?><y/></x>', '\n<?p   i?>\n<x>\n  <?p\ti?>\n  <y/></x>\n'],
  'line ends in an instruction': ['<x><?p i\r\n?></x>', '<x><?p i\n?></x>'],
  'CDATA beside an instruction': ['<x>&lt;<?p?>a</x>', '<x><![CDATA[<]]><?p ?><![CDATA[a]]></x>'],
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
  'no white space of XML’s: a no-break space': ['<x>&#160;</x>', '<x/>'],
  'white space that is kept': ['<x xml:space="preserve"> </x>', '<x xml:space="preserve"></x>'],
  'a text and an attribute': ['<x>1</x>', '<x a="1"/>'],
  'the target of an instruction': ['<x><?p i?></x>', '<x><?q i?></x>'],
  'the case of a target': ['<x><?p i?></x>', '<x><?P i?></x>'],
  'white space at the end of an instruction': ['<x><?p i?></x>', '<x><?p i ?></x>'],
  'another kind of white space in an instruction': ['<x><?p?></x>', '<x><?p \u00a0?></x>'],
  'a question mark in an instruction': ['<x><?p i??></x>', '<x><?p i?></x>'],
  'an instruction and an element': ['<x><?p i?></x>', '<x><p>i</p></x>'],
  'an instruction and a comment': ['<x><?p i?></x>', '<x><!--?p i?--></x>'],
  'an instruction before and after the root': ['<?p i?><x/>', '<x/><?p i?>'],
  'an instruction before and after an element': ['<x><?p i?><y/></x>', '<x><y/><?p i?></x>'],
  'an instruction before and in an element': ['<x><?p i?><y/></x>', '<x><y><?p i?></y></x>'],
  'an instruction elsewhere in a text': ['<x>a<?p i?>b</x>', '<x>ab<?p i?></x>'],
  'an instruction elsewhere in white space that is kept': [
    '<x xml:space="preserve"> <?p i?></x>',
    '<x xml:space="preserve"><?p i?> </x>',
  ],
  'an instruction elsewhere among texts and elements': ['<x>a<?p i?><y/>b</x>', '<x>a<y/><?p i?>b</x>'],
  'another order of instructions': ['<?p?><?q?><x/>', '<?q?><?p?><x/>'],
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

t.test('instructions are members beside what the element has else', async t => {
  t.same(read('<?s href="a"?><a/><?e?>', '<a>1</a>'), [{ '?s': 'href="a"', a: '', '?e': '' }, { a: '1' }])
  t.same(read('<a>1<?p i?>2</a>', '<a>12</a>'), [{ a: { '?p': 'i', '#text': '12' } }, { a: { '#text': '12' } }])
  t.same(read('<a>1<?p i?><b/></a>', '<a><b/><?p i?></a>'), [
    { a: { '?p': 'i', '#content': ['1', { b: '' }] } },
    { a: { '?p': 'i', b: '' } },
  ])
  t.same(read('<a><?p 1?><?p 2?></a>', '<a/>'), [{ a: { '?p': ['1', '2'] } }, { a: { '?p': [] } }], 'as elements are')
  t.same(read('<a><b/><?p?><b/></a>', '<a><?p?><b/><b/></a>'), [
    { a: { '?p': '', '?': '#content*1 ?p #content*1', b: ['', ''] } },
    { a: { '?p': '', '?': '?p #content*2', b: ['', ''] } },
  ])
  t.same(read('<a><?__proto__ 1?></a>', '<a/>')[0], { a: { '?__proto__': '1' } })
  const long = 'i?'.repeat(70_000)
  t.same(read(`<a><?p ${long}?></a>`, '<a/>')[0], { a: { '?p': long } }, 'in several pieces')
})

t.test('a member that says the order is shown as an order', async t => {
  t.same(inXml({ kind: 'value', path: '/a/#order', legacy: 'b c', new: 'c b', severity: 'medium' }), {
    kind: 'order',
    path: '/a',
    legacy: 'b c',
    new: 'c b',
    severity: 'low',
  })
  const moved = {
    kind: 'value',
    path: '/a/?',
    legacy: '#content*1 ?p',
    new: '?p #content*1',
    severity: 'medium',
  } as const
  t.same(inXml(moved), { ...moved, kind: 'order', severity: 'low' })
  t.equal(inXml({ ...moved, new: '?p #content*2' }), null, 'there is more, which is said elsewhere')
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
    ['<?p i?>', 'not XML: line 1, column 7'],
    ['<a><?xml version="1.0"?></a>', 'not XML: line 1, column 9'],
    ['<a><?p', 'not XML: line 1, column 6'],
  ] as const) {
    t.equal(read(text, '<a/>')[0], expected, text)
  }
})

t.test('limits', async t => {
  const deep = '<a>'.repeat(2000)
  t.throws(() => readXml(deep, '<a/>', meter()), { message: 'deeper than 1000' })
  t.throws(() => readXml('<a><b/></a>', '<a/>', meter({ depth: 1 })), { message: 'deeper than 1' })
  t.throws(() => readXml('<a><b c="1"/>d</a>', '<a/>', meter({ nodes: 3 })), { message: 'more than 3 values' })
  t.throws(() => readXml('<a><?p?><?p?></a>', '<a/>', meter({ nodes: 2 })), { message: 'more than 2 values' })
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
