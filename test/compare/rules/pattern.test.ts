// Patterns in rules: which are refused, and that what is taken ends soon.
import fc from 'fast-check'
import t from 'tap'
import { readPattern, replaceAll, type SafePattern } from '../../../src/compare/rules/pattern.ts'

function taken(source: string): SafePattern {
  const read = readPattern(source)
  if ('message' in read) throw new Error(`${source}: ${read.message}`)
  return read
}

t.test('usual patterns are taken', async t => {
  for (const [source, maxText] of [
    ['\\d+', 4096],
    ['^req-[0-9a-f]{8}-(\\d{1,3}\\.){3}\\d{1,3}$', 4096],
    ['(?<year>\\d{4})-(?:\\d{2})-\\d{2}', 4096],
    ['[^\\]]+\\]|\\p{Lu}\\u{1F600}', 4096],
    ['^\\w+-\\d+$', 4096],
    ['.*id=.*', 256],
    ['(?=a)(?!b)(?<=c)(?<!d)e?', 4096],
  ] as const) {
    t.equal(taken(source).maxText, maxText, source)
  }
})

t.test('those that could run away are not, nor those that are none', async t => {
  for (const source of [
    '(a+)+',
    '(a*)*b',
    '(a|a)*b',
    '(a|aa)+$',
    '(.*a){12}',
    '((a{0,9}){0,9}){0,9}',
    'a*b*c*d*e*f*',
  ]) {
    t.match(readPattern(source), { isSlow: true, message: 'a regular expression that could take for ever' }, source)
  }
  for (const source of ['(', 'a{2', '[b-a]', '\\c', '(?<n>a)(?<n>b)']) {
    t.match(readPattern(source), { isSlow: false, message: /^not a regular expression: ./ }, source)
  }
  t.match(readPattern('a'.repeat(201)), { message: 'longer than 200 characters' })
})

t.test('replacing', async t => {
  const replace = (text: string, source: string, by: string) => replaceAll(text, taken(source), by)
  t.equal(replace('a1b22', '\\d+', 'N'), 'aNbN')
  t.equal(replace('k=v', '(\\w)=(\\w)', '$2=$1 $& $$ $3'), 'v=k k=v $ ')
  t.equal(replace('abc', '', '-'), '-a-b-c-')
  const long = 'a1'.repeat(2049)
  t.equal(replace(long, '\\d+', ''), long, 'too long')
  const grows = 'a'.repeat(4000)
  t.equal(replace(grows, 'a', '$&'.repeat(100)), grows, 'it would grow too much')
})

t.test('property: what is taken is tried on texts no longer than it can bear', async t => {
  const piece = fc.constantFrom(
    'a',
    'b',
    '.',
    '[ab]',
    '\\w',
    '(a|b)',
    '(ab)',
    'a+',
    'a*',
    '.*',
    'a?',
    'a{1,9}',
    '(a+)?',
    '(a?){3}',
  )
  const source = fc.array(piece, { minLength: 1, maxLength: 6 }).map(pieces => `${pieces.join('')}c`)
  fc.assert(
    fc.property(source, source => {
      const read = readPattern(source)
      if ('message' in read) return true
      // Nothing fits: each way is tried.
      return !read.expression.test('a'.repeat(read.maxText))
    }),
    { numRuns: 30 },
  )
  t.pass('all of them ended')
})
