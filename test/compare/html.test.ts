// HTML written in other ways is the same HTML; other HTML shows where it begins to be another.
import t from 'tap'
import { canonicalHtml, firstHtmlDifference } from '../../src/compare/html.ts'
import { Meter } from '../../src/compare/json/meter.ts'
import { POLICY } from './answers.ts'

function meter(): Meter {
  return new Meter(POLICY.budget, () => 0)
}

const SAME: readonly (readonly [string, string])[] = [
  ['<p>a</p><p>b</p>', '<p>a</p>\n\t<p>b</p>\n'],
  ['<p class="a" id=b>', "<P ID='b'  CLASS=a >"],
  ['<br>', '<br/>'],
  ['<input disabled>', '<input disabled="">'],
  ['<p>a  b\nc</p>', '<p>a b c</p>'],
  ['<p>a<!-- b -->c</p>', '<p>ac</p>'],
  ['<!DOCTYPE html>', '<!doctype  HTML>'],
  ['<script> if (a<b) "</p>" </script>', '<script> if (a<b) "</p>" </SCRIPT>'],
  ['<a href=x href=y>', '<a href=x>'],
]

const OTHER: readonly (readonly [string, string])[] = [
  ['<p>a <b>b</b></p>', '<p>a<b>b</b></p>'],
  ['<p class="a b">', '<p class="b a">'],
  ['<p a="1 b=2">', '<p a=1 b=2>'],
  ['<pre>a  b</pre>', '<pre>a b</pre>'],
  ['<pre>a<!-- -->b</pre>', '<pre>a\nb</pre>'],
  ['<textarea>a  b</textarea>', '<textarea>a b</textarea>'],
  ['<script><!-- a --></script>', '<script><!-- b --></script>'],
  ['1 < 2', '1 < 3'],
  ['<p>', '<p>x'],
  ['<p', '<b'],
  ['<!-- a', 'a'],
]

t.test('the same', async t => {
  for (const [a, b] of SAME) t.equal(canonicalHtml(a, meter()), canonicalHtml(b, meter()), `${a} | ${b}`)
})

t.test('another', async t => {
  for (const [a, b] of OTHER) t.not(canonicalHtml(a, meter()), canonicalHtml(b, meter()), `${a} | ${b}`)
})

t.test('the first place that differs', async t => {
  const page = (name: string) => `<html>\n<body>\n  <h1 class=${name}>Hello</h1>\n</body></html>`
  t.same(firstHtmlDifference(page('box'), page('round')), {
    legacy: '<h1 class="box">',
    new: '<h1 class="round">',
    note: 'line 3, column 3',
  })
  t.same(firstHtmlDifference('<p>', '<p>more'), { legacy: '', new: 'more', note: 'line 1, column 4' })
})

t.test('what looks like work is none', async t => {
  const n = 300_000
  for (const piece of ['<', '<a ', '<!--', '<a b="', '<script>', '</', '<p>x', '<pre>', '<a b=c ', '<!', '<a =']) {
    t.type(canonicalHtml(piece.repeat(n / piece.length), meter()), 'string', piece)
  }
})
