// Exemplars, from differences as the comparison gives them: what is kept at which places.
import t from 'tap'
import type { Job } from '../../src/compare/examine.ts'
import { exemplarOf } from '../../src/compare/exemplar.ts'
import { foundPlaces } from '../../src/compare/found-places.ts'
import { Exact } from '../../src/compare/json/exact.ts'
import type { ComparePolicy, Divergence } from '../../src/model/comparison.ts'

const AT = Date.UTC(2026, 0, 2)
const NO_BODY = { length: 0, complete: true, start: new Uint8Array(0), blocks: null }

function shown(differences: readonly Divergence[], policy: Partial<ComparePolicy> = {}) {
  const answer = { status: 200, headers: [], body: NO_BODY }
  const job = {
    ...{ route: 'r', method: 'GET', template: '/t', target: '/t', at: AT, exchange: 'x', traceId: 't' },
    ...{ primary: 'legacy', keyHash: null, legacy: answer, new: answer, wantsExemplar: true },
    policy: { redact: [], keep: [], valuesUntil: null, maxBodyBytes: 1000, ...policy },
  } as unknown as Job
  return exemplarOf(job, { result: 'different', differences, more: 0, suppressed: new Map(), why: null })
}

const value = (path: string, legacy: unknown, fresh: unknown): Divergence => ({
  kind: 'value',
  path,
  legacy,
  new: fresh,
  severity: 'medium',
})

t.test('places are counted once, with the worst severity, and a prior only if it explains all', async t => {
  const uuid = (digit: string) => `550e8400-e29b-41d4-a716-44665544000${digit}`
  const places = foundPlaces(
    [
      value('/items/0/id', uuid('1'), uuid('2')),
      value('/items/1/id', uuid('3'), uuid('4')),
      { ...value('/items/2/n', 1, 2), severity: 'low' },
      { ...value('/items/3/n', 1, 2), severity: 'high' },
      value('/who/0', uuid('1'), uuid('2')),
      value('/who/1', 'ann', 'ben'),
      { kind: 'status', path: '', legacy: 404, new: 400, severity: 'high' },
    ],
    AT,
  )
  t.match(places, [
    { path: '/items/*/id', prior: 'uuid' },
    { path: '/items/*/n', severity: 'high', prior: null },
    { path: '/who/*', prior: null },
    { kind: 'status', path: '/404/400' },
  ])
})

t.test('keep: values at those places only', async t => {
  const { differences, answers, target } = shown([value('/items/0/total', 1, 2), value('/items/0/name', 'a', 'b')], {
    keep: ['$.items[*].total'],
  })
  t.same(differences, [
    {
      kind: 'value',
      path: '/items/0/total',
      severity: 'medium',
      legacyType: 'number',
      newType: 'number',
      legacy: '1',
      new: '2',
    },
    { kind: 'value', path: '/items/*/name', severity: 'medium', legacyType: 'string', newType: 'string' },
  ])
  t.equal(answers, null)
  t.equal(target, null)
})

t.test('values are over when their time is', async t => {
  t.ok('legacy' in (shown([value('/a', 1, 2)], { valuesUntil: AT + 1 }).differences[0] ?? {}))
  t.notOk('legacy' in (shown([value('/a', 1, 2)], { valuesUntil: AT }).differences[0] ?? {}))
})

t.test('values: by secret name around them, by redact, exact numbers, trees, cut', async t => {
  const all = { valuesUntil: AT + 1, redact: ['$.who'] }
  const one = (difference: Divergence) => shown([difference], all).differences[0]
  t.match(one(value('/session/user/0', 'canary', 'b')), { legacy: '"***"', new: '"***"' })
  t.match(one(value('/who/0', 'canary', 'b')), { legacy: '"***"', new: '"***"' })
  t.match(one(value('/n', new Exact('9007199254740993'), 1)), { legacy: '9007199254740993', legacyType: 'number' })
  t.match(one({ kind: 'missing', path: '/a', legacy: { pin: 1, b: [1, null] }, severity: 'high' }), {
    legacy: '{"pin":"***","b":[1,null]}',
    legacyType: 'object',
    newType: null,
  })
  t.ok((one(value('/a', Array(10_000).fill('word'), 'x'.repeat(10_000)))?.legacy?.length ?? 0) < 230)
  t.match(one({ ...value('/a/1', 1, 2), newPath: '/a/0' }), { path: '/a/1', newPath: '/a/0' })
  t.match(one(value('/ann@example.com/0', 1, 2)), { path: '/***/0' })
  t.match(one({ kind: 'header', path: '/x-api-key', legacy: 'canary', new: 'b', severity: 'low' }), { legacy: '"***"' })
  t.match(one({ kind: 'header', path: '/set-cookie/sid/path', legacy: '/a', new: '/b', severity: 'low' }), {
    legacy: '"/a"',
  })
})

t.test('a piece of a text has no values: what was around it is not known', async t => {
  const piece = { ...value('', '…anary secret', '…other'), note: 'line 1, column 2' }
  const [difference] = shown([piece], { valuesUntil: AT + 1 }).differences
  t.notOk('legacy' in (difference ?? {}))
  t.equal(difference?.note, 'line 1, column 2')
})

t.test('notes quote nothing unless values are kept', async t => {
  const noted = {
    kind: 'body',
    path: '',
    severity: 'high',
    note: `new is not JSON: Unexpected token 'c', "canary" is`,
  } as const
  t.equal(shown([noted]).differences[0]?.note, 'new is not JSON')
  t.match(shown([noted], { valuesUntil: AT + 1 }).differences[0]?.note, 'canary')
})

t.test('fifty differences are kept, the others counted', async t => {
  const { differences, more } = shown(Array.from({ length: 80 }, (_, i) => value(`/a${i}b`, 1, 2)))
  t.equal(differences.length, 50)
  t.equal(more, 30)
})
