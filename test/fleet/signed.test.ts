// Signatures of pushes and answers.
import { createHmac } from 'node:crypto'
import t from 'tap'
import { isSigned, signAnswer, signPush } from '../../src/fleet/signed.ts'

const body = Buffer.from('{"v":1}')

t.test('a push is signed over method, path and body', async t => {
  const expected = createHmac('sha256', 'geheim').update('POST\n/fleet/v1/rollbacks\n{"v":1}').digest('hex')
  t.equal(signPush('geheim', body), `v1=${expected}`)
  t.ok(isSigned(`v1=${expected}`, signPush('geheim', body)))
})

t.test('anything else is not signed', async t => {
  const right = signPush('geheim', body)
  for (const given of [
    null,
    '',
    'v1=',
    right.toUpperCase(),
    ` ${right}`,
    `${right}, ${right}`,
    right.slice(0, -1),
    `v2${right.slice(2)}`,
    signPush('another', body),
    signPush('geheim', Buffer.from('{"v":1} ')),
    signAnswer('geheim', right, body),
  ]) {
    t.notOk(isSigned(given, right), String(given))
  }
})

t.test('an answer is of one push', async t => {
  const push = signPush('geheim', body)
  t.not(signAnswer('geheim', push, body), signAnswer('geheim', signPush('geheim', Buffer.from('{}')), body))
  t.not(signAnswer('geheim', push, body), signAnswer('another', push, body))
})
