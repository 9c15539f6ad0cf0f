// Who made a difference: what the direct answers differ in as well is the backend's own; the proxy's comes again.
import t from 'tap'
import type { Outcome } from '../../../src/cli/asking/answer.ts'
import { judgeAgain, judgePair } from '../../../src/cli/transparent/judge.ts'
import { answer, body, FIELDS, refused } from './answers.ts'

const tagged = (tag: string, more: Parameters<typeof answer>[0] = {}) =>
  answer({ ...more, fields: [...(more.fields ?? FIELDS), ['ETag', tag]] })
const again = (
  direct: Outcome,
  via: Outcome,
  second: Outcome,
  third: Outcome,
  viaAgain: Outcome,
  last = third,
  viaFirst = false,
) => judgeAgain('GET', { direct, via, viaFirst }, { direct: [second, third, last], via: viaAgain })

t.test('a pair', async t => {
  t.match(judgePair('GET', { viaFirst: false, direct: answer(), via: answer() }), {
    kind: 'identical',
    hop: [],
    cut: false,
  })
  t.equal(judgePair('GET', { viaFirst: false, direct: answer(), via: answer({ status: 500 }) }), null)
  t.match(judgePair('GET', { viaFirst: false, direct: answer({ version: '1.0' }), via: answer() }), {
    kind: 'identical',
    hop: [{ hop: true }],
  })
  t.match(judgePair('GET', { viaFirst: false, direct: refused, via: refused }), { kind: 'failed', way: 'both' })
  t.equal(judgePair('GET', { viaFirst: false, direct: answer(), via: refused }), null)
  const cut = answer({ body: body('hello', 3) })
  t.match(judgePair('GET', { viaFirst: false, direct: cut, via: cut }), { kind: 'identical', cut: true })
})

t.test('varies by itself', async t => {
  const verdict = again(tagged('a'), tagged('b'), tagged('c'), tagged('d'), tagged('e'))
  t.match(verdict, { kind: 'varies', keys: ['header etag: value'] })
  t.match(
    again(tagged('a'), tagged('b'), tagged('a'), tagged('b'), tagged('a')),
    { kind: 'varies' },
    'two replicas that take turns',
  )
  t.match(again(answer(), answer({ status: 503 }), answer({ status: 503 }), answer(), answer()), { kind: 'varies' })
})

t.test('made by the proxy, also where something else varies', async t => {
  const changed = { body: body('hellO') }
  const verdict = again(tagged('a'), tagged('b', changed), tagged('c'), tagged('d'), tagged('e', changed))
  t.match(verdict, { kind: 'different' })
  t.same(verdict.kind === 'different' && verdict.differences.map(({ key }) => key), ['body'])
  t.match(
    again(tagged('a'), answer(), tagged('c'), tagged('d'), answer()),
    { kind: 'different', differences: [{ key: 'header etag: missing' }] },
    'a value may vary, that it is there does not',
  )
  t.match(again(answer(), refused, answer(), answer(), refused), {
    kind: 'different',
    differences: [{ key: 'no answer' }],
  })
})

t.test('once, and not again', async t => {
  const odd = answer({ status: 503 })
  t.match(again(answer(), odd, answer(), answer(), answer()), { kind: 'unsteady', differences: [{ key: 'status' }] })
  t.match(again(answer(), refused, answer(), answer(), answer()), { kind: 'unsteady' })
  t.match(again(odd, answer(), answer(), answer(), answer()), { kind: 'varies' }, 'the direct answer was the odd one')
})

t.test('nothing to hold it against', async t => {
  t.match(again(refused, answer(), refused, refused, answer()), { kind: 'failed', way: 'direct' })
  t.match(again(refused, answer(), answer(), answer(), answer()), { kind: 'varies', keys: ['no answer'] })
})

t.test('a clock that goes on meanwhile is not the proxy', async t => {
  const at = tagged
  t.match(again(at('15'), at('14'), at('15'), at('15'), at('15'), at('15'), true), { kind: 'varies' }, 'asked first')
  t.match(
    again(at('15'), at('14'), at('15'), at('15'), at('15')),
    { kind: 'unsteady' },
    'in between, it is not the clock',
  )
  t.match(again(at('15'), at('14'), at('15'), at('15'), at('16'), at('16'), true), { kind: 'varies' }, 'a slow backend')
  const odd = again(answer(), answer({ status: 502 }), answer(), answer(), answer(), answer(), true)
  t.match(odd, { kind: 'unsteady' }, 'a status does not go on by itself')
})

t.test('a body that varies is compared where it does not', async t => {
  const page = (id: string, link = 'http://10.0.0.5/next') =>
    answer({ body: body(`<p id="${id}">\n<a href="${link}">next</a>`) })
  t.match(again(page('a-1'), page('b-2'), page('c-3'), page('d-4'), page('e-5')), {
    kind: 'varies',
    keys: ['parts of the body'],
  })
  const other = 'http://shop/next'
  t.match(again(page('a-1'), page('b-2', other), page('c-3'), page('d-4'), page('e-5', other)), {
    kind: 'different',
    differences: [{ key: 'body, where it does not vary', direct: /10\.0\.0\.5/, via: /shop/ }],
  })
  const list = (n: number) => answer({ body: body(' x'.repeat(n)) })
  t.match(again(list(1), list(2), list(3), list(4), list(5)), { kind: 'varies', keys: ['body'] }, 'unlike in length')
  const long = (id: string) => answer({ body: body(`${id} ${'x'.repeat(70_000)}`) })
  t.match(
    again(long('a'), long('b'), long('c'), long('d'), long('e')),
    { kind: 'varies', keys: ['body'] },
    'not kept whole',
  )
})
