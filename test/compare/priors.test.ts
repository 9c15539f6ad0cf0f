// What looks like noise by its values alone, and what only seems to.
import t from 'tap'
import { priorOf } from '../../src/compare/priors.ts'
import { DIVERGENCE_KINDS, type Divergence } from '../../src/model/comparison.ts'

const AT = Date.UTC(2026, 10, 26, 8, 30, 0)

function prior(legacy: unknown, found: unknown, path = '/x', kind: Divergence['kind'] = 'value') {
  return priorOf({ kind, path, legacy, new: found, severity: 'medium' }, AT)
}

t.test('times of the answer, in the forms that services write', async t => {
  const seconds = AT / 1000
  for (const [legacy, found] of [
    ['2026-11-26T08:30:00Z', '2026-11-26T08:30:01Z'],
    ['2026-11-26T08:30:00.120Z', '2026-11-26T08:30:00.5Z'],
    ['2026-11-26T10:30:00+02:00', '2026-11-26T10:30:01+02:00'],
    ['2026-11-26 08:30:00', '2026-11-26 08:29:59'],
    ['Thu, 26 Nov 2026 08:30:00 GMT', 'Thu, 26 Nov 2026 08:30:02 GMT'],
    [seconds, seconds + 1],
    [AT, AT + 12],
    [String(AT), String(AT + 12)],
  ]) {
    t.equal(prior(legacy, found), 'timestamp', `${legacy} and ${found}`)
  }
})

t.test('other times are data, and a time that is written otherwise is a change', async t => {
  for (const [legacy, found, why] of [
    ['2026-11-25T08:30:00Z', '2026-11-25T08:30:01Z', 'yesterday'],
    ['2026-11-26T08:30:00Z', '2026-11-26T09:30:00Z', 'an hour ahead'],
    ['2026-11-26T08:30:00Z', '2026-11-26T08:30:01.000Z', 'a fraction'],
    ['2026-11-26T08:30:00Z', '2026-11-26T08:30:01+00:00', 'another zone'],
    ['2026-11-26T08:30:00Z', '2026-11-26 08:30:01Z', 'another separator'],
    ['2026-11-26', '2026-11-27', 'days'],
    [AT / 1000, AT, 'another unit'],
    [AT / 1000, String(AT / 1000 + 1), 'another type'],
    [4200, 4201, 'numbers'],
  ] as const) {
    t.equal(prior(legacy, found), null, why)
  }
})

t.test('UUIDs and trace ids', async t => {
  const [one, other] = ['0b0b6b3e-1d3c-4f0e-8a55-6c4f3f1e2a10', '0190163D-8694-739B-AEA5-966C26F8AD91']
  t.equal(prior(one, other), 'uuid')
  t.equal(prior(one, 'none'), null)
  const [hex, otherHex] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7a3ce929d0e0e4736']
  for (const path of ['/meta/traceId', '/request_id', '/x-correlation-id', '/debug/trace-id/0', '/traceparent']) {
    t.equal(prior(hex, otherHex, path), 'trace-id', path)
  }
  t.equal(prior('Zm9vYmFyYmF6cXV4', 'YmFyYmF6cXV4Zm9v', '/requestId'), 'trace-id', 'base64')
  t.equal(prior(hex, otherHex.slice(1), '/traceId'), null, 'another length')
  t.equal(prior(hex, otherHex, '/etag'), null, 'another name')
  t.equal(prior(hex, otherHex, '/transaction_id'), null, 'of business')
  t.equal(prior('not of that kind', 'nor is this one.', '/requestId'), null)
  t.equal(prior(1234567890, 1234567891, '/requestId'), null, 'numbers')
})

t.test('volatile headers, if both sides send them', async t => {
  t.equal(prior('a', 'b', '/x-request-id', 'header'), 'volatile-header')
  t.equal(prior('12', '13', '/age', 'header'), 'volatile-header')
  t.equal(
    prior('Thu, 26 Nov 2026 08:30:00 GMT', 'Thu, 26 Nov 2026 08:30:02 GMT', '/last-modified', 'header'),
    'timestamp',
  )
  t.equal(prior('a', undefined, '/x-request-id', 'header'), null)
  t.equal(prior(undefined, 'b', '/date', 'header'), null)
  t.equal(prior('a', 'b', '/x-csrf-token', 'header'), null)
  t.equal(prior('a', 'b', '/set-cookie/date', 'header'), null, 'a cookie of that name')
  t.equal(prior('a', 'b', '/date'), null, 'a member of that name')
})

t.test('structure never looks like noise', async t => {
  for (const kind of DIVERGENCE_KINDS.filter(kind => kind !== 'value' && kind !== 'header')) {
    t.equal(prior(AT, AT + 1, '/date', kind), null, kind)
  }
})
