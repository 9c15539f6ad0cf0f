// What instances say to each other, there and back, and what is refused of it.
import fc from 'fast-check'
import t from 'tap'
import {
  MAX_BODY_BYTES,
  MAX_TELL_BYTES,
  readAnswer,
  readPush,
  readTold,
  type Told,
  workersOf,
  writeAnswer,
  writePush,
  writeTold,
} from '../../src/fleet/message.ts'
import { NOW, owedOf } from './make.ts'

const push = { from: 'a', at: NOW, nonce: 'n1', owed: [owedOf('rb-1'), owedOf('rb-2', { units: ['orders'] })] }

t.test('a push is read as it was written', async t => {
  t.same(readPush(writePush(push)), push)
})

t.test('what a later version adds is dropped, not refused', async t => {
  const [one] = push.owed
  const later = { ...push, v: 1, more: 1, owed: [{ ...one, rollback: { ...one?.rollback, more: 2 }, why: 3 }] }
  t.same(readPush(Buffer.from(JSON.stringify(later))), { ...push, owed: [one] })
})

t.test('refused, with the place', async t => {
  const whole = JSON.parse(writePush(push).toString()) as Record<string, unknown>
  const wrong = (more: object, code: string, message: RegExp) =>
    t.throws(() => readPush(Buffer.from(JSON.stringify({ ...whole, ...more }))), { code, message })
  for (const text of ['', 'null', '[]', '"x"', '{', '{"v":1}x', '\0'])
    t.throws(() => readPush(Buffer.from(text)), { code: 'not_json' }, text)
  wrong({ v: 2 }, 'other_version', /version/)
  wrong({ v: undefined }, 'other_version', /version/)
  wrong({ from: '' }, 'invalid', /^\/from /)
  wrong({ from: 'a\u001b[31m' }, 'invalid', /^\/from /)
  wrong({ from: 'a'.repeat(256) }, 'invalid', /^\/from /)
  wrong({ at: '2026' }, 'invalid', /^\/at /)
  wrong({ at: 1.5 }, 'invalid', /^\/at /)
  wrong({ nonce: 'n 1' }, 'invalid', /^\/nonce /)
  wrong({ owed: {} }, 'invalid', /^\/owed /)
  wrong({ owed: Array(1_001).fill(0) }, 'invalid', /^\/owed /)
  wrong({ owed: [push.owed[0], 5] }, 'invalid', /^\/owed\/1 must be a rollback/)
})

t.test('a rollback in another shape is none', async t => {
  const { rollback, draft } = owedOf()
  const deep = JSON.parse('['.repeat(2_000) + ']'.repeat(2_000))
  const wrong: object[] = [
    ...[{ id: '' }, { id: 'a b' }, { id: 5 }, { id: 'x'.repeat(65) }].map(more => ({
      rollback: { ...rollback, ...more },
    })),
    ...[{ units: 'orders' }, { units: [1] }, { units: ['x'.repeat(65)] }, { units: Array(5_001).fill('a') }].map(
      more => ({
        rollback: { ...rollback, ...more },
      }),
    ),
    ...[{ restored: '*' }, { trigger: 'me' }, { by: null }, { at: null }, { at: 1e300 }, { reason: 5 }].map(more => ({
      rollback: { ...rollback, ...more },
    })),
    ...[
      { action: 'set-weight' },
      { action: 'create-token' },
      { subject: 1 },
      { revision: -1 },
      { revision: 2 ** 48 + 1 },
      { before: deep },
    ].map(more => ({ draft: { ...draft, ...more } })),
    ...[{ actor: null }, { actor: { name: 1 } }, { actor: { name: 'a', tokenId: 1, address: null } }].map(more => ({
      draft: { ...draft, ...more },
    })),
    { rollback: null },
    { draft: [] },
  ]
  for (const more of wrong) {
    const owed = [{ rollback, draft, ...more }]
    t.throws(
      () => readPush(Buffer.from(JSON.stringify({ v: 1, ...push, owed }))),
      { code: 'invalid' },
      JSON.stringify(more).slice(0, 80),
    )
  }
})

t.test('no shape at all makes it throw anything else', async () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), text => {
      for (const body of [text, `{"v":1,"from":"a","at":1,"nonce":"n","owed":[${text}]}`]) {
        try {
          readPush(Buffer.from(body))
        } catch (error) {
          if (!['not_json', 'other_version', 'invalid'].includes((error as { code: string }).code)) throw error
        }
      }
      readTold(text)
      readTold(`{"v":1,"ack":${text}}`)
      readTold(`{"v":1,"rollback":${text}}`)
      readAnswer(Buffer.from(`{"v":1,"from":"a","acks":[${text}]}`))
      return true
    }),
  )
})

t.test('keys with a meaning for JavaScript pollute nothing', async t => {
  const { rollback, draft } = owedOf()
  const text = JSON.stringify({ ...push, v: 1, owed: [{ rollback, draft: { ...draft, before: 'PLACE' } }] })
  const read = readPush(Buffer.from(text.replace('"PLACE"', '{"__proto__":{"polluted":1}}')))
  t.equal((read as unknown as { polluted?: number }).polluted, undefined)
  t.equal(({} as { polluted?: number }).polluted, undefined)
})

t.test('answers and tellings are read as they were written', async t => {
  const workers = [
    { worker: 1, pending: false },
    { worker: 2, pending: true },
  ]
  const ack = { rollback: 'rb-1', ended: false, workers }
  const answer = { from: 'b', acks: [ack, { rollback: 'rb-2', ended: true, workers: [] }] }
  t.same(readAnswer(writeAnswer(answer)), answer)
  const tellings: Told[] = [
    { kind: 'rollback', owed: owedOf() },
    { kind: 'ack', ack },
    { kind: 'runs', revision: 42, workers },
  ]
  for (const told of tellings) t.same(readTold(writeTold(told)), told)
  for (const text of [
    '',
    '{}',
    '{"v":2}',
    '{"v":1}',
    '{"v":1,"ack":{}}',
    '{"v":1,"ack":{"revision":1,"workers":[{}]}}',
  ])
    t.equal(readTold(text), null, text)
  for (const text of ['', '{}', '{"v":1,"from":"b"}', '{"v":1,"from":"b","acks":[{}]}', '{"v":2,"from":"b","acks":[]}'])
    t.equal(readAnswer(Buffer.from(text)), null, text)
})

t.test('the acknowledgement of many workers fits into a telling', async t => {
  const workers = Array.from({ length: 200 }, (_, i) => ({ worker: i + 1, pending: true }))
  t.ok(writeTold({ kind: 'runs', revision: 2 ** 50, workers }).length <= MAX_TELL_BYTES)
  t.ok(MAX_BODY_BYTES > MAX_TELL_BYTES)
})

t.test('only our own workers are spoken for', async t => {
  const reached = {
    appliedBy: [
      { instance: 'a', worker: 1, ms: 1 },
      { instance: 'b', worker: 1, ms: 1 },
    ],
    pending: [{ instance: 'a', worker: 2 }],
  }
  t.same(workersOf('a', reached), [
    { worker: 1, pending: false },
    { worker: 2, pending: true },
  ])
})
