// The chain's formula, against a value computed by other tools, and its one promise: a change shows.
import fc from 'fast-check'
import t from 'tap'
import type { AuditEntry } from '../../src/model/control.ts'
import { canonicalJson, chain, EMPTY_CHAIN, follows, GENESIS } from '../../src/store/audit-chain.ts'
import { sampleDraft } from '../contracts/store.ts'

const seed = Date.now() % 2 ** 31
t.comment(`fast-check seed ${seed}`)

t.test('the hash is the one that the formula in the file gives elsewhere', async t => {
  const first = chain(
    sampleDraft(1, { reason: 'größer “quoted” 🌳', before: null, after: { b: [1, 2.5, true], a: { z: '', y: null } } }),
    GENESIS,
    1,
  )
  const second = chain(sampleDraft(2), first.hash, 2)
  // By the Python lines in audit-chain.ts.
  t.equal(first.hash, '0572acc800954371ebbd37cd6edca5dd2fe8e4d75436265c7bf624661e3985ae')
  t.equal(second.hash, 'ce58a92239f9c90077975d2d62446502485cd01f3bb0a88b24912b8f1820b32e')
  t.equal(GENESIS, '0000000000000000000000000000000000000000000000000000000000000000')
})

t.test('canonical JSON is that of RFC 8785', async t => {
  t.equal(
    canonicalJson({ b: 1, a: [{ d: null, c: 'x' }], 10: 0, 9: 0 }),
    '{"10":0,"9":0,"a":[{"c":"x","d":null}],"b":1}',
  )
  // Section 3.2.3: keys sorted by UTF-16 code units, so an emoji (a surrogate pair) comes before U+FB33.
  const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6']
  t.equal(
    canonicalJson(Object.fromEntries(keys.map(key => [key, 0]))),
    '{"\\r":0,"1":0,"\u0080":0,"\u00f6":0,"\u20ac":0,"\ud83d\ude00":0,"\ufb33":0}',
  )
  t.equal(canonicalJson([333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, -0]), '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]')
})

t.test('an entry survives JSON and any order of its keys', async t => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
      const entry = chain(sampleDraft(3, { before, after }), GENESIS, 1)
      return follows(shuffleKeys(JSON.parse(JSON.stringify(entry))) as AuditEntry, null)
    }),
    { seed },
  )
  t.pass()
})

t.test('any changed, removed or added member shows', async t => {
  const previous = chain(sampleDraft(1), GENESIS, 1)
  const entry = chain(sampleDraft(2), previous.hash, 2)
  t.ok(follows(entry, previous))
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(entry), 'extra'),
      fc.option(fc.jsonValue(), { nil: undefined }),
      (key, value) => {
        const original = (entry as unknown as Record<string, unknown>)[key]
        fc.pre(canonicalJson(value) !== canonicalJson(original))
        const changed: Record<string, unknown> = { ...entry, [key]: value }
        if (value === undefined) delete changed[key]
        fc.pre(canonicalJson(changed) !== canonicalJson(entry))
        return !follows(changed as unknown as AuditEntry, previous)
      },
    ),
    { seed, numRuns: 500 },
  )
})

t.test('follows only its own predecessor', async t => {
  const first = chain(sampleDraft(1), GENESIS, 1)
  const second = chain(sampleDraft(2), first.hash, 2)
  const third = chain(sampleDraft(3), second.hash, 3)
  t.ok(follows(first, null))
  t.ok(follows(first, EMPTY_CHAIN))
  t.ok(follows(third, second))
  t.notOk(follows(second, null))
  t.notOk(follows(third, first), 'one is missing')
  t.notOk(follows(first, first), 'one is there twice')
  t.notOk(follows(chain(sampleDraft(3), second.hash, 4), second), 'a gap in the numbers')
  t.notOk(follows(chain(sampleDraft(3), first.hash, 3), second), 'sealed to another one')
})

t.test('a draft that carries the fields of an entry is sealed anew', async t => {
  const first = chain(sampleDraft(1), GENESIS, 1)
  const again = chain(first, first.hash, 2)
  t.ok(follows(again, first))
  t.throws(() => chain(sampleDraft(1, { after: 1n }), GENESIS, 1), TypeError)
})

function shuffleKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffleKeys)
  if (typeof value !== 'object' || value === null) return value
  const reversed = Object.entries(value).reverse()
  return Object.fromEntries(reversed.map(([key, inner]) => [key, shuffleKeys(inner)]))
}
