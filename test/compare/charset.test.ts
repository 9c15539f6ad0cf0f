// Bytes to text: marks, names of charsets, and what is no text.
import t from 'tap'
import { declaredCharset, textOf } from '../../src/compare/charset.ts'

t.test('charsets', async t => {
  const rows: readonly (readonly [bytes: Uint8Array, charset: string | null, expected: string | null])[] = [
    [Buffer.from('äö€'), null, 'äö€'],
    [Buffer.from('äö€'), 'utf-8', 'äö€'],
    [Buffer.from('\ufeffäö'), null, 'äö'],
    [Buffer.from('\ufeffäö'), 'iso-8859-1', 'äö'],
    [Buffer.from('äö', 'latin1'), 'iso-8859-1', 'äö'],
    [Buffer.from('äö', 'latin1'), null, null],
    [Buffer.from([0x80]), 'windows-1252', '€'],
    [Buffer.from('äö€', 'utf16le'), 'utf-16le', 'äö€'],
    [Buffer.from('\ufeffäö€', 'utf16le'), null, 'äö€'],
    [Buffer.from('\ufeffa€', 'utf16le').swap16(), null, 'a€'],
    [Buffer.from('a€', 'utf16le').swap16(), 'utf-16be', 'a€'],
    [Buffer.from('ab', 'utf16le').subarray(0, 3), 'utf-16le', null],
    [Buffer.from([0, 0, 0xfe, 0xff, 0, 1, 0xf6, 0]), null, '😀'],
    [Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), null, 'a'],
    [Buffer.from([0x61, 0, 0, 0]), 'utf-32le', 'a'],
    [Buffer.from([0, 0, 0, 0x61]), 'utf-32', 'a'],
    [Buffer.from([0, 0, 0xd8, 0]), 'utf-32', null],
    [Buffer.from([0, 0, 0]), 'utf-32', null],
    [Buffer.from([0x82, 0xa0]), 'shift_jis', 'あ'],
    [Buffer.from('a'), 'no-such-charset', null],
    [new Uint8Array(0), null, ''],
  ]
  for (const [bytes, charset, expected] of rows) {
    for (let again = 0; again < 2; again++) t.equal(textOf(bytes, charset), expected, `${charset}: ${expected}`)
  }
})

t.test('names that somebody invents are not kept for ever', async t => {
  for (let i = 0; i < 1000; i++) textOf(Buffer.from('a'), `invented-${i}`)
  t.equal(textOf(Buffer.from('a'), 'us-ascii'), 'a')
})

t.test('the charset that a document names', async t => {
  t.equal(declaredCharset(Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a/>'), 'xml'), 'iso-8859-1')
  t.equal(declaredCharset(Buffer.from("<?xml version='1.0' encoding='UTF-16'?><a/>"), 'xml'), null)
  t.equal(declaredCharset(Buffer.from('<a encoding="x"/>'), 'xml'), null)
  t.equal(declaredCharset(Buffer.from('<html><META charset=ISO-8859-1>'), 'html'), 'iso-8859-1')
  const long = '<meta http-equiv="Content-Type" content="text/html; charset=latin1">'
  t.equal(declaredCharset(Buffer.from(long), 'html'), 'latin1')
  t.equal(declaredCharset(Buffer.from('<meta '.repeat(1000)), 'html'), null)
})
