// Which form of an answer a client prefers.
import fc from 'fast-check'
import t from 'tap'
import { type Form, preferredForm, readAccept } from '../../src/proxy/negotiate.ts'

/** What may stand in a field: any byte. */
const latin1 = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('latin1'))

t.test('what clients really send', async t => {
  const cases: [accept: string | null, form: Form][] = [
    [null, 'problem'],
    ['', 'problem'],
    ['*/*', 'problem'],
    ['application/json', 'problem'],
    ['application/problem+json', 'problem'],
    ['application/*', 'problem'],
    ['application/json, text/plain, */*', 'problem'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', 'html'],
    ['text/html', 'html'],
    ['TEXT/HTML;charset=utf-8', 'html'],
    ['text/plain', 'text'],
    ['text/*', 'html'],
    ['image/png', 'problem'],
    ['application/xml, text/plain;q=0.1', 'text'],
  ]
  for (const [accept, form] of cases) t.equal(preferredForm(accept), form, String(accept))
})

t.test('weights and specificity', async t => {
  const cases: [accept: string, form: Form][] = [
    ['text/html;q=0.5, text/plain;q=0.8, application/json;q=0.1', 'text'],
    ['*/*, application/problem+json;q=0', 'html'],
    ['*/*, application/json;q=0, text/html;q=0', 'text'],
    ['*/*;q=0', 'problem'],
    ['text/*;q=0.9, text/html;q=0.1, */*;q=0.5', 'text'],
    ['text/html;q=0', 'problem'],
    ['text/plain;q=0.001', 'text'],
    ['text/html; q=0.4; level=1, text/plain;q=0.3', 'html'],
    ['text/html;level=1;q=1, text/html;q=0.2, text/plain;q=0.3', 'text'],
    ['text/html;level=1, */*;q=0.1', 'html'],
    ['text/html;a="x,y;q=0", text/plain;q=0.5', 'html'],
    ['text/html;a="\\"";q=0.5, text/plain;q=0.6', 'text'],
    ['text/html;q=.9, text/plain;q=0.95', 'text'],
    ['text/html;q=high, text/plain;q=0.1', 'text'],
    ['text/html;q=2, text/plain', 'html'],
  ]
  for (const [accept, form] of cases) t.equal(preferredForm(accept), form, accept)
})

t.test('members that make no sense are left out', async t => {
  t.same(
    readAccept('*, /, a/, /b, */html, ,;q=1, text/html;;').map(({ type }) => type),
    ['text/html'],
  )
})

t.test('nothing throws, and a mebibyte is read at once', async t => {
  fc.assert(fc.property(latin1, text => readAccept(text).every(range => range.quality <= 1)))
  const piece = fc.constantFrom('text/html', '*/*', 'text/plain', ';', ',', 'q=', '0.5', '"', '\\', ' ', '1', 'a=b')
  fc.assert(fc.property(fc.array(piece), pieces => typeof preferredForm(pieces.join('')) === 'string'))
  for (const piece of [',', ';', '"', '\\"', 'a/b,', '*/*;q=0.1111,', ' ']) preferredForm(piece.repeat(200_000))
  t.pass()
})
