// What is believed of a push, and what an instance does with it.
import t from 'tap'
import { readAnswer, writePush } from '../../src/fleet/message.ts'
import { createReceiver } from '../../src/fleet/receive.ts'
import { isSigned, signAnswer, signPush } from '../../src/fleet/signed.ts'
import { type FakeControl, fakeControl, NOW, nonce, owedOf, SECRET } from './make.ts'

const DAY_MS = 24 * 3_600_000

function begin(control: FakeControl | null = fakeControl('b', 2)) {
  const log: string[] = []
  let monotonic = 5
  const receiver = createReceiver({
    instance: 'b',
    secret: SECRET,
    clock: { now: () => NOW, monotonic: () => monotonic },
    control: () => control,
    log: (level, message) => void log.push(`${level} ${message}`),
  })
  const send = (body: Buffer, secret = SECRET) => receiver.receive(body, signPush(secret, body), '10.0.0.9')
  const later = (ms: number) => {
    monotonic += ms
  }
  return { ...receiver, log, send, later }
}

const bodyOf = (more: object = {}) => writePush({ from: 'a', at: NOW, nonce: nonce(), owed: [owedOf()], ...more })

t.test('taken, and answered with who runs it', async t => {
  const control = fakeControl('b', 2)
  control.hung.add(2)
  const { send } = begin(control)
  const body = bodyOf()
  const answer = await send(body)
  t.same(control.taken, ['rb-1'])
  t.ok(isSigned(answer.signature, signAnswer(SECRET, signPush(SECRET, body), answer.body)))
  t.same(readAnswer(answer.body), {
    from: 'b',
    acks: [
      {
        rollback: 'rb-1',
        ended: false,
        workers: [
          { worker: 1, pending: false },
          { worker: 2, pending: true },
        ],
      },
    ],
  })
})

t.test('in force before anything is waited for', async t => {
  const control = fakeControl('b', 1)
  const answer = begin(control).send(bodyOf({ owed: [owedOf('rb-1'), owedOf('rb-2')] }))
  t.same(control.taken, ['rb-1', 'rb-2'])
  await answer
})

t.test('sent again it is harmless, and ended it stays', async t => {
  const control = fakeControl('b', 1)
  const { send } = begin(control)
  const body = bodyOf()
  await send(body)
  t.match(readAnswer((await send(body)).body), { acks: [{ ended: false }] })
  control.ended.add('rb-1')
  t.match(readAnswer((await send(body)).body), { from: 'b', acks: [{ ended: true, workers: [] }] })
})

t.test('our own words: we say who we are, and take nothing', async t => {
  const control = fakeControl('b', 1)
  t.same(readAnswer((await begin(control).send(bodyOf({ from: 'b' }))).body), { from: 'b', acks: [] })
  t.same(control.taken, [])
})

t.test('a greeting is answered while it starts, a rollback is not', async t => {
  const { send } = begin(null)
  t.same(readAnswer((await send(bodyOf({ owed: [] }))).body), { from: 'b', acks: [] })
  await t.rejects(send(bodyOf()), { code: 'starting' })
})

t.test('refused: nothing is taken', async t => {
  const control = fakeControl('b', 1)
  const { receive, send } = begin(control)
  const body = bodyOf()
  await t.rejects(send(body, 'another secret of 20'), { code: 'bad_signature' })
  await t.rejects(receive(body, null, null), { code: 'bad_signature' })
  await t.rejects(receive(Buffer.concat([body, Buffer.from(' ')]), signPush(SECRET, body), null), {
    code: 'bad_signature',
  })
  await t.rejects(send(Buffer.from('garbage')), { code: 'not_json' })
  await t.rejects(send(bodyOf({ owed: [owedOf(), { rollback: {} }] })), { code: 'invalid' })
  await t.rejects(send(Buffer.alloc(65_537, ' ')), { code: 'too_large' })
  await t.rejects(send(bodyOf({ at: NOW - 8 * DAY_MS })), { code: 'too_old', hint: /clocks/ })
  await t.rejects(send(bodyOf({ at: NOW + 8 * DAY_MS })), { code: 'too_old' })
  t.same(control.taken, [])
  await send(bodyOf({ at: NOW - 6 * DAY_MS }))
  t.same(control.taken, ['rb-1'])
})

t.test('without the signature nothing is told: what is wrong with it, or with the body', async t => {
  const { receive } = begin()
  const words = new Set<string>()
  for (const body of [bodyOf(), bodyOf({ at: 0 }), Buffer.from('garbage'), Buffer.alloc(0)]) {
    for (const signature of [null, '', 'v1=00', `v1=${'0'.repeat(64)}`]) {
      await receive(body, signature, null).catch(error =>
        words.add(JSON.stringify([error.code, error.message, error.hint])),
      )
    }
  }
  t.equal(words.size, 1)
})

t.test('wrong signatures are known, and logged once a minute', async t => {
  const { send, refusedAt, log, later } = begin()
  t.equal(refusedAt(), null)
  for (let i = 0; i < 5; i++) await send(bodyOf(), 'another secret of 20').catch(() => {})
  t.equal(refusedAt(), 5)
  t.equal(log.length, 1)
  t.match(log[0], /fleet\.secret/)
  later(60_001)
  await send(bodyOf(), 'another secret of 20').catch(() => {})
  t.equal(log.length, 2)
  t.equal(refusedAt(), 60_006)
})
