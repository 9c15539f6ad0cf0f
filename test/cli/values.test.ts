// What may be typed as a percent, a time, a header, and what may not.
import t from 'tap'
import {
  collectHeaders,
  collectScopes,
  readDuration,
  readDurationOrNone,
  readLimit,
  readPercent,
  readRevision,
  readTimer,
  readUntil,
} from '../../src/cli/values.ts'

t.test('percents', async t => {
  t.equal(readPercent('5'), 5)
  t.equal(readPercent('5%'), 5)
  t.equal(readPercent('5 %'), 5)
  t.equal(readPercent('0.25'), 0.25)
  t.equal(readPercent('0'), 0)
  t.equal(readPercent('100.00%'), 100)
  for (const wrong of ['', '101', '100.01', '-5', '5.123', '.5', '5,5', 'half', '1e1', 'NaN', '0x5', '٥']) {
    t.throws(() => readPercent(wrong), /0 to 100 percent, up to two decimals/, wrong)
  }
})

t.test('times', async t => {
  t.equal(readDuration('250ms'), 250)
  t.equal(readDuration('10s'), 10_000)
  t.equal(readDuration('10'), 10_000)
  t.equal(readDuration('1.5m'), 90_000)
  t.equal(readDuration('2h'), 7_200_000)
  t.equal(readDuration('90d'), 90 * 86_400_000)
  for (const wrong of ['', '0', '0s', '-1s', '5 weeks', 's', '1e3']) t.throws(() => readDuration(wrong), /250ms/, wrong)
  t.throws(() => readTimer('25d'), /24d/, 'a timer of Node would fire at once')
  t.equal(readDurationOrNone('none'), 'none')
})

t.test('ends: a time from now, or a moment as it was written', async t => {
  t.equal(readUntil('30d'), 30 * 86_400_000)
  t.equal(readUntil('1.5h'), 5_400_000)
  for (const moment of ['2026-12-31', '2026-12-31T12:00:00Z', '20261231T120000Z']) t.equal(readUntil(moment), moment)
  for (const wrong of ['', '5', 'yesterday', '30 days', '1.2.3d', '1796083200']) {
    t.throws(() => readUntil(wrong), /such as 30d .* such as 2026-12-31 .* such as 2026-12-31T12:00:00Z/, wrong)
  }
  t.throws(() => readUntil('401d'), /1s to 400d/)
})

t.test('numbers', async t => {
  t.equal(readRevision('0'), 0)
  t.equal(readLimit('1000'), 1000)
  for (const wrong of ['0', '1001', 'x', '1.5', '-1']) t.throws(() => readLimit(wrong), /1 to 1000/, wrong)
})

t.test('headers and scopes', async t => {
  t.same(collectHeaders('Cookie:  sid=a:b ', [['x-a', '1']]), [
    ['x-a', '1'],
    ['Cookie', 'sid=a:b'],
  ])
  t.same(collectHeaders('x-empty:', []), [['x-empty', '']])
  for (const wrong of ['novalue', ': x', 'a b: c', 'x: a\r\ny: b']) {
    t.throws(() => collectHeaders(wrong, []), /name: value/, JSON.stringify(wrong))
  }
  t.same(collectScopes('read,operate', ['read']), ['read', 'operate'])
  t.throws(() => collectScopes('root', []), /read, bodies, operate, rollback, admin/)
})
