// Tokens of ours: what was signed opens, and nothing else does; the reason says what is wrong with it.
import fc from 'fast-check'
import t from 'tap'
import { TOKEN_RESULTS } from '../../src/model/exchange.ts'
import { createSeal } from '../../src/routing/seal.ts'

const SEED = Number(process.env.SEED ?? 20261126)
const ALPHABET = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']

const field = fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 40 })
const fields = fc.array(field, { minLength: 1, maxLength: 5 })
const seal = createSeal('seed', 'pin')
const reasons: ReadonlySet<string> = new Set(TOKEN_RESULTS.filter(result => result !== 'accepted'))

t.test(`what was signed opens under its scope, and under no other (seed ${SEED})`, async () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fields, (scope, other, said) => {
      const token = seal.sign(scope, said)
      const opened = seal.open(scope, token, said.length)
      if (JSON.stringify(opened) !== JSON.stringify(said)) return false
      if (!/^[A-Za-z0-9_.-]+$/.test(token)) return false
      return scope === other || seal.open(other, token, said.length) === 'forged'
    }),
    { seed: SEED, numRuns: 2_000 },
  )
})

t.test('every change of one character is refused, for a reason of the list', async t => {
  const token = seal.sign('shop', ['n', 'tzk0a1', 'AbC_-9'])
  let tried = 0
  const refuse = (changed: string) => {
    tried++
    const result = seal.open('shop', changed, 3)
    if (typeof result === 'string' && reasons.has(result)) return
    t.fail(`${JSON.stringify(changed)} → ${JSON.stringify(result)}`)
  }
  const odd = ['.', '%', '+', '/', '=', ' ', ';', ',', '"', '\0', '\n', '\x7f', '\x80', 'é', '\xff', 'ſ', 'K', '😀']
  for (let at = 0; at <= token.length; at++) {
    for (const character of [...ALPHABET, ...odd]) {
      refuse(token.slice(0, at) + character + token.slice(at))
      if (at === token.length || token[at] === character) continue
      refuse(token.slice(0, at) + character + token.slice(at + 1))
    }
    if (at === token.length) continue
    refuse(token.slice(0, at) + token.slice(at + 1))
    refuse(token.slice(0, at))
    refuse(token.slice(at + 1))
  }
  t.ok(tried > 5_000, `${tried} changes`)
  t.same(seal.open('shop', token, 3), ['n', 'tzk0a1', 'AbC_-9'], 'itself it opens')
})

t.test('each reason', async t => {
  const token = seal.sign('shop', ['n', 'x'])
  t.equal(createSeal('another seed', 'pin').open('shop', token, 2), 'other_deployment')
  t.equal(seal.open('shop', token.replace('.n.', '.l.'), 2), 'forged')
  t.equal(seal.open('shop', `${token}x`, 2), 'forged')
  t.equal(seal.open('shop', token.slice(0, -1), 2), 'forged')
  t.equal(seal.open('shop', token.toUpperCase(), 2), 'other_deployment')
  for (const text of ['', 'x', '.', '..', 'new', `${token}.x`, `x.${token}`, token.replaceAll('.', '')]) {
    t.equal(seal.open('shop', text, 2), 'malformed', JSON.stringify(text))
  }
  t.equal(seal.open('shop', '...', 2), 'other_deployment')
  t.equal(seal.open('shop', token, 1), 'malformed', 'a token of another kind')
  t.equal(seal.open('shop', token, 3), 'malformed')
  t.equal(seal.open('shop', token.padEnd(513, 'x'), 2), 'too_large')
  t.equal(seal.open('shop', token.padEnd(512, 'x'), 2), 'forged')
  t.equal(seal.open('shop', 'x'.repeat(10_000_000), 2), 'too_large')
})

t.test('a token of another purpose never opens, with the same fields and scope', async t => {
  const link = createSeal('seed', 'link')
  for (const result of [seal.open('', link.sign('', ['n', 'x']), 2), link.open('', seal.sign('', ['n', 'x']), 2)]) {
    t.ok(typeof result === 'string' && reasons.has(result), String(result))
  }
  t.not(link.sign('', ['n']), seal.sign('', ['n']))
  t.not(link.tag('a'), seal.tag('a'))
})

t.test('the scope is told from the fields, wherever one ends', async t => {
  // The scope is signed with its length: text cannot move from one to the other.
  const token = seal.sign('a', ['b', 'c'])
  for (const scope of ['', 'a,', 'a,b', '1:a', 'b', 'A']) t.equal(seal.open(scope, token, 2), 'forged', scope)
})

t.test('a tag is short, steady, and another one for another text, purpose or seed', async t => {
  t.equal(seal.tag('session-1'), createSeal('seed', 'pin').tag('session-1'))
  t.match(seal.tag('session-1'), /^[A-Za-z0-9_-]{10}$/)
  t.not(seal.tag('session-1'), createSeal('another', 'pin').tag('session-1'))
  const tags = new Set(Array.from({ length: 10_000 }, (_, i) => seal.tag(`session-${i}`)))
  t.equal(tags.size, 10_000)
})
