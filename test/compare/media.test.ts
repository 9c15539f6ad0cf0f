// What a body is by its content type, and as what two of them are compared.
import t from 'tap'
import { commonKind, isReadAlike, type Kind, looksLikeJson, mediaOf } from '../../src/compare/media.ts'

t.test('kinds', async t => {
  const rows: Readonly<Record<string, Kind>> = {
    'application/json': 'json',
    'APPLICATION/JSON;charset=utf-8': 'json',
    'application/problem+json': 'json',
    'application/vnd.api+json; version=1': 'json',
    'application/x-ndjson': 'lines',
    'application/geo+json-seq': 'lines',
    'text/event-stream': 'events',
    'application/x-www-form-urlencoded': 'form',
    'application/xml': 'xml',
    'text/xml; charset=utf-8': 'xml',
    'image/svg+xml': 'xml',
    'text/html': 'html',
    'application/xhtml+xml': 'html',
    'text/plain': 'text',
    'text/csv': 'text',
    'application/octet-stream': 'binary',
    'image/png': 'binary',
    'multipart/mixed; boundary=x': 'binary',
    nonsense: 'binary',
    ' ': 'unsaid',
  }
  for (const [type, kind] of Object.entries(rows)) t.equal(mediaOf(type).kind, kind, type)
  t.same(mediaOf(null), { kind: 'unsaid', charset: null })
  t.equal(mediaOf('a/b; CHARSET="ISO-8859-1"').charset, 'iso-8859-1')
  t.equal(mediaOf('a/b; charset=').charset, null)
})

t.test('two kinds', async t => {
  const rows: readonly (readonly [Kind, Kind, Kind])[] = [
    ['json', 'json', 'json'],
    ['unsaid', 'unsaid', 'unsaid'],
    ['json', 'html', 'json'],
    ['json', 'text', 'json'],
    ['json', 'unsaid', 'json'],
    ['json', 'binary', 'binary'],
    ['text', 'unsaid', 'text'],
    ['xml', 'text', 'xml'],
    ['xml', 'html', 'text'],
    ['events', 'unsaid', 'events'],
  ]
  for (const [a, b, expected] of rows) {
    t.equal(commonKind(a, b), expected, `${a} and ${b}`)
    t.equal(commonKind(b, a), expected, `${b} and ${a}`)
  }
  t.ok(looksLikeJson(' \n{'))
  t.notOk(looksLikeJson('"a"'))
})

t.test('equal bytes are equal where they are read alike', async t => {
  t.ok(isReadAlike(['content-type', 'a/b'], ['content-type', 'c/d']))
  t.notOk(isReadAlike(['content-type', 'a/b; charset=utf-8'], ['content-type', 'a/b; charset=latin1']))
  t.notOk(isReadAlike(['content-encoding', 'gzip'], []))
  t.ok(isReadAlike(['content-encoding', 'identity'], []))
})
